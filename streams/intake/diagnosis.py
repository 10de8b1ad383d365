"""The slow way in: read one item value by value and say exactly what is wrong with it.

Messages that the strict decoder takes whole never come here. What does is parsed
again with Python's own reader, which shows duplicate keys, numbers of any size
and broken surrogates, then screened for personal data before anything else is
said about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streams.facts.events import Event, Retraction, StatedEvent
from streams.facts.feeds import Feed
from streams.facts.rejections import Refusal
from streams.intake.reading import DECODE_ERRORS, SPACE, Item
from streams.intake.screen import Field, finding, is_nhs_number, is_telling, unfit_to_keep

EVENT_LIMIT = 65_536
"""The greatest size of one event in bytes."""

_DEEPEST = 8
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

_IDENTIFIERS = frozenset({"id", "dataschema"})
_MOMENTS = frozenset(
    {"time", "recordedtime", "period_start", "period_end", "acknowledged_at", "resolved_at"}
)
_CODES = frozenset(
    {"source", "provider", "site", "ward", "profession", "service_area", "worker_group", "metric"}
)
_KNOWN_WORDS = frozenset({"application/json", "application/json; charset=utf-8"})


class Screening(NamedTuple):
    """What the screen found: a refusal, and whether the bytes may be kept otherwise."""

    refusal: Refusal | None
    keep: bool


def screened(item: Item) -> Screening:
    """Look at every key and value of an item, also at those that duplicates replaced."""
    keep = True
    for path, known, value in _values((item.value, *item.lost)):
        if isinstance(value, str):
            what = None if value in _KNOWN_WORDS else finding(value, _kind(path[-1]))
            if what == "free text" and not known:
                # A field that does not exist is its own reason; its text is not kept.
                keep, what = False, None
        else:
            what = "an NHS number" if is_nhs_number(str(abs(value))) else None
        if what is not None:
            detail = f"{_path(path)}: seems to hold {what}"
            return Screening(Refusal("personal_data", detail), keep=False)
        keep = keep and (known or not is_telling(path[-1]))
    return Screening(None, keep)


def _kind(name: str) -> Field:
    if name in _IDENTIFIERS:
        return Field.IDENTIFIER
    if name in _MOMENTS:
        return Field.MOMENT
    return Field.CODE if name in _CODES else Field.UNKNOWN


def _values(roots: tuple[object, ...]) -> Iterator[tuple[tuple[str, ...], bool, str | int]]:
    """Every string and integer below ``roots`` with its path; keys count as strings.

    The second part says whether the last name is one that events have.
    """
    waiting: list[tuple[tuple[str, ...], bool, object]] = [(("event",), True, r) for r in roots]
    while waiting:
        path, known, value = waiting.pop()
        if isinstance(value, dict):
            for key, below in value.items():
                is_known = known and key in _NAMES
                if not is_known:
                    yield (*path, key), False, key
                waiting.append(((*path, key), is_known, below))
        elif isinstance(value, list):
            waiting += [(path, known, below) for below in value]
        elif isinstance(value, float) and value.is_integer() and abs(value) < 1e12:
            yield path, known, int(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield path, known, value


def _path(path: tuple[str, ...]) -> str:
    """A path fit to be shown: names that are not plain are not repeated."""
    shown = [name if _SAFE_NAME.fullmatch(name) else "a field" for name in path[1:]]
    return ".".join(shown) or "the event"


def _fields() -> Iterator[msgspec.inspect.Field]:
    """Every field that any event has, bodies included."""
    waiting: list[msgspec.inspect.Type] = [msgspec.inspect.type_info(StatedEvent)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, msgspec.inspect.UnionType):
            waiting += part.types
        elif isinstance(part, msgspec.inspect.StructType):
            yield from part.fields
            waiting += [field.type for field in part.fields]


def _allowed(part: msgspec.inspect.Type) -> Iterator[str]:
    """The values of a closed list, wherever a type holds one."""
    if isinstance(part, msgspec.inspect.UnionType):
        for one in part.types:
            yield from _allowed(one)
    elif isinstance(part, msgspec.inspect.EnumType):
        yield from (str(one.value) for one in part.cls)
    elif isinstance(part, msgspec.inspect.LiteralType):
        yield from map(str, part.values)
    elif isinstance(part, msgspec.inspect.CollectionType):
        yield from _allowed(part.item_type)


_NAMES = frozenset({"type", *(field.encode_name for field in _fields())})
_CHOICES = {field.encode_name: tuple(dict.fromkeys(_allowed(field.type))) for field in _fields()}
_SHOWN = 24
_TYPE = re.compile(r"`([a-z |]+)`")
_TYPES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_STATED: msgspec.json.Decoder[Event] = msgspec.json.Decoder(StatedEvent)
_RETRACTION: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Retraction)


def examine(item: Item) -> Event | Refusal:
    """The event of an item, or what is wrong with it."""
    if len(item.raw) > EVENT_LIMIT:
        return Refusal("too_large", "an event has at most 64 kB")
    refusal, keep = screened(item)
    if refusal is None:
        refusal = _flaw(item)
    if refusal is None:
        found = _decoded(item)
        if not isinstance(found, Refusal):
            return found
        refusal = found
    return refusal._replace(keep=keep and refusal.keep and not _is_secret(item.value))


def looked_at_again(item: Item, refusal: Refusal) -> Refusal:
    """The refusal of an event that was decoded, after the screen has seen all of it."""
    found, keep = screened(item)
    if found is not None:
        return found
    return refusal._replace(keep=keep and refusal.keep and not _is_secret(item.value))


def _is_secret(value: object) -> bool:
    """Whether a refused event may name a ward that spoke up, or describe the case."""
    if not isinstance(value, dict) or value.get("type") != Feed.SPEAKUP.event_type:
        return False
    data = value.get("data")
    inner = data.keys() if isinstance(data, dict) else set[str]()
    return "ward" in value or "ward" in inner or not inner <= _NAMES


def _flaw(item: Item) -> Refusal | None:
    if not isinstance(item.value, dict):
        return Refusal("not_an_object", "expected a JSON object")
    for path, _, value in _values((item.value, *item.lost)):
        if len(path) > _DEEPEST:
            return Refusal("too_deep", "nested deeper than any event")
        if isinstance(value, str) and not _is_clean(value):
            return Refusal("invalid_unicode", f"{_path(path)}: not valid Unicode text")
    return item.flaw


def _is_clean(text: str) -> bool:
    return (text.isascii() and "\0" not in text) or (
        "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
    )


def _decoded(item: Item) -> Event | Refusal:
    try:
        return _STATED.decode(item.raw)
    except DECODE_ERRORS as error:
        refusal = _explained(error)
    if isinstance(item.value, dict) and item.value.get("withdrawn") is True:
        try:
            return _RETRACTION.decode(item.raw)
        except DECODE_ERRORS:
            pass  # the body was meant to be whole, so its own fault is the one to tell
    return refusal


def _explained(error: BaseException) -> Refusal:
    """A decoder's error in our words; its messages may repeat values, so few are passed on."""
    message = str(error)
    place = _PLACE.search(message)
    path = place[1] if place is not None else ""
    said = message[: place.start()] if place is not None else message
    if said.startswith("Object contains unknown field"):
        name = said.split("`")[1] if "`" in said else ""
        shown = name if _SAFE_NAME.fullmatch(name) else "a field"
        return Refusal("unknown_field", f"{_under(path, shown)}: not in the schema")
    if path == "type":
        return Refusal("unknown_type", "type: expected one of the four event types")
    if said.startswith("Object missing required field"):
        return Refusal("schema", f"{_under(path, said.split('`')[1])}: required")
    if "datetime" in said:
        expected = "expected RFC 3339 with seconds and an offset"
    elif said.startswith("Invalid enum value"):
        expected = _one_of(path)
    elif said.startswith("Expected"):
        expected = "e" + _TYPE.sub(lambda found: _in_words(found[1]), said)[1:]
    else:
        expected = "expected a value as the schema describes"
    return Refusal("schema", f"{path or 'the event'}: {expected}")


def _one_of(path: str) -> str:
    """What a closed list allows, by the name of its field."""
    allowed = _CHOICES.get(path.rpartition(".")[2].partition("[")[0], ())
    if 0 < len(allowed) <= _SHOWN:
        return f"expected {'one of ' if len(allowed) > 1 else ''}{', '.join(allowed)}"
    return "expected one of the values of the schema"


def _in_words(types: str) -> str:
    """The decoder's names of types, as senders of JSON know them."""
    names = [name for name in types.split(" | ") if name != "null"]
    return " or ".join(_TYPES.get(name, name) for name in names) or "null"


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def malformed(text: str, error: Exception) -> Refusal:
    """Why a text could not be read at all, and whether it may be kept."""
    if unfit_to_keep(text):
        return Refusal("personal_data", "not JSON, and it seems to hold personal data")
    if isinstance(error, RecursionError):
        return Refusal("too_deep", "nested deeper than any event")
    if any("\udc80" <= char <= "\udcff" for char in text):
        return Refusal("invalid_unicode", "the bytes are not UTF-8")
    if not text.strip(SPACE):
        return Refusal("empty", "nothing to read")
    return Refusal("malformed_json", "not JSON")
