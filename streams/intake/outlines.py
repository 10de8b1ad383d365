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

import numpy as np
import numpy.typing as npt

from streams.facts.envelope import key_begun, milliseconds
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.remembered import keep
from streams.intake import outline_bodies
from streams.intake.admission import Place
from streams.intake.bodies import EARLIEST
from streams.intake.context import Context
from streams.intake.outline_bodies import Outline, answered, outline_of, stated_body
from streams.intake.outline_cuts import END, FIRST, PARTS, RECORDED, SPARE, TIME, cut

# No event that is any good is shorter.
_SHORTEST = 128
# Outlines and places up to these lengths are remembered.
_LONGEST, _LONGEST_PLACE = 1024, 256
_MOST_OUTLINES = 16_384

_SPEAKUP = Feed.SPEAKUP
# An event is taken here only where it is not withdrawn.
_STANDS = False
I64 = npt.NDArray[np.int64]


class Standing(NamedTuple):
    """A place that was taken before."""

    provider: str
    site: str | None
    ward: str | None


_outlines: dict[str, Outline] = {}
_places: dict[str, Standing] = {}


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
            if place is not None and (feed is not place.feed or provider != place.provider):
                continue
            if ward is not None and feed is _SPEAKUP:
                continue
            body, said = pieces[0], None
            if not values:
                pass
            elif like.moments:
                body, said = answered(pieces, like, values)
            else:
                stated = stated_body(pieces, metric, values, time, context)
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
        values = self._texts[PARTS * index + 4]
        outline = outline_of(fact, values)
        if outline is None:
            return
        keep(_outlines, text, outline, most=_MOST_OUTLINES)
        keep(_places, where, Standing(fact.provider, fact.site, fact.ward))


def remembered() -> tuple[int, ...]:
    """How many outlines, places, periods and numbers are remembered."""
    return len(_outlines), len(_places), *outline_bodies.remembered()


def forget() -> None:
    """Forget all: every event goes the strict way once more."""
    _outlines.clear()
    _places.clear()
    outline_bodies.forget()
