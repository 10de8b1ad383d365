"""What the HTTP door's answers mean for a push: wait, send less, give up, or go on."""

from __future__ import annotations

import httpx2
import pytest

from api.cli.client import Client, ServiceError
from api.cli.doors import HttpDoor
from streams.sending.push import PushError, Refused, TooLarge, TryLater

URL = "http://127.0.0.1:8470"


def door(answer):
    return HttpDoor(Client(URL, "secret-key", httpx2.MockTransport(answer)))


def saying(status, body=None, **headers):
    return lambda _request: httpx2.Response(status, json=body, headers=headers)


RECEIPT = {
    "accepted": 1,
    "duplicates": 2,
    "rejected": [{"index": 3, "id": "x", "code": "schema", "detail": "no"}],
}


@pytest.mark.parametrize("status", [202, 207, 422])
def test_a_receipt_is_a_receipt_whatever_became_of_the_events(status):
    receipt = door(saying(status, RECEIPT)).send([b"{}"], "key")

    assert (receipt.accepted, receipt.duplicates) == (1, 2)
    assert receipt.refused == [Refused(3, "x", "schema", "no")]


def test_events_go_as_ndjson_with_an_idempotency_key_and_the_organisation_s_key():
    seen = []

    def answer(request):
        seen.append(request)
        return httpx2.Response(202, json=RECEIPT)

    door(answer).send([b'{"a":1}', b'{"b":2}'], "run-1")

    assert seen[0].content == b'{"a":1}\n{"b":2}'
    assert seen[0].headers["content-type"] == "application/x-ndjson"
    assert seen[0].headers["idempotency-key"] == '"run-1"'
    assert seen[0].headers["authorization"] == "Bearer secret-key"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_a_door_that_is_shut_for_now_is_tried_later(status):
    with pytest.raises(TryLater) as caught:
        door(saying(status)).send([b"{}"], "key")

    assert caught.value.pause is None


@pytest.mark.parametrize(("text", "pause"), [("7", 7.0), ("-1", None), ("soon", None)])
def test_the_door_may_say_when_to_come_back(text, pause):
    with pytest.raises(TryLater) as caught:
        door(saying(503, **{"retry-after": text})).send([b"{}"], "key")

    assert caught.value.pause == pause


def test_a_door_that_does_not_answer_is_tried_later():
    def answer(request):
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(TryLater, match="nothing answers"):
        door(answer).send([b"{}"], "key")


def test_a_batch_over_the_limit_is_sent_in_parts():
    with pytest.raises(TooLarge):
        door(saying(413)).send([b"{}"], "key")


def test_a_refusal_that_trying_cannot_help_is_told_with_its_reason():
    problem = {"title": "No valid key", "detail": "The key is not valid."}

    with pytest.raises(PushError, match=r"401 No valid key: The key is not valid.*EARSHOT_KEY"):
        door(saying(401, problem)).send([b"{}"], "key")


@pytest.mark.parametrize(
    "body", [None, "", [], {"accepted": 1}, {**RECEIPT, "rejected": [{"index": "one"}]}]
)
def test_an_answer_without_a_receipt_is_not_taken_for_one(body):
    with pytest.raises(PushError):
        door(saying(202, body)).send([b"{}"], "key")


def test_listings_are_read_over_their_pages():
    pages = {
        None: {"items": [{"n": 1}, {"n": 2}], "next": "more"},
        "more": {"items": [{"n": 3}], "next": None},
    }

    def answer(request):
        return httpx2.Response(200, json=pages[request.url.params.get("cursor")])

    client = Client(URL, None, httpx2.MockTransport(answer))

    assert [item["n"] for item in client.items("/v1/alerts")] == [1, 2, 3]
    assert [item["n"] for item in client.items("/v1/alerts", 2)] == [1, 2]


def test_a_forbidden_move_is_told_with_the_allowed_ones():
    problem = {"title": "Forbidden move", "allowed": ["comment", "close"]}
    client = Client(URL, None, httpx2.MockTransport(saying(409, problem)))

    with pytest.raises(ServiceError, match=r"409 Forbidden move \(allowed: comment, close\)"):
        client.post("/v1/alerts/x/actions", {})


@pytest.mark.parametrize("url", ["localhost:8470", "ftp://x", "", "http://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ServiceError, match="no service address"):
        Client(url, None)
