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

from streams.catalogue.contributions import moment_ms
from streams.catalogue.rules import MOMENTS
from streams.facts.envelope import MS_PER_DAY, fact_key, milliseconds
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Likeness, Said
from streams.facts.vocabulary import NUMBER_LIMIT
from streams.intake.admission import Place
from streams.intake.bodies import EARLIEST, plain_number
from streams.intake.context import Context
from streams.intake.outline_cuts import END, FIRST, PARTS, RECORDED, SPARE, TIME, cut

# No event that is any good is shorter.
_SHORTEST = 128
# Outlines and places up to these lengths are remembered.
_LONGEST, _LONGEST_PLACE = 1024, 256
REMEMBERED_OUTLINES, REMEMBERED = 16_384, 65_536
"""So many outlines, and so many places and numbers, are remembered; then begun anew."""

# What stands before the values of a canonical body that are cut out of its event, in the order
# of a body's fields, and what ends them.
_CUT_OUT = (
    *((f'"{name}":"'.encode(), b'"') for name in MOMENTS),
    (b'"numerator":', b","),
    (b'"denominator":', b","),
)

_SPEAKUP = Feed.SPEAKUP
# An event is taken here only where it is not withdrawn.
_STANDS = False
I64 = npt.NDArray[np.int64]


class Outline(NamedTuple):
    """What is known of the events with one outline.

    ``body`` is their canonical body without its place; where values are cut out, it goes up
    to the first and on with ``between`` and, behind a second one, with ``behind``.
    ``metric`` and ``until`` are what a body with a period says: its metric, and the end of
    the period in milliseconds (-1 where there is none). ``like`` is what bodies with this
    outline are told by.
    """

    feed: Feed
    revision: int
    body: bytes
    between: bytes
    behind: bytes | None
    metric: str
    until: int
    like: Likeness


class Standing(NamedTuple):
    """A place that was taken before."""

    provider: str
    site: str | None
    ward: str | None


class _Period(msgspec.Struct):
    metric: str = ""
    period_end: str = ""


_PERIOD = msgspec.json.Decoder(_Period)
_encode = msgspec.json.Encoder().encode
_outlines: dict[str, Outline] = {}
_places: dict[str, Standing] = {}
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
        authority, today, latest = context.authority, milliseconds(context.now), context.latest
        meant = None if place is None else (place.feed, place.provider)
        speaking = saying = ""
        for text, event_id, source, where, values, time, recorded in zip(
            self._outlines, self._texts[1::PARTS], self._texts[2::PARTS], self._places,
            self._texts[4::PARTS], self._times, self._found[:, RECORDED].tolist(), strict=False,
        ):  # fmt: skip
            facts.append(None)
            outline, standing = _outlines.get(text), _places.get(where)
            if outline is None or standing is None or time < 0:
                continue
            feed, revision, body, _, _, metric, until, _ = outline
            provider, site, ward = standing
            # A metric counts at the end of its period.
            counts_at = until if metric else time
            if source != speaking or provider != saying:
                # Who may speak today may also speak of the past.
                if authority(source, provider, today) is None:
                    speaking, saying = source, provider
                elif authority(source, provider, counts_at) is not None:
                    continue
            if meant is not None and (feed, provider) != meant:
                continue
            if until > latest or (ward is not None and feed is _SPEAKUP):
                continue
            said = None
            if values:
                body, said = _filled(outline, values, time, context)
                if said is None:
                    continue
            facts[-1] = Fact(
                fact_key(source, event_id), source, event_id, feed, revision, _STANDS,
                provider, site, ward, counts_at, None if recorded < 0 else recorded, body, said,
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
        if values.count(" ") + bool(values) + 1 != len(pieces):
            return
        said = _PERIOD.decode(body)
        until = moment_ms(said.period_end) if said.period_end else -1
        if len(_outlines) >= REMEMBERED_OUTLINES:
            _outlines.clear()
        if len(_places) >= REMEMBERED:
            _places.clear()
        like = Likeness(tuple(name for name in MOMENTS if f'"{name}":"'.encode() in body))
        between = pieces[1] if len(pieces) > 1 else b""
        behind = pieces[2] if len(pieces) > 2 else None
        _outlines[text] = Outline(
            fact.feed, fact.revision, pieces[0], between, behind, said.metric, until, like
        )
        _places[where] = Standing(fact.provider, fact.site, fact.ward)


def _around_values(body: bytes) -> list[bytes]:
    """What stands around the values that are cut out; a metric's period follows its numbers."""
    pieces, begin = [], 0
    for before, behind in _CUT_OUT:
        at = body.find(before, begin)
        if at >= 0:
            value = at + len(before)
            pieces.append(body[begin:value])
            begin = body.index(behind, value)
    return [*pieces, body[begin:]]


def _filled(
    outline: Outline, values: str, time: int, context: Context
) -> tuple[bytes, Said | None]:
    """A canonical body with values in it; without ``Said`` where one must look closer."""
    _, _, before, between, behind, metric, until, like = outline
    first, _, second = values.partition(" ")
    if not metric:
        if behind is None:
            return before + first.encode() + between, (like, first, None)
        body = before + first.encode() + between + second.encode() + behind
        return body, (like, first, second)
    above, written = _numbers.get(first) or _number(first)
    below = None
    if behind is not None:
        below, written_below = _numbers.get(second) or _number(second)
        between = between + written_below + behind
    rule = context.metrics.get(metric)
    if (
        rule is None
        or above < 0
        or (below is not None and below < 0)
        or not -MS_PER_DAY <= time - until <= MS_PER_DAY
        or rule.refusal(above, below) is not None
    ):
        return b"", None
    return before + written + between, (like, above, below)


def _number(value: str) -> tuple[int | float, bytes]:
    """A plain number and how it is written in a canonical body; -1 for one too great."""
    number = plain_number(float(value)) if "." in value else int(value)
    if len(_numbers) >= REMEMBERED:
        _numbers.clear()
    _numbers[value] = found = (number if number <= NUMBER_LIMIT else -1, _encode(number))
    return found


def remembered() -> tuple[int, int, int]:
    """How many outlines, places and numbers are remembered."""
    return len(_outlines), len(_places), len(_numbers)


def forget() -> None:
    """Forget all: every event goes the strict way once more."""
    for held in (_outlines, _places, _numbers):
        held.clear()
