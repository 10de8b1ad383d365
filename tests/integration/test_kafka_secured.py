"""Kafka that asks for TLS and a sign-in: every client of ours shows what it asks for."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.runners import topics
from streams.runners.log import LogUnavailable
from streams.runners.producer import KafkaLog
from streams.runners.security import OPEN, read_security
from streams.runners.side_reader import SideReader
from streams.store import Store
from tests.integration.api.conftest import incident
from tests.kafka_secured import SecuredBroker
from tests.kafka_workers import EARSHOT, wait_for, workers
from tests.packets import SmallPacket

pytestmark = pytest.mark.kafka

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def earshot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EARSHOT, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.postgres
def test_events_reach_the_store_through_a_broker_that_asks_who_comes(
    secured_broker: SecuredBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    file = secured_broker.client_file(tmp_path)
    where = ("--kafka", secured_broker.bootstrap, "--topic-prefix", topic_prefix)
    known = ("--kafka-config", file)
    events = tmp_path / "events.ndjson"
    events.write_text("\n".join(json.dumps(incident(number)) for number in range(40)))

    made = earshot("topics", "create", *where, *known, "--partitions", "1")
    assert made.returncode == 0, made.stderr
    pushed = earshot("push", events, *where, *known, "--quiet")
    assert pushed.returncode == 0, pushed.stderr
    store = Store.open(postgres_url)
    with workers(
        1,
        secured_broker.bootstrap,
        topic_prefix,
        postgres_url,
        tmp_path,
        more=("--kafka-config", str(file)),
    ) as (worker,):
        worker.start()
        wait_for(lambda: store.counters().processed == 40, 60, lambda: worker.log()[-2000:])
        assert worker.stop() == 0
    store.close()


def test_a_stretch_is_read_beside_the_stream_there_too(
    secured_broker: SecuredBroker, topic_prefix: str, tmp_path: Path
) -> None:
    security = read_security(secured_broker.client_file(tmp_path))
    topics.create(secured_broker.bootstrap, topic_prefix, partitions=1, security=security)
    log = KafkaLog(secured_broker.bootstrap, topic_prefix, security=security)
    log.append([SmallPacket("incidents", b"RXX", b"[]", 1)] * 3, NOW)
    assert log.ends()[0, "incidents"] == 3
    log.close()

    async def stretch() -> list[int]:
        reader = SideReader(secured_broker.bootstrap, topic_prefix, security)
        return [one.offset async for chunk in reader("incidents", 0, 0, 3) for one in chunk]

    assert asyncio.run(stretch()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"password": "guessed"}, "user and password"), ({"trusted": False}, "certificate")],
    ids=["password", "authority"],
)
def test_who_is_not_let_in_is_told_why(
    secured_broker: SecuredBroker, topic_prefix: str, tmp_path: Path, wrong, words: str
) -> None:
    file = secured_broker.client_file(tmp_path, **wrong)

    answer = earshot(
        "topics", "check", "--kafka", secured_broker.bootstrap, "--topic-prefix", topic_prefix,
        "--kafka-config", file,
    )  # fmt: skip

    assert answer.returncode == 1
    assert words in answer.stderr
    assert "guessed" not in answer.stderr + answer.stdout


def test_senders_without_a_sign_in_are_told_that_the_log_is_away(
    secured_broker: SecuredBroker, topic_prefix: str
) -> None:
    log = KafkaLog(secured_broker.bootstrap, topic_prefix, security=OPEN, patience=4.0)

    with pytest.raises(LogUnavailable):
        log.append([SmallPacket("incidents", b"RXX", b"[]", 1)], NOW)
    log.close()
