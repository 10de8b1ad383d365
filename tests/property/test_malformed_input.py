"""Ten thousand malformed inputs: none is an error, each is in a receipt."""

from __future__ import annotations

import random

import pytest

from streams.facts.messages import Opened
from streams.intake.receiving import (
    REJECTION_CODES,
    UnsupportedMediaType,
    open_message,
    open_request,
)
from tests.malformed import NHS_NUMBER, items_in, malformed, malformed_message
from tests.sent_events import BATCH, LINES, ONE, context, event, message, written

INPUTS = 10_000
CONTEXT = context()


def _check(opened: Opened) -> None:
    assert opened.facts or opened.rejections
    indices = [rejection.index for rejection in opened.rejections]
    assert indices == sorted(set(indices))
    for rejection in opened.rejections:
        assert rejection.code in REJECTION_CODES
        assert len(rejection.sha256) == 64
        assert rejection.detail.isascii()
        assert NHS_NUMBER not in rejection.detail
        assert rejection.raw is None or NHS_NUMBER.encode() not in rejection.raw
        assert rejection.raw is None or len(rejection.raw) == rejection.size
    for fact in opened.facts:
        fact.body.decode("ascii")
        assert NHS_NUMBER.encode() not in fact.body + fact.event_id.encode()


@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_malformed_inputs_end_in_receipts(seed):
    rng = random.Random(seed)
    for _ in range(INPUTS // 10):
        body, kind = malformed(rng)
        opened = open_request(body, kind, CONTEXT)
        _check(opened)
        told = len(opened.facts) + len(opened.rejections)
        # An array with a fault in its JSON cannot be taken apart, whatever it holds.
        refused_whole = kind == BATCH and told == 1 and not opened.facts
        assert refused_whole or items_in(body, kind) == told


@pytest.mark.parametrize("seed", range(4))
def test_a_malformed_message_is_never_an_error(seed):
    rng = random.Random(seed)
    for _ in range(2500):
        sent = malformed_message(rng)
        topic = "elsewhere" if rng.random() < 0.05 else sent.topic
        _check(
            open_message(message(sent.value, topic, key=sent.key, headers=sent.headers), CONTEXT)
        )


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
