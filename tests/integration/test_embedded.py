"""The embedded runner: carries the journal through the engine, whatever the engine does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from streams.facts.clock import ManualClock
from streams.facts.effects import DeadLetter, Effects
from streams.facts.messages import Rejection
from streams.runners.embedded import EmbeddedRunner
from streams.runners.journal import Journal
from streams.store import Counters, Store, StoreUnavailable
from tests.alerts import alert, changed
from tests.packets import packet

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
WAIT = 20


class CountingEngine:
    """Counts messages in the store's own transaction and fails when it is told to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.version = 0
        self.positions: dict[str, int] = {}
        self.failures: list[Exception] = []
        self.poison: bytes | None = None
        self.batches: list[int] = []
        self.assigned = 0
        self.revoked = threading.Event()

    def assign(self, partition):
        """Load the partition."""
        held = self.store.load_partition(partition)
        self.version, self.positions = held.version, dict(held.positions)
        self.assigned += 1
        return dict(self.positions)

    def revoke(self, _partition):
        """Note that the partition was left."""
        self.revoked.set()

    def process(self, partition, messages):
        """Count the messages, or fail."""
        if self.failures:
            raise self.failures.pop(0)
        if any(message.value == self.poison for message in messages):
            raise ZeroDivisionError("poison")
        self.batches.append(len(messages))
        self._commit(partition, messages, Effects(events=len(messages)))

    def bury(self, partition, message, error):
        """Count one message as rejected."""
        rejection = Rejection(0, None, "processing_error", type(error).__name__, b"", "", 0)
        letter = DeadLetter(message.topic, partition, message.offset, rejection, None)
        self._commit(partition, [message], Effects(dead_letters=[letter], events=1))

    def _commit(self, partition, messages, effects):
        moved = {message.topic: message.offset + 1 for message in messages}
        self.version = self.store.commit(
            partition, self.version, effects, {**self.positions, **moved}, NOW
        )
        self.positions |= moved


@pytest.fixture
def store(sqlite_store):
    return sqlite_store


@pytest.fixture
def journal(store):
    return Journal(store)


@pytest.fixture
def engine(store):
    return CountingEngine(store)


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def runner(store, journal, engine, clock):
    runner = EmbeddedRunner(store, journal, engine, clock=clock, batch=8)
    yield runner
    runner.stop()


def fill(journal, number):
    for value in range(number):
        journal.append([packet(value=b"%d" % value, events=1)], NOW)


def test_what_was_there_and_what_comes_is_processed(runner, journal, store):
    fill(journal, 20)
    runner.start()
    assert runner.wait_idle(WAIT)
    fill(journal, 5)
    runner.wake()

    assert runner.wait_idle(WAIT)
    assert store.counters() == Counters(25, 0, 0)
    assert runner.progress() == (25, 25)
    assert runner.failure is None


def test_progress_is_known_before_the_runner_starts(runner, journal):
    fill(journal, 3)

    assert runner.progress() == (3, 0)
    assert not runner.wait_idle(0.05)


def test_a_stopped_runner_can_be_started_again_where_it_stood(runner, journal, store, engine):
    fill(journal, 10)
    runner.start()
    assert runner.wait_idle(WAIT)
    runner.stop()
    assert engine.revoked.is_set()
    assert not runner.running
    fill(journal, 10)

    runner.start()

    assert runner.wait_idle(WAIT)
    assert store.counters().processed == 20


def test_a_runner_runs_once(runner):
    runner.start()

    with pytest.raises(RuntimeError, match="running"):
        runner.start()


def test_a_passing_failure_is_tried_again(runner, journal, engine, store):
    engine.failures = [ValueError("first"), ValueError("second")]
    fill(journal, 4)
    runner.start()

    assert runner.wait_idle(WAIT)
    assert store.counters() == Counters(4, 0, 0)
    assert engine.batches == [4]


def test_a_poison_message_is_buried_alone(runner, journal, engine, store):
    engine.poison = b"5"
    fill(journal, 12)
    runner.start()

    assert runner.wait_idle(WAIT)
    assert store.counters() == Counters(12, 0, 1)
    (letter,) = store.dead_letters().items
    assert (letter.offset, letter.code, letter.detail) == (
        5,
        "processing_error",
        "ZeroDivisionError",
    )
    assert runner.failure is None


def test_a_runner_that_was_fenced_takes_the_partition_again(runner, journal, engine, store):
    runner.start()
    assert runner.wait_idle(WAIT)
    store.commit(0, engine.version, Effects(), {}, NOW)
    fill(journal, 3)

    assert runner.wait_idle(WAIT)
    assert engine.assigned == 2
    assert store.counters().processed == 3


def test_losing_the_partition_while_somebody_waits_is_no_error(runner, journal, engine, store):
    fill(journal, 3)
    runner.start()
    assert runner.wait_idle(WAIT)
    ends, fenced = journal.ends, []

    def fenced_meanwhile():
        if not fenced:
            fenced.append(store.commit(0, engine.version, Effects(), {}, NOW))
            fill(journal, 1)
            runner.wake()
            while engine.assigned == 1:
                threading.Event().wait(0.005)
        return ends()

    journal.ends = fenced_meanwhile

    assert runner.wait_idle(WAIT)
    assert store.counters().processed == 4


def test_a_store_that_stays_away_is_waited_for_and_shown(runner, journal, engine, store):
    engine.failures = [StoreUnavailable("disk is full")] * 3
    fill(journal, 3)
    seen = []
    process = engine.process

    def watched(partition, messages):
        seen.append(runner.failure)
        process(partition, messages)

    engine.process = watched
    runner.start()

    assert runner.wait_idle(WAIT)
    assert seen == [None, "disk is full", "disk is full", "disk is full"]
    assert runner.failure is None
    assert store.dead_letter_counts() == {}


def test_a_message_that_cannot_even_be_buried_does_not_end_the_runner(
    runner, journal, engine, store
):
    engine.poison = b"0"
    bury = engine.bury
    refused = []

    def refuse_once(partition, message, error):
        if not refused:
            refused.append(message)
            raise KeyError("not yet")
        bury(partition, message, error)

    engine.bury = refuse_once
    fill(journal, 1)
    runner.start()

    assert runner.wait_idle(WAIT)
    assert store.counters() == Counters(1, 0, 1)


def test_the_runner_keeps_house(runner, journal, store, engine, clock):
    store.load_partition(0)
    store.commit(0, 0, changed("opened", alert()), {}, NOW)
    store.act("a1", "snooze", actor="someone", at=NOW, until=NOW + timedelta(hours=1))
    runner.start()
    assert runner.wait_idle(WAIT)
    assert store.alert("a1").state == "snoozed"

    # The first step may have looked at the clock already and only now read the journal.
    fill(journal, 1)
    assert runner.wait_idle(WAIT)
    clock.advance(timedelta(hours=2))
    fill(journal, 2)

    assert runner.wait_idle(WAIT)
    assert store.alert("a1").state == "acknowledged"
