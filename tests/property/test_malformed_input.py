"""Ten thousand malformed inputs: none is an error, each is in a receipt."""

from __future__ import annotations

import copy
import json
import random

import pytest

from streams.intake import REJECTION_CODES, UnsupportedMediaType, open_message, open_request
from streams.messages import Opened
from tests.sent_events import BATCH, LINES, ONE, aggregate, context, event, message, written

INPUTS = 10_000
CONTEXT = context()
_KINDS = ("incident", "complaint", "speakup", "wardmetric")
_ODD_VALUES = (
    None, True, False, 0, -1, 10**9, 10**400, 1.5, -0.0, 1e308, "", " ", "x" * 300, "\0", "\ud83d",
    "é", "🏥", "4505577104", "Mrs Smith fell", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
    "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59", [], {}, [[]], [1, 2], {"": ""},
    {"a": {"b": 1}}, "urn:nhs:ods:EXB", "\u202e", "<script>", "' OR 1=1 --", "${jndi:x}", "../..",
)  # fmt: skip
_ODD_BYTES = (
    b"", b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\\", b'"', b"{", b"}", b"[", b"]", b",",
    b":", b"NaN", b"\\ud800", b"\\u0000", b"\\u00", b"\n", b"\r\n", b"\t", b"//", b"'", b"-", b"1e",
    b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f\x8f", b'{"a":1,"a":2}', b"[" * 300, b'{"a":' * 300,
)  # fmt: skip


def _base(rng: random.Random) -> dict[str, object]:
    sent = aggregate() if rng.random() < 0.1 else event(rng.choice(_KINDS))
    return sent | {"id": f"i-{rng.randrange(10**6)}"}


def _odd_event(rng: random.Random) -> object:
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
                body = body[:at] + rng.choice(_ODD_BYTES) + body[at:]
            case _:
                body = body[:at] + rng.randbytes(min(4, to - at)) + body[to:]
    return body


def _malformed(rng: random.Random) -> tuple[bytes, str]:
    kind = rng.choice((ONE, BATCH, LINES))
    odd = [_odd_event(rng) if rng.random() < 0.7 else _base(rng) for _ in range(rng.randint(1, 4))]
    if kind == ONE:
        body = written(odd[0])
    elif kind == BATCH:
        body = written(odd)
    else:
        body = b"\n".join(map(written, odd))
    if rng.random() < 0.5:
        body = _broken(rng, body)
    if rng.random() < 0.03:
        body = rng.randbytes(rng.randint(0, 400))
    return body, kind


def _check(opened: Opened) -> None:
    assert opened.facts or opened.rejections
    indices = [rejection.index for rejection in opened.rejections]
    assert indices == sorted(set(indices))
    for rejection in opened.rejections:
        assert rejection.code in REJECTION_CODES
        assert len(rejection.sha256) == 64
        assert rejection.detail.isascii()
        assert "4505577104" not in rejection.detail
        assert rejection.raw is None or b"4505577104" not in rejection.raw
        assert rejection.raw is None or len(rejection.raw) == rejection.size
    for fact in opened.facts:
        fact.body.decode("ascii")
        assert b"4505577104" not in fact.body + fact.event_id.encode()


@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_malformed_inputs_end_in_receipts(seed):
    rng = random.Random(seed)
    for _ in range(INPUTS // 10):
        body, kind = _malformed(rng)
        opened = open_request(body, kind, CONTEXT)
        _check(opened)
        if kind == BATCH and not (len(opened.rejections) == 1 and not opened.facts):
            text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
            assert len(opened.facts) + len(opened.rejections) == len(json.loads(text))
        if kind == LINES and body.strip():
            lines = sum(
                1 for line in body.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()
            )
            assert len(opened.facts) + len(opened.rejections) == lines


@pytest.mark.parametrize("seed", range(4))
def test_a_malformed_message_is_never_an_error(seed):
    rng = random.Random(seed)
    for _ in range(500):
        body, _ = _malformed(rng)
        names = ("ce_id", "ce-type", "CE_time", "content-type", "x", "ce_revision", "ce_")
        headers = tuple(
            (rng.choice(names), rng.choice(_ODD_BYTES)) for _ in range(rng.randrange(4))
        )
        value = rng.choice((body, body, body, None, b""))
        topic = rng.choice(("incidents", "speakup", "elsewhere"))
        _check(open_message(message(value, topic, headers=headers), CONTEXT))


def test_sizes_at_their_limits_are_receipts():
    wide = event(id="w", data={"x": "y" * 70_000})
    many = [event(id=str(number)) for number in range(3)]
    bodies = [
        (written(wide), ONE),
        (written([*many, wide]), BATCH),
        (b"\n" * 1_000_000, LINES),
        (b"1\n" * 60_000, LINES),
        (b"[" + b"{}," * 60_000 + b"{}]", BATCH),
        (b"[" + b'"' + b"a" * 5_000_000 + b'"]', BATCH),
        (b"1" * 1_000_000, ONE),
        (b"-" * 1_000_000, ONE),
        (b'{"a":' * 100_000, ONE),
    ]
    for body, kind in bodies:
        _check(open_request(body, kind, CONTEXT))


@pytest.mark.parametrize("kind", ["", "text/csv", "application/cloudevents", "\0", ONE + ";x"])
def test_a_content_type_from_elsewhere_is_said_to_be_unsupported(kind):
    with pytest.raises(UnsupportedMediaType):
        open_request(b"{}", kind, CONTEXT)
