"""The engine: messages of a partition in, one committed transaction out.

Both runners drive it. It owns the caches of the partitions that its runner owns
and drops them whenever a transaction does not go through, so memory never runs
ahead of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations, unit_codes
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.effects import DeadLetter, Effects, UnitRecord
from streams.facts.envelope import MS_PER_DAY
from streams.facts.messages import Fact, Message, Opened, Rejection
from streams.histories.series import Block
from streams.intake.conflicts import Conflict, conflicts, index_of, told
from streams.intake.receiving import Context, open_message
from streams.runners.pipeline import ProviderState, Versions, advance
from streams.store import Fenced, Store

# A rejected message keeps its bytes unless it is larger than any event may be.
_KEPT_BYTES = 1_048_576


@dataclass(slots=True)
class _Partition:
    version: int
    positions: dict[str, int]
    states: dict[str, ProviderState] = field(default_factory=dict)


class Engine:
    """Turns messages into committed facts, series and alerts.

    Args:
        store: the truth.
        catalogue: the indicators.
        organisations: known organisations, sites and wards.
        reference: pooled priors and thresholds.
        budgets: false alerts per unit and year.
        clock: gives the present, aware, UTC; used for times of processing only.
        open_registration: take in unknown providers (the embedded default).
    """

    def __init__(
        self,
        store: Store,
        *,
        catalogue: Catalogue,
        organisations: Organisations,
        reference: Reference,
        budgets: Budgets,
        clock: Callable[[], datetime],
        open_registration: bool = False,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._organisations = organisations
        self._reference = reference
        self._budgets = budgets
        self._clock = clock
        self._open = open_registration
        self._partitions: dict[int, _Partition] = {}

    def assign(self, partition: int) -> dict[str, int]:
        """Take a partition over: load where it stands; the next offset of each topic."""
        held = self._store.load_partition(partition)
        self._partitions[partition] = _Partition(held.version, dict(held.positions))
        return dict(held.positions)

    def revoke(self, partition: int) -> None:
        """Forget a partition that now belongs to somebody else."""
        self._partitions.pop(partition, None)

    def positions(self, partition: int) -> dict[str, int]:
        """The next offset of each topic, as committed."""
        return dict(self._partitions[partition].positions)

    def process(self, partition: int, messages: Sequence[Message]) -> int:
        """Take messages in, in one transaction; those already taken are passed over.

        Returns:
            The number of events taken in.

        Raises:
            Fenced: another runner owns the partition; nothing was written.
            Exception: whatever kept the batch from being committed; nothing was
                written and the caches are dropped, so it can be tried again.
        """
        if partition not in self._partitions:
            self.assign(partition)
        held = self._partitions[partition]
        new = [m for m in messages if m.offset >= held.positions.get(m.topic, 0)]
        if not new:
            return 0
        positions = dict(held.positions)
        for message in new:
            positions[message.topic] = max(positions.get(message.topic, 0), message.offset + 1)
        return self._commit(partition, self._open_messages(new), positions)

    def bury(self, partition: int, message: Message, error: BaseException) -> None:
        """Put a message that cannot be processed into dead letters and step over it."""
        held = self._partitions.get(partition)
        if held is None:
            self.assign(partition)
            held = self._partitions[partition]
        raw = message.value or b""
        rejection = Rejection(
            index=0,
            event_id=None,
            code="processing_error",
            detail=f"processing stopped with {type(error).__name__}",
            raw=raw[:_KEPT_BYTES],
            sha256=sha256(raw).hexdigest(),
            size=len(raw),
        )
        positions = {**held.positions, message.topic: message.offset + 1}
        self._commit(partition, [(message, Opened(rejections=[rejection]))], positions)

    def _open_messages(self, messages: Sequence[Message]) -> list[tuple[Message, Opened]]:
        found = []
        for message in messages:
            # The log's own time, so that reading the log again decides the same.
            now = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
            context = Context(
                organisations=self._organisations,
                now=now,
                open_registration=self._open,
                scope=None,
                metrics=self._catalogue.metrics,
            )
            found.append((message, open_message(message, context)))
        return found

    def _commit(
        self,
        partition: int,
        taken: Sequence[tuple[Message, Opened]],
        positions: dict[str, int],
    ) -> int:
        held = self._partitions[partition]
        facts = [fact for _, opened in taken for fact in opened.facts]
        letters = [_letter(message, one) for message, opened in taken for one in opened.rejections]
        try:
            for provider in {fact.provider for fact in facts} - held.states.keys():
                held.states[provider] = self.load(provider)
            known = self._store.known([(fact.provider, fact.key) for fact in facts])
            lost = conflicts(facts, known)
            # What arrived and lost is refused; what was taken before and lost is only told of.
            refused = {one.number for one in lost if one.loser is facts[one.number]}
            going = [fact for number, fact in enumerate(facts) if number not in refused]
            effects: Effects = advance(held.states, going if refused else facts, known)
            effects.events += len(letters) + len(refused)
            effects.dead_letters = letters + [_conflict_letter(taken, one) for one in lost]
            held.version = self._store.commit(
                partition, held.version, effects, positions, self._clock()
            )
            held.positions = positions
        except BaseException:
            # What is in memory may be ahead of the store now.
            self.revoke(partition)
            raise
        return effects.events

    def load(self, provider: str) -> ProviderState:
        """Read a provider's state from the store and evaluate it."""
        block = Block.load(self._store, self._catalogue, provider)
        names = {unit.code: unit.name for unit in self._units(provider)}
        pending: Versions = {}

        def facts_on(code: str, day: int) -> list[Fact]:
            held = {fact.key: fact for fact in self._store.facts_on(provider, code, day)}
            for fact in pending.values():
                held.pop(fact.key, None)
                codes = unit_codes(provider, fact.site, fact.ward)
                if fact.time // MS_PER_DAY == day and code in codes:
                    held[fact.key] = fact
            return list(held.values())

        evaluation = Evaluation(
            self._catalogue,
            self._reference,
            self._budgets,
            lambda code: names.get(code) or code.rpartition(":")[2],
            facts_on,
        )
        evaluation.alerts(block)
        alerts = self._store.current_alerts(provider)
        registered = {unit.code for unit in self._store.units_of(provider)}
        return ProviderState(block, evaluation, alerts, registered, pending)

    def _units(self, provider: str) -> list[UnitRecord]:
        today = self._clock().date()
        return [unit for unit in self._organisations.units(today) if unit.provider == provider]


def _letter(message: Message, rejection: Rejection) -> DeadLetter:
    sender = message.key.decode("ascii", "replace")[:16] if message.key else None
    return DeadLetter(message.topic, message.partition, message.offset, rejection, sender)


def _conflict_letter(taken: Sequence[tuple[Message, Opened]], conflict: Conflict) -> DeadLetter:
    """The loser's letter, with the place at which the conflict came to light."""
    number = conflict.number
    for message, opened in taken:
        if number < len(opened.facts):
            return _letter(message, told(conflict.loser, index_of(opened, number)))
        number -= len(opened.facts)
    raise IndexError(conflict.number)


__all__ = ["Engine", "Fenced"]
