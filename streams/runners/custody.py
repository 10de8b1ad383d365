"""Who may write a partition: taking it over from the store, and noticing that it is lost.

The unit of ownership is a partition number over all four topics. Whoever takes one over
moves its version once, so that whatever the former owner still has in hand can no longer
be committed, also where the new owner has nothing to write yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from streams.facts.clock import Clock
from streams.facts.effects import Effects
from streams.facts.messages import Message
from streams.store import Fenced, Store

_LOG = structlog.get_logger(__name__)


class Engine(Protocol):
    """What the worker asks of the engine."""

    def assign(self, partition: int) -> dict[str, int]:
        """Load a partition; the next offset of each topic."""

    def revoke(self, partition: int) -> None:
        """Forget a partition."""

    def positions(self, partition: int) -> dict[str, int]:
        """The next offset of each topic, as committed; ``KeyError`` where nothing is loaded."""

    def process(self, partition: int, messages: Sequence[Message]) -> int:
        """Commit messages in one transaction; the number of events taken in."""

    def bury(self, partition: int, message: Message, error: BaseException) -> None:
        """Commit a message that cannot be processed into dead letters."""


@dataclass(slots=True)
class Holding:
    """A partition that this worker holds.

    ``version`` and ``stored`` are the store's, as this worker knows them; ``next`` is the
    offset that each topic's stream should bring next. ``lost_at`` is set when another
    owner was noticed (monotonic seconds), ``released`` when Kafka took the partition back;
    nothing is written from then on.
    """

    number: int
    version: int
    stored: dict[str, int]
    next: dict[str, int] = field(default_factory=dict)
    lost_at: float | None = None
    released: bool = False

    def ours(self) -> bool:
        """Whether this worker may write, as far as it knows."""
        return not self.released and self.lost_at is None

    def has(self, messages: Sequence[Message]) -> bool:
        """Whether the store has all of these messages."""
        return all(m.offset < self.stored.get(m.topic, 0) for m in messages)

    def committed(self, messages: Sequence[Message]) -> None:
        """Note a transaction that went through."""
        self.version += 1
        self.stored = after(self.stored, messages)
        for topic, offset in self.stored.items():
            self.next[topic] = max(self.next.get(topic, 0), offset)


def after(positions: dict[str, int], messages: Sequence[Message]) -> dict[str, int]:
    """The next offset of each topic once ``messages`` are committed."""
    moved = dict(positions)
    for message in messages:
        moved[message.topic] = max(moved.get(message.topic, 0), message.offset + 1)
    return moved


class Custody:
    """Takes partitions over and asks whether they are still held.

    Args:
        store: the truth.
        engine: whose caches follow what is held.
        clock: for the time of the claim.
        patience: how long a former owner's transaction may go on before a claim ends it,
            in seconds.

    """

    def __init__(
        self, store: Store, engine: Engine, clock: Clock, *, patience: float = 8.0
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._patience = patience

    def claim(self, number: int) -> Holding:
        """Take a partition over: from now on its former owner cannot write.

        Raises:
            StoreUnavailable: the store does not answer.
            Fenced: somebody else claimed it at the same moment; try again.

        """
        self._engine.revoke(number)
        held = self._store.load_partition(number)
        if self._store.free(number, self._patience):
            _LOG.warning("ended a former owner's transaction", partition=number)
        version = self._store.commit(number, held.version, Effects(), held.positions, self._clock())
        positions = self._engine.assign(number)
        # Asked after the engine loaded: versions only grow, so it loaded this one.
        if self._store.load_partition(number).version != version:
            self._engine.revoke(number)
            raise Fenced(number, version)
        return Holding(number, version, dict(positions), dict(positions))

    def let_go(self, number: int) -> None:
        """Forget a partition that was revoked."""
        self._engine.revoke(number)

    def step_over(self, holding: Holding) -> None:
        """Store positions behind which there was nothing to commit.

        Control records, what retention or compaction took away, and messages that were
        sent on to another partition leave the stream ahead of the store.

        Raises:
            Fenced: another worker holds the partition.
            StoreUnavailable: the store does not answer; the engine's caches are dropped.

        """
        number = holding.number
        # The engine does not see this transaction, so it loads the partition anew.
        self._engine.revoke(number)
        version = self._store.commit(
            number, holding.version, Effects(), holding.next, self._clock()
        )
        holding.version = version
        holding.stored = self._engine.assign(number)
        if self._store.load_partition(number).version != version:
            self._engine.revoke(number)
            raise Fenced(number, version)

    def still_held(self, holding: Holding, messages: Sequence[Message]) -> bool:
        """Whether, after a commit of ``messages`` failed, the partition is as it was left here.

        A connection that broke during a commit leaves open whether it went through; if
        it did, the holding is moved on.

        Raises:
            StoreUnavailable: the store still does not answer.

        """
        number = holding.number
        self._engine.assign(number)
        # Asked after the engine loaded: versions only grow, so it loaded none that is later.
        found = self._store.load_partition(number)
        if found.version == holding.version:
            return True
        ours = after(holding.stored, messages)
        if found.version == holding.version + 1 and found.positions == ours:
            holding.committed(messages)
            return True
        self._engine.revoke(number)
        return False
