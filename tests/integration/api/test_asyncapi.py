"""The description of the Kafka topics says what is really read and written there."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry

from streams.runners import topics
from streams.runners.publisher import Publisher
from streams.runners.worker_metrics import WorkerMetrics
from tests.integration.api.conftest import incident
from tests.unit.test_publisher import Outgoing


@pytest.fixture(scope="module")
def described(told) -> dict[str, Any]:
    return told.client.get("/asyncapi.json").json()


def payload(described: dict[str, Any], topic: str) -> jsonschema.Draft202012Validator:
    (message,) = described["channels"][topic]["messages"].values()
    return jsonschema.Draft202012Validator(
        {**message["payload"], "components": described["components"]}
    )


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [one for value in part.values() for one in references(value)]
    if isinstance(part, list):
        return [one for value in part for one in references(value)]
    return []


def test_every_topic_is_described_under_its_own_name_and_with_its_keeping(described):
    plan = topics.topic_plan(12)

    assert described["asyncapi"] == "3.0.0"
    assert set(described["channels"]) == set(plan)
    for name, channel in described["channels"].items():
        kept = channel["bindings"]["kafka"]["topicConfiguration"]
        assert channel["address"] == f"quality.{name}"
        assert kept["cleanup.policy"] == [plan[name]["configs"]["cleanup.policy"]]
    actions = {name: one["action"] for name, one in described["operations"].items()}
    assert actions["take_incidents"] == "receive"
    assert actions["publish_alerts"] == "send"


def test_every_reference_of_the_description_leads_somewhere(described):
    found = references(described)

    assert len(found) > 20
    for reference in found:
        part = described
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_one_event_and_an_array_fit_the_description_and_a_wrong_one_does_not(described):
    schema = payload(described, "incidents")

    assert schema.is_valid(incident(1))
    assert schema.is_valid([incident(1), incident(2)])
    assert not schema.is_valid([])
    assert not schema.is_valid({**incident(1), "story": "told"})
    assert not payload(described, "complaints").is_valid(incident(1))


def test_what_the_publisher_writes_fits_the_description(told, described):
    outgoing = Outgoing()
    Publisher(told.store, outgoing, WorkerMetrics(CollectorRegistry())).publish(told.clock())

    for topic in (topics.ALERTS, topics.SIGNALS):
        schema = payload(described, topic)
        records = outgoing.topics[topic]
        assert records
        for record in records:
            schema.validate(json.loads(record.value or b""))


def test_the_headers_of_a_dead_letter_are_all_described(fresh):
    described = fresh.client.get("/asyncapi.json").json()
    from tests.unit.test_publisher import commit, letter  # noqa: PLC0415 - its helpers only

    commit(fresh.store, letter())
    outgoing = Outgoing()
    Publisher(fresh.store, outgoing, WorkerMetrics(CollectorRegistry())).publish(fresh.clock())
    (message,) = described["channels"]["deadletters"]["messages"].values()

    (record,) = outgoing.topics[topics.DEAD_LETTERS]
    assert {name for name, _ in record.headers} == set(message["headers"]["properties"])
