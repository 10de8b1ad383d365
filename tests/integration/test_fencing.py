"""A runner that was paused while another took its partition writes nothing when it wakes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.store import Store, StoreUnavailable, connection
from tests.nursery import Nursery, fill, nursery
from tests.region_log import in_order, log, shuffled

ROUNDS = 8


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def runners(log_file: Path) -> Iterator[Nursery]:
    with nursery(log_file) as opened:
        yield opened


def pause(runners: Nursery, runner: int, writable: Store, chance: random.Random) -> None:
    """Stop a runner at some moment, but not while it holds a lock that would stop everybody."""
    while True:
        time.sleep(chance.uniform(0, 0.02))
        assert runners.send(signal.SIGSTOP, runner)
        # A busy machine takes a moment to stop it; until then it may still take a lock.
        time.sleep(0.3)
        try:
            _touch_partition(writable)
        except StoreUnavailable:
            runners.send(signal.SIGCONT, runner)
        else:
            return


def _touch_partition(store: Store) -> None:
    with store.database.write() as session:
        session.exec_driver_sql("UPDATE partition SET events = events WHERE number = 0")


@pytest.fixture
def impatient(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The same store, through connections that do not wait for locks."""
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.2)
    if store_url.startswith("postgresql"):
        store = Store.open(f"{store_url}?options=-c%20lock_timeout%3D200")
    else:
        store = Store.open(store_url)
    yield store
    store.close()


@pytest.mark.slow
def test_a_paused_runner_that_lost_its_partition_writes_nothing(
    store_url: str, impatient: Store, runners: Nursery, log_file: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    store = Store.open(store_url)
    messages = log(shuffled(chance, repeats=0.3), 20, chance)
    part = len(messages) // ROUNDS + 1

    for start in range(0, len(messages), part):
        fill(store, messages[start : start + part])
        first = store.counters().processed
        paused = runners.start(store_url, 1)
        while store.counters().processed == first:
            time.sleep(0.002)
        pause(runners, paused, impatient, chance)

        runners.wait_for("done", runners.start(store_url, 16))
        left = (store.digests(), store.counters(), store.positions(), store.outbox_range())
        version = store.load_partition(0).version
        runners.send(signal.SIGCONT, paused)
        runners.wait_for("done", paused)

        assert version == store.load_partition(0).version
        assert left == (store.digests(), store.counters(), store.positions(), store.outbox_range())

    assert "runner_fenced" in log_file.read_text()
    calm = Store.open(f"sqlite:///{tmp_path}/calm.db")
    fill(calm, log(in_order()))
    runners.wait_for("done", runners.start(f"sqlite:///{tmp_path}/calm.db", 64))
    assert store.digests() == calm.digests()
    for opened in (store, calm):
        opened.close()
