"""The same doors over PostgreSQL, which is stricter about text and types than SQLite."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import alert, commit, house, incident
from tests.integration.api.test_comparisons import BREACHES, breaches
from tests.integration.api.test_fuzz import NAMES, ODD, PATHS, fine

pytestmark = pytest.mark.postgres


@pytest.fixture
def opened(tmp_path, postgres_url):
    """A house over PostgreSQL with a ward and an alert."""
    with house(tmp_path, url=postgres_url) as opened:
        opened.push([incident(1), incident(2, "RYY")])
        opened.runner.stop()
        commit(opened.store, ("opened", alert("a1")))
        yield opened


def test_every_door_answers(opened):
    for path in (
        "/v1/alerts?unit=RXX&domain=safety&state=new&since=2026-01-01&limit=1",
        "/v1/alerts/a1",
        "/v1/series?unit=RXX&include=under",
        "/v1/series/RXX01:W1~incidents~week",
        "/v1/series/RXX01:W1~incidents~week/chart.svg",
        "/v1/units?under=RXX",
        "/v1/units/RXX01",
        "/v1/feeds",
        "/v1/deadletters",
        "/v1/status",
        "/metrics",
        "/readyz",
        "/",
        "/alerts/a1",
        "/units/RXX",
        "/feeds",
    ):
        assert opened.client.get(path).status_code == 200, path
    assert opened.client.get("/v1/status").json()["lag"] == 0
    assert len(opened.client.get("/v1/alerts").json()["items"]) == 1


def test_units_are_compared_with_their_peers(opened):
    peers = [f"RQ{letter}" for letter in "ABCDEFGHIJKL"]
    opened.runner.start()
    opened.push(breaches(peers))
    found = opened.client.get("/v1/comparisons", params=BREACHES).json()

    assert found["items"][0]["unit"] == peers[0]
    assert found["items"][0]["position"] == "much_higher"
    assert found["items"][0]["numerator"] == 9900
    assert opened.client.get("/v1/comparisons/funnel.svg", params=BREACHES).status_code == 200
    assert opened.client.get("/comparisons", params=BREACHES).status_code == 200


def test_alerts_are_worked_on(opened):
    path = "/v1/alerts/a1/actions"

    assert opened.client.post(path, json={"action": "acknowledge"}).status_code == 200
    assert opened.client.post(path, json={"action": "acknowledge"}).status_code == 409


def test_several_alerts_are_worked_on_at_once(opened):
    commit(opened.store, ("opened", alert("a2")))
    seen = [{"id": name, "version": 1} for name in ("a2", "a1", "none")]
    body = {"action": "comment", "note": "ward moved", "alerts": seen}
    answer = opened.client.post("/v1/alerts/actions", json=body)

    assert [one["result"] for one in answer.json()["items"]] == ["done", "done", "refused"]
    assert opened.client.get("/v1/alerts/a1").json()["actions"][0]["at_once"] == 2


def test_odd_text_is_refused_before_the_database_sees_it(opened):
    for odd in ODD:
        for path in PATHS:
            if "{}" not in path:
                for name in NAMES:
                    fine(opened.client.get(path, params={name: odd}))


def test_repeats_are_recognised(opened):
    assert opened.client.get("/v1/status").json()["accepted"] == 2
    opened.runner.start()

    assert opened.push([incident(1)])["duplicates"] == 1
