"""Events like one that was taken before: recognised by their outline, and taken at once.

The strict way reads and checks an event in full. What it says depends on the event's
outline (``streams.intake.outline_cuts``) and on what was cut out of it, so an outline that it
took once is remembered, and of the next event with that outline only what was cut out is
looked at. Nothing is refused here: an event that is not taken goes the strict way, which
alone says what is wrong. Both ways make the same facts.

Why that is safe: two events with one outline are the same JSON but for whole values cut
out, so both parse, and neither names a field twice or has one too many. All else that the
strict way asks of the values cut out is asked here or when they are cut: the form of
identifiers and that they hold no personal data, the range of moments, codes of places
(each seen before), the source's authority, a metric's numbers and the moment it counts at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from streams.catalogue.contributions import moment_ms, span_of
from streams.catalogue.rules import MOMENTS
from streams.facts.envelope import MS_PER_DAY, key_begun, milliseconds
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Likeness, Said
from streams.facts.vocabulary import NUMBER_LIMIT
from streams.intake.admission import Place
from streams.intake.bodies import EARLIEST, LONGEST_PERIOD, plain_number
from streams.intake.context import Context
from streams.intake.outline_cuts import END, FIRST, PARTS, RECORDED, SPARE, TIME, cut

# No event that is any good is shorter.
_SHORTEST = 128
# Outlines and places up to these lengths are remembered.
_LONGEST, _LONGEST_PLACE = 1024, 256
REMEMBERED_OUTLINES, REMEMBERED = 16_384, 65_536
"""So many outlines, and so many places, periods and numbers, are remembered; then begun anew."""

# What stands before the values of a canonical body that are cut out of its event, in the order
# of a body's fields, and what ends them. A period is one value: where it begins and ends.
_CUT_OUT = (
    *((f'"{name}":"'.encode(), b'"') for name in MOMENTS),
    (b'"numerator":', b","),
    (b'"denominator":', b","),
    (b'"period_start":"', b'"'),
)
_WITHIN_PERIOD = b'","period_end":"'
# A period among the values of an event comes first: two moments with a space between them.
_MOMENT = len("2026-01-05T00:00:00Z")
_PERIOD = 2 * _MOMENT + 1

_SPEAKUP = Feed.SPEAKUP
# An event is taken here only where it is not withdrawn.
_STANDS = False
I64 = npt.NDArray[np.int64]


class Outline(NamedTuple):
    """What is known of the events with one outline.

    ``pieces`` are what stands around the values of their canonical body, which has no place.
    ``metric`` is the name of their metric ("" where they state none) and ``like`` what
    complaints are told by.
    """

    feed: Feed
    revision: int
    pieces: tuple[bytes, ...]
    metric: str
    like: Likeness


class Standing(NamedTuple):
    """A place that was taken before."""

    provider: str
    site: str | None
    ward: str | None


class Period(NamedTuple):
    """A period that events spoke for.

    ``until`` is its end in milliseconds, -1 where it is none; ``written`` is how a canonical
    body has it and ``span`` how a metric's reading does.
    """

    until: int
    written: bytes
    span: int


class _Metric(msgspec.Struct):
    metric: str = ""


_METRIC = msgspec.json.Decoder(_Metric)
_encode = msgspec.json.Encoder().encode
_outlines: dict[str, Outline] = {}
_places: dict[str, Standing] = {}
_periods: dict[str, Period] = {}
_numbers: dict[str, tuple[int | float, bytes]] = {}


class Events:
    """An array of events, cut: their outlines and what was cut out of each.

    Args:
        body: the array.
        found: what is found of each event, a row each, as ``cut`` writes it.
        texts: the texts of all events, one after the other.
    """

    def __init__(self, body: bytes, found: I64, texts: list[str]) -> None:
        self._body = body
        self._found = found
        self._texts = texts
        self._times: list[int] = found[:, TIME].tolist()
        self._outlines = texts[0::PARTS]
        self._places = texts[3::PARTS]

    @classmethod
    def of(cls, body: bytes, context: Context) -> Events | None:
        """The events of an array, or None where it is not plain."""
        if not body.isascii() or b"\\" in body:
            return None
        text = np.frombuffer(body, dtype=np.uint8)
        room = len(body) // _SHORTEST + 1
        found = np.empty((room, 4), dtype=np.int64)
        out = np.empty(len(body) + room * SPARE, dtype=np.uint8)
        number, written = cut(text, EARLIEST, context.latest, out, found)
        if number < 0:
            return None
        texts = out[:written].tobytes().decode("ascii").split("\0")
        return cls(body, found[:number], texts)

    def __len__(self) -> int:
        return len(self._times)

    def raw(self, index: int) -> bytes:
        """The bytes of an event."""
        return self._body[self._found[index, FIRST] : self._found[index, END]]

    def among(self, indices: Sequence[int]) -> Events:
        """Some of the events."""
        texts = [text for at in indices for text in self._texts[PARTS * at : PARTS * (at + 1)]]
        return Events(self._body, self._found[indices], texts)

    def unlike(self, indices: Sequence[int]) -> list[int]:
        """Those among some events from which others can be known, or that can't be known so."""
        seen: set[str] = set()
        chosen = []
        for index in indices:
            text, where = self._outlines[index], self._places[index]
            unknown = [text] if text not in _outlines else []
            if where not in _places:
                unknown.append(where)
            if self._times[index] < 0 or not unknown or not seen.issuperset(unknown):
                chosen.append(index)
                seen.update(unknown)
        return chosen

    def taken(self, context: Context, place: Place | None) -> list[Fact | None]:
        """The facts of the events; None for each that must go the strict way."""
        facts: list[Fact | None] = []
        authority, today = context.authority, milliseconds(context.now)
        meant = None if place is None else (place.feed, place.provider)
        begun, sender = key_begun(""), ""
        speaking = saying = ""
        for text, event_id, source, where, values, time, recorded in zip(
            self._outlines, self._texts[1::PARTS], self._texts[2::PARTS], self._places,
            self._texts[4::PARTS], self._times, self._found[:, RECORDED].tolist(), strict=False,
        ):  # fmt: skip
            facts.append(None)
            outline, standing = _outlines.get(text), _places.get(where)
            if outline is None or standing is None or time < 0:
                continue
            feed, revision, pieces, metric, like = outline
            provider, site, ward = standing
            if meant is not None and (feed, provider) != meant:
                continue
            if ward is not None and feed is _SPEAKUP:
                continue
            body, said = pieces[0], None
            if not values:
                pass
            elif like.moments:
                body, said = _answered(pieces, like, values)
            else:
                stated = _stated(pieces, metric, values, time, context)
                if stated is None:
                    continue
                body, said, time = stated  # noqa: PLW2901 - a metric counts at its period's end
            if source != speaking or provider != saying:
                # Who may speak today may also speak of the past.
                if authority(source, provider, today) is None:
                    speaking, saying = source, provider
                elif authority(source, provider, time) is not None:
                    continue
            if source != sender:
                begun, sender = key_begun(source), source
            key = begun.copy()
            key.update(event_id.encode())
            facts[-1] = Fact(
                key.digest(), source, event_id, feed, revision, _STANDS, provider, site, ward,
                time, None if recorded < 0 else recorded, body, said,
            )  # fmt: skip
        return facts

    def remember(self, index: int, fact: Fact) -> None:
        """Remember outline and place of an event that became a fact by the strict way."""
        text, where = self._outlines[index], self._places[index]
        if self._times[index] < 0 or fact.withdrawn:
            return
        if len(text) > _LONGEST or len(where) > _LONGEST_PLACE:
            return
        body = fact.body
        pieces = _around_values(body)
        values = self._texts[PARTS * index + 4]
        written = values.count(" ") + bool(values) - (_WITHIN_PERIOD in body)
        if written + 1 != len(pieces):
            return
        _make_room()
        like = Likeness(tuple(name for name in MOMENTS if f'"{name}":"'.encode() in body))
        metric = _METRIC.decode(body).metric
        _outlines[text] = Outline(fact.feed, fact.revision, pieces, metric, like)
        _places[where] = Standing(fact.provider, fact.site, fact.ward)


def _around_values(body: bytes) -> tuple[bytes, ...]:
    """What stands around the values that are cut out."""
    pieces, begin = [], 0
    for before, behind in _CUT_OUT:
        at = body.find(before, begin)
        if at >= 0:
            value = at + len(before)
            pieces.append(body[begin:value])
            begin = body.index(behind, value)
            if body.startswith(_WITHIN_PERIOD, begin):
                begin = body.index(behind, begin + len(_WITHIN_PERIOD))
    return (*pieces, body[begin:])


def _answered(pieces: tuple[bytes, ...], like: Likeness, values: str) -> tuple[bytes, Said]:
    """The canonical body of a complaint, and what was read in it."""
    first, _, second = values.partition(" ")
    body = pieces[0] + first.encode() + pieces[1]
    if second:
        body += second.encode() + pieces[2]
    return body, (like, first, second or None)


def _stated(
    pieces: tuple[bytes, ...], metric: str, values: str, time: int, context: Context
) -> tuple[bytes, Said | None, int] | None:
    """The canonical body of a metric or an aggregate, what was read in it, when it counts.

    None where one must look closer.
    """
    until, period, span = _periods.get(values[:_PERIOD]) or _period(values[:_PERIOD])
    if until < 0:
        return None
    if not metric:
        return pieces[0] + period + pieces[1], None, time
    first, _, second = values[_PERIOD + 1 :].partition(" ")
    above, body = _numbers.get(first) or _number(first)
    below = None
    body = pieces[0] + body + pieces[1]
    if second:
        below, written = _numbers.get(second) or _number(second)
        body += written + pieces[2]
    rule = context.metrics.get(metric)
    if (
        rule is None
        or above < 0
        or (below is not None and below < 0)
        or not -MS_PER_DAY <= time - until <= MS_PER_DAY
        or rule.refusal(above, below) is not None
    ):
        return None
    return body + period + pieces[-1], (metric, above, below, span), until


def _period(values: str) -> Period:
    """Where a period begins and ends, remembered."""
    start, _, end = values.partition(" ")
    since, until = moment_ms(start), moment_ms(end)
    if not 0 < until - since <= LONGEST_PERIOD:
        until = -1
    if len(_periods) >= REMEMBERED:
        _periods.clear()
    written = start.encode() + _WITHIN_PERIOD + end.encode()
    _periods[values] = found = Period(until, written, span_of(start, end))
    return found


def _make_room() -> None:
    if len(_outlines) >= REMEMBERED_OUTLINES:
        _outlines.clear()
    if len(_places) >= REMEMBERED:
        _places.clear()


def _number(value: str) -> tuple[int | float, bytes]:
    """A plain number and how it is written in a canonical body; -1 for one too great."""
    number = plain_number(float(value)) if "." in value else int(value)
    if len(_numbers) >= REMEMBERED:
        _numbers.clear()
    _numbers[value] = found = (number if number <= NUMBER_LIMIT else -1, _encode(number))
    return found


def remembered() -> tuple[int, ...]:
    """How many outlines, places, periods and numbers are remembered."""
    return len(_outlines), len(_places), len(_periods), len(_numbers)


def forget() -> None:
    """Forget all: every event goes the strict way once more."""
    for held in (_outlines, _places, _periods, _numbers):
        held.clear()
