"""Malformed input of every kind, from a seed: requests for the HTTP door, messages for a log.

Valid events are bent (parts replaced, removed, renamed, added, doubled), their bytes are
broken, and some inputs are no events at all. A part of what comes out is still valid,
so that good and bad stand side by side.
"""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass

from tests.sent_events import BATCH, LINES, ONE, aggregate, event, written

BOM = b"\xef\xbb\xbf"
NHS_NUMBER = "4505577104"
TOPICS = ("incidents", "complaints", "speakup", "wardmetrics")
_TOPIC_OF_KIND = dict(zip(("incident", "complaint", "speakup", "wardmetric"), TOPICS, strict=True))
_KINDS = tuple(_TOPIC_OF_KIND)
_ODD_VALUES = (
    None, True, False, 0, -1, 10**9, 10**400, 1.5, -0.0, 1e308, "", " ", "x" * 300, "\0", "\ud83d",
    "é", "🏥", NHS_NUMBER, "Mrs Smith fell", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
    "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59", [], {}, [[]], [1, 2], {"": ""},
    {"a": {"b": 1}}, "urn:nhs:ods:EXB", "\u202e", "<script>", "' OR 1=1 --", "${jndi:x}", "../..",
    2**63, -(2**63) - 1, 2**31, 5e-324, "EXA", "e\u0301", "\ufeff", "\u2028", "\x7f", "١٢٣",
)  # fmt: skip
ODD_BYTES = (
    b"", b"\0", b"\xff", b"\xfe\xff", BOM, b"\\", b'"', b"{", b"}", b"[", b"]", b",",
    b":", b"NaN", b"\\ud800", b"\\u0000", b"\\u00", b"\n", b"\r\n", b"\t", b"//", b"'", b"-", b"1e",
    b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f\x8f", b'{"a":1,"a":2}', b"[" * 300, b'{"a":' * 300,
    b"1e999", b"-Infinity", b"\x1b[31m", b"\xf4\x90\x80\x80",
)  # fmt: skip
_HEADER_NAMES = ("ce_id", "ce-type", "CE_time", "content-type", "x", "ce_revision", "ce_")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as a sender's own client would write it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def _base(rng: random.Random) -> dict[str, object]:
    sent = aggregate() if rng.random() < 0.1 else event(rng.choice(_KINDS))
    return sent | {"id": f"i-{rng.randrange(10**6)}"}


def odd_event(rng: random.Random) -> object:
    """A valid event with a few of its parts replaced, removed, renamed or added."""
    sent = json.loads(written(_base(rng)))
    for _ in range(rng.randint(1, 3)):
        part = sent.get("data") if rng.random() < 0.6 else sent
        if not isinstance(part, dict) or not part:
            part = sent
        key = rng.choice([*part, rng.choice(["extra", "", "nhs_number", "\ud83d", "Data"])])
        match rng.randrange(4):
            case 0:
                part.pop(key, None)
            case 1:
                part[key + rng.choice("xé_")] = part.pop(key, 1)
            case _:
                part[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
    return sent


def _broken(rng: random.Random, body: bytes) -> bytes:
    """Bytes cut, doubled, inserted or overwritten."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randrange(len(body) + 1) for _ in range(2))
        match rng.randrange(5):
            case 0:
                body = body[:at]
            case 1:
                body = body[:at] + body[to:]
            case 2:
                body = body[:to] + body[at:]
            case 3:
                body = body[:at] + rng.choice(ODD_BYTES) + body[at:]
            case _:
                body = body[:at] + rng.randbytes(min(4, to - at)) + body[to:]
    return body


def _named_twice(rng: random.Random, sent: object) -> bytes:
    """An event in which one of the fields stands twice, as some field of another depth may."""
    body = written(sent)
    places = [at for at in range(len(body)) if body[at : at + 1] == b"{"]
    at = rng.choice(places) + 1
    field = rng.choice((b'"id":"again",', b'"provider":"EXA",', b'"time":null,', b'"":0,"":1,'))
    return body[:at] + field + body[at:]


def _outsized(rng: random.Random) -> bytes:
    """Deep, wide or long beyond any event."""
    deep = rng.choice((40, 400, 20_000))
    base = written(_base(rng))
    match rng.randrange(6):
        case 0:
            return base[:-1] + b',"data":' + b'{"a":' * deep + b"1" + b"}" * (deep + 1)
        case 1:
            return b"[" * deep + b"]" * deep
        case 2:
            return written(event(id="w", data={"x": "y" * rng.choice((1_000, 65_000, 200_000))}))
        case 3:
            return b"[" + b",".join([base] * rng.choice((2, 300))) + b"]"
        case 4:
            return b"-" + b"9" * rng.choice((20, 5_000, 100_000))
        case _:
            wide = {f"f{number}": number for number in range(rng.choice((50, 3_000)))}
            return written(_base(rng) | wide)


def _body(rng: random.Random, kind: str) -> bytes:
    odd = [odd_event(rng) if rng.random() < 0.7 else _base(rng) for _ in range(rng.randint(1, 4))]
    if kind == ONE:
        return written(odd[0]) if rng.random() < 0.9 else _named_twice(rng, odd[0])
    if kind == BATCH:
        return written(odd)
    return b"\n".join(map(written, odd))


def malformed(rng: random.Random) -> tuple[bytes, str]:
    """A request body and its content type."""
    kind = rng.choice((ONE, BATCH, LINES))
    chance = rng.random()
    if chance < 0.03:
        return rng.randbytes(rng.randint(0, 400)), kind
    if chance < 0.05:
        return _outsized(rng), kind
    body = _body(rng, kind)
    return (_broken(rng, body) if rng.random() < 0.5 else body), kind


def malformed_message(rng: random.Random) -> Sent:
    """A message for a log: a body that may be odd under a topic, key and headers that may be."""
    chance = rng.random()
    if chance < 0.15:
        return _odd_place(rng, *_binary(rng))
    if chance < 0.2:
        return _odd_place(rng, rng.choice(TOPICS), rng.choice((None, b"", b" ", b"null", BOM)))
    kind = rng.choice(_KINDS)
    sent = event(kind) | {"id": f"m-{rng.randrange(10**6)}"}
    if chance < 0.6:
        return _odd_place(rng, _TOPIC_OF_KIND[kind], written(sent))
    body, _ = malformed(rng)
    return _odd_place(rng, rng.choice(TOPICS), body)


def _binary(rng: random.Random) -> tuple[str, bytes, tuple[tuple[str, bytes], ...]]:
    """An event in binary mode, with odd headers beside the good ones."""
    kind = rng.choice(_KINDS)
    sent = event(kind) | {"id": f"b-{rng.randrange(10**6)}"}
    headers = [(f"ce_{name}", str(sent[name]).encode()) for name in sent if name != "data"]
    for _ in range(rng.randrange(3)):
        headers.insert(
            rng.randrange(len(headers) + 1), (rng.choice(_HEADER_NAMES), rng.choice(ODD_BYTES))
        )
    body = written(sent["data"])
    return _TOPIC_OF_KIND[kind], _broken(rng, body) if rng.random() < 0.4 else body, tuple(headers)


def _odd_place(
    rng: random.Random,
    topic: str,
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Sent:
    """The message, sometimes in the wrong topic or under a key that is not its provider's."""
    if rng.random() < 0.1:
        topic = rng.choice(TOPICS)
    key: bytes | None = b"EXA"
    if rng.random() < 0.1:
        key = rng.choice((None, b"", b"EXB", b"exa", b"\xff\xfe", b"\0", b"E" * 400, b"EXA "))
    if not headers and rng.random() < 0.1:
        headers = tuple(
            (rng.choice(_HEADER_NAMES), rng.choice(ODD_BYTES)) for _ in range(rng.randrange(4))
        )
    return Sent(topic, key, value, headers)


def items_in(body: bytes, kind: str) -> int:
    """How many events a request claims to hold, by means that share nothing with intake.

    An array that cannot be read as JSON counts as one, and so does a body without any item.
    """
    body = body.removeprefix(BOM)
    if kind == LINES:
        return max(1, sum(1 for line in body.split(b"\n") if line.strip()))
    if kind == BATCH:
        try:
            found = json.loads(body.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return 1
        return max(1, len(found)) if isinstance(found, list) else 1
    return 1
