"""Opening what was sent: every event in it becomes a fact or a rejection, never an error.

A message that is all right is decoded in one piece. One that is not is read again
item by item, so that a bad event spoils no other. Both ways lead through the same
admission, and give the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from streams.admission import UNREADABLE, admit, drop_nulls, id_refusal
from streams.context import Context
from streams.diagnosis import (
    DECODE_ERRORS,
    EVENT_LIMIT,
    Item,
    Reader,
    after_space,
    examine,
    looked_at_again,
    malformed,
)
from streams.envelope import encode, is_binary, structured
from streams.events import Event, UnreadEvent, UnreadIncidentEvent
from streams.feeds import FEED_OF_TOPIC, Feed
from streams.messages import Fact, Message, Opened, Rejection
from streams.rejections import REJECTION_CODES, Refusal, rejection
from streams.screen import may_hold_number

__all__ = [
    "REJECTION_CODES",
    "REQUEST_LIMIT",
    "Context",
    "UnsupportedMediaType",
    "encode",
    "open_message",
    "open_request",
]

REQUEST_LIMIT = 16 * 1024 * 1024
"""The greatest size of a request or message in bytes."""
EVENTS_LIMIT = 50_000
"""The most events of a request or message."""

_BOM = b"\xef\xbb\xbf"
_JSON_SPACE = b" \t\n\r"
_CHARSET = re.compile(r'\s*charset\s*=\s*"?(utf-?8)"?\s*', re.IGNORECASE)
_PLAIN_ID = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/+=~-"
_TO_DASH = bytes.maketrans(b"./", b"--")
_OLD_YEAR_FIRST = re.compile(rb"19[0-9][0-9]-")

_EVENTS = msgspec.json.Decoder(list[UnreadEvent])
_PIECES = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class _Place(NamedTuple):
    """What a log says about its message: the feed of the topic, the provider of the key."""

    feed: Feed | None
    provider: str | None

    def refusal(self, fact: Fact) -> Refusal | None:
        """Why a fact does not belong there, or None."""
        if fact.feed is not self.feed:
            return Refusal("wrong_topic", "type: does not belong to this topic")
        if fact.provider != self.provider:
            return Refusal("wrong_key", "data.provider: expected the message's key")
        return None


class UnsupportedMediaType(ValueError):  # noqa: N818 - named as HTTP names it
    """The content type is none of the three that events are sent in."""


def open_request(body: bytes, content_type: str, context: Context) -> Opened:
    """Open a request body: one event, a batch or a line each (by ``content_type``).

    An index counts the elements of a batch, or the lines that are not empty.

    Raises:
        UnsupportedMediaType: another content type, or a charset other than UTF-8.
    """
    kind, *parameters = content_type.split(";")
    opener = _OPENERS.get(kind.strip().lower())
    if opener is None or not all(map(_CHARSET.fullmatch, parameters)):
        raise UnsupportedMediaType("expected one of " + ", ".join(_OPENERS))
    if len(body) > REQUEST_LIMIT:
        return _refused(body, Refusal("too_large", "a request has at most 16 MB"))
    return opener(body.removeprefix(_BOM), context, None)


def open_message(message: Message, context: Context) -> Opened:
    """Open a message of a log: one event or an array, structured or in binary mode.

    All events must belong to the topic, and to the provider that the key names.
    """
    value = message.value
    if is_binary(message.headers):
        value = structured(message.headers, value)
    if value is None or not value.strip(_JSON_SPACE):
        return _refused(value or b"", Refusal("empty", "the message has no value"))
    if len(value) > REQUEST_LIMIT:
        return _refused(value, Refusal("too_large", "a message has at most 16 MB"))
    value = value.removeprefix(_BOM)
    key = None if message.key is None else message.key.decode("utf-8", "replace")
    place = _Place(FEED_OF_TOPIC.get(message.topic), key)
    opener = _open_batch if value.lstrip(_JSON_SPACE)[:1] == b"[" else _open_single
    return opener(value, context, place)


def _open_single(body: bytes, context: Context, place: _Place | None) -> Opened:
    if body.lstrip(_JSON_SPACE)[:1] == b"{":
        opened = _open_whole(b"[" + body + b"]", 1, context, place, lambda: [body])
        if opened is not None:
            return opened
    text = body.decode("utf-8", "surrogateescape")
    try:
        item = Reader().only(text)
    except (ValueError, RecursionError) as error:
        return _refused(body, malformed(text, error))
    return _open_items([item], context, place)


def _open_batch(body: bytes, context: Context, place: _Place | None) -> Opened:
    opened = _open_whole(body, None, context, place, lambda: list(map(bytes, _PIECES.decode(body))))
    if opened is not None:
        return opened
    text = body.decode("utf-8", "surrogateescape")
    try:
        start = after_space(text, 0)
        if text[start : start + 1] != "[":
            item = Reader().only(text)
            refusal = examine(item)
            keep = refusal.keep if isinstance(refusal, Refusal) else True
            return _refused(body, Refusal("not_an_array", "expected an array of events", keep))
        items = Reader().elements(text, EVENTS_LIMIT)
    except (ValueError, RecursionError) as error:
        return _refused(body, malformed(text, error))
    if items is None:
        return _refused(body, Refusal("too_large", "a request has at most 50,000 events"))
    if not items:
        return _refused(body, Refusal("empty", "an array without events"))
    return _open_items(items, context, place)


def _open_lines(body: bytes, context: Context, place: _Place | None) -> Opened:
    lines = [line for line in map(bytes.strip, body.split(b"\n")) if line]
    if not lines:
        return _refused(body, Refusal("empty", "no lines"))
    if len(lines) > EVENTS_LIMIT:
        return _refused(body, Refusal("too_large", "a request has at most 50,000 events"))
    # Lines that begin and end as objects and make a valid array of as many events are
    # those events: a line break cannot stand within a JSON string.
    if all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        joined = b"[" + b",\n".join(lines) + b"]"
        opened = _open_whole(joined, len(lines), context, place, lambda: lines)
        if opened is not None:
            return opened
    reader = Reader()
    opened = Opened()
    for index, line in enumerate(lines):
        text = line.decode("utf-8", "surrogateescape")
        try:
            item = reader.only(text)
        except (ValueError, RecursionError) as error:
            opened.rejections.append(rejection(index, malformed(text, error), line))
        else:
            _take(opened, index, item, context, place)
    return opened


def _open_items(items: Sequence[Item], context: Context, place: _Place | None) -> Opened:
    opened = Opened()
    for index, item in enumerate(items):
        _take(opened, index, item, context, place)
    return opened


def _take(opened: Opened, index: int, item: Item, context: Context, place: _Place | None) -> None:
    """Examine one item and put it where it belongs."""
    found = examine(item)
    event_id = item.value.get("id") if isinstance(item.value, dict) else None
    shown = event_id if isinstance(event_id, str) and id_refusal(event_id) is None else None
    if isinstance(found, Refusal):
        outcome: Fact | Refusal = found
    else:
        drop_nulls(found)
        outcome = id_refusal(found.id) or admit(found, context)
        if isinstance(outcome, Fact) and place is not None:
            outcome = place.refusal(outcome) or outcome
        if isinstance(outcome, Refusal):
            outcome = looked_at_again(item, outcome)
    if isinstance(outcome, Refusal):
        opened.rejections.append(rejection(index, outcome, item.raw, shown))
    else:
        opened.facts.append(outcome)


def _open_whole(
    body: bytes,
    expected: int | None,
    context: Context,
    place: _Place | None,
    pieces: Callable[[], Sequence[bytes]],
) -> Opened | None:
    """Open an array in one piece, or None where it must be read item by item.

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
    if b"null" in body and {*map(type, events)} != {UnreadIncidentEvent}:
        for event in events:
            drop_nulls(event)
    return _admitted(events, context, place, pieces)


def _admitted(
    events: Sequence[Event],
    context: Context,
    place: _Place | None,
    pieces: Callable[[], Sequence[bytes]],
) -> Opened | None:
    """Admit events that were decoded in one piece; None where a body cannot be read so."""
    facts: list[Fact] = []
    rejections: list[Rejection] = []
    raw: Sequence[bytes] = ()
    for index, event in enumerate(events):
        outcome = admit(event, context)
        if isinstance(outcome, Fact):
            refusal = None if place is None else place.refusal(outcome)
            if refusal is None:
                facts.append(outcome)
                continue
            outcome = refusal
        elif outcome is UNREADABLE:
            return None
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
    if any(event.withdrawn and event.data for event in events):
        return False
    joined = "\n".join(texts).encode()
    if joined.translate(None, _PLAIN_ID + b"\n") or joined.count(b"\n") >= len(texts):
        return False
    dashed = joined.translate(_TO_DASH)
    if may_hold_number(joined) or b"-19" in dashed or _OLD_YEAR_FIRST.search(dashed):
        return all(id_refusal(text) is None for text in texts)
    return True


def _refused(raw: bytes, refusal: Refusal) -> Opened:
    return Opened([], [rejection(0, refusal, raw)])


_OPENERS: dict[str, Callable[[bytes, Context, _Place | None], Opened]] = {
    "application/cloudevents+json": _open_single,
    "application/cloudevents-batch+json": _open_batch,
    "application/x-ndjson": _open_lines,
}
