"""Killed at any point, again and again: nothing is lost and nothing happens twice."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from streams.runners.journal import Journal
from streams.store import Store
from tests.nursery import Nursery, fill, nursery
from tests.region_log import in_order, log, shuffled

# On SQLite the embedded runner is at home; on PostgreSQL a sample shows the same.
KILLS = {"sqlite": 55, "postgresql": 12}
MESSAGES_AT_ONCE = 2


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery") / "log") as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, runners: Nursery) -> dict[str, str]:
    """The digests after one run over the events as they happened, each sent once."""
    url = f"sqlite:///{tmp_path_factory.mktemp('calm')}/earshot.db"
    store = Store.open(url)
    fill(store, log(in_order()))
    runners.wait_for("done", runners.start(url, 64))
    digests = store.digests()
    store.close()
    return digests


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_kills_end_in_the_store_of_one_undisturbed_run(
    request: pytest.FixtureRequest,
    store_url: str,
    runners: Nursery,
    undisturbed: dict[str, str],
) -> None:
    chance = random.Random(20260105)
    backend = "sqlite" if store_url.startswith("sqlite") else "postgresql"
    store = Store.open(store_url)
    messages = log(shuffled(chance, repeats=0.3), 20, chance)
    fill(store, messages)
    journal = Journal(store)
    accepted = journal.accepted()
    share = accepted / (KILLS[backend] + 3)
    kills = 0
    reached: list[int] = []

    while kills < KILLS[backend]:
        runner = runners.start(store_url, MESSAGES_AT_ONCE)
        if chance.random() < 0.9:
            # Let it get about as far as the kills so far, then up to a transaction more.
            target = share * (kills + chance.random())
            while store.counters().processed < target:
                time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.03))
        lag = journal.lag({topic: place for (_, topic), place in store.positions().items()})
        assert lag > 0, "the kills must fall into the processing"
        assert runners.kill(runner)
        kills += 1
        reached.append(store.counters().processed)

    runners.wait_for("done", runners.start(store_url, 64))

    assert len(set(reached)) > 0.6 * kills, "the kills must be spread over the processing"
    assert store.counters().processed == accepted
    assert store.digests() == undisturbed
    store.close()
