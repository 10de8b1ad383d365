"""Kill, stop and suspend workers at random: the store is that of one undisturbed run.

Every run sends the events shuffled within three weeks, three in ten of them twice, in
packets of any size. The digest covers facts, tallies, units, watermarks and alerts; the
count of processed events shows that nothing was committed twice.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from streams.store import Store
from tests.kafka_broker import KafkaBroker
from tests.kafka_workers import (
    pack_events,
    region_events,
    scene,
    send,
    undisturbed,
    wait_for,
)
from tests.postgres import suspended, whole_server

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS_OF_ONE = 18
KILLS_OF_SEVERAL = 16
"""For each of two and three workers."""
SMALL_BATCHES = 40
"""Messages at once: many transactions for a kill to fall into."""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of an undisturbed embedded run."""
    return undisturbed(tmp_path_factory.mktemp("calm"))


def test_one_worker_killed_at_any_moment(
    calm: Store, kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    chance = random.Random(20)
    with scene(
        kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1, batch=SMALL_BATCHES
    ) as it:
        (worker,) = it.workers
        it.send(seed=1)
        interrupted = 0
        for kill in range(KILLS_OF_ONE):
            if it.behind == 0:
                it.send(seed=100 + kill)
            before = it.store.counters().processed
            worker.start()
            if chance.random() < 0.7:
                wait_for(lambda b=before: it.store.counters().processed > b, 60, "progress")
            time.sleep(chance.uniform(0.0, 0.8))
            worker.kill()
            interrupted += it.store.counters().processed > before and it.behind > 0
        assert interrupted >= KILLS_OF_ONE // 3, "kills must meet a worker at work"
        worker.start()
        it.settle()

        assert calm.digests() == it.store.digests()


@pytest.mark.parametrize("count", [2, 3])
def test_several_workers_started_and_ended_at_random(
    count: int,
    calm: Store,
    kafka_broker: KafkaBroker,
    topic_prefix: str,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    chance = random.Random(count)
    with scene(
        kafka_broker.bootstrap,
        topic_prefix,
        postgres_url,
        tmp_path,
        count=count,
        batch=SMALL_BATCHES,
    ) as it:
        it.send(seed=count)
        for one in it.workers:
            one.start()
        kills = ends = 0
        while kills < KILLS_OF_SEVERAL:
            time.sleep(chance.uniform(0.3, 3.0))
            if it.behind == 0:
                it.send(seed=200 + kills)
            one = chance.choice(it.workers)
            if not one.alive:
                one.start()
            elif chance.random() < 0.15:
                # The signal itself ends a worker that is still importing its modules.
                assert one.stop() in {0, -signal.SIGTERM}
                ends += 1
            else:
                one.kill()
                kills += 1
        for one in it.workers:
            if not one.alive:
                one.start()
        it.settle()

        assert calm.digests() == it.store.digests()


def test_a_suspended_worker_that_lost_its_partitions_writes_nothing(
    calm: Store, kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    with scene(
        kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=2, batch=SMALL_BATCHES
    ) as it:
        first, second = it.workers
        first.start()
        wait_for(lambda: first.metric("earshot_worker_partitions") == 4, 60, "all partitions")
        it.send(seed=31)
        wait_for(lambda: it.store.counters().processed > 0, 60, "the first batch")
        first.signal(signal.SIGSTOP)

        second.start()
        wait_for(
            lambda: second.metric("earshot_worker_partitions") == 4, 90, it.told("the take-over")
        )
        it.settle()
        kept = it.contents()
        assigned = first.log().count("partitions assigned")
        second.signal(signal.SIGSTOP)
        try:
            # Nobody else can write now: what moves is the worker that was suspended. Either
            # the store or Kafka tells it first that its partitions are gone.
            first.signal(signal.SIGCONT)
            wait_for(
                lambda: (
                    first.metric("earshot_worker_fenced_total") >= 1
                    or first.log().count("partitions assigned") > assigned
                ),
                60,
                it.told("the fence"),
            )
            assert it.contents() == kept
        finally:
            second.signal(signal.SIGCONT)
        it.wait_until_ready()
        it.send(seed=32)
        it.settle()

        assert calm.digests() == it.store.digests()


def test_a_worker_tells_of_a_database_that_is_suspended_and_goes_on_with_it(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        (worker,) = it.workers
        worker.start()
        it.wait_until_ready()
        with suspended(whole_server(postgres_url)):
            wait_for(
                lambda: "the store does not answer" in worker.ask("/readyz")[1],
                50,
                it.told("that the store does not answer"),
            )
        it.wait_until_ready()
        few = region_events()[:300]
        send(it.bootstrap, it.prefix, pack_events(few, 40, random.Random(41)))
        it.events = len(few)
        it.settle()

        assert worker.log().count("worker starts") == 1
