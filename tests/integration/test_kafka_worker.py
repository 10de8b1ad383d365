"""A worker between a real Kafka and a real PostgreSQL: what goes in, and what comes out."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.facts.messages import Message
from streams.runners.producer import home_of
from tests.kafka_broker import KafkaBroker, free_ports
from tests.kafka_workers import (
    EARSHOT,
    PLAN,
    STAMP,
    Scene,
    pack_events,
    region_events,
    scene,
    send,
    undisturbed,
    wait_for,
)
from tests.postgres import run_postgres

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(240)]

PARTITIONS = 4
PROVIDER = region_events()[0]["data"]["provider"]


def incident(number: int, provider: str = PROVIDER, **changes: Any) -> dict[str, Any]:
    """An event that is all right, unless ``changes`` say otherwise."""
    return {
        "specversion": "1.0",
        "id": f"direct-{number}",
        "source": f"urn:nhs:ods:{provider}",
        "type": "uk.nhs.quality.incident.v1",
        "time": "2025-05-20T10:00:00Z",
        "data": {
            "provider": provider,
            "event_type": "incident",
            "category": "fall",
            "physical_harm": "low",
        },
        **changes,
    }


def direct(value: bytes | None, key: str | None = PROVIDER, **changes: Any) -> Message:
    """A message that a provider's own client writes."""
    made = Message("incidents", 0, 0, None if key is None else key.encode(), value, STAMP)
    return replace(made, **changes)


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic with one partition."""
    place = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    try:
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        consumer.seek_to_beginning(place)
        found: list[Any] = []
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return found
    finally:
        consumer.close()


def test_kafka_and_the_embedded_log_end_in_the_same_store(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    calm = undisturbed(tmp_path)
    messages = pack_events(region_events(), 100, random.Random(5))
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        send(it.bootstrap, it.prefix, messages)
        it.events = len(region_events())
        it.workers[0].start()
        it.settle()
        assert calm.digests() == it.store.digests()

        published = it.workers[0]
        alerts = {
            alert.id: alert
            for provider in it.store.providers_with_facts()
            for alert in it.store.current_alerts(provider).values()
        }
        changes = it.store.outbox_range()[1]
        wait_for(lambda: it.store.delivered("kafka-alerts") == changes, 60, "the outbox is empty")
        told = {
            record.key.decode(): json.loads(record.value)
            for record in read_all(it.bootstrap, f"{it.prefix}alerts")
        }
        signals = [json.loads(r.value) for r in read_all(it.bootstrap, f"{it.prefix}signals")]
        assert published.metric("earshot_worker_published_messages_total") >= len(signals)

    assert alerts, "the region has troubles"
    shown = {key: event["data"] for key, event in told.items()}
    current = {key for key, data in shown.items() if data["state"] != "retracted"}
    assert set(alerts) == current
    assert {shown[key]["level"] for key in current} == {a.level for a in alerts.values()}
    numbers = [int(signal["id"]) for signal in signals]
    assert numbers == sorted(numbers)
    assert {signal["subject"] for signal in signals} >= current


def test_a_provider_may_push_straight_to_kafka(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """One event, an array, and binary mode, where the attributes are headers."""
    binary = incident(3)
    attributes = tuple(
        (f"ce_{name}", str(value).encode()) for name, value in binary.items() if name != "data"
    )
    messages = [
        direct(json.dumps(incident(1)).encode()),
        direct(json.dumps([incident(2), incident(2)]).encode()),
        direct(
            json.dumps(binary["data"]).encode(),
            headers=(*attributes, ("content-type", b"application/json")),
        ),
    ]
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        send(it.bootstrap, it.prefix, messages)
        it.events = 4
        it.workers[0].start()
        it.settle()

        facts = {fact.event_id for fact in it.store.facts(PROVIDER)}
        assert facts == {"direct-1", "direct-2", "direct-3"}
        assert it.store.counters().duplicates == 1
        assert it.store.dead_letter_counts() == {}


def test_garbage_goes_to_dead_letters_and_stops_nothing(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    chance = random.Random(9)
    secret = incident(7)
    secret["data"]["note"] = "Mrs Smith, NHS number 943 476 5919, fell"
    garbage = [
        direct(b"\x00\xff\xfe garbage"),
        direct(b""),
        direct(None),
        direct(b"[" * 5000),
        direct(chance.randbytes(300_000)),
        direct(json.dumps([incident(1), {"id": 5}, incident(2)]).encode()),
        direct(json.dumps(incident(3)).encode(), key="R0Z"),
        direct(json.dumps(incident(4)).encode(), key=None),
        direct(json.dumps(incident(5, provider="XYZ")).encode(), key="XYZ"),
        direct(json.dumps(incident(6)).encode(), topic="complaints"),
        direct(json.dumps(secret).encode()),
        direct(json.dumps(incident(8)).encode()),
    ]
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        send(it.bootstrap, it.prefix, garbage)
        it.workers[0].start()
        wait_for(lambda: it.behind == 0, 60, "everything taken")

        taken = {fact.event_id for fact in it.store.facts(PROVIDER)}
        assert taken == {"direct-1", "direct-2", "direct-8"}
        counts = it.store.dead_letter_counts()
        total = sum(counts.values())
        assert total == 11
        assert {"unknown_provider", "wrong_topic", "wrong_key"} <= set(counts)
        wait_for(lambda: it.store.delivered("kafka-deadletters") == total, 60, "letters sent")
        letters = read_all(it.bootstrap, f"{it.prefix}deadletters")
        assert it.workers[0].ask("/readyz")[0] == 200

    assert len(letters) == total
    by_code: dict[str, list[Any]] = {}
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers}
        by_code.setdefault(headers["earshot-code"], []).append(letter)
        assert headers["earshot-topic"] in {"incidents", "complaints"}
        assert int(headers["earshot-offset"]) >= 0
    (foreign,) = by_code["unknown_provider"]
    assert json.loads(foreign.value)["id"] == "direct-5"
    assert all(b"943 476" not in (letter.value or b"") for letter in letters)


def _misplace(it: Scene, events: list[dict[str, Any]]) -> None:
    """Write events to a partition that Kafka's own clients would not choose."""
    producer = KafkaProducer(bootstrap_servers=it.bootstrap)
    wrong = (home_of(PROVIDER.encode(), PARTITIONS) + 1) % PARTITIONS
    for event in events:
        producer.send(
            f"{it.prefix}incidents",
            key=PROVIDER.encode(),
            value=json.dumps(event).encode(),
            partition=wrong,
        )
    producer.close()


def test_events_in_a_wrong_partition_find_their_way(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """Some Kafka clients hash keys in a way of their own."""
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        _misplace(it, [incident(number) for number in range(5)])
        it.events = 5
        it.workers[0].start()
        wait_for(lambda: it.store.counters().processed == 5, 60, "all events taken")
        it.settle()

        assert {fact.event_id for fact in it.store.facts(PROVIDER)} == {
            f"direct-{number}" for number in range(5)
        }
        assert it.workers[0].metric("earshot_worker_forwarded_messages_total") == 5


def test_messages_that_only_compression_made_small_enough_stop_nothing(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """Brokers measure what is sent, so that a sender's client may bring more than they take."""
    right = home_of(PROVIDER.encode(), PARTITIONS)
    wrong = (right + 1) % PARTITIONS
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        sender = KafkaProducer(
            bootstrap_servers=it.bootstrap, compression_type="gzip", max_request_size=10_000_000
        )
        for partition, value in (
            (wrong, b"[" + b" " * 1_500_000 + b"]"),
            (wrong, b"[" + b" " * 4_000_000 + b"]"),
            (wrong, json.dumps(incident(1)).encode()),
            (right, b"{" + b" " * 4_000_000),
            (right, json.dumps(incident(2)).encode()),
        ):
            sender.send(
                f"{it.prefix}incidents", key=PROVIDER.encode(), value=value, partition=partition
            ).get(timeout=30)
        sender.close()
        (worker,) = it.workers
        worker.start()
        wait_for(lambda: it.store.counters().processed == 5, 60, it.told("all events taken"))
        wait_for(
            lambda: worker.metric("earshot_worker_published_messages_total") == 3,
            60,
            it.told("the letters on their topic"),
        )

        assert {fact.event_id for fact in it.store.facts(PROVIDER)} == {"direct-1", "direct-2"}
        assert it.store.dead_letter_counts() == {"processing_error": 2, "malformed_json": 1}
        assert worker.metric("earshot_worker_forwarded_messages_total") == 1


def test_a_broker_that_goes_away_is_waited_for(
    own_kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    broker = own_kafka_broker
    with scene(broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        send(it.bootstrap, it.prefix, [direct(json.dumps(incident(1)).encode())])
        it.events = 1
        it.workers[0].start()
        it.settle()
        broker.kill()
        wait_for(lambda: it.workers[0].ask("/readyz")[0] != 200, 60, "it shows in readiness")
        broker.start()
        send(it.bootstrap, it.prefix, [direct(json.dumps(incident(2)).encode())])
        it.events = 2
        it.settle(supervised=True)
        it.wait_until_ready()

        assert {fact.event_id for fact in it.store.facts(PROVIDER)} == {"direct-1", "direct-2"}


def test_a_worker_without_a_broker_says_so_and_ends(
    kafka_broker: KafkaBroker, postgres_url: str
) -> None:
    import subprocess  # noqa: PLC0415 - used here only

    (port,) = free_ports(1)
    answer = subprocess.run(
        [EARSHOT, "worker", "--kafka", f"127.0.0.1:{port}", "--database-url", postgres_url],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert answer.returncode == 1
    assert "no Kafka broker answers" in answer.stderr


def test_a_worker_whose_store_stays_away_ends_with_a_code(
    kafka_broker: KafkaBroker, topic_prefix: str, tmp_path: Path
) -> None:
    servers = run_postgres()
    url = next(servers).create_database()
    with scene(kafka_broker.bootstrap, topic_prefix, url, tmp_path, count=1) as it:
        (worker,) = it.workers
        worker.arguments += ["--store-patience", "2"]
        worker.start()
        it.wait_until_ready()
        it.store.close()
        servers.close()
        send(it.bootstrap, it.prefix, [direct(json.dumps(incident(1)).encode())])
        assert worker.process is not None
        assert worker.process.wait(timeout=40) == 1
        assert "the store stayed away" in worker.log()


def test_the_region_of_these_tests_has_all_partitions_at_work() -> None:
    homes = {home_of(event["data"]["provider"].encode(), PARTITIONS) for event in region_events()}

    assert len(homes) >= min(PLAN.providers, PARTITIONS) - 2


def test_an_idle_worker_says_that_its_store_is_gone_and_ends_with_a_code(
    kafka_broker: KafkaBroker, topic_prefix: str, tmp_path: Path
) -> None:
    servers = run_postgres()
    url = next(servers).create_database()
    try:
        with scene(kafka_broker.bootstrap, topic_prefix, url, tmp_path, count=1) as it:
            worker = it.workers[0]
            worker.arguments += ["--store-patience", "4"]
            worker.start()
            it.wait_until_ready()
            servers.close()
            wait_for(
                lambda: "the store does not answer" in worker.ask("/readyz")[1],
                30,
                "it shows in readiness",
            )
            wait_for(lambda: not worker.alive, 60, "the worker ends")

            assert worker.process is not None
            assert worker.process.returncode == 1
            assert "the store stayed away" in worker.log()
            assert worker.log().count("publishing waits") <= 1
    finally:
        servers.close()
