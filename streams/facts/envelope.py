"""Between CloudEvents and facts: times, identity, and facts written as events again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from streams.facts.feeds import EVENT_TYPES, Feed
from streams.facts.messages import Fact
from streams.facts.periods import SECONDS_PER_DAY

SOURCE_PREFIX = "urn:nhs:ods:"
MS_PER_DAY = 1000 * SECONDS_PER_DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BINARY_PREFIXES = ("ce_", "ce-")
# Members of an enumeration are slow to format and to hash; lists are indexed by them.
_TYPES = [EVENT_TYPES[feed] for feed in Feed]
_WHOLE_NUMBER = re.compile(rb"[0-9]{1,10}")


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC of an aware moment, finer parts cut off."""
    return (moment - _EPOCH) // _MILLISECOND


def rfc3339(moment: int) -> str:
    """A moment in milliseconds as RFC 3339 in UTC."""
    seconds, fraction = divmod(moment, 1000)
    written = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{written}.{fraction:03d}Z" if fraction else written + "Z"


def fact_key(source: str, event_id: str) -> bytes:
    """What identifies a fact for ever: 16 bytes of BLAKE2b over source and id."""
    key = key_begun(source)
    key.update(event_id.encode())
    return key.digest()


def key_begun(source: str) -> blake2b:
    """The hash behind ``fact_key`` before the id: a copy of it serves every id of the source."""
    return blake2b(f"{source}\0".encode(), digest_size=16)


def encode(facts: Sequence[Fact]) -> bytes:
    """Facts as a JSON array of CloudEvents, canonical: the same facts, the same bytes.

    Opening the result gives the same facts.
    """
    return b"[" + b",".join(map(encoded, facts)) + b"]"


def encoded(fact: Fact) -> bytes:
    """One fact as a CloudEvent. All its strings are plain by their allow-lists."""
    optional = ""
    if fact.recorded is not None:
        optional = f',"recordedtime":"{rfc3339(fact.recorded)}"'
    if fact.revision != 1:
        optional += f',"revision":{fact.revision}'
    if fact.withdrawn:
        optional += ',"withdrawn":true'
    place = f'"provider":"{fact.provider}"'
    if fact.site is not None:
        place += f',"site":"{fact.site}"'
    if fact.ward is not None:
        place += f',"ward":"{fact.ward}"'
    rest = b"," + fact.body[1:-1] if len(fact.body) > 2 else b""
    head = (
        f'{{"type":"{_TYPES[fact.feed]}","specversion":"1.0","id":"{fact.event_id}"'
        f',"source":"{fact.source}","time":"{rfc3339(fact.time)}"{optional},"data":{{{place}'
    )
    return head.encode() + rest + b"}}"


def is_binary(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a message is a CloudEvent in binary mode: attributes in headers, data as value."""
    found = False
    for name, value in headers:
        lower = name.lower()
        if lower == "content-type" and value.lower().startswith(b"application/cloudevents"):
            return False
        found = found or lower.startswith(_BINARY_PREFIXES)
    return found


def structured(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> bytes:
    """A binary-mode message as a structured event, attributes and data unchanged.

    Extensions that are not strings travel as text: ``revision`` and ``withdrawn``
    are read back. What is wrong in it is found when the result is opened; a header
    that is not UTF-8 is carried over byte by byte for that purpose.
    """
    parts = []
    for name, given in headers:
        lower = name.lower()
        if not lower.startswith(_BINARY_PREFIXES):
            continue
        attribute = lower[3:]
        plain = attribute == "revision" and _WHOLE_NUMBER.fullmatch(given)
        if plain or (attribute == "withdrawn" and given in {b"true", b"false"}):
            text = given.lstrip(b"0") or b"0" if plain else given
        else:
            text = _quoted(given)
        parts.append(msgspec.json.encode(attribute) + b":" + text)
    if value:
        parts.append(b'"data":' + value)
    return b"{" + b",".join(parts) + b"}"


def _quoted(value: bytes) -> bytes:
    try:
        return msgspec.json.encode(value.decode())
    except UnicodeDecodeError:
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
