from __future__ import annotations

import json

import pytest

from streams.facts.effects import DeadLetter, Effects
from streams.facts.messages import Rejection
from tests.integration.api.conftest import incident
from tests.integration.api.test_events import NoLog
from tests.integration.api.test_shapes import check_problem


def letter(offset: int, raw: bytes | None, code: str, *, sender: str = "RXX", topic="incidents"):
    rejection = Rejection(0, f"i-{offset}", code, "data: not as it should be", raw, "0" * 64, 10)
    return DeadLetter(topic, 0, offset, rejection, sender)


@pytest.fixture
def refused(fresh):
    """Four refused events: two that are good now, one that is not, one without its bytes."""
    fresh.runner.wait_idle(30)
    fresh.runner.stop()
    letters = [
        letter(0, json.dumps(incident(0)).encode(), "unknown_provider"),
        letter(1, json.dumps(incident(1)).encode(), "unknown_provider"),
        letter(2, json.dumps(incident(2, category="odd")).encode(), "schema"),
        letter(3, None, "personal_data"),
    ]
    held = fresh.store.load_partition(0)
    effects = Effects(dead_letters=letters, events=4)
    fresh.store.commit(0, held.version, effects, held.positions, fresh.clock())
    fresh.runner.start()
    return fresh


def replay(house, **body):
    return house.client.post("/v1/deadletters/replay", json=body).json()


def test_refused_events_are_listed_with_their_reasons_but_not_their_bytes(refused):
    body = refused.client.get("/v1/deadletters").json()

    assert body["counts"] == {"personal_data": 1, "schema": 1, "unknown_provider": 2}
    assert [one["offset"] for one in body["items"]] == [3, 2, 1, 0]
    assert [one["kept"] for one in body["items"]] == [False, True, True, True]
    assert not any("raw" in one for one in body["items"])
    assert 'earshot_dead_letters{code="schema"} 1.0' in refused.client.get("/metrics").text


def test_refused_events_are_browsed_by_reason_and_sender(refused):
    by_code = refused.client.get("/v1/deadletters?code=schema").json()["items"]
    by_reason = refused.client.get("/v1/deadletters?reason=schema").json()["items"]
    by_sender = refused.client.get("/v1/deadletters?provider=RYY").json()["items"]

    assert [one["offset"] for one in by_code] == [2]
    assert by_reason == by_code
    check_problem(refused.client.get("/v1/deadletters?code=schema&reason=empty"), 422)
    assert by_sender == []


def test_a_dry_run_says_what_would_happen_and_does_nothing(refused):
    told = replay(refused)

    assert told["dry_run"]
    assert (told["considered"], told["accepted"], told["rejected"], told["not_kept"]) == (
        4,
        2,
        1,
        1,
    )
    assert sum(told["counts"].values()) == 1
    assert refused.journal.accepted() == 0


def test_a_replay_takes_what_is_good_now_and_once_only(refused):
    first = replay(refused, dry_run=False)
    assert refused.runner.wait_idle(30)
    second = replay(refused, dry_run=False)

    assert (first["accepted"], first["rejected"]) == (2, 1)
    assert (second["considered"], second["accepted"]) == (2, 0)
    series = refused.client.get("/v1/series/RXX01:W1~incidents~week").json()
    assert series["points"][-1]["value"] == 2


def test_a_replay_of_known_events_finds_duplicates(refused):
    refused.push([incident(0), incident(1)])

    told = replay(refused, code="unknown_provider")

    assert (told["accepted"], told["duplicates"]) == (0, 2)


def test_single_letters_are_replayed_by_number(refused):
    number = refused.client.get("/v1/deadletters").json()["items"][-1]["id"]

    assert replay(refused, ids=[number])["accepted"] == 1
    assert replay(refused, ids=[10**6])["considered"] == 0


def test_a_sender_sees_and_replays_only_its_own(guarded):
    guarded.runner.stop()
    letters = [
        letter(0, json.dumps(incident(0, "RZ1")).encode(), "schema", sender="RZ1"),
        letter(1, json.dumps(incident(1, "RZ2")).encode(), "schema", sender="RZ2"),
    ]
    guarded.store.commit(0, 0, Effects(dead_letters=letters, events=2), {}, guarded.clock())
    headers = guarded.key("RZ1")

    listed = guarded.client.get("/v1/deadletters", headers=headers).json()
    both = [one.id for one in guarded.store.dead_letters().items]
    told = guarded.client.post("/v1/deadletters/replay", json={"ids": both}, headers=headers).json()

    assert [one["sender"] for one in listed["items"]] == ["RZ1"]
    assert listed["counts"] == {"schema": 1}
    assert told["considered"] == 1


def test_a_replay_without_a_log_takes_nothing(refused):
    refused.service.log = NoLog()
    answer = refused.client.post("/v1/deadletters/replay", json={"dry_run": False})

    check_problem(answer, 503)
    assert all(one.replayed_at is None for one in refused.store.dead_letters().items)
