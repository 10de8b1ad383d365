"""The worker without Kafka: an engine that counts, a real store, a log that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streams.facts.effects import DeadLetter, Effects
from streams.facts.messages import Message, Rejection
from streams.runners.commits import Commits, Patience
from streams.runners.custody import Custody, after
from streams.runners.log import LogUnavailable, MessageTooLarge
from streams.runners.side_reader import SideReadFailed
from streams.runners.worker import Worker
from streams.runners.worker_metrics import WorkerMetrics
from streams.store import Fenced, Store, StoreUnavailable

NOW = datetime(2026, 3, 2, tzinfo=UTC)
QUICK = Patience(store=0.05, fence=0.02, first=0.002, longest=0.01)


def message(offset: int, topic: str = "incidents", partition: int = 0, value: bytes = b"x"):
    return Message(topic, partition, offset, b"RXX", value, 0)


@dataclass
class CountingEngine:
    """Commits how many messages there were; fails where it is told to."""

    store: Store
    taken: list[Message] = field(default_factory=list)
    fail: Callable[[Sequence[Message]], None] = lambda _messages: None
    after_commit: Callable[[], None] = lambda: None
    _held: dict[int, tuple[int, dict[str, int]]] = field(default_factory=dict)

    def assign(self, partition: int) -> dict[str, int]:
        """Load where the partition stands."""
        held = self.store.load_partition(partition)
        self._held[partition] = (held.version, dict(held.positions))
        return dict(held.positions)

    def revoke(self, partition: int) -> None:
        """Forget it."""
        self._held.pop(partition, None)

    def positions(self, partition: int) -> dict[str, int]:
        """Where the partition stands."""
        return dict(self._held[partition][1])

    def process(self, partition: int, messages: Sequence[Message]) -> int:
        """Commit messages."""
        return self._commit(partition, list(messages), [], self.fail)

    def bury(self, partition: int, message: Message, error: BaseException) -> None:
        """Commit a dead letter."""
        rejection = Rejection(0, None, "processing_error", str(error), message.value, "", 0)
        letter = DeadLetter(message.topic, partition, message.offset, rejection, None)
        self._commit(partition, [message], [letter], lambda _messages: None)

    def _commit(
        self,
        partition: int,
        messages: list[Message],
        letters: list[DeadLetter],
        fail: Callable[[Sequence[Message]], None],
    ) -> int:
        if partition not in self._held:
            self.assign(partition)
        version, positions = self._held[partition]
        moved = after(positions, messages)
        effects = Effects(dead_letters=letters, events=len(messages))
        try:
            fail(messages)
            version = self.store.commit(partition, version, effects, moved, NOW)
            self.after_commit()
        except BaseException:
            self.revoke(partition)
            raise
        self._held[partition] = (version, moved)
        self.taken += messages
        return len(messages)


@dataclass
class Bench:
    """A worker with all that is around it."""

    store: Store
    engine: CountingEngine
    worker: Worker
    commits: Commits
    metrics: WorkerMetrics
    log: dict[tuple[str, int], list[Message]]
    relayed: list[Message]
    read: list[tuple[str, int, int, int]]

    def offsets(self, topic: str = "incidents") -> list[int]:
        """What was committed of a topic, in the order of the commits."""
        return [m.offset for m in self.engine.taken if m.topic == topic]

    def count(self, name: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(f"earshot_worker_{name}") or 0.0


def bench(path: Path, home: int = 0) -> Bench:
    store = Store.open(f"sqlite:///{path}/earshot.db")
    engine = CountingEngine(store)
    metrics = WorkerMetrics(CollectorRegistry())
    custody = Custody(store, engine, lambda: NOW)
    commits = Commits(engine, custody, metrics, QUICK)
    log: dict[tuple[str, int], list[Message]] = {}
    relayed: list[Message] = []
    read: list[tuple[str, int, int, int]] = []

    async def stretch(
        topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[Message]]:
        read.append((topic, partition, start, end))
        for one in log.get((topic, partition), []):
            if start <= one.offset < end:
                yield [one]

    async def relay(messages: Sequence[Message]) -> None:
        relayed.extend(messages)

    worker = Worker(
        commits, custody, stretch=stretch, home=lambda _key: home, relay=relay,
        metrics=metrics, patience=QUICK,
    )  # fmt: skip
    return Bench(store, engine, worker, commits, metrics, log, relayed, read)


def run(path: Path, story: Callable[[Bench], Coroutine[Any, Any, None]], home: int = 0) -> Bench:
    async def tell() -> Bench:
        made = bench(path, home)
        await made.worker.take_over([0])
        await story(made)
        return made

    return asyncio.run(tell())


def test_what_the_stream_brings_is_committed_once(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        await it.worker.take([message(0), message(1), message(0, "speakup")])
        await it.worker.take([message(1), message(2), message(0, "speakup")])

    it = run(tmp_path, story)

    assert it.offsets() == [0, 1, 2]
    assert it.store.positions() == {(0, "incidents"): 3, (0, "speakup"): 1}
    assert it.count("repeated_messages_total") == 2


def test_a_partition_that_is_not_held_is_left_alone(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        await it.worker.take([message(0, partition=3)])
        it.worker.revoke([0])
        await it.worker.take([message(0)])

    assert run(tmp_path, story).engine.taken == []


def test_a_hole_is_read_beside_the_stream(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        it.log["incidents", 0] = [message(offset) for offset in range(6)]
        await it.worker.take([message(0), message(4), message(5)])

    it = run(tmp_path, story)

    assert it.offsets() == [0, 1, 2, 3, 4, 5]
    assert it.read == [("incidents", 0, 1, 4)]
    assert it.count("side_read_messages_total") == 3


def test_a_hole_with_nothing_in_it_is_stepped_over(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        await it.worker.take([message(7)])
        await it.worker.take([message(8)])

    it = run(tmp_path, story)

    assert it.offsets() == [7, 8]
    assert it.read == [("incidents", 0, 0, 7)]


def test_a_side_read_that_fails_is_tried_again(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        failures = iter([True, False])
        whole = it.worker._stretch

        async def flaky(
            topic: str, partition: int, start: int, end: int
        ) -> AsyncIterator[list[Message]]:
            if next(failures):
                raise SideReadFailed("away")
            async for chunk in whole(topic, partition, start, end):
                yield chunk

        it.worker._stretch = flaky
        it.log["incidents", 0] = [message(0), message(1)]
        await it.worker.take([message(2)])

    assert run(tmp_path, story).offsets() == [0, 1, 2]


def test_a_stream_that_stands_still_is_read_beside(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        it.log["incidents", 0] = [message(offset) for offset in range(3)]
        await it.worker.look({(0, "incidents"): 3})
        assert it.engine.taken == [], "the first look only remembers"
        await it.worker.look({(0, "incidents"): 3})

    assert run(tmp_path, story).offsets() == [0, 1, 2]


def test_an_end_with_nothing_behind_the_position_is_reached(tmp_path: Path) -> None:
    """A transaction's end marker takes an offset and brings no message."""

    async def story(it: Bench) -> None:
        await it.worker.take([message(0)])
        for _ in range(3):
            await it.worker.look({(0, "incidents"): 2})

    assert run(tmp_path, story).store.positions() == {(0, "incidents"): 2}


def test_a_log_that_lost_messages_shows_in_readiness(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        await it.worker.take([message(0), message(1), message(2)])
        assert it.worker.reasons() == []
        await it.worker.look({(0, "incidents"): 1})

    it = run(tmp_path, story)

    (reason,) = it.worker.reasons()
    assert "lost messages" in reason
    assert it.count("positions_beyond_end") == 1


def test_a_message_that_fails_by_itself_goes_to_dead_letters(tmp_path: Path) -> None:
    def poisoned(messages: Sequence[Message]) -> None:
        if any(m.value == b"poison" for m in messages):
            raise ValueError("cannot be processed")

    async def story(it: Bench) -> None:
        it.engine.fail = poisoned
        batch = [message(offset) for offset in range(5)]
        batch[3] = message(3, value=b"poison")
        await it.worker.take(batch)

    it = run(tmp_path, story)

    assert sorted(it.offsets()) == [0, 1, 2, 3, 4]
    assert it.store.dead_letter_counts() == {"processing_error": 1}
    assert it.store.positions() == {(0, "incidents"): 5}
    assert it.count("buried_messages_total") == 1


def test_an_error_that_passes_buries_nothing(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        failures = iter([ValueError("once"), None])

        def once(_messages: Sequence[Message]) -> None:
            error = next(failures)
            if error is not None:
                raise error

        it.engine.fail = once
        await it.worker.take([message(0), message(1)])

    it = run(tmp_path, story)

    assert it.offsets() == [0, 1]
    assert it.store.dead_letter_counts() == {}


def test_a_store_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        failures = iter([StoreUnavailable("away"), StoreUnavailable("away"), None])

        def away(_messages: Sequence[Message]) -> None:
            error = next(failures)
            if error is not None:
                raise error

        it.engine.fail = away
        await it.worker.take([message(0)])
        assert not it.commits.gone.done()

    assert run(tmp_path, story).offsets() == [0]


def test_a_store_that_stays_away_ends_the_process(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        def away(_messages: Sequence[Message]) -> None:
            it.store.load_partition = _raise(StoreUnavailable("away"))
            raise StoreUnavailable("away")

        it.engine.fail = away
        taking = asyncio.create_task(it.worker.take([message(0)]))
        reason = await asyncio.wait_for(it.commits.gone, 5)
        assert "stayed away" in reason
        assert not taking.done(), "nothing is raised, nothing is acknowledged"
        taking.cancel()

    run(tmp_path, story)


def test_a_commit_whose_answer_was_lost_is_not_repeated(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        answers = iter([StoreUnavailable("the connection broke"), None, None])

        def lost() -> None:
            error = next(answers)
            if error is not None:
                raise error

        it.engine.after_commit = lost
        await it.worker.take([message(0)])
        await it.worker.take([message(1)])
        assert it.worker.reasons() == []

    it = run(tmp_path, story)

    assert it.store.positions() == {(0, "incidents"): 2}
    assert it.store.counters().processed == 2
    assert it.count("fenced_total") == 0


def test_the_former_owner_of_a_partition_writes_nothing(tmp_path: Path) -> None:
    """The next owner's claim is enough, also while it has nothing to write."""

    async def story(it: Bench) -> None:
        await it.worker.take([message(0)])
        other = bench(tmp_path)
        await other.worker.take_over([0])
        await it.worker.take([message(1)])
        await it.worker.take([message(2)])
        assert it.worker.reasons() == ["another worker took partitions [0]"]
        assert it.store.positions() == {(0, "incidents"): 1}
        await other.worker.take([message(1), message(2)])

    it = run(tmp_path, story)

    assert it.store.positions() == {(0, "incidents"): 3}
    assert it.count("fenced_total") == 1
    assert it.offsets() == [0]


def test_an_outage_does_not_open_the_fence(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        other = bench(tmp_path)

        def away(_messages: Sequence[Message]) -> None:
            it.engine.fail = lambda _messages: None
            raise StoreUnavailable("away")

        it.engine.fail = away
        claim = asyncio.create_task(other.worker.take_over([0]))
        await claim
        await it.worker.take([message(0)])

    it = run(tmp_path, story)

    assert it.engine.taken == []
    assert it.count("fenced_total") == 1


def test_a_partition_that_stays_assigned_is_claimed_again(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        it.log["incidents", 0] = [message(0)]
        await bench(tmp_path).worker.take_over([0])
        await it.worker.take([message(0)])
        assert it.worker.reasons()
        await asyncio.sleep(2 * QUICK.fence)
        await it.worker.look({(0, "incidents"): 1})
        assert it.worker.reasons() == []
        await it.worker.look({(0, "incidents"): 1})
        await it.worker.look({(0, "incidents"): 1})

    assert run(tmp_path, story).offsets() == [0]


def test_messages_in_the_wrong_partition_are_sent_on(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        await it.worker.take([message(0), message(1)])
        await it.worker.look({(0, "incidents"): 2})

    it = run(tmp_path, story, home=2)

    assert [m.offset for m in it.relayed] == [0, 1]
    assert it.engine.taken == []
    assert it.store.positions() == {(0, "incidents"): 2}, "they do not count as lag"


def test_sending_on_waits_for_kafka(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        answers = iter([LogUnavailable("away"), None])

        async def relay(messages: Sequence[Message]) -> None:
            error = next(answers)
            if error is not None:
                raise error
            it.relayed.extend(messages)

        it.worker._strays._relay = relay
        await it.worker.take([message(0)])

    assert [m.offset for m in run(tmp_path, story, home=1).relayed] == [0]


def test_a_batch_that_the_store_does_not_bear_is_taken_in_parts(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        def fail(messages: Sequence[Message]) -> None:
            if len(messages) > 2:
                raise StoreUnavailable("canceling statement due to statement timeout")

        it.engine.fail = fail
        await it.worker.take([message(number) for number in range(7)])

    it = run(tmp_path, story)

    assert it.offsets() == list(range(7))
    assert it.store.dead_letter_counts() == {}


def test_what_kafka_never_takes_becomes_a_dead_letter_in_its_place(tmp_path: Path) -> None:
    stray, too_large, also = (replace(message(n), key=b"RYY") for n in (1, 2, 4))

    async def story(it: Bench) -> None:
        async def relay(messages: Sequence[Message]) -> None:
            if too_large in messages:
                raise MessageTooLarge("too large")
            it.relayed.extend(messages)

        it.worker._strays._relay = relay
        it.worker._strays._home = lambda key: int(key == b"RYY")
        await it.worker.take([message(0), stray, too_large, message(3), also, message(5)])

    it = run(tmp_path, story)

    assert [m.offset for m in it.relayed] == [1, 4]
    assert it.offsets() == [0, 2, 3, 5]
    assert it.store.dead_letter_counts() == {"processing_error": 1}
    assert it.store.positions() == {(0, "incidents"): 6}
    assert (it.count("forwarded_messages_total"), it.count("buried_messages_total")) == (2, 1)


def test_two_claims_at_the_same_moment_leave_one_owner(tmp_path: Path) -> None:
    async def story(it: Bench) -> None:
        other = bench(tmp_path)
        await asyncio.gather(it.worker.take_over([0]), other.worker.take_over([0]))
        await it.worker.take([message(0)])
        await other.worker.take([message(0)])
        owners = [one for one in (it, other) if one.worker.holds(0)]
        assert len(owners) == 1

    assert run(tmp_path, story).store.positions() == {(0, "incidents"): 1}


def _raise(error: Exception) -> Callable[..., Any]:
    def raising(*_args: object) -> Any:
        raise error

    return raising


def test_fenced_is_an_exception_of_its_own() -> None:
    with pytest.raises(Fenced, match="partition 3 is no longer at version 7"):
        raise Fenced(3, 7)
