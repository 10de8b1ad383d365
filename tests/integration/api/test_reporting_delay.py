"""How much of the newest periods is reported, at the doors, with a feed that is told late."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from tests.integration.api.conftest import NOW, House, alert, commit, incident

SERIES = "RXX01:W1~incidents~week"
FALLS = "RXX01:W1~fall_incidents~week"
START = datetime(2025, 3, 3, tzinfo=UTC)


def late(number: int, happened: datetime, days: float, **changes):
    """An incident that was recorded some days after it happened."""
    recorded = happened + timedelta(days=days)
    event = {**incident(number, **changes), "time": happened.isoformat()}
    return {**event, "recordedtime": recorded.isoformat()}, recorded


def told_late(mean_days: float, a_day: int = 2, **changes):
    """A year of incidents with delays of so many days on average, those recorded by now."""
    random = Random(7)
    made = []
    for number in range(366 * a_day):
        happened = START + timedelta(days=366 * random.random())
        event, recorded = late(number, happened, random.expovariate(1 / mean_days), **changes)
        if recorded <= NOW:
            made.append(event)
    return made


def detail(house: House, series: str = SERIES):
    return house.client.get(f"/v1/series/{quote(series)}").json()


@pytest.fixture
def waiting(fresh):
    """A ward with fourteen incidents a week, recorded five days later on average."""
    today = late(9000, NOW - timedelta(hours=4), 0.1)[0]
    fresh.push([*told_late(5.0, category="fall"), today])
    return fresh


def test_the_delay_of_a_feed_is_told_with_what_it_rests_on(waiting):
    delay = detail(waiting)["reporting_delay"]

    assert delay["median_days"] in {3, 4}
    assert 0.7 < delay["within_7_days"] < 0.85
    assert delay["facts"] > 650
    assert delay["as_of"] <= "2026-03-04T12:00:00.000Z"
    assert detail(waiting)["reporting_delay_reason"] is None


def test_the_newest_weeks_say_how_much_of_them_is_reported_and_what_they_may_come_to(waiting):
    points = detail(waiting)["points"]
    shares = [point["reported_share"] for point in points]
    newest = [point for point in points if point["reported_share"] is not None]

    assert 3 <= len(newest) <= 5
    assert shares[: -len(newest)] == [None] * (len(points) - len(newest))
    assert [point["reported_share"] for point in newest] == sorted(
        (point["reported_share"] for point in newest), reverse=True
    )
    assert newest[-1]["open"]
    assert newest[-1]["expected_final"] is None  # the week is not over
    for point in newest[:-1]:
        final = point["expected_final"]
        assert point["value"] <= final["lower"]
        assert final["lower"] <= final["value"] <= final["upper"]
        assert point["provisional"]


def test_a_fall_in_weeks_that_are_still_being_reported_is_no_special_cause_of_the_icon(fresh):
    fresh.push(told_late(10.0, a_day=8, category="fall"))
    found = detail(fresh, FALLS)
    closed = [point for point in found["points"] if not point["open"]]

    assert closed[-1]["point_type"] == "special_cause_neutral_low"
    assert closed[-1]["provisional"]
    assert found["variation"] == "common_cause"
    (listed,) = [
        one
        for one in fresh.client.get("/v1/series?unit=RXX01:W1").json()["items"]
        if one["id"] == FALLS
    ]
    assert listed["variation"] == "common_cause"
    assert listed["last_reported_share"] == closed[-1]["reported_share"]


def test_a_fall_that_is_fully_reported_stays_one(fresh):
    many = told_late(0.2, a_day=8, category="fall")
    few = told_late(0.2, a_day=3, category="fall")
    turn = "2026-01-12"
    fresh.push([event for event in many if event["time"] < turn])
    fresh.push([{**event, "id": f"r-{event['id']}"} for event in few if event["time"] >= turn])

    assert detail(fresh, FALLS)["variation"] == "neutral_low"


def test_limits_and_flags_are_those_of_all_closed_periods(waiting):
    found = detail(waiting)
    closed = [point for point in found["points"] if not point["open"]]
    values = [point["value"] for point in closed]

    assert closed[-1]["mean"] == pytest.approx(sum(values) / len(values))
    assert found["limits"]["mean"] == closed[-1]["mean"]


def test_a_rate_may_come_to_more_where_its_exposure_is_known(waiting):
    metrics = [
        {
            **incident(1000 + month),
            "type": "uk.nhs.quality.wardmetric.v1",
            "id": f"m-{month}",
            "time": end.isoformat(),
            "data": {
                "provider": "RXX", "site": "RXX01", "ward": "W1", "metric": "occupied_bed_days",
                "numerator": 200, "period_start": (end - timedelta(days=7)).isoformat(),
                "period_end": end.isoformat(),
            },
        }
        for month in range(51)
        for end in [START + timedelta(days=7 * (month + 1))]
    ]  # fmt: skip
    waiting.push(metrics)
    rates = detail(waiting, "RXX01:W1~incidents_per_1000_bed_days~week")["points"]
    counts = {point["period_start"]: point for point in detail(waiting)["points"]}
    told = [point for point in rates if point["expected_final"] is not None]

    assert told
    for point in told:
        final = counts[point["period_start"]]["expected_final"]
        assert point["expected_final"]["lower"] == pytest.approx(final["lower"] / 200 * 1000)
        assert point["expected_final"]["value"] == pytest.approx(final["value"] * 5, rel=0.02)


def test_a_share_says_how_much_is_reported_but_not_what_it_may_come_to(waiting):
    points = detail(waiting, "RXX01:W1~fall_share~week")["points"]

    assert any(point["reported_share"] is not None for point in points)
    assert all(point["expected_final"] is None for point in points)


def test_the_picture_shades_labels_and_describes_what_is_still_being_reported(waiting):
    text = waiting.client.get(f"/v1/series/{quote(SERIES)}/chart.svg").text
    root = ET.fromstring(text)  # noqa: S314 - our own picture
    classes = [group.get("class") for group in root.iter("{http://www.w3.org/2000/svg}g")]

    assert "still being reported</text>" in text
    assert "expected" in classes
    assert re.search(r"The last \d periods are still being reported", root[1].text)
    assert re.search(r"% reported and may come to [\d.]+ \(80% interval", root[1].text)


def test_the_pages_of_a_series_an_alert_and_a_unit_say_it_in_one_sentence(waiting):
    waiting.runner.stop()
    commit(waiting.store, ("opened", alert("a1")))
    sentence = "arrive within 3 days; the shaded weeks will still grow."

    for path in (f"/series/{quote(SERIES)}", "/alerts/a1", "/"):
        page = waiting.client.get(path).text
        assert sentence in page, path
        assert "still being reported</text>" in page, path
    assert "% reported and may come to" in waiting.client.get(f"/series/{quote(SERIES)}").text
    unit = waiting.client.get("/units/RXX01:W1").text
    assert "Half of all reports arrive: incidents within 3 days." in unit
    assert "incidents so far" in unit


def test_a_feed_that_stopped_is_not_taken_for_a_late_one(waiting):
    before = detail(waiting)
    waiting.clock.advance(timedelta(days=60))
    after = detail(waiting)

    assert before["reporting_delay"] == after["reporting_delay"]
    assert before["points"] == after["points"]


def test_reports_that_do_not_say_when_they_were_recorded_say_nothing_about_a_delay(fresh):
    fresh.push([incident(number, day=NOW - timedelta(days=number)) for number in range(60)])
    found = detail(fresh)

    assert found["reporting_delay"] is None
    assert "do not say when they were recorded" in found["reporting_delay_reason"]
    assert all(point["reported_share"] is None for point in found["points"])
    assert not any(point["provisional"] for point in found["points"])


def test_too_few_reports_say_nothing_and_it_is_said(fresh):
    fresh.push([late(number, NOW - timedelta(days=20 + number), 10)[0] for number in range(12)])

    assert detail(fresh)["reporting_delay"] is None
    assert detail(fresh)["reporting_delay_reason"].startswith("too few")


def test_the_delay_is_kept_for_minutes_and_learnt_again_afterwards(waiting):
    before = detail(waiting)["reporting_delay"]
    recorded_now = late(9999, NOW - timedelta(days=1), 1.0)[0]
    waiting.push([recorded_now])
    kept = detail(waiting)["reporting_delay"]
    waiting.clock.advance(timedelta(minutes=11))
    anew = detail(waiting)["reporting_delay"]

    assert kept == before
    assert before["as_of"] < anew["as_of"] == "2026-03-04T12:00:00.000Z"


def test_nothing_is_told_of_when_cases_of_speaking_up_were_recorded(fresh):
    cases = [
        {
            **late(number, START + timedelta(days=3 * number), 9)[0],
            "id": f"s-{number}",
            "type": "uk.nhs.quality.speakup.v1",
            "data": {
                "provider": "RXX",
                "site": "RXX01",
                "elements": ["patient_safety_or_quality"],
                "route": "open",
            },
        }
        for number in range(110)
    ]
    fresh.push([*cases, *told_late(5.0)])
    found = detail(fresh, "RXX~speakup~week")
    picture = fresh.client.get("/v1/series/RXX~speakup~week/chart.svg").text

    assert found["reporting_delay"] is None
    assert "speaking up" in found["reporting_delay_reason"]
    assert all(point["reported_share"] is None for point in found["points"])
    assert "still being reported" not in picture
