from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from api.cli.api import Lag
from streams.runners import topics
from streams.runners.behind import events_behind, messages_behind
from streams.runners.log import LogUnavailable
from streams.runners.producer import EVENTS_HEADER, KafkaLog
from streams.store import Store
from tests.kafka_broker import KafkaBroker, free_ports
from tests.kafka_workers import wait_for

pytestmark = pytest.mark.kafka

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Packet:
    """What packing makes of facts, made by hand."""

    topic: str
    key: bytes | None
    value: bytes
    events: int


def _read_all(bootstrap: str, topic: str, partitions: int) -> list:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        found = []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return found
    finally:
        consumer.close()


def test_an_append_is_in_the_log_when_it_returns(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    topics.create(kafka_broker.bootstrap, topic_prefix, partitions=3)
    log = KafkaLog(kafka_broker.bootstrap, topic_prefix)
    packets = [
        Packet("incidents", b"RXX", b'[{"id":"1"},{"id":"2"}]', 2),
        Packet("complaints", b"RXX", b'[{"id":"3"}]', 1),
    ]
    try:
        log.append(packets, NOW)
        ends = log.ends()
    finally:
        log.close()

    assert sum(ends.values()) == 2
    (incident,) = _read_all(kafka_broker.bootstrap, f"{topic_prefix}incidents", 3)
    (complaint,) = _read_all(kafka_broker.bootstrap, f"{topic_prefix}complaints", 3)
    assert incident.value == packets[0].value
    assert incident.key == b"RXX"
    assert dict(incident.headers) == {EVENTS_HEADER: b"2"}
    assert incident.partition == complaint.partition


def test_no_packets_need_no_broker() -> None:
    (port,) = free_ports(1)

    KafkaLog(f"127.0.0.1:{port}", "quality.").append([], NOW)


def test_an_absent_broker_is_reported_within_the_patience() -> None:
    (port,) = free_ports(1)
    log = KafkaLog(f"127.0.0.1:{port}", "quality.", patience=2.0)
    packet = Packet("incidents", b"RXX", b"{}", 1)

    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.append([packet], NOW)
    assert time.monotonic() - began < 30.0

    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.append([packet], NOW)
    assert time.monotonic() - began < 1.5, "the next sender is answered at once"
    with pytest.raises(LogUnavailable):
        log.ends()


def test_a_broker_that_was_away_is_found_again(
    own_kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    broker = own_kafka_broker
    topics.create(broker.bootstrap, topic_prefix, partitions=1)
    log = KafkaLog(broker.bootstrap, topic_prefix, patience=4.0)
    first, second = (Packet("incidents", b"RXX", b'{"id":"%d"}' % n, 1) for n in (1, 2))
    try:
        log.append([first], NOW)
        broker.kill()
        with pytest.raises(LogUnavailable):
            log.append([second], NOW)
        broker.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                log.append([second], NOW)
                break
            except LogUnavailable:
                assert time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        log.close()

    values = [r.value for r in _read_all(broker.bootstrap, f"{topic_prefix}incidents", 1)]
    assert values[0] == first.value
    assert set(values[1:]) == {second.value}


def test_whether_the_log_answers_is_known_without_waiting(
    own_kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    broker = own_kafka_broker
    topics.create(broker.bootstrap, topic_prefix, partitions=1)
    log = KafkaLog(broker.bootstrap, topic_prefix, patience=4.0)

    def answers() -> bool:
        began = time.monotonic()
        answered = log.answers()
        assert time.monotonic() - began < 2.0
        return answered

    try:
        assert sum(log.ends().values()) == 0
        assert log.answers()
        broker.kill()
        wait_for(lambda: not answers(), 60, "its absence is seen")
        broker.start()
        wait_for(answers, 60, "it is found again")
    finally:
        log.close()


def test_a_log_that_answers_and_takes_nothing_is_told(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    topics.create(kafka_broker.bootstrap, topic_prefix, partitions=1)
    log = KafkaLog(kafka_broker.bootstrap, topic_prefix, patience=3.0)
    # A compacted topic takes nothing without a key, whatever else the broker answers.
    keyless = Packet("incidents", None, b"{}", 1)
    try:
        log.append([keyless], NOW)
        assert log.takes()
        keep(kafka_broker.bootstrap, f"{topic_prefix}incidents", "compact")
        wait_for(lambda: not appended(log, keyless), 30, "it takes nothing")
        assert sum(log.ends().values()) > 0
        assert (log.answers(), log.takes()) == (True, False)

        keep(kafka_broker.bootstrap, f"{topic_prefix}incidents", "delete")
        wait_for(lambda: appended(log, keyless), 30, "it takes events again")
        assert log.takes()
    finally:
        log.close()


def keep(bootstrap: str, topic: str, policy: str) -> None:
    """Change what a topic keeps."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    changed = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": policy})
    admin.alter_configs([changed])
    admin.close()


def appended(log: KafkaLog, packet: Packet) -> bool:
    try:
        log.append([packet], NOW)
    except LogUnavailable:
        return False
    return True


def test_lag_is_told_from_what_is_known_while_no_broker_answers(sqlite_store: Store) -> None:
    (port,) = free_ports(1)
    log = KafkaLog(f"127.0.0.1:{port}", "quality.", patience=2.0)
    lag = Lag(sqlite_store, log)
    try:
        assert lag() == (0, 0)
        began = time.monotonic()
        assert [lag() for _ in range(5)] == [(0, 0)] * 5
        assert time.monotonic() - began < 1.5, "only the first one waited"
        assert not log.answers()
    finally:
        log.close()


def test_lag_is_zero_exactly_when_everything_is_committed() -> None:
    ends = {(0, "incidents"): 10, (0, "speakup"): 4, (1, "incidents"): 3}
    positions = {(0, "incidents"): 10, (0, "speakup"): 2, (1, "incidents"): 3}

    assert messages_behind(ends, ends) == 0
    assert events_behind(ends, ends, 900) == 0
    assert messages_behind(ends, positions) == 2
    assert events_behind(ends, positions, 1500) == 200
    assert events_behind(ends, {}, 0) == 17
