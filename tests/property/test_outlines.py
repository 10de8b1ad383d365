"""Whatever was taken before: an event gives what it gives to an intake that has seen nothing."""

from __future__ import annotations

import json
import random
from datetime import datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.catalogue.indicators import Catalogue
from streams.catalogue.shapes import Shapes
from streams.facts.envelope import milliseconds
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Message, Opened
from streams.facts.vocabulary import Moment
from streams.intake import outlines
from streams.intake.admission import id_refusal
from streams.intake.outlines import Events
from streams.intake.plain_values import is_plain_identifier, moment, number_end
from streams.intake.receiving import open_message, open_request
from tests.malformed import NHS_NUMBER, TOPICS, malformed, odd_event
from tests.sent_events import BATCH, LINES, ONE, aggregate, context, event, written

CONTEXT = context()
# Compiling takes longer than any example may.
UNTIMED = settings(deadline=None)
_KINDS = ("incident", "complaint", "speakup", "wardmetric")
_MOMENTS = (
    "2026-01-05T10:20:30Z", "2026-02-28T23:59:59Z", "2025-11-03T00:00:00Z", "2026-01-05T00:00:00Z",
    "2026-01-05T10:20:30.5Z", "2026-01-05T10:20:30.123456789Z", "2026-01-05T10:20:30+01:00",
    "2026-01-05T10:20:30-00:00", "2026-01-05T10:20:30+24:00", "2026-01-05t10:20:30z",
    "2026-01-05 10:20:30Z", "2026-02-29T10:20:30Z", "2024-02-29T10:20:30Z", "2026-13-01T00:00:00Z",
    "2026-01-05T24:00:00Z", "2026-01-05T23:59:60Z", "1999-12-31T23:59:59Z", "1969-12-31T23:59:59Z",
    "2026-03-03T12:00:00Z", "2026-03-03T12:00:01Z", "9999-12-31T23:59:59Z", "2026-01-05T10:20:30",
    "0000-01-01T00:00:00Z", "2026-01-05T10:20:30,5Z", "", None, 5,
)  # fmt: skip
_NUMBERS = (
    "0", "1", "3", "196.5", "3.0", "3.10", "0.1", "0.000001", "0.0000001", "1e2", "-0", "-1",
    "-0.0",
    "01", "1.", ".5", "999999999.999999", "1000000000", "1000000000.0", "1000000000.000001",
    "1000000001", "9999999999", "12345678901", "123456789.1234567", '"3"', "null", "true", "[]",
)  # fmt: skip
_IDS = (
    "a", "inc-1", "INC:2026/03-14~x", "x" * 128, "x" * 129, "", "with space", "é", "a\\u0041",
    NHS_NUMBER,
    "450 557 7104", "2024-001234", "123456789", "1234567890", "12-34.56/78_90", "(0)12345678(9)",
    "1931-02-03", "03.02.1931", "3-2-1931x", "a1931b", "-1931", "-19312", "1931-x", "1931_2",
    "2001-02-03", '"', "\\",
    "07700900123", "+447700900123", "12345,67890", "123e4567-e89b-42d3-a456-426614174000",
)  # fmt: skip
_CODES = (
    "EXA01",
    "EXB01",
    "W7",
    "W8",
    "A 1",
    "SW1A1AA",
    "",
    "two words here",
    "W\\u0037",
    "x" * 40,
)
_FIELDS = (
    "specversion", "id", "source", "type", "time", "recordedtime", "revision", "withdrawn", "data",
    "provider", "site", "ward", "numerator", "denominator", "acknowledged_at", "resolved_at",
)  # fmt: skip


def _value(name: str, rng: random.Random) -> str:
    """A value of a field, as it is written: plain ones, odd ones and bad ones."""
    if name == "id":
        return f'"{rng.choice(_IDS)}"'
    if name in {"numerator", "denominator"}:
        return rng.choice(_NUMBERS)
    if name == "source":
        return rng.choice(('"urn:nhs:ods:EXA"', '"urn:nhs:ods:EXB"', '"EXA"', "null"))
    if name == "provider":
        return rng.choice(('"EXA"', '"EXB"', '"exa"', '""'))
    if name in {"site", "ward"}:
        return rng.choice((f'"{rng.choice(_CODES)}"', "null", "7"))
    return json.dumps(rng.choice(_MOMENTS))


_CHANGED = (
    "id", "source", "time", "recordedtime", "provider", "site", "ward", "numerator", "denominator",
    "acknowledged_at", "resolved_at", "period_start", "period_end",
)  # fmt: skip


def _written(part: dict[str, object], changes: dict[str, str], rng: random.Random) -> str:
    """An object as JSON of some sender's style, with other values for some of its fields."""
    fields = list(part.items())
    if rng.random() < 0.1:
        rng.shuffle(fields)
    if fields and rng.random() < 0.05:
        fields.append(rng.choice(fields))
    if rng.random() < 0.05:
        fields.append((rng.choice(_FIELDS), rng.choice((1, "x", None, {}))))
    between, behind = rng.choice(((",", ":"), (", ", ": "), (" ,\n", " :\t")))
    return "{" + between.join(
        f'"{name}"{behind}' + (
            _written(value, changes, rng) if name == "data" and isinstance(value, dict)
            else changes.get(name, json.dumps(value))
        )
        for name, value in fields
    ) + "}"  # fmt: skip


def _event(rng: random.Random) -> bytes:
    kind = rng.choice(_KINDS)
    base = aggregate() if rng.random() < 0.1 else event(kind)
    if kind == "incident":
        base["data"]["category"] = rng.choice(("fall", "other", "device"))
    changed = rng.sample(_CHANGED, rng.choice((0, 0, 0, 1, 1, 2)))
    return _written(base, {name: _value(name, rng) for name in changed}, rng).encode()


def _strictly(body: bytes, kind: str) -> Opened:
    outlines.forget()
    return open_request(body, kind, CONTEXT)


def _seen(opened: Opened) -> tuple[list[Fact], list[object]]:
    return opened.facts, list(opened.rejections)


@pytest.mark.parametrize("seed", range(6))
def test_changed_events_give_the_same_whether_their_like_was_seen_before(seed):
    rng = random.Random(seed)
    messages = [[_event(rng) for _ in range(rng.choice((1, 4, 12)))] for _ in range(250)]
    bodies = [b"[" + b", ".join(events) + b"]" for events in messages]
    expected = [_strictly(body, BATCH) for body in bodies]

    outlines.forget()
    at_once = 0
    for _ in range(2):
        for body, strictly in zip(bodies, expected, strict=True):
            events = Events.of(body, CONTEXT)
            if events is not None:
                at_once += sum(fact is not None for fact in events.taken(CONTEXT, None))
            assert _seen(open_request(body, BATCH, CONTEXT)) == _seen(strictly)
    assert at_once > 200


def added(shapes: Shapes, fact: Fact) -> list[list[int]]:
    """The shape and day of a fact, and what its cells get besides."""
    placed = shapes.place([[fact] if feed is fact.feed else [] for feed in Feed])
    return [column.tolist() for column in placed[:4]]


def test_what_was_read_on_the_way_adds_what_the_body_adds():
    rng = random.Random(3)
    shapes = Shapes(Catalogue.load())
    outlines.forget()
    read = 0
    for _ in range(600):
        body = b"[" + b",".join(_event(rng) for _ in range(4)) + b"]"
        for fact in open_request(body, BATCH, CONTEXT).facts:
            if fact.said is not None:
                read += 1
                unread = replace(fact, said=None)
                assert added(shapes, fact) == added(shapes, unread)
    assert read > 200


@pytest.mark.parametrize("seed", range(4))
def test_lines_and_messages_of_a_log_do_not_depend_on_what_was_seen_either(seed):
    rng = random.Random(50 + seed)
    for _ in range(150):
        events = [_event(rng) for _ in range(4)]
        lines = b"\n".join(one.replace(b"\n", b" ") for one in events)
        array = Message(rng.choice(TOPICS), 0, 0, b"EXA", b"[" + b",".join(events) + b"]", 0)
        single = b" " + events[0] + b"\n"
        seen = _seen(open_request(lines, LINES, CONTEXT)), _seen(open_message(array, CONTEXT))
        again = _seen(open_request(lines, LINES, CONTEXT)), _seen(open_message(array, CONTEXT))
        alone = _seen(open_request(single, ONE, CONTEXT))
        outlines.forget()

        assert alone == _seen(_strictly(single, ONE))

        assert again == seen
        assert _seen(open_message(array, CONTEXT)) == seen[1]
        assert _seen(_strictly(lines, LINES)) == seen[0]


@pytest.mark.parametrize("seed", range(4))
def test_odd_and_broken_input_gives_the_same_whatever_was_seen_before(seed):
    rng = random.Random(900 + seed)
    inputs = [malformed(rng) for _ in range(300)]
    inputs += [(written([odd_event(rng) for _ in range(5)]), BATCH) for _ in range(150)]
    expected = [_strictly(body, kind) for body, kind in inputs]

    outlines.forget()
    for kind in _KINDS:
        open_request(written([event(kind)]), BATCH, CONTEXT)
    for _ in range(2):
        for (body, kind), strictly in zip(inputs, expected, strict=True):
            assert _seen(open_request(body, kind, CONTEXT)) == _seen(strictly)


@pytest.mark.parametrize("seed", range(4))
def test_one_octet_changed_in_what_is_known_gives_what_it_gives_to_who_knows_nothing(seed):
    rng = random.Random(70 + seed)
    body = written([event(kind) for kind in _KINDS] + [aggregate()])
    for _ in range(600):
        at = rng.randrange(len(body))
        octet = rng.choice((rng.randrange(256), rng.choice(b'"{}[]:,\\ 0123456789.-eTZ')))
        changed = body[:at] + bytes([octet]) + body[at + rng.randrange(2) :]
        outlines.forget()
        open_request(body, BATCH, CONTEXT)
        known = open_request(changed, BATCH, CONTEXT)

        assert _seen(known) == _seen(_strictly(changed, BATCH))


@UNTIMED
@given(
    st.one_of(
        st.sampled_from([one for one in _MOMENTS if isinstance(one, str)]),
        st.builds(
            lambda when, fraction, zone: f"{when.isoformat(timespec='seconds')}{fraction}{zone}",
            st.datetimes(datetime(1970, 1, 3), datetime(9999, 1, 1)),  # noqa: DTZ001 - a zone follows
            st.sampled_from(["", ".5", ".123", ".999999", ".000001"]),
            st.sampled_from(["Z", "+00:00", "-23:59", "+05:30"]),
        ),
        st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T([0-2][0-9]:){2}[0-6][0-9]Z", fullmatch=True),
    )
)  # fmt: skip
def test_a_plain_moment_is_the_one_that_the_strict_decoder_reads(text):
    octets = np.frombuffer(text.encode() or b" ", dtype=np.uint8)

    found = moment(octets, 0, len(text))

    if found != -1:
        assert milliseconds(msgspec.convert(text, Moment)) == found


@UNTIMED
@given(st.text('AZaz019 ._:/+=~#|,()&%-@\\"', max_size=40) | st.sampled_from(_IDS))
def test_a_plain_identifier_is_one_that_nothing_is_wrong_with(text):
    octets = np.frombuffer(text.encode() or b" ", dtype=np.uint8)

    if is_plain_identifier(octets, 0, len(text.encode())):
        assert id_refusal(text) is None
        assert 1 <= len(text) <= 128


@UNTIMED
@given(st.text("0123456789.eE+-", min_size=1, max_size=18) | st.sampled_from(_NUMBERS))
def test_a_plain_number_is_one_that_json_has(text):
    octets = np.frombuffer(text.encode() + b"}", dtype=np.uint8)

    if number_end(octets, 0) == len(text):
        number = msgspec.json.decode(text)
        assert number == (float(text) if "." in text else int(text))
        assert number >= 0
