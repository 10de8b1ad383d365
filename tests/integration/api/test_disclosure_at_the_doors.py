"""Nothing about one speaking-up case leaves by any door."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streams.region.places import provider_code
from streams.store import Role
from tests.integration.api.conftest import BATCH, NOW, House, alert, commit, incident


def case(number: int, day: datetime, **changes):
    return {
        **incident(number),
        "id": f"s-{number}",
        "type": "uk.nhs.quality.speakup.v1",
        "time": day.isoformat(),
        "data": {
            "provider": "RXX",
            "site": "RXX01",
            "elements": ["patient_safety_or_quality"],
            "route": "anonymous",
            **changes,
        },
    }


@pytest.fixture
def spoken(fresh):
    """A provider with incidents all year and a few cases a month."""
    start = datetime(2025, 3, 3, 9, tzinfo=UTC)
    sent = [incident(number, day=start + timedelta(days=3 * number)) for number in range(120)]
    sent += [case(number, start + timedelta(days=11 * number)) for number in range(33)]
    fresh.push(sent)
    return fresh


DOORS = [
    "/v1/series?unit=RXX&include=under&limit=200",
    "/v1/series/RXX~speakup~week",
    "/v1/series/RXX~speakup~week/chart.svg",
    "/v1/series/RXX01~speakup~week",
    "/v1/series/RXX~speakup_anonymous_share~month",
    "/v1/units/RXX",
    "/v1/units/RXX01",
    "/v1/feeds",
    "/units/RXX",
    "/series/RXX~speakup~week",
    "/feeds",
]


@pytest.mark.parametrize("path", DOORS)
def test_one_more_case_changes_nothing_that_can_be_read(spoken, path):
    """A case of today: no list, chart, page or profile tells that it came."""
    before = spoken.client.get(path)
    spoken.push([case(99, NOW - timedelta(hours=2))])
    after = spoken.client.get(path)

    assert before.status_code == 200
    assert before.text == after.text


def test_the_first_case_of_all_brings_no_series_before_its_time(fresh):
    start = datetime(2025, 3, 3, 9, tzinfo=UTC)
    fresh.push([incident(number, day=start + timedelta(days=3 * number)) for number in range(120)])
    doors = ["/v1/series?unit=RXX&include=under&limit=200", "/v1/units/RXX", "/units/RXX"]
    before = [fresh.client.get(path).text for path in doors]

    fresh.push([case(1, NOW - timedelta(hours=2))])

    assert before == [fresh.client.get(path).text for path in doors]
    assert 404 == fresh.client.get("/v1/series/RXX~speakup~week").status_code


def test_status_and_metrics_tell_no_day_of_a_case(spoken):
    def read():
        status = spoken.client.get("/v1/status").json()["watermarks"]["speakup"]
        page = spoken.client.get("/metrics").text
        return status, re.findall(r"earshot_\w+\{[^}]*speakup[^}]*\} \S+", page)

    before = read()
    spoken.push([case(99, NOW - timedelta(hours=2))])

    assert read() == before


def test_every_number_of_speaking_up_is_rounded(spoken):
    detail = spoken.client.get("/v1/series/RXX~speakup~week").json()

    shown = [point["value"] for point in detail["points"] if point["value"] is not None]
    assert shown
    assert all(value == 0 or (value >= 10 and value % 5 == 0) for value in shown)
    assert detail["variation"] is None
    assert detail["limits"]["upper"] is None


def test_an_alert_on_speaking_up_holds_no_number_of_cases(spoken):
    spoken.runner.stop()
    record = alert("s1", unit="RXX01", unit_kind="site", kind="listening", feeds=("speakup",))
    series = {
        "id": "RXX01~speakup~week",
        "indicator": "speakup",
        "unit": "RXX01",
        "grid": "week",
        "role": "raises",
    }
    signal = {
        "detector": "evidence.counts",
        "level": 1,
        "opened": "2026-02-18T00:00:00Z",
        "raised": None,
        "subsided": None,
        "onset": "2026-01-19T00:00:00Z",
        "feeds": ["speakup"],
        "explanation": {"observed": 6, "expected": 1.23456},
    }
    evidence = {**record.evidence, "series": [series], "signals": [signal]}
    commit(spoken.store, ("opened", replace(record, evidence=evidence)))

    for path in ("/v1/alerts/s1", "/v1/alerts", "/alerts/s1"):
        text = spoken.client.get(path).text
        assert "1.23" not in text
        assert "2026-02-18" not in text
    detail = spoken.client.get("/v1/alerts/s1").json()
    assert detail["evidence"]["signals"][0]["explanation"] == {}
    assert json.dumps(detail["series"]).count("suppressed") > 0 or all(
        point["value"] is None or point["value"] % 5 == 0 for point in detail["series"][0]["points"]
    )


def test_an_alert_on_speaking_up_alone_tells_at_no_door_when_its_last_case_was_taken_in(spoken):
    spoken.runner.stop()
    now = NOW + timedelta(hours=26, minutes=17)
    record = alert("s2", unit="RXX01", unit_kind="site", kind="listening", feeds=("speakup",))
    commit(spoken.store, ("opened", record), now=now)

    exact = now.strftime("%Y-%m-%dT%H:%M")
    for path in ("/v1/alerts/s2", "/v1/alerts", "/alerts/s2", "/alerts"):
        assert exact not in spoken.client.get(path).text
    shown = spoken.client.get("/v1/alerts/s2").json()
    assert shown["opened_at"] == shown["changed_at"] >= shown["first_signal_at"]
    assert datetime.fromisoformat(shown["opened_at"]).weekday() == 0
    # Eight working days from a Monday: the date to check by is counted from the time told.
    due = datetime.fromisoformat(shown["opened_at"]) + timedelta(days=10)
    assert shown["respond_by_date"] >= due.date().isoformat()


def test_the_joint_evidence_of_a_region_never_shows_the_cases_it_was_computed_from(told):
    """Sites and providers are judged on all feeds together, whichever of them an alert names."""
    listed = told.client.get("/v1/alerts?limit=200").json()["items"]
    items = [told.client.get(f"/v1/alerts/{item['id']}").json() for item in listed]
    joint = 0
    for item in items:
        for signal in item["evidence"]["signals"]:
            explanation = signal["explanation"]
            if "speakup" not in json.dumps(signal):
                continue
            joint += 1
            assert set(explanation) <= {"feeds"}
            for entry in explanation.get("feeds", ()):
                if entry["feed"] == "speakup":
                    assert set(entry) == {"feed", "contributes"}

    assert joint > 0
    assert any("data" in s["explanation"] for i in items for s in i["evidence"]["signals"])


# -- how far the service is ---------------------------------------------------

PROVIDER = provider_code(0)


def _figures(opened: House, headers: dict[str, str]) -> tuple[dict[str, int], str]:
    status = opened.client.get("/v1/status", headers=headers).json()
    page = opened.client.get("/metrics", headers=headers).text
    return {name: status[name] for name in ("accepted", "processed", "lag")}, page


def _own(number: int, **changes) -> dict:
    return {**incident(number, PROVIDER), **changes}


def _own_case(number: int) -> dict:
    made = case(number, NOW - timedelta(hours=2))
    made["source"] = f"urn:nhs:ods:{PROVIDER}"
    made["data"] |= {"provider": PROVIDER, "site": f"{PROVIDER}01"}
    return made


def test_a_provider_s_key_reads_no_figure_that_one_case_of_speaking_up_moves(guarded):
    """Its reader knows when everything else arrived, so a total would tell of the case."""
    headers = guarded.key(PROVIDER)
    guarded.push([_own(number) for number in range(7)] + [_own_case(0)], **headers)
    before = _figures(guarded, headers)

    guarded.push([_own_case(1)], **headers)

    assert _figures(guarded, headers) == before
    assert before[0] == {"accepted": 7, "processed": 7, "lag": 0}


def test_a_provider_s_key_reads_its_own_events_alone(guarded):
    mine, other = guarded.key(PROVIDER), guarded.key(provider_code(1))
    guarded.push([_own(1), _own(2)], **mine)
    guarded.push([incident(1, provider_code(1))], **other)

    figures, page = _figures(guarded, mine)

    assert figures == {"accepted": 2, "processed": 2, "lag": 0}
    assert "earshot_events_processed_total 2.0" in page
    for house_s in ("http_request", "events_accepted", "events_duplicate", "intake"):
        assert f"earshot_{house_s}" not in page


@pytest.mark.parametrize("scope", [(), ("ENG",)])
def test_who_runs_the_house_reads_exact_figures(guarded, scope):
    guarded.push([_own(1), _own_case(1)], **guarded.key(PROVIDER))

    figures, page = _figures(guarded, guarded.key(*scope, role=Role.OPERATOR))

    assert figures == {"accepted": 2, "processed": 2, "lag": 0}
    assert "earshot_events_accepted_total 2.0" in page
    assert "earshot_http_request_duration_seconds_count" in page


def test_what_waits_is_told_in_steps_and_nothing_waiting_exactly(guarded):
    headers, operator = guarded.key(PROVIDER), guarded.key(role=Role.OPERATOR)
    guarded.push([_own(1)], **headers)
    guarded.runner.stop()
    sent = json.dumps([_own_case(1)])
    guarded.client.post("/v1/events", content=sent, headers={**BATCH, **headers})

    assert _figures(guarded, headers)[0] == {"accepted": 6, "processed": 1, "lag": 5}
    assert _figures(guarded, operator)[0] == {"accepted": 2, "processed": 1, "lag": 1}
