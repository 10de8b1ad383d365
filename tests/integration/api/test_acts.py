"""One action on several alerts: what is asked, what becomes of each, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.api.conftest import NAMES, alert, commit
from tests.integration.api.test_shapes import check_problem
from tests.integration.api.test_together import everyone, groups, shaken

__all__ = ["shaken"]


def act(house, action, seen=NAMES, headers=None, **fields):
    """Act on alerts, each at version 1 unless another is given."""
    named = dict.fromkeys(seen, 1) if isinstance(seen, tuple) else seen
    alerts = [{"id": name, "version": version} for name, version in named.items()]
    body = {"action": action, "alerts": alerts, **fields}
    return house.client.post("/v1/alerts/actions", json=body, headers=headers or {})


def results(answer):
    return {one["id"]: one["result"] for one in answer.json()["items"]}


def shown(house, name):
    return house.client.get(f"/v1/alerts/{name}").json()


def test_a_group_that_was_read_as_one_event_is_closed_in_one_step(shaken):
    headers = everyone(shaken)
    (group,) = groups(shaken, headers)
    listed = shaken.client.get(
        f"/v1/alerts?together={group['id']}&limit=200", headers=headers
    ).json()["items"]
    seen = {one["id"]: one["version"] for one in listed}
    answer = act(shaken, "close", seen, headers, outcome="explained_data", note="A new form")

    assert (24, 0, 0) == tuple(answer.json()[name] for name in ("done", "unchanged", "refused"))
    assert (200, list(seen)) == (
        answer.status_code,
        [one["id"] for one in answer.json()["items"]],
    )
    assert 0 == groups(shaken, headers)[0]["open"]
    (done,) = shaken.client.get("/v1/alerts/RA1-3", headers=headers).json()["actions"]
    assert ("close", "explained_data", "A new form", 8) == (
        done["action"], done["outcome"], done["note"], done["at_once"],
    )  # fmt: skip
    assert done["actor"].startswith("key:")


def test_the_alert_that_was_not_read_is_never_acted_on(signalled):
    act(signalled, "acknowledge", ("a1", "a2"))

    assert ("new", []) == (shown(signalled, "a3")["state"], shown(signalled, "a3")["actions"])


def test_what_changed_since_it_was_read_is_left_and_says_so(signalled):
    commit(signalled.store, ("raised", alert("a2", level=2)))
    answer = act(signalled, "acknowledge")
    left = answer.json()["items"][1]

    assert (207, {"a1": "done", "a2": "refused", "a3": "done"}) == (
        answer.status_code,
        results(answer),
    )
    assert ("new", 2, 2) == (left["state"], left["version"], left["problem"]["current"])
    assert left["problem"]["type"].endswith("version-conflict")
    assert left["problem"]["correlation_id"] == answer.headers["x-correlation-id"]


def test_what_its_state_forbids_is_left_with_the_moves_that_it_allows(signalled):
    signalled.client.post("/v1/alerts/a1/actions", json={"action": "escalate"})
    left = act(signalled, "snooze", {"a1": 2, "a2": 1}, until="2026-04-01T00:00:00Z").json()
    alone = signalled.client.post(
        "/v1/alerts/a1/actions", json={"action": "snooze", "until": "2026-04-01T00:00:00Z"}
    ).json()
    problem = left["items"][0]["problem"]

    assert {**alone, "correlation_id": ""} == {**problem, "correlation_id": ""}
    assert "snooze" not in problem["allowed"]


def test_an_alert_that_is_not_there_is_refused_alone(signalled):
    answer = act(signalled, "acknowledge", ("none", "a1"))
    missing = answer.json()["items"][0]

    assert {"none": "refused", "a1": "done"} == results(answer)
    assert (None, None, 404) == (
        missing["state"], missing["version"], missing["problem"]["status"],
    )  # fmt: skip


def test_sent_again_it_is_told_as_unchanged_and_done_once(signalled):
    act(signalled, "acknowledge")
    again = act(signalled, "acknowledge")

    assert (200, {"unchanged"}) == (again.status_code, set(results(again).values()))
    assert 1 == len(shown(signalled, "a1")["actions"])


def test_sent_again_with_its_key_it_is_answered_as_before(signalled):
    headers = {"idempotency-key": "one-step"}
    first = act(signalled, "comment", headers=headers, note="seen")
    again = act(signalled, "comment", headers=headers, note="seen")

    assert first.json() == again.json()
    assert "true" == again.headers["idempotency-replayed"]
    assert 1 == len(shown(signalled, "a1")["actions"])
    other = act(signalled, "comment", headers=headers, note="another")
    assert check_problem(other, 422)["type"].endswith("idempotency-key-reused")
    check_problem(act(signalled, "acknowledge", headers={"idempotency-key": '"'}), 400)


def test_a_key_is_free_again_where_nothing_was_done(signalled):
    headers = {"idempotency-key": "one-step"}

    check_problem(act(signalled, "close", headers=headers), 422)
    assert 200 == act(signalled, "close", headers=headers, outcome="no_concern").status_code


@pytest.mark.parametrize(
    ("action", "fields", "name"),
    [
        ("close", {}, "outcome"),
        ("acknowledge", {"outcome": "no_concern"}, "outcome"),
        ("comment", {}, "note"),
        ("assign", {}, "assignee"),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}, "until"),
        ("comment", {"note": "see 943 476 5919"}, "note"),
        ("assign", {"assignee": "jo@example.nhs.uk"}, "assignee"),
        ("dance", {}, "action"),
        ("acknowledge", {"together": "some-group"}, "together"),
        ("acknowledge", {"version": 1}, "version"),
    ],
)
def test_an_action_that_cannot_be_taken_is_done_on_none(signalled, action, fields, name):
    body = check_problem(act(signalled, action, **fields), 422)

    assert [name] == [error["name"] for error in body["errors"]]
    assert "5919" not in str(body)
    assert {"new"} == {shown(signalled, one)["state"] for one in NAMES}


@pytest.mark.parametrize(
    ("alerts", "name"),
    [
        ([], "alerts"),
        ([{"id": "a1"}], "alerts.0.version"),
        ([{"id": "a1", "version": 0}], "alerts.0.version"),
        ([{"id": "a1", "version": 2**31}], "alerts.0.version"),
        ([{"id": "a1", "version": True}], "alerts.0.version"),
        ([{"id": "a 1", "version": 1}], "alerts.0.id"),
        ([{"id": "a1", "version": 1}, {"id": "a1", "version": 2}], "alerts"),
        ([{"id": f"a{number}", "version": 1} for number in range(201)], "alerts"),
        ("a1", "alerts"),
    ],
)
def test_a_list_of_alerts_that_cannot_be_taken_says_where(signalled, alerts, name):
    answer = signalled.client.post(
        "/v1/alerts/actions", json={"action": "acknowledge", "alerts": alerts}
    )

    assert [name] == [error["name"] for error in check_problem(answer, 422)["errors"]]
    assert "new" == shown(signalled, "a1")["state"]


def test_as_many_as_a_page_lists_are_taken_in_one_step(signalled):
    names = tuple(f"m{number:03}" for number in range(200))
    commit(signalled.store, *(("opened", alert(name)) for name in names))
    until = (signalled.clock() + timedelta(days=7)).isoformat()

    assert {"done"} == set(results(act(signalled, "snooze", names, until=until)).values())
    assert 200 == len(signalled.client.get("/v1/alerts?state=snoozed&limit=200").json()["items"])


def test_every_alert_tells_of_its_change_on_the_stream(signalled):
    end = signalled.store.outbox_range()[1]
    act(signalled, "acknowledge")

    assert list(NAMES) == [row.alert_id for row in signalled.store.outbox_since(end)]
