"""Making everything that derives from facts again, from the facts alone.

Tallies, watermarks, units and alerts of a provider are computed as if its facts had
just arrived, and what differs from the store is written in one fenced transaction. A
runner that is at work on the same partition is fenced by it, loads what is stored and
goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.effects import Effects, Tally
from streams.facts.messages import Fact
from streams.histories.series import Block
from streams.runners.pipeline import ProviderState, advance, units_gone
from streams.store import Store


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a replay of one provider found. ``changes`` counts alert changes by kind."""

    provider: str
    facts: int
    tallies_changed: int
    changes: dict[str, int]


def rebuild(
    store: Store,
    provider: str,
    partition: int,
    *,
    catalogue: Catalogue,
    reference: Reference,
    budgets: Budgets,
    name_of: Callable[[str], str],
    now: datetime,
    dry_run: bool = False,
) -> Rebuilt:
    """Compute one provider again and write what differs, unless it is a dry run.

    Raises:
        Fenced: a runner committed meanwhile; nothing was written, try again.
        StoreUnavailable: the store does not answer; nothing was written.

    """
    # The version is read first: whatever is committed after it fences this replay.
    version = store.load_partition(partition).version

    def facts_on(code: str, day: int) -> list[Fact]:
        return store.facts_on(provider, code, day)

    state = ProviderState(
        Block(catalogue, provider),
        Evaluation(catalogue, reference, budgets, name_of, facts_on),
        dict(store.current_alerts(provider)),
        {unit.code for unit in store.units_of(provider)},
    )
    facts = list(store.facts(provider))
    again = advance({provider: state}, facts, {})
    effects = Effects(
        tallies=_changed(store, provider, again),
        units=again.units,
        units_gone=units_gone(state, sorted(state.registered - {provider})),
        providers=again.providers,
        alerts=again.alerts,
    )
    if not dry_run:
        store.commit(partition, version, effects, {}, now)
    changes: dict[str, int] = {}
    for change in effects.alerts:
        changes[change.change] = changes.get(change.change, 0) + 1
    return Rebuilt(provider, len(facts), len(effects.tallies), changes)


def _changed(store: Store, provider: str, again: Effects) -> list[Tally]:
    """Tallies that are not as stored; stored ones that no fact supports come emptied."""
    stored = {(held.unit, held.grid, held.period): held for held in store.tallies(provider)}
    changed = []
    for tally in again.tallies:
        held = stored.pop((tally.unit, tally.grid, tally.period), None)
        if held is None or held.cells != tally.cells:
            changed.append(tally)
    return changed + [replace(held, cells=b"") for held in stored.values()]
