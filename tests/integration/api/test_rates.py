"""A key that asks for too much is told to wait, and takes nobody else's place."""

from __future__ import annotations

import json

import pytest

from tests.integration.api.conftest import BATCH, house, incident
from tests.integration.api.test_shapes import check_problem


@pytest.fixture
def slow(tmp_path, plan):
    """A house that asks for keys and serves slowly: six requests, or sixty events, at once."""
    file = tmp_path / "organisations.csv"
    file.write_text(plan.organisations(), "utf-8")
    with house(tmp_path, file, auth=True, rate_requests=0.1, rate_events=1) as opened:
        yield opened


def test_too_many_requests_are_told_when_to_come_again(slow):
    key, other = slow.key("RZ1"), slow.key("RZ1")
    # Whoever has a part of a request left is served, so it is six or seven.
    answers = [slow.client.get("/v1/status", headers=key) for _ in range(8)]

    assert [200] * 6 == [answer.status_code for answer in answers[:6]]
    assert 429 == answers[-1].status_code
    check_problem(answers[-1])
    assert "urn:earshot:problem:too-many-requests" == answers[-1].json()["type"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    assert 200 == slow.client.get("/v1/status", headers=other).status_code
    assert 200 == slow.client.get("/healthz").status_code


def test_too_many_events_are_refused_before_they_are_taken(slow, plan):
    key = slow.key("RZ1")
    sent = [incident(number, provider="RZ1") for number in range(100)]
    first = slow.client.post("/v1/events", content=json.dumps(sent), headers=BATCH | key)
    second = slow.client.post(
        "/v1/events",
        content=json.dumps([incident(100, provider="RZ1")]),
        headers=BATCH | key | {"idempotency-key": '"a"'},
    )
    page = slow.client.get("/metrics", headers=slow.key(role="admin")).text

    assert 202 == first.status_code
    assert 429 == second.status_code
    assert (0, []) == (second.json()["accepted"], second.json()["rejected"])
    assert 35 <= int(second.headers["retry-after"]) <= 41
    assert 100 == slow.journal.accepted()
    assert 'earshot_http_limited_requests_total{limit="events"} 1.0' in page
    assert 'earshot_http_limited_requests_total{limit="requests"} 0.0' in page


def test_without_keys_nothing_is_limited(tmp_path):
    with house(tmp_path, rate_requests=0.1, rate_events=0.1) as opened:
        for start in (0, 20):
            sent = [incident(number) for number in range(start, start + 20)]
            assert 20 == opened.push(sent)["accepted"]
        statuses = {opened.client.get("/v1/status").status_code for _ in range(20)}

    assert {200} == statuses
