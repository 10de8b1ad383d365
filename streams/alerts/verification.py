"""Recompute an alert from stored facts and compare it with what was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.effects import AlertRecord
from streams.facts.messages import Fact
from streams.histories.series import Block, Histories


class StoredFacts(Histories, Protocol):
    """A store that can also give the facts of one day."""

    def facts_on(self, provider: str, unit_code: str, day: int) -> Sequence[Fact]:
        """The facts of a unit and of those below it on a UTC day."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome: ``differences`` maps a field to what was told and what was found."""

    alert_id: str
    found: bool
    differences: dict[str, tuple[Any, Any]]

    @property
    def holds(self) -> bool:
        """Whether the stored facts give the alert exactly as it was told."""
        return self.found and not self.differences


def verify(
    store: StoredFacts,
    told: AlertRecord,
    *,
    catalogue: Catalogue,
    reference: Reference,
    budgets: Budgets,
    name_of: Callable[[str], str],
) -> Verification:
    """Make the histories anew from the facts alone, evaluate them, and compare.

    Neither stored tallies nor anything cached is used.
    """
    block = Block(catalogue, told.provider)
    block.change(store.facts(told.provider))

    def facts_on(code: str, day: int) -> Sequence[Fact]:
        return store.facts_on(told.provider, code, day)

    evaluation = Evaluation(catalogue, reference, budgets, name_of, facts_on)
    again = {alert.id: alert for alert in evaluation.alerts(block)}
    found = again.get(told.id)
    if found is None:
        return Verification(told.id, found=False, differences={})
    before, after = asdict(told), asdict(found)
    differences = {
        name: (before[name], after[name]) for name in before if before[name] != after[name]
    }
    return Verification(told.id, found=True, differences=differences)
