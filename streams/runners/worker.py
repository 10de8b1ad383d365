"""The worker: batches of messages into the engine, exactly as the log has them.

It knows nothing of Faust. Whoever drives it hands over what the stream brought, says which
partitions were assigned and revoked, and asks it to look around from time to time. Nothing
is raised to the driver: a batch that cannot be committed changed nothing and is tried again,
a message that fails by itself goes to dead letters, and a store that stays away ends the
process, which its supervisor starts again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from streams.facts.messages import Message
from streams.runners.commits import Commits, Patience
from streams.runners.custody import Custody, Holding, after
from streams.runners.side_reader import SideReadFailed, Stretch
from streams.runners.strays import Refused, Strays
from streams.runners.worker_metrics import WorkerMetrics

_LOG = structlog.get_logger(__name__)
# About twenty thousand events in one transaction: what a batch costs by itself is small
# beside them, and a rebalance waits no longer than for one of them.
_BATCH_BYTES = 6_000_000


class Worker:
    """Holds partitions and commits what their streams bring.

    Args:
        commits: gets batches into the store.
        custody: takes partitions over.
        stretch: reads what a stream did not bring.
        home: the partition that a key belongs to.
        relay: sends messages on to the partition of their key, durably.
        metrics: what is counted.
        patience: how long to wait for what.

    """

    def __init__(
        self,
        commits: Commits,
        custody: Custody,
        *,
        stretch: Stretch,
        home: Callable[[bytes], int],
        relay: Callable[[Sequence[Message]], Awaitable[None]],
        metrics: WorkerMetrics,
        patience: Patience,
    ) -> None:
        self._commits = commits
        self._custody = custody
        self._stretch = stretch
        self._strays = Strays(home, relay, metrics, patience)
        self._metrics = metrics
        self._patience = patience
        self._held: dict[int, Holding] = {}
        self._looked: dict[tuple[int, str], int] = {}
        self._beyond: list[str] = []
        # The stream's batches and the side reads of a look never mix.
        self._turn = asyncio.Lock()

    # Assignment.

    async def take_over(self, numbers: Iterable[int]) -> dict[int, dict[str, int]]:
        """Claim partitions; the next offset of each topic of each of them."""
        wanted = set(numbers)
        # Also what stays here is loaded anew: another worker may have had it in between.
        self.revoke(list(self._held))
        await self._commits.quiet()
        for number in sorted(wanted):
            self._held[number] = await self._commits.patiently(self._custody.claim, number)
        self._looked.clear()
        self._metrics.partitions.set(len(self._held))
        _LOG.info("partitions assigned", partitions=sorted(self._held))
        return {number: dict(self._held[number].stored) for number in wanted}

    def revoke(self, numbers: Iterable[int]) -> None:
        """Let go of partitions: nothing of them is written from here on."""
        for number in numbers:
            holding = self._held.pop(number, None)
            if holding is not None:
                holding.released = True
                self._custody.let_go(number)
        self._metrics.partitions.set(len(self._held))
        self._metrics.lag.clear()

    def holds(self, number: int) -> bool:
        """Whether a partition is held here."""
        holding = self._held.get(number)
        return holding is not None and holding.ours()

    def reasons(self) -> list[str]:
        """Why the worker is not ready; nothing when it is."""
        found = list(self._beyond)
        lost = sorted(h.number for h in self._held.values() if h.lost_at is not None)
        if lost:
            found.append(f"another worker took partitions {lost}")
        if self._commits.gone.done():
            found.append(self._commits.gone.result())
        return found

    # The stream.

    async def take(self, messages: Sequence[Message]) -> None:
        """Commit what the stream brought. Returns when it is committed or somebody else's."""
        groups: dict[int, list[Message]] = {}
        for message in messages:
            groups.setdefault(message.partition, []).append(message)
        async with self._turn:
            await asyncio.gather(*(self._take(number, group) for number, group in groups.items()))

    async def _take(self, number: int, group: list[Message]) -> None:
        holding = self._held.get(number)
        if holding is None or not holding.ours():
            return
        try:
            await self._take_group(holding, group)
        except Exception as error:  # noqa: BLE001 - nothing is raised to the driver
            _LOG.exception("worker error")
            await self._commits.end(f"the worker failed with {type(error).__name__}")

    async def look(self, ends: Mapping[tuple[int, str], int]) -> None:
        """Compare with the ends of the logs: lag, streams that stand still, logs that shrank.

        A partition in which messages wait and nothing moved since the last look is read
        beside its stream. Positions behind which there is nothing are stored.

        Args:
            ends: the next offset of each (partition, topic).

        """
        beyond: list[str] = []
        for holding in list(self._held.values()):
            for (number, topic), end in ends.items():
                if number == holding.number and holding.ours():
                    await self._look_at(holding, topic, end, beyond)
            if holding.ours() and holding.next != holding.stored and not self._turn.locked():
                async with self._turn:
                    await self._commits.step_over(holding)
        if beyond != self._beyond:
            _LOG.error("positions beyond the log's end", places=beyond)
        self._beyond = beyond
        self._metrics.beyond_end.set(len(beyond))
        await self._reclaim()

    async def _look_at(self, holding: Holding, topic: str, end: int, beyond: list[str]) -> None:
        place = (holding.number, topic)
        stands = holding.next.get(topic, 0)
        self._metrics.lag.labels(topic, str(holding.number)).set(max(0, end - stands))
        if stands > end:
            beyond.append(
                f"{topic}[{holding.number}] ends at {end}, the store is at {stands}: "
                "the log lost messages"
            )
        still = self._looked.get(place) == stands
        self._looked[place] = stands
        if stands < end and still and not self._turn.locked():
            await self._catch_up(holding, topic, end)

    # One partition.

    async def _take_group(self, holding: Holding, group: list[Message]) -> None:
        ready: list[Message] = []
        size = 0
        coming = dict(holding.next)
        for message in sorted(group, key=lambda m: (m.topic, m.offset)):
            expected = coming.get(message.topic, 0)
            if message.offset < expected:
                self._metrics.repeats.inc()
                continue
            if message.offset > expected:
                if not await self._commit(holding, ready):
                    return
                ready, size = [], 0
                if not await self._fill(holding, message.topic, expected, message.offset):
                    return
            ready.append(message)
            coming[message.topic] = message.offset + 1
            size += len(message.value or b"")
            if size > _BATCH_BYTES:
                if not await self._commit(holding, ready):
                    return
                ready, size = [], 0
        await self._commit(holding, ready)

    async def _catch_up(self, holding: Holding, topic: str, end: int) -> None:
        async with self._turn:
            start = holding.next.get(topic, 0)
            if holding.ours() and start < end:
                _LOG.warning("stream stands still", topic=topic, partition=holding.number)
                await self._fill(holding, topic, start, end)

    async def _fill(self, holding: Holding, topic: str, start: int, end: int) -> bool:
        """Read and commit ``[start, end)``; False where the partition was lost meanwhile."""
        self._metrics.holes.inc()
        delay = self._patience.first
        while holding.ours():
            try:
                async for chunk in self._stretch(topic, holding.number, start, end):
                    if not holding.ours():
                        return False
                    self._metrics.side_read.inc(len(chunk))
                    if not await self._commit(holding, chunk):
                        return False
                    start = chunk[-1].offset + 1
            except SideReadFailed as error:
                _LOG.warning("side read failed", error=str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, self._patience.longest)
            else:
                # What is still missing does not exist.
                holding.next[topic] = max(holding.next.get(topic, 0), end)
                return holding.ours()
        return False

    async def _commit(self, holding: Holding, messages: list[Message]) -> bool:
        """Commit messages; False where the partition is somebody else's by now."""
        if not messages:
            return holding.ours()
        began = time.monotonic()
        left, refused = await self._strays.send_on(messages)
        done = await self._commit_own(holding, left, refused)
        if done:
            holding.next = after(holding.next, messages)
            self._metrics.messages.inc(len(messages))
            self._metrics.batch_seconds.observe(time.monotonic() - began)
        return done

    async def _commit_own(self, holding: Holding, left: list[Message], refused: Refused) -> bool:
        """Commit what was not sent on, and bury what was refused in its place among it."""
        ready: list[Message] = []
        for message in left:
            error = refused.get(id(message))
            if error is None:
                ready.append(message)
                continue
            if ready and not await self._commits.commit(holding, ready):
                return False
            ready = []
            if not await self._commits.bury(holding, message, error):
                return False
        return await self._commits.commit(holding, ready) if ready else holding.ours()

    # Ownership.

    async def _reclaim(self) -> None:
        """Claim again what was lost long ago and is still assigned here.

        Normally Kafka revokes a partition that another worker took. Where it does not,
        the fence was hit by mistake, and the partition would wait for ever.
        """
        now = time.monotonic()
        for number, holding in list(self._held.items()):
            if holding.lost_at is not None and now - holding.lost_at > self._patience.fence:
                async with self._turn:
                    if self._held.get(number) is holding:
                        self._held[number] = await self._commits.patiently(
                            self._custody.claim, number
                        )
