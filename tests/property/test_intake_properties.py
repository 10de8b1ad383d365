"""What holds for all events: packing, batching, order of keys, the published schemas."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.catalogue.indicators import Catalogue
from streams.facts import vocabulary as words
from streams.facts.events import json_schema
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Message
from streams.intake.packing import BYTES_A_PACKET, EVENTS_A_PACKET, pack
from streams.intake.receiving import encode, open_message, open_request
from streams.intake.screen import Field, finding, holds_nhs_number, is_nhs_number
from tests.malformed import odd_event
from tests.sent_events import BATCH, LINES, ONE, aggregate, context, event, written

CONTEXT = context()
SCHEMAS = {feed: jsonschema.Draft202012Validator(json_schema(feed)) for feed in Feed}
CATALOGUE = Catalogue.load()
# Compiling takes longer than any example may: it is done before the first.
assert open_request(written(event()), ONE, CONTEXT).facts


def _codes(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True).filter(
        lambda text: text.isascii() and finding(text, Field.CODE) is None
    )


def _moments(first: datetime, last: datetime) -> st.SearchStrategy[str]:
    offsets = st.sampled_from([0, 60, -300, 330])

    def write(moment: datetime, minutes: int) -> str:
        zone = (moment + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
        return (
            f"{zone}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        )

    return st.builds(write, st.datetimes(first, last).map(lambda m: m.replace(tzinfo=UTC)), offsets)


MOMENT = _moments(datetime(2000, 1, 2), datetime(2026, 3, 2))  # noqa: DTZ001 - bounds are plain
PLACES = {
    "provider": st.sampled_from(["EXA", "EXB", "R0A", "RXX99"]),
    "site": _codes(words.PLACE_PATTERN),
    "ward": _codes(words.PLACE_PATTERN),
}


def _one_of(words_of: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(words_of))


INCIDENT = st.fixed_dictionaries(
    {"provider": PLACES["provider"]},
    optional={
        "site": PLACES["site"],
        "ward": PLACES["ward"],
        "event_type": _one_of(words.EventType),
        "category": _one_of(words.Category),
        "physical_harm": _one_of(words.PhysicalHarm),
        "psychological_harm": _one_of(words.PsychologicalHarm),
        "patients": st.integers(0, 100_000) | st.none(),
        "reporter": _one_of(words.Reporter),
        "anonymous": st.booleans(),
        "anonymity_reason": _one_of(words.AnonymityReason) | st.none(),
        "never_event": st.booleans(),
    },
)
COMPLAINT = st.fixed_dictionaries(
    {"provider": PLACES["provider"]},
    optional={
        "site": PLACES["site"],
        "ward": PLACES["ward"],
        "subject": _one_of(words.Subject),
        "profession": _codes(words.SLUG_PATTERN),
        "complainant": _one_of(words.Complainant),
        "acknowledged_at": MOMENT,
        "resolved_at": MOMENT | st.none(),
        "outcome": _one_of(words.Outcome),
    },
)
SPEAKUP = st.fixed_dictionaries(
    {"provider": PLACES["provider"], "elements": st.lists(_one_of(words.Element), max_size=6)},
    optional={"site": PLACES["site"], "route": _one_of(words.Route)},
)
WARDMETRIC = st.fixed_dictionaries(
    {
        "provider": PLACES["provider"],
        "metric": st.sampled_from(["occupied_bed_days", "sickness", "chppd_total"]),
        "numerator": st.integers(0, 10**9) | st.floats(0, 10**9),
        "period_start": st.just("2025-12-01T00:00:00Z"),
        "period_end": st.just("2026-01-01T00:00:00Z"),
    },
    optional={"denominator": st.floats(1e-3, 10**9), "provisional": st.booleans()},
)


@st.composite
def sent_events(draw: st.DrawFn) -> dict[str, Any]:
    kind, bodies = draw(
        st.sampled_from(
            [
                ("incident", INCIDENT),
                ("complaint", COMPLAINT),
                ("speakup", SPEAKUP),
                ("wardmetric", WARDMETRIC),
            ]
        )
    )
    body = draw(bodies)
    whole = {
        "specversion": "1.0",
        "type": f"uk.nhs.quality.{kind}.v1",
        "source": f"urn:nhs:ods:{body['provider']}",
        "id": draw(_codes(words.ID_PATTERN)),
        "time": body.get("period_end") or draw(MOMENT),
        "data": body,
    }
    whole |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "recordedtime": MOMENT,
                "revision": st.integers(1, 10**9),
                "withdrawn": st.booleans(),
                "datacontenttype": st.just("application/json"),
                "dataschema": st.just("urn:uk.nhs.quality.incident.v1"),
            },
        )
    )
    return dict(draw(st.permutations(list(whole.items()))))


def facts_of(sent: list[dict[str, Any]]) -> list[Fact]:
    opened = open_request(written(sent), BATCH, CONTEXT)
    assert not opened.rejections
    return opened.facts


@given(st.lists(sent_events(), min_size=1, max_size=8))
def test_valid_events_are_taken_and_packing_gives_them_back(sent):
    facts = facts_of(sent)
    packets = pack(facts)

    again = []
    for offset, packet in enumerate(packets):
        message = Message(packet.topic, 0, offset, packet.key, packet.value, 0)
        opened = open_message(message, CONTEXT)
        assert not opened.rejections
        assert len(opened.facts) == packet.events
        again += opened.facts

    def in_order(held: list[Fact]) -> list[Fact]:
        return sorted(held, key=lambda fact: (fact.provider, fact.feed))

    assert in_order(again) == in_order(facts)


@given(st.lists(sent_events(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_form_of_sending_does_not_matter(sent, rng):
    facts = facts_of(sent)
    body = b"\n".join(map(written, sent))

    assert open_request(body, LINES, CONTEXT).facts == facts
    assert [f for one in sent for f in open_request(written(one), ONE, CONTEXT).facts] == facts
    shuffled = []
    for one in sent:
        data = list(one["data"].items())
        rng.shuffle(data)
        shuffled.append({**one, "data": dict(data)})
    spaced = json.dumps(shuffled, indent=1).encode()
    assert open_request(spaced, BATCH, CONTEXT).facts == facts


@given(sent_events())
def test_what_is_taken_is_valid_by_the_published_schema(sent):
    (fact,) = facts_of([sent])

    SCHEMAS[fact.feed].validate(sent)
    SCHEMAS[fact.feed].validate(json.loads(encode([fact]))[0])


@given(sent_events())
def test_every_valid_event_adds_whole_millionths_or_nothing(sent):
    (fact,) = facts_of([sent])

    cells = CATALOGUE.cells(fact)
    assert cells == CATALOGUE.cells(fact)
    if fact.withdrawn:
        assert cells == ()
    for cell in cells:
        indicator = CATALOGUE.indicators[cell.indicator]
        assert indicator.feed is fact.feed
        assert type(cell.numerator) is int
        assert 0 <= cell.day <= 6
        if indicator.kind in {"share", "proportion"}:
            assert 0 <= cell.numerator <= cell.denominator


@pytest.mark.parametrize("kind", ["incident", "complaint", "speakup", "wardmetric"])
def test_the_schemas_are_schemas_and_take_the_examples(kind):
    for feed, validator in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(json_schema(feed))
        assert validator.is_valid(event(kind)) == (feed.event_type == event(kind)["type"])
    assert SCHEMAS[Feed.SPEAKUP].is_valid(aggregate())
    assert not SCHEMAS[Feed.SPEAKUP].is_valid(aggregate(route="open"))
    assert not SCHEMAS[Feed.SPEAKUP].is_valid(event("speakup", data={"ward": "W7"}))
    gone = event(kind, withdrawn=True) | {"data": {"provider": "EXA"}}
    assert any(validator.is_valid(gone) for validator in SCHEMAS.values())


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_does_with_each_event_what_it_does_alone(seed):
    rng = random.Random(100 + seed)
    for _ in range(150):
        sent = [odd_event(rng) if rng.random() < 0.4 else event() for _ in range(4)]
        whole = open_request(written(sent), BATCH, CONTEXT)
        alone = [open_request(written(one), ONE, CONTEXT) for one in sent]

        assert whole.facts == [fact for one in alone for fact in one.facts]
        told = [(index, r.code, r.event_id, r.raw, r.detail)
                for index, one in enumerate(alone) for r in one.rejections]  # fmt: skip
        assert [(r.index, r.code, r.event_id, r.raw, r.detail) for r in whole.rejections] == told


@pytest.mark.parametrize("seed", range(3))
def test_whatever_intake_takes_the_schema_takes(seed):
    rng = random.Random(200 + seed)
    taken = 0
    for _ in range(500):
        sent = odd_event(rng)
        for fact in open_request(written(sent), ONE, CONTEXT).facts:
            taken += 1
            SCHEMAS[fact.feed].validate(sent)
    assert taken > 20


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.integers(10**8, 10**9 - 1).map(str),
    st.lists(st.sampled_from(["", " ", "-", ".", "/", "_"]), min_size=9, max_size=9),
    st.sampled_from(["", "x", "INC-", "ward ", "(", "nhs:"]),
    st.sampled_from(["", "x", ")", ",", " b"]),
)
def test_a_valid_number_is_found_however_it_is_spaced(stem, between, before, after):
    numbers = [stem + digit for digit in "0123456789" if is_nhs_number(stem + digit)]
    for number in numbers:
        if number[:2] in {"19", "20"}:
            continue
        spaced = number[0] + "".join(map("".join, zip(between, number[1:], strict=True)))
        assert holds_nhs_number(before + spaced + after)


@given(st.integers(0, EVENTS_A_PACKET * 3), st.integers(1, 100))
@settings(max_examples=20)
def test_packets_keep_to_their_limits(count, length):
    facts = facts_of([event(id=f"{n}-" + "x" * length) for n in range(count)]) if count else []

    packets = pack(facts)

    assert sum(packet.events for packet in packets) == count
    assert all(packet.events <= EVENTS_A_PACKET for packet in packets)
    assert all(len(packet.value) <= BYTES_A_PACKET for packet in packets)
    assert len(packets) == -(-count // EVENTS_A_PACKET)
