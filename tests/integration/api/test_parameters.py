"""A parameter that a route does not have is refused: a misspelt filter must not look like one."""

from __future__ import annotations

import json

import pytest

from tests.integration.api.conftest import BATCH, incident
from tests.integration.api.test_shapes import check_problem, filled, routes


def test_every_route_of_the_api_refuses_a_parameter_it_does_not_have(told):
    asked = [(method, path) for method, path in routes(told.app) if path.startswith("/v1/")]
    assert len(asked) >= 18

    for method, path in asked:
        answer = told.client.request(method, filled(path) + "?surprise=1", content=b"{}")
        body = check_problem(answer, 422)
        assert body["errors"][0]["code"] == "unknown_parameter", path
        assert body["errors"][0]["name"] == "surprise"


def test_the_refusal_names_the_parameter_its_likely_name_and_what_is_allowed(told):
    body = check_problem(told.client.get("/v1/alerts?stat=new&level=2"), 422)

    assert [error["name"] for error in body["errors"]] == ["stat"]
    assert "did you mean state?" in body["detail"]
    assert body["allowed"] == [
        "cursor", "domain", "kind", "level", "limit", "since", "state", "together", "unit", "until",
    ]  # fmt: skip


def test_a_parameter_in_the_form_of_a_value_is_not_repeated(told):
    answer = told.client.get("/v1/alerts?943%20476%205919")

    body = check_problem(answer, 422)
    assert body["errors"][0]["name"] == "?"
    assert "943" not in answer.text


@pytest.mark.parametrize("query", ["level=1&level=2", "unit=RXX&unit=RYY", "limit=5&limit=5"])
def test_a_parameter_that_counts_once_is_not_taken_twice(told, query):
    body = check_problem(told.client.get(f"/v1/alerts?{query}"), 422)

    assert body["errors"][0]["code"] == "repeated_parameter"


def test_a_request_of_very_many_is_refused_in_few_words(told):
    query = "&".join(f"{'x' * (1 + n % 30)}{'y' * (n // 30)}=1" for n in range(900))
    body = check_problem(told.client.get(f"/v1/alerts?{query}"), 422)

    assert len(body["errors"]) == 10


def test_a_parameter_that_may_be_repeated_still_may(told):
    assert told.client.get("/v1/alerts?state=new&state=retracted").status_code == 200


def test_nothing_is_taken_where_a_parameter_is_wrong(fresh):
    answer = fresh.client.post(
        "/v1/events?dry_run=true", content=json.dumps([incident(1)]), headers=BATCH
    )

    check_problem(answer, 422)
    assert fresh.client.get("/v1/status").json()["accepted"] == 0


def test_who_has_no_key_is_told_that_first(guarded):
    check_problem(guarded.client.get("/v1/alerts?stat=new"), 401)


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/openapi.json", "/static/earshot.css", "/", "/units"],
)
def test_probes_pages_and_files_take_what_others_add(told, path):
    assert told.client.get(f"{path}?v=1").status_code == 200
