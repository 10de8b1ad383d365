"""From bytes that should be events to facts and rejections: in one piece, or item by item.

Events like one that was taken before are recognised (``streams.intake.outlines``). The others of
an array are decoded strictly in one piece. Where that cannot be done, the array is gone
through item by item, each again in one piece where that is possible and under a close look
where it is not. All ways give the same facts, and one alone says why an event is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from streams.facts.events import Event, StatedEvent
from streams.facts.messages import Fact, Opened, Rejection
from streams.facts.rejections import Refusal, rejection
from streams.facts.vocabulary import PLAIN_ID
from streams.intake.admission import Place, admit, drop_nulls, id_refusal
from streams.intake.context import Context
from streams.intake.diagnosis import EVENT_LIMIT, examine, looked_at_again, malformed
from streams.intake.outlines import Events
from streams.intake.reading import DECODE_ERRORS, Item, Reader
from streams.intake.screen import may_hold_number

EVENTS_LIMIT = 50_000
"""The most events of a request or message."""

_TO_DASH = bytes.maketrans(b"./", b"--")
# A year of the last century in a date: before its month, or behind its day and month.
_OLD_YEARS = (re.compile(rb"19[0-9][0-9]-[0-9]"), re.compile(rb"-19[0-9][0-9](?![0-9])"))

_EVENTS = msgspec.json.Decoder(list[StatedEvent])
_encode = msgspec.json.Encoder().encode


def open_whole(
    body: bytes,
    expected: int | None,
    context: Context,
    place: Place | None,
    pieces: Callable[[], Sequence[bytes]],
) -> Opened | None:
    """Open an array in one piece, or None where it must be read item by item.

    Events like one taken before are taken at once; the others go the strict way.
    """
    events = Events.of(body, context)
    if events is None or len(events) > EVENTS_LIMIT or expected not in {None, len(events)}:
        return _open_strictly(body, expected, context, place, pieces)
    taken = events.taken(context, place)
    left = [index for index, fact in enumerate(taken) if fact is None]
    if not left:
        return Opened([fact for fact in taken if fact is not None], [])
    # As they were sent, white space around them included, where they were sent one by one.
    given = None if expected is None else pieces()
    rejections: list[Rejection] = []
    # Of those that are alike the first is read strictly, which makes the others known; then
    # whatever is left.
    for chosen in (events.unlike, list[int]):
        strictly = chosen(left)
        raw = [events.raw(index) if given is None else given[index] for index in strictly]
        opened = _open_left(raw, context, place)
        if opened is None:
            return None
        rejections += _entered(opened, strictly, taken, events)
        left = sorted(set(left).difference(strictly))
        for index, known in zip(left, events.among(left).taken(context, place), strict=True):
            taken[index] = known
        left = [index for index in left if taken[index] is None]
        if not left:
            break
    rejections.sort(key=lambda one: one.index)
    return Opened([fact for fact in taken if fact is not None], rejections)


def _entered(
    opened: Opened, places: Sequence[int], taken: list[Fact | None], events: Events
) -> list[Rejection]:
    """Enter what was read strictly at its places, so that its like is known; give the refusals."""
    refusals = [replace(one, index=places[one.index]) for one in opened.rejections]
    refused_at = {one.index for one in refusals}
    facts = iter(opened.facts)
    for index in places:
        if index not in refused_at:
            taken[index] = fact = next(facts)
            events.remember(index, fact)
    return refusals


def _open_left(raw: Sequence[bytes], context: Context, place: Place | None) -> Opened | None:
    """Open the events of a plain array that were not recognised, or None where one is no JSON."""
    body = b"[" + b",".join(raw) + b"]"
    opened = _open_strictly(body, len(raw), context, place, lambda: raw)
    if opened is not None:
        return opened
    try:
        items = Reader().elements(body.decode("ascii"), EVENTS_LIMIT)
    except (ValueError, RecursionError):
        return None
    return None if items is None else open_each(items, context, place)


def _open_strictly(
    body: bytes,
    expected: int | None,
    context: Context,
    place: Place | None,
    pieces: Callable[[], Sequence[bytes]],
) -> Opened | None:
    """Open an array by the strict decoder, or None where it must be read item by item.

    Nothing that events may hold needs an escape or a byte beyond ASCII. Accepted
    values hold no quotation marks, so a body with more of them than its events
    written out again has named a field twice.
    """
    if not body.isascii() or b"\\" in body or b"@" in body:
        return None
    try:
        events: list[Event] = list(_EVENTS.decode(body))
    except DECODE_ERRORS:
        return None
    count = len(events)
    if (
        count == 0
        or count > EVENTS_LIMIT
        or (expected is not None and count != expected)
        or _encode(events).count(b'"') != body.count(b'"')
        or (len(body) > EVENT_LIMIT and max(map(len, pieces())) > EVENT_LIMIT)
    ):
        return None
    if not _are_plain(events):
        return None
    if b"null" in body:
        for event in events:
            drop_nulls(event)
    return _admitted(events, context, place, pieces)


def _admitted(
    events: Sequence[Event],
    context: Context,
    place: Place | None,
    pieces: Callable[[], Sequence[bytes]],
) -> Opened:
    """Admit events that were decoded in one piece."""
    facts: list[Fact] = []
    rejections: list[Rejection] = []
    raw: Sequence[bytes] = ()
    for index, event in enumerate(events):
        outcome = admit(event, context, place)
        if isinstance(outcome, Fact):
            facts.append(outcome)
            continue
        raw = raw or pieces()
        again = looked_at_again(Reader().only(raw[index].decode()), outcome)
        rejections.append(rejection(index, again, raw[index], event.id))
    return Opened(facts, rejections)


def _are_plain(events: Sequence[Event]) -> bool:
    """Whether what admission does not look at needs no closer look, judged by cheap tests.

    That is the identifiers: False where a character is not allowed, or where digits
    or an old date make a closer look necessary and it finds something. And the
    bodies of withdrawn facts, which are not kept and so not looked at later.
    """
    texts = [event.id for event in events]
    texts += [event.dataschema for event in events if event.dataschema]
    if any(event.data for event in events if event.withdrawn):
        return False
    joined = "\n".join(texts).encode()
    if joined.translate(None, PLAIN_ID + b"\n") or joined.count(b"\n") >= len(texts):
        return False
    return all(id_refusal(texts[index]) is None for index in _doubtful(joined))


def _doubtful(lines: bytes) -> set[int]:
    """Which lines have digits that make a closer look necessary."""
    found: set[int] = set()
    if may_hold_number(lines):
        found.update(n for n, line in enumerate(lines.split(b"\n")) if may_hold_number(line))
    dashed = lines.translate(_TO_DASH)
    for years in _OLD_YEARS:
        found.update(dashed.count(b"\n", 0, year.start()) for year in years.finditer(dashed))
    return found


def _alone(raw: bytes) -> Sequence[bytes]:
    return [raw]


def open_each(pieces: Iterable[bytes | Item], context: Context, place: Place | None) -> Opened:
    """Open pieces that should be an event each, so that none spoils another."""
    opened = Opened()
    for index, piece in enumerate(pieces):
        raw = piece.raw if isinstance(piece, Item) else piece
        alone = _open_strictly(b"[" + raw + b"]", 1, context, place, partial(_alone, raw))
        if alone is None:
            alone = _look_closely(piece, context, place)
        opened.facts.extend(alone.facts)
        opened.rejections.extend(replace(one, index=index) for one in alone.rejections)
    return opened


def _look_closely(piece: bytes | Item, context: Context, place: Place | None) -> Opened:
    if isinstance(piece, bytes):
        text = piece.decode("utf-8", "surrogateescape")
        try:
            item = Reader().only(text)
        except (ValueError, RecursionError) as error:
            return refused(piece, malformed(text, error))
    else:
        item = piece
    found = examine(item)
    if isinstance(found, Refusal):
        outcome: Fact | Refusal = found
    else:
        drop_nulls(found)
        outcome = id_refusal(found.id) or admit(found, context, place)
        if isinstance(outcome, Refusal):
            outcome = looked_at_again(item, outcome)
    if isinstance(outcome, Fact):
        return Opened([outcome], [])
    event_id = item.value.get("id") if isinstance(item.value, dict) else None
    shown = event_id if isinstance(event_id, str) and id_refusal(event_id) is None else None
    return Opened([], [rejection(0, outcome, item.raw, shown)])


def refused(raw: bytes, refusal: Refusal) -> Opened:
    """Nothing but one rejection."""
    return Opened([], [rejection(0, refusal, raw)])
