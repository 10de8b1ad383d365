"""What leaves the store for Kafka: at least once, in order, and only what may be shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete, update

from streams.facts.clock import parse_iso
from streams.facts.effects import DeadLetter, Effects
from streams.facts.messages import Rejection
from streams.runners.log import LogUnavailable
from streams.runners.producer import Record
from streams.runners.publisher import Publisher
from streams.runners.worker_metrics import WorkerMetrics
from streams.store import Store, schema
from tests.alerts import alert, changed

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Outgoing:
    """Topics that keep what was written, and may be away."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.away: set[str] = set()

    def publish(self, topic: str, records: Sequence[Record]) -> None:
        """Take records, or be away."""
        if topic in self.away:
            raise LogUnavailable("away")
        self.topics.setdefault(topic, []).extend(records)

    def events(self, topic: str) -> list[dict[str, Any]]:
        """The CloudEvents of a topic."""
        return [json.loads(record.value or b"") for record in self.topics.get(topic, [])]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    yield found
    found.close()


@pytest.fixture
def outgoing() -> Outgoing:
    return Outgoing()


@pytest.fixture
def publisher(store: Store, outgoing: Outgoing) -> Publisher:
    return Publisher(store, outgoing, WorkerMetrics(CollectorRegistry()))


def commit(store: Store, effects: Effects, now: datetime = NOW) -> None:
    version = store.load_partition(0).version
    store.commit(0, version, effects, {"incidents": version + 1}, now)


def letter(code: str = "schema", raw: bytes | None = b"{}", sender: str | None = "RXX") -> Effects:
    rejection = Rejection(2, "e1", code, "data: wrong", raw, "ab" * 32, 2)
    return Effects(dead_letters=[DeadLetter("incidents", 0, 17, rejection, sender)], events=1)


def test_a_change_goes_to_both_topics_once(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, changed("opened", alert("a1")))
    commit(store, changed("raised", alert("a1", level=2)))

    assert publisher.publish(NOW) == 2
    assert publisher.publish(NOW) == 0

    signals = outgoing.events("signals")
    assert [event["data"]["change"] for event in signals] == ["opened", "raised"]
    assert [event["id"] for event in signals] == ["1", "2"]
    (current,) = outgoing.events("alerts")
    assert current["data"]["level"] == 2
    assert current["data"]["state"] == "new"
    assert outgoing.topics["alerts"][0].key == b"a1"


def test_what_kafka_did_not_take_is_sent_again(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, changed("opened", alert("a1")))
    outgoing.away = {"alerts"}
    with pytest.raises(LogUnavailable):
        publisher.publish(NOW)
    outgoing.away = set()
    publisher.publish(NOW)

    assert [event["id"] for event in outgoing.events("signals")] == ["1", "1"]
    assert len(outgoing.events("alerts")) == 1


def test_another_publisher_goes_on_where_this_one_stopped(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, changed("opened", alert("a1")))
    publisher.publish(NOW)
    commit(store, changed("opened", alert("a2")))
    Publisher(store, outgoing, WorkerMetrics(CollectorRegistry())).publish(NOW)

    assert [event["subject"] for event in outgoing.events("signals")] == ["a1", "a2"]


def test_evidence_that_would_tell_of_one_case_is_not_announced(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    protected = alert("a1", unit="RXX", unit_kind="provider", feeds=("speakup",))
    commit(store, changed("opened", protected))
    commit(store, changed("evidence_added", protected))
    publisher.publish(NOW)

    assert [event["data"]["change"] for event in outgoing.events("signals")] == ["opened"]
    assert len(outgoing.events("alerts")) == 1


def test_a_signal_of_speaking_up_alone_tells_no_time_within_its_week(
    store: Store, outgoing: Outgoing
) -> None:
    wednesday = datetime(2026, 3, 4, 10, 17, 31, tzinfo=UTC)
    sender = Publisher(store, outgoing, WorkerMetrics(CollectorRegistry()))
    commit(store, changed("opened", alert("a1", feeds=("speakup",))), wednesday)
    commit(store, changed("opened", alert("a2")), wednesday)
    sender.publish(wednesday)

    monday, after = "2026-03-02T00:00:00", "2026-03-09T00:00:00"
    for topic in ("signals", "alerts"):
        quiet, open_ = outgoing.topics[topic]
        assert b"2026-03-04" not in (quiet.value or b"")
        assert json.loads(quiet.value or b"")["time"].startswith(after)
        assert quiet.timestamp_ms == parse_iso(monday + "Z")
        assert json.loads(open_.value or b"")["time"] == "2026-03-04T10:17:31.000Z"
        assert open_.timestamp_ms == parse_iso("2026-03-04T10:17:31Z")


def test_numbers_of_protected_feeds_do_not_leave(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    evidence = {
        "series": [],
        "signals": [{"feeds": ["speakup"], "explanation": {"observed": 3}, "level": 1}],
    }
    commit(store, changed("opened", alert("a1", feeds=("speakup",), evidence=evidence)))
    publisher.publish(NOW)

    for topic in ("signals", "alerts"):
        (event,) = outgoing.events(topic)
        assert "observed" not in json.dumps(event)


def test_a_dead_letter_keeps_its_bytes_its_reason_and_its_place(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, letter(raw=b"as it came"))
    publisher.publish(NOW)

    (record,) = outgoing.topics["deadletters"]
    headers = {name: value.decode() for name, value in record.headers}
    assert record.value == b"as it came"
    assert record.key == b"RXX"
    assert headers["earshot-code"] == "schema"
    assert (headers["earshot-topic"], headers["earshot-offset"]) == ("incidents", "17")
    assert headers["earshot-index"] == "2"


def test_what_the_screen_refused_goes_out_without_its_bytes(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, letter("personal_data", raw=None))
    publisher.publish(NOW)

    (record,) = outgoing.topics["deadletters"]
    assert record.value is None


def test_a_letter_without_sender_and_bytes_is_a_record_that_kafka_takes(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    """Kafka's client refuses a record that has neither key nor value."""
    commit(store, letter("personal_data", raw=None, sender=None))
    publisher.publish(NOW)

    (record,) = outgoing.topics["deadletters"]
    assert (b"", None) == (record.key, record.value)


def test_a_missing_number_is_waited_for_while_it_may_still_appear(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    """Two transactions may become visible in another order than they were numbered in."""
    for _ in range(3):
        commit(store, letter())
    with store.database.write() as connection:
        connection.execute(delete(schema.dead_letter).where(schema.dead_letter.c.id == 2))
    publisher.publish(NOW)
    assert [dict(r.headers)["earshot-id"] for r in outgoing.topics["deadletters"]] == [b"1"]

    publisher.publish(NOW + timedelta(minutes=2))
    assert [dict(r.headers)["earshot-id"] for r in outgoing.topics["deadletters"]] == [b"1", b"3"]


def test_a_letter_that_is_gone_is_passed_over(
    store: Store, outgoing: Outgoing, publisher: Publisher
) -> None:
    commit(store, letter())
    with store.database.write() as connection:
        connection.execute(update(schema.dead_letter).values(raw=None))
        connection.execute(delete(schema.dead_letter))

    assert publisher.publish(NOW) == 0
    assert outgoing.topics == {}
