from __future__ import annotations

import gzip
import hashlib
import json
import re

import pytest

from streams.runners.log import LogUnavailable
from tests.integration.api.conftest import BATCH, LINES, ONE, incident


def test_a_batch_is_durable_and_receipted(fresh):
    answer = fresh.client.post(
        "/v1/events", content=json.dumps([incident(1), incident(2)]), headers=BATCH
    )

    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert fresh.journal.accepted() == 2


def test_one_event_and_lines_are_taken_as_well(fresh):
    one = fresh.client.post("/v1/events", content=json.dumps(incident(1)), headers=ONE)
    lines = "\n".join(json.dumps(incident(number)) for number in (2, 3))
    more = fresh.client.post("/v1/events", content=lines, headers=LINES)

    assert (one.status_code, one.json()["accepted"]) == (202, 1)
    assert (more.status_code, more.json()["accepted"]) == (202, 2)


def test_what_is_refused_is_told_event_by_event(fresh):
    wrong = incident(2, category="nonsense")
    answer = fresh.client.post(
        "/v1/events", content=json.dumps([incident(1), wrong]), headers=BATCH
    )

    assert answer.status_code == 207
    (refused,) = answer.json()["rejected"]
    assert (refused["index"], refused["id"]) == (1, "i-2")
    assert "nonsense" not in answer.text


def test_a_request_of_which_nothing_is_taken_is_a_problem_with_its_receipt(fresh):
    answer = fresh.client.post(
        "/v1/events", content=json.dumps([incident(1, surprise=1)]), headers=BATCH
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "urn:earshot:problem:none-taken"
    assert (body["accepted"], body["duplicates"], len(body["rejected"])) == (0, 0, 1)


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "gzip, identity"])
def test_a_compressed_body_is_refused_with_what_to_send_instead(fresh, coding):
    body = gzip.compress(json.dumps([incident(1)]).encode())
    answer = fresh.client.post(
        "/v1/events", content=body, headers=BATCH | {"content-encoding": coding}
    )

    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert answer.json()["type"] == "urn:earshot:problem:unsupported-media-type"
    assert fresh.journal.accepted() == 0


def test_a_body_that_is_said_not_to_be_compressed_is_taken(fresh):
    answer = fresh.client.post(
        "/v1/events",
        content=json.dumps([incident(1)]),
        headers=BATCH | {"content-encoding": "Identity"},
    )

    assert answer.status_code == 202


@pytest.mark.parametrize("processed", [True, False])
def test_a_repeat_is_a_duplicate_whether_processed_or_not(fresh, processed):
    if not processed:
        fresh.runner.stop()
    first = fresh.client.post("/v1/events", content=json.dumps([incident(1)]), headers=BATCH)
    if processed:
        assert fresh.runner.wait_idle(30)
    again = fresh.client.post("/v1/events", content=json.dumps([incident(1)]), headers=BATCH)

    assert first.json()["accepted"] == 1
    assert again.json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert again.status_code == 202
    assert fresh.journal.accepted() == 1


def test_a_higher_revision_is_news_and_a_lower_one_is_not(fresh):
    newer = {**incident(1, category="fall"), "revision": 2}

    assert fresh.push([incident(1)])["accepted"] == 1
    assert fresh.push([newer])["accepted"] == 1
    assert fresh.push([incident(1)])["duplicates"] == 1


def test_a_repeat_within_a_request_is_a_duplicate(fresh):
    receipt = fresh.push([incident(1), incident(1)])

    assert (receipt["accepted"], receipt["duplicates"]) == (1, 1)


def test_an_idempotent_request_is_done_once_and_answered_alike(fresh):
    sent = {"content": json.dumps([incident(1)]), "headers": {**BATCH, "idempotency-key": '"k-1"'}}

    first = fresh.client.post("/v1/events", **sent)
    second = fresh.client.post("/v1/events", **sent)

    assert first.json() == second.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert second.headers["idempotency-replayed"] == "true"
    assert fresh.journal.accepted() == 1


def test_an_idempotency_key_belongs_to_one_request(fresh):
    headers = {**BATCH, "idempotency-key": '"k-1"'}
    fresh.client.post("/v1/events", content=json.dumps([incident(1)]), headers=headers)
    other = fresh.client.post("/v1/events", content=json.dumps([incident(2)]), headers=headers)

    assert other.status_code == 422
    assert other.json()["type"].endswith("idempotency-key-reused")


@pytest.mark.parametrize("key", ["", '""', '"' + "k" * 256 + '"', '"a', "a b"])
def test_an_unusable_idempotency_key_is_refused(fresh, key):
    answer = fresh.client.post(
        "/v1/events",
        content=json.dumps([incident(1)]),
        headers={**BATCH, "idempotency-key": key},
    )

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("idempotency-key-invalid")


def test_a_running_idempotent_request_is_told_so(fresh):
    body = json.dumps([incident(1)]).encode()
    fingerprint = hashlib.sha256(BATCH["content-type"].encode() + b"\0" + body).digest()
    fresh.store.reserve_request("k-1", "local", fingerprint, fresh.clock())

    answer = fresh.client.post(
        "/v1/events", content=body, headers={**BATCH, "idempotency-key": '"k-1"'}
    )

    assert answer.status_code == 409
    assert answer.headers["retry-after"] == "1"


class NoLog:
    """A log whose brokers do not answer."""

    def append(self, _packets, _now):
        """Take nothing."""
        raise LogUnavailable("down")


def test_without_a_log_nothing_is_taken_and_the_sender_may_try_again(fresh):
    log, fresh.service.log = fresh.service.log, NoLog()
    sent = {"content": json.dumps([incident(1)]), "headers": {**BATCH, "idempotency-key": '"k-1"'}}
    down = fresh.client.post("/v1/events", **sent)
    fresh.service.log = log
    up = fresh.client.post("/v1/events", **sent)

    assert down.status_code == 503
    assert down.json()["type"].endswith("log-unavailable")
    assert down.json()["accepted"] == 0
    assert "retry-after" in down.headers
    assert up.json()["accepted"] == 1


def test_sixteen_megabytes_are_the_limit(fresh):
    body = b" " * (16 * 1024 * 1024 + 1)
    announced = fresh.client.post("/v1/events", content=body, headers=BATCH)
    streamed = fresh.client.post(
        "/v1/events", content=iter([body[: 9 << 20], body[: 9 << 20]]), headers=BATCH
    )

    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", ""])
def test_other_media_types_are_refused(fresh, kind):
    answer = fresh.client.post("/v1/events", content=b"[]", headers={"content-type": kind})

    assert answer.status_code == 415
    assert "application/x-ndjson" in answer.json()["accepts"]


def test_no_counter_gives_the_number_of_cases_of_speaking_up_not_even_as_a_difference(fresh):
    def case(number):
        return {
            **incident(number),
            "id": f"case-{number}",
            "type": "uk.nhs.quality.speakup.v1",
            "data": {"provider": "RXX", "elements": ["detriment"], "route": "open"},
        }

    def counted():
        page = fresh.client.get("/metrics").text
        return re.findall(r"^earshot_intake_events_total\{.*", page, re.MULTILINE), float(
            re.search(r"^earshot_events_accepted_total (\S+)", page, re.MULTILINE)[1]
        )

    fresh.push([incident(number) for number in range(11)])
    before, total = counted()
    fresh.push([case(1)])
    after, grown = counted()

    # The exact total grows by one, and by-feed numbers do not say which feed it was.
    assert before == after
    assert total + 1 == grown
    assert 'earshot_intake_events_total{feed="incidents",result="accepted"} 10.0' in after
    assert 'earshot_intake_events_total{feed="speakup",result="accepted"} 0.0' in after


def test_the_counter_of_refused_wards_does_not_tell_of_one_case(fresh):
    below = {
        **incident(1),
        "type": "uk.nhs.quality.speakup.v1",
        "data": {"provider": "RXX", "site": "RXX01", "ward": "W1", "elements": []},
    }
    answer = fresh.push([below])
    page = fresh.client.get("/metrics").text

    assert answer["rejected"][0]["code"] == "ward_refused"
    assert 'earshot_intake_rejected_events_total{code="ward_refused"} 0.0' in page


def test_a_newcomer_is_registered_on_loopback(fresh):
    fresh.push([incident(1, "RNEW")])

    unit = fresh.client.get("/v1/units/RNEW").json()
    assert (unit["kind"], unit["verified"]) == ("provider", False)


@pytest.mark.parametrize("turned", [False, True])
def test_the_loser_of_two_contents_under_one_revision_is_told_of(fresh, turned):
    """In the receipt where it comes second, in a dead letter where it came first."""
    contents = [incident(1, category=category) for category in ("fall", "device")]
    first, second = reversed(contents) if turned else contents
    assert fresh.push([first])["accepted"] == 1
    receipt = fresh.push([incident(2), second])
    letters = fresh.client.get("/v1/deadletters").json()

    (fact,) = (one for one in fresh.store.facts("RXX") if one.event_id == "i-1")
    winner = "fall" if b'"fall"' in fact.body else "device"
    if winner == second["data"]["category"]:
        assert (2, []) == (receipt["accepted"], receipt["rejected"])
        (letter,) = letters["items"]
        assert ("revision_conflict", "i-1") == (letter["code"], letter["event_id"])
        (kept,) = fresh.store.take_dead_letters([letter["id"]])
        assert first["data"]["category"] == json.loads(kept.raw)["data"]["category"]
    else:
        assert receipt["accepted"] == 1
        (refused,) = receipt["rejected"]
        assert (1, "i-1", "revision_conflict") == (
            refused["index"], refused["id"], refused["code"],
        )  # fmt: skip
        assert letters["items"] == []


def test_a_refusal_that_is_answered_again_has_the_correlation_of_its_own_request(fresh):
    answers = [
        fresh.client.post("/v1/events", content=b"{}", headers=ONE | {"idempotency-key": '"r"'})
        for _ in range(2)
    ]

    assert [422, 422] == [answer.status_code for answer in answers]
    assert "true" == answers[1].headers["idempotency-replayed"]
    first, again = (answer.json() for answer in answers)
    for answer in answers:
        assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
    assert first.pop("correlation_id") != again.pop("correlation_id")
    assert first == again
