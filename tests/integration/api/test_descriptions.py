"""What is published about the interface is what it answers: every status, type and shape."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator

from tests.integration.api.conftest import BATCH, LINES, ONE, House, alert, commit, incident

LISTINGS = ("/v1/alerts", "/v1/series", "/v1/units", "/v1/feeds", "/v1/deadletters", "/v1/schemas")
PLAIN = ("/v1/status", "/metrics", "/healthz", "/readyz")


def ask(
    opened: House, template: str, path: str | None = None, method: str = "get", **sent: Any
) -> Any:
    """Call a route and hold the answer against the published description of it."""
    described = opened.client.get("/openapi.json").json()
    answer = opened.client.request(method.upper(), path or template, **sent)
    status = described["paths"][template][method]["responses"].get(str(answer.status_code))
    assert status, f"{path or template}: {answer.status_code} is not described"
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in status["content"], f"{path or template}: {kind} is not described"
    if "json" not in kind:
        return answer.text
    schema = {**status["content"][kind]["schema"], "components": described["components"]}
    wrong = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())]
    assert wrong == [], path or template
    return answer.json()


@pytest.mark.parametrize("path", [*LISTINGS, *PLAIN])
def test_listings_and_figures_have_the_shape_that_is_published(told, path):
    ask(told, path)


def test_every_alert_series_and_unit_has_the_shape_that_is_published(told):
    for item in ask(told, "/v1/alerts")["items"]:
        ask(told, "/v1/alerts/{alert_id}", f"/v1/alerts/{item['id']}")
    for item in ask(told, "/v1/series", "/v1/series?limit=200")["items"][::20]:
        path = f"/v1/series/{quote(item['id'])}"
        ask(told, "/v1/series/{series_id}", path)
        ask(told, "/v1/series/{series_id}/chart.svg", f"{path}/chart.svg")
        ask(told, "/v1/series/{series_id}/rebases", f"{path}/rebases")
    for item in ask(told, "/v1/units", "/v1/units?limit=200")["items"]:
        ask(told, "/v1/units/{code}", f"/v1/units/{quote(item['code'])}")
    for item in ask(told, "/v1/schemas")["items"]:
        schema = ask(told, "/v1/schemas/{event_type}", item["schema"])
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/alerts", "/v1/alerts?cursor=x"),
        ("/v1/alerts", "/v1/alerts?level=9"),
        ("/v1/alerts", "/v1/alerts?unit=none"),
        ("/v1/alerts/{alert_id}", "/v1/alerts/none"),
        ("/v1/series", "/v1/series?unit=none"),
        ("/v1/units", "/v1/units?on=x"),
        ("/v1/deadletters", "/v1/deadletters?cursor=x"),
        ("/v1/stream", "/v1/stream?after=x"),
        ("/v1/stream", "/v1/stream?unit=none"),
        ("/v1/icons/{name}.svg", "/v1/icons/none.svg"),
        ("/v1/schemas/{event_type}", "/v1/schemas/none"),
    ],
)
def test_every_refusal_is_published(told, template, path):
    body = ask(told, template, path)

    assert body["type"].startswith("urn:earshot:problem:")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (ONE, incident(1), 202),
        (BATCH, [incident(2), {}], 207),
        (BATCH, [], 422),
        (LINES, 7, 422),
        ({"content-type": "text/plain"}, "x", 415),
        ({**ONE, "idempotency-key": '"'}, incident(3), 400),
    ],
)
def test_every_receipt_is_published(fresh, headers, body, status):
    answer = ask(fresh, "/v1/events", method="post", headers=headers, content=json.dumps(body))

    assert answer.get("status", status) == status
    assert status not in {202, 207, 422} or {"accepted", "duplicates", "rejected"} <= set(answer)


@pytest.mark.parametrize("action", ["comment", "reopen", "close", "dance"])
def test_every_answer_to_an_action_is_published(fresh, action):
    fresh.runner.stop()
    commit(fresh.store, ("opened", alert("a1")))

    ask(
        fresh, "/v1/alerts/{alert_id}/actions", "/v1/alerts/a1/actions", "post",
        json={"action": action, **({"note": "seen"} if action == "comment" else {})},
    )  # fmt: skip


@pytest.mark.parametrize("action", ["comment", "reopen", "close", "dance"])
def test_every_answer_to_an_action_on_several_alerts_is_published(fresh, action):
    fresh.runner.stop()
    commit(fresh.store, ("opened", alert("a1")), ("opened", alert("a2")))
    seen = [{"id": "a1", "version": 1}, {"id": "a2", "version": 9}, {"id": "none", "version": 1}]

    ask(
        fresh, "/v1/alerts/actions", method="post",
        json={"action": action, "alerts": seen, **({"note": "x"} if action == "comment" else {})},
    )  # fmt: skip


def test_the_examples_of_an_action_on_several_alerts_have_its_shape(told):
    described = told.client.get("/openapi.json").json()
    route = described["paths"]["/v1/alerts/actions"]["post"]
    asked = route["requestBody"]["content"]["application/json"]["schema"]
    answered = described["components"]["schemas"]["ActionsOut"]

    for schema in (asked, {**answered, "components": described["components"]}):
        (example,) = schema["examples"]
        Draft202012Validator(schema).validate(example)
