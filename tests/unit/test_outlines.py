"""Events recognised by their outline: what is taken at once, and what is looked at again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from streams.catalogue.organisations import Organisation, Organisations
from streams.facts.messages import Opened
from streams.facts.remembered import keep
from streams.intake import outlines
from streams.intake.outlines import Events
from streams.intake.plain_values import moment
from streams.intake.receiving import Context, open_message, open_request
from tests.sent_events import BATCH, LINES, NOW, ONE, aggregate, context, event, message, written

CONTEXT = context()


@pytest.fixture(autouse=True)
def _nothing_seen_before():
    outlines.forget()


def opened(*sent: dict[str, object], within: Context = CONTEXT) -> Opened:
    return open_request(written(list(sent)), BATCH, within)


def at_once(*sent: dict[str, object], within: Context = CONTEXT) -> list[bool]:
    """Which events are taken at once."""
    events = Events.of(written(list(sent)), within)
    assert events is not None
    return [fact is not None for fact in events.taken(within, None)]


@pytest.mark.parametrize("kind", ["incident", "complaint", "speakup", "wardmetric"])
def test_an_event_like_one_before_is_taken_at_once_and_is_the_same_fact(kind):
    sent = event(kind, data={"resolved_at": "2026-02-20T09:00:00Z"} if kind == "complaint" else {})
    strictly = opened(sent)

    assert at_once(sent) == [True]
    assert opened(sent) == strictly


def test_what_was_never_taken_is_not_taken_at_once():
    assert at_once(event()) == [False]


def test_an_outline_of_one_ward_serves_another_that_is_known():
    fall, other = {"category": "fall"}, {"category": "other"}
    opened(event(data={"ward": "A1", **fall}), event(data={"ward": "A2", **other}))

    assert at_once(event(data={"ward": "A2", **fall})) == [True]
    assert at_once(event(data={"ward": "A3", **fall})) == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "4505577104"},
        {"id": "inc-1931-02-03"},
        {"id": "with space"},
        {"id": ""},
        {"time": "2026-02-30T10:00:00Z"},
        {"time": "2026-01-05t10:20:30z"},
        {"time": "1999-12-31T23:59:59Z"},
        {"time": (NOW + timedelta(days=2)).isoformat()},
        {"recordedtime": "2026-01-05T10:20:60Z"},
        {"recordedtime": None},
        {"source": "urn:nhs:ods:EXB"},
        {"withdrawn": True},
        {"extra": 1},
    ],
)
def test_an_envelope_with_anything_odd_goes_the_strict_way(change):
    opened(event())

    assert at_once(event() | change) == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"numerator": -1},
        {"numerator": 1.5},
        {"numerator": 10**9 + 1},
        {"denominator": None},
        {"denominator": "196.5"},
        {"metric": "nothing"},
        {"period_end": "2025-12-29T00:00:00Z"},
        {"period_start": "2025-09-01T00:00:00Z"},
        {"ward": "W8"},
    ],
)
def test_a_metric_with_other_numbers_than_it_may_have_goes_the_strict_way(change):
    sent = event("wardmetric")
    opened(sent)

    assert at_once(sent, sent | {"data": sent["data"] | change}) == [True, False]


def test_a_metric_of_another_week_is_taken_at_once():
    sent = event("wardmetric")
    opened(sent)
    week = {"period_start": "2026-01-05T00:00:00Z", "period_end": "2026-01-12T00:00:00Z"}
    later = sent | {"time": week["period_end"], "data": sent["data"] | week}

    assert at_once(later) == [True]
    known = opened(later)
    outlines.forget()
    assert known == opened(later)


def test_a_metric_far_from_the_end_of_its_period_goes_the_strict_way():
    sent = event("wardmetric")
    opened(sent)

    assert at_once(sent | {"time": "2026-01-06T12:00:00Z"}) == [False]


def test_a_period_that_ends_too_late_by_an_earlier_clock_goes_the_strict_way():
    sent = aggregate()
    opened(sent)

    assert at_once(sent) == [True]
    assert at_once(sent, within=context(now=NOW - timedelta(days=400))) == [False]


def test_a_catalogue_without_the_metric_is_asked():
    sent = event("wardmetric")
    opened(sent)

    assert at_once(sent, within=context(metrics={})) == [False]


def test_a_ward_that_spoke_up_is_refused_though_place_and_outline_are_known():
    case = event("speakup")
    incident = event(data={"provider": "EXA", "site": "EXA01", "ward": "W7"})
    opened(case, incident)
    place = {"provider": "EXA", "site": "EXA01", "ward": "W7"}
    elements = {name: value for name, value in case["data"].items() if name not in place}

    (rejection,) = opened(case | {"data": place | elements}).rejections
    assert rejection.code == "ward_refused"


def test_authority_is_asked_for_each_event_at_its_own_time():
    closed = Organisation("EXC", "provider", "EXC", None, date(2020, 1, 1), date(2026, 1, 31))
    within = context(organisations=Organisations([closed]), open_registration=False)
    past = event(source="urn:nhs:ods:EXC", data={"provider": "EXC"})
    late = past | {"time": "2026-02-10T00:00:00Z"}
    opened(past, within=within)

    assert [True, False, True] == at_once(past, late, past, within=within)
    assert [False] == at_once(past, within=context(scope=frozenset()))


def test_an_event_in_the_wrong_topic_or_under_the_wrong_key_is_refused_though_it_is_known():
    body = written([event()])
    opened(event())

    for changes, code in (({"topic": "complaints"}, "wrong_topic"), ({"key": b"EXB"}, "wrong_key")):
        settings = {"topic": "incidents", **changes}
        (rejection,) = open_message(message(body, **settings), CONTEXT).rejections
        assert rejection.code == code


@pytest.mark.parametrize(
    "twice",
    [
        lambda body: body.replace(b'"category"', b'"ward":"W7","category"'),
        lambda body: body.replace(b'"category"', b'"provider":"EXA","category"'),
        lambda body: body.replace(b'{"specversion"', b'{"id":"i","specversion"'),
        lambda body: body.replace(b'"category"', b'"category":"fall","category"'),
    ],
)
def test_a_field_named_twice_is_refused_though_all_else_is_known(twice: Callable[[bytes], bytes]):
    body = written([event()])
    for _ in range(2):
        assert len(open_request(body, BATCH, CONTEXT).facts) == 1
        assert [one.code for one in open_request(twice(body), BATCH, CONTEXT).rejections] == [
            "duplicate_key"
        ]


def test_known_and_unknown_events_side_by_side_keep_their_order_and_their_indices():
    opened(event(id="a"))
    bad = event(id="c") | {"extra": 1}
    sent = [event(id="a"), event(id="b", data={"category": "other"}), bad, event(id="d")]

    found = opened(*sent)

    assert ["a", "b", "d"] == [fact.event_id for fact in found.facts]
    assert [(2, "unknown_field")] == [(one.index, one.code) for one in found.rejections]


@pytest.mark.parametrize("change", [{"metric": "nothing"}, {"extra": 1}])
def test_white_space_around_a_refused_event_is_kept_or_not_whatever_was_seen_before(change):
    good = event("wardmetric")
    body = b" " + written(good | {"data": good["data"] | change}) + b" \n"
    for kind in (ONE, BATCH, LINES):
        outlines.forget()
        sent = b"[" + body + b"]" if kind == BATCH else body
        before = open_request(sent, kind, CONTEXT)
        opened(good)

        assert before == open_request(sent, kind, CONTEXT)
        assert (kind == ONE and "metric" in change) == (before.rejections[0].raw == body)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(
        outlines, "keep", lambda held, key, value, **_most: keep(held, key, value, most=3)
    )
    for number in range(10):
        opened(event(data={"patients": number, "ward": f"A{number}"}))

    assert max(outlines.remembered()) <= 3


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T12:00:00.5Z", 951_825_600_500),
        ("2026-01-05T10:20:30.123456+01:00", 1_767_604_830_123),
        ("2026-01-05T10:20:30-00:30", 1_767_610_230_000),
        ("2100-02-29T00:00:00Z", -1),
        ("2026-01-05T24:00:00Z", -1),
        ("2026-01-05 10:20:30Z", -1),
        ("2026-01-05T10:20:30.Z", -1),
        ("2026-01-05T10:20:30.1234567Z", -1),
        ("2026-01-05T10:20:30+0100", -1),
        ("2026-01-05T10:20:30", -1),
    ],
)
def test_a_plain_moment_is_milliseconds(text, milliseconds):
    octets = np.frombuffer(text.encode(), dtype=np.uint8)

    assert moment(octets, 0, octets.size) == milliseconds
