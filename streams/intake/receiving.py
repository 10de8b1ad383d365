"""Opening what was sent: every event in it becomes a fact or a rejection, never an error.

A message that is all right is read in one piece. One that is not is read again item by
item, so that a bad event spoils no other. Both ways give the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from streams.facts.envelope import encode, is_binary, structured
from streams.facts.feeds import FEED_OF_TOPIC
from streams.facts.messages import Message, Opened
from streams.facts.rejections import REJECTION_CODES, Refusal
from streams.intake.admission import Place
from streams.intake.context import Context
from streams.intake.diagnosis import examine, malformed
from streams.intake.opening import EVENTS_LIMIT, open_each, open_whole, refused
from streams.intake.reading import Reader, after_space

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

_BOM = b"\xef\xbb\xbf"
_JSON_SPACE = b" \t\n\r"
_CHARSET = re.compile(r'\s*charset\s*=\s*"?(utf-?8)"?\s*', re.IGNORECASE)
_TOO_MANY = Refusal("too_large", "a request has at most 50,000 events")

_PIECES = msgspec.json.Decoder(list[msgspec.Raw])


class UnsupportedMediaType(ValueError):  # noqa: N818 - named as HTTP names it
    """The content type is none of the three that events are sent in."""


def open_request(body: bytes, content_type: str, context: Context) -> Opened:
    """Open a request body: one event, a batch or a line each (by ``content_type``).

    An index counts the elements of a batch, or the lines that are not empty. Parameters of
    the type may be empty, as after a last semicolon (RFC 9110, section 5.6.6).

    Raises:
        UnsupportedMediaType: another content type, or a charset other than UTF-8.
    """
    kind, *parameters = content_type.split(";")
    opener = _OPENERS.get(kind.strip().lower())
    named = [one for one in parameters if one.strip(" \t")]
    if opener is None or not all(map(_CHARSET.fullmatch, named)):
        raise UnsupportedMediaType("expected one of " + ", ".join(_OPENERS))
    if len(body) > REQUEST_LIMIT:
        return refused(body, Refusal("too_large", "a request has at most 16 MB"))
    return opener(body.removeprefix(_BOM), context, None)


def open_message(message: Message, context: Context) -> Opened:
    """Open a message of a log: one event or an array, structured or in binary mode.

    All events must belong to the topic, and to the provider that the key names.
    """
    value = message.value
    if is_binary(message.headers):
        value = structured(message.headers, value)
    if value is None or not value.strip(_JSON_SPACE):
        return refused(value or b"", Refusal("empty", "the message has no value"))
    if len(value) > REQUEST_LIMIT:
        return refused(value, Refusal("too_large", "a message has at most 16 MB"))
    value = value.removeprefix(_BOM)
    key = None if message.key is None else message.key.decode("utf-8", "replace")
    place = Place(FEED_OF_TOPIC.get(message.topic), key)
    opener = _open_batch if value.lstrip(_JSON_SPACE)[:1] == b"[" else _open_single
    return opener(value, context, place)


def _open_single(body: bytes, context: Context, place: Place | None) -> Opened:
    opened = open_whole(b"[" + body + b"]", 1, context, place, lambda: [body])
    return open_each([body], context, place) if opened is None else opened


def _open_batch(body: bytes, context: Context, place: Place | None) -> Opened:
    opened = open_whole(body, None, context, place, lambda: list(map(bytes, _PIECES.decode(body))))
    if opened is not None:
        return opened
    text = body.decode("utf-8", "surrogateescape")
    try:
        start = after_space(text, 0)
        if text[start : start + 1] != "[":
            found = examine(Reader().only(text))
            keep = not isinstance(found, Refusal) or found.keep
            return refused(body, Refusal("not_an_array", "expected an array of events", keep))
        items = Reader().elements(text, EVENTS_LIMIT)
    except (ValueError, RecursionError) as error:
        return refused(body, malformed(text, error))
    if items is None:
        return refused(body, _TOO_MANY)
    if not items:
        return refused(body, Refusal("empty", "an array without events"))
    return open_each(items, context, place)


def _open_lines(body: bytes, context: Context, place: Place | None) -> Opened:
    lines = [line for line in map(bytes.strip, body.split(b"\n")) if line]
    if not lines:
        return refused(body, Refusal("empty", "no lines"))
    if len(lines) > EVENTS_LIMIT:
        return refused(body, _TOO_MANY)
    # Lines that begin and end as objects and make a valid array of as many events are
    # those events: a line break cannot stand within a JSON string.
    if all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        joined = b"[" + b",\n".join(lines) + b"]"
        opened = open_whole(joined, len(lines), context, place, lambda: lines)
        if opened is not None:
            return opened
    return open_each(lines, context, place)


_OPENERS: dict[str, Callable[[bytes, Context, Place | None], Opened]] = {
    "application/cloudevents+json": _open_single,
    "application/cloudevents-batch+json": _open_batch,
    "application/x-ndjson": _open_lines,
}
