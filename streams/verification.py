"""Recompute an alert from stored facts and compare it with what was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from streams.effects import AlertRecord
from streams.evaluation import Budgets, Evaluation
from streams.indicators import Catalogue
from streams.reference import Reference
from streams.series import Block, Histories


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
    store: Histories,
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
    block.change((None, fact) for fact in store.facts(told.provider))
    again = {
        alert.id: alert
        for alert in Evaluation(catalogue, reference, budgets, name_of).alerts(block)
    }
    found = again.get(told.id)
    if found is None:
        return Verification(told.id, found=False, differences={})
    before, after = asdict(told), asdict(found)
    differences = {
        name: (before[name], after[name]) for name in before if before[name] != after[name]
    }
    return Verification(told.id, found=True, differences=differences)
