from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.schemas_acts import ActionIn
from streams.alerts.lifecycle import MOVES, Action, Outcome, State
from tests.integration.api.conftest import alert, commit, incident
from tests.integration.api.test_shapes import check_problem

FIELDS = {
    "id", "unit", "unit_name", "level", "direction", "kind", "domains", "feeds", "state",
    "subsided_at", "opened_at", "first_signal_at", "onset", "statement", "false_alert_interval",
    "evidence", "respond_by", "version",
}  # fmt: skip


@pytest.fixture
def signalled(fresh):
    """A house with a ward and one alert about it."""
    fresh.push([incident(1)])
    fresh.runner.stop()
    commit(fresh.store, ("opened", alert("a1")))
    return fresh


def act(house, alert_id="a1", **body):
    return house.client.post(f"/v1/alerts/{alert_id}/actions", json=body)


def test_an_alert_has_every_field_of_the_contract(signalled):
    (item,) = signalled.client.get("/v1/alerts").json()["items"]
    detail = signalled.client.get("/v1/alerts/a1").json()

    assert set(item) >= FIELDS
    assert set(detail) >= FIELDS | {"series", "profile", "actions"}
    assert item["state"] == "new"
    assert item["respond_by_date"] == "2026-03-16"


def test_the_list_has_a_summary_of_the_evidence_and_the_alert_all_of_it(told):
    items = told.client.get("/v1/alerts?limit=200").json()["items"]
    assert items
    for item in items:
        detail = told.client.get(f"/v1/alerts/{item['id']}").json()
        summary, whole = item.pop("evidence"), detail["evidence"]
        explained = [signal.pop("explanation") for signal in whole["signals"]]

        assert all(explained)
        assert all(signal["version"] and signal["rule"] for signal in whole["signals"])
        assert whole == summary
        assert item == {name: detail[name] for name in item}
        assert len(str(summary)) < 2000
    described = told.client.get("/openapi.json").json()["components"]["schemas"]
    for shape, word in (("AlertOut", "summary"), ("AlertDetail", "explanation")):
        assert word in described[shape]["properties"]["evidence"]["description"]


def test_an_alert_brings_its_series_with_points(signalled):
    (series,) = signalled.client.get("/v1/alerts/a1").json()["series"]

    assert series["id"] == "RXX01:W1~incidents~week"
    assert series["points"][-1]["value"] == 1
    assert {"mean", "lower", "upper", "point_type"} <= set(series["points"][0])


def test_an_alert_is_acknowledged_commented_and_closed_with_an_outcome(signalled):
    assert act(signalled, action="acknowledge").json()["state"] == "acknowledged"
    assert act(signalled, action="comment", note="Matron is looking").status_code == 200
    missing = act(signalled, action="close")
    closed = act(signalled, action="close", outcome="confirmed_concern")

    assert check_problem(missing, 422)["errors"][0]["name"] == "outcome"
    assert (closed.json()["state"], closed.json()["outcome"]) == ("closed", "confirmed_concern")
    assert [done["action"] for done in closed.json()["actions"]] == [
        "acknowledge",
        "comment",
        "close",
    ]


def test_a_forbidden_move_names_the_allowed_ones(signalled):
    body = check_problem(act(signalled, action="reopen"), 409)

    assert body["type"].endswith("forbidden-move")
    assert "acknowledge" in body["allowed"]
    assert "reopen" not in body["allowed"]


def test_a_change_that_was_not_seen_refuses_the_move(signalled):
    version = signalled.client.get("/v1/alerts/a1").json()["version"]
    assert act(signalled, action="acknowledge", version=version).status_code == 200

    body = check_problem(act(signalled, action="comment", note="late", version=version), 409)

    assert body["type"].endswith("version-conflict")
    assert body["current"] == version + 1


def test_snoozing_needs_a_time_to_come(signalled):
    past = (signalled.clock() - timedelta(days=1)).isoformat()
    future = (signalled.clock() + timedelta(days=1)).isoformat()

    check_problem(act(signalled, action="snooze", until=past), 422)
    assert act(signalled, action="snooze", until=future).json()["state"] == "snoozed"


@pytest.mark.parametrize(
    "note", ["see 943 476 5919", "write to jo@example.nhs.uk", "nhs 9434765919.", "a\0b"]
)
def test_a_note_may_not_hold_what_identifies_a_person(signalled, note):
    body = check_problem(act(signalled, action="comment", note=note), 422)

    assert body["errors"][0]["name"] == "note"
    assert "9434765919" not in str(body)


def test_a_note_is_free_text_otherwise(signalled):
    note = "Two agency nurses on nights in week 7; rota changed on 2026-02-20."

    assert act(signalled, action="comment", note=note).status_code == 200


def test_every_state_offers_exactly_the_moves_of_the_table(signalled):
    for action in (Action.ACKNOWLEDGE, Action.START_REVIEW, Action.ESCALATE):
        shown = signalled.client.get("/v1/alerts/a1").json()
        state = State(shown["state"])
        wanted = {one for one in Action if MOVES[state, one] is not None}
        assert set(shown["allowed"]) == {one.value for one in wanted}
        act(signalled, action=action.value)


def test_retracted_alerts_are_left_out_of_the_default_listing(signalled):
    commit(signalled.store, ("opened", alert("a2")), ("retracted", alert("a2")))

    default = signalled.client.get("/v1/alerts").json()["items"]
    retracted = signalled.client.get("/v1/alerts?state=retracted").json()["items"]

    assert [one["id"] for one in default] == ["a1"]
    assert [one["id"] for one in retracted] == ["a2"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"a1", "b1", "p1"}),
        ("unit=RXX", {"a1", "p1"}),
        ("unit=RXX01", {"a1"}),
        ("unit=RXX01:W1", {"a1"}),
        ("unit=RYY", {"b1"}),
        ("level=2", {"p1"}),
        ("domain=experience", {"b1"}),
        ("kind=listening", {"b1"}),
        ("since=2026-02-20", {"b1"}),
        ("until=2026-02-16T00:00:00Z", {"p1"}),
        ("since=2026-02-16&until=2026-02-17", {"a1"}),
        ("state=new&state=closed", {"a1", "b1", "p1"}),
        ("state=closed", set()),
    ],
)
def test_alerts_are_filtered(signalled, query, found):
    signalled.runner.start()
    signalled.push([incident(2, "RYY")])
    signalled.runner.stop()
    later, earlier = "2026-02-23T00:00:00Z", "2026-02-09T00:00:00Z"
    other = alert("b1", provider="RYY", unit="RYY01:W1", kind="listening", first_signal_at=later)
    other = replace(other, domains=("experience",))
    above = alert("p1", unit="RXX", unit_kind="provider", level=2, first_signal_at=earlier)
    commit(signalled.store, ("opened", other), ("opened", above))

    items = signalled.client.get(f"/v1/alerts?{query}").json()["items"]

    assert {one["id"] for one in items} == found


def test_a_region_with_trouble_gives_alerts_with_series_and_profile(told):
    items = told.client.get("/v1/alerts?limit=200").json()["items"]
    assert items
    for item in items[:10]:
        detail = told.client.get(f"/v1/alerts/{item['id']}").json()
        assert detail["series"], item["statement"]
        assert detail["profile"]
        assert all(series["points"] for series in detail["series"])


def test_the_described_actions_and_outcomes_are_those_of_the_table():
    properties = ActionIn.model_json_schema()["properties"]
    outcomes = next(one["enum"] for one in properties["outcome"]["anyOf"] if "enum" in one)

    assert set(properties["action"]["enum"]) == set(Action)
    assert set(outcomes) == set(Outcome)
