"""All the evidence on one provider, and the alerts it gives.

An evaluation is a function of the facts, the catalogue and the version of the
pooled reference. It is kept up to date with its block, doing again only what a
batch has changed; doing everything again gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.catalogue.indicators import Catalogue, Indicator
from streams.evidence.counting import CountWatch
from streams.evidence.culture import told_rightly
from streams.evidence.findings import Signal
from streams.evidence.indications import IndicatorWatch
from streams.evidence.moments import FactsOn
from streams.evidence.reference import FOUR
from streams.evidence.rules import ALONE
from streams.evidence.signals import alert_of, episodes
from streams.evidence.silences import SilenceWatch
from streams.evidence.watched_indicators import WatchedIndicators
from streams.facts.effects import AlertRecord
from streams.facts.feeds import Feed
from streams.facts.periods import JUDGED, Grid
from streams.histories.series import kind_of

if TYPE_CHECKING:
    from streams.evidence.reference import Reference
    from streams.histories.series import Block

LEVELS = ("ward", "site", "provider")
# How the budget of a unit is shared out. The feeds watched together have most of it.
SHARES = {"counts": 0.6, "indicators": 0.15, "listening": 0.15, "silence": 0.1}
# Changes for the better are told within a budget of their own, a part of level 1's.
IMPROVEMENT = 0.25
SILENCE_LEVELS = {
    Feed.INCIDENTS: frozenset({"ward", "site"}),
    Feed.COMPLAINTS: frozenset({"site"}),
    Feed.SPEAKUP: frozenset({"site"}),
    Feed.WARDMETRICS: frozenset({"ward", "site"}),
}


@dataclass(frozen=True, slots=True)
class Budgets:
    """False alerts per unit and year that each level may cost a stable unit."""

    level1: float = 0.2
    level2: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.level2 <= self.level1:
            raise ValueError("budgets must satisfy 0 < level 2 <= level 1")

    def share(self, part: str, number: int = 1) -> dict[str, float]:
        """The budgets of one of ``number`` equal claims on a part of the whole."""
        factor = SHARES[part] / number
        return {"budget1": self.level1 * factor, "budget2": self.level2 * factor}

    def by_level(self) -> dict[int, float]:
        """The budgets by level."""
        return {1: self.level1, 2: self.level2}


class Evaluation:
    """The evidence on one provider.

    Args:
        catalogue: the indicators.
        reference: pooled priors and thresholds, with their version.
        budgets: false alerts per unit and year.
        name_of: the name of a unit by its code.
        facts_on: reads the facts of a unit and day.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        reference: Reference,
        budgets: Budgets,
        name_of: Callable[[str], str] = str,
        facts_on: FactsOn | None = None,
    ) -> None:
        self._reference = reference
        self._budgets = budgets
        self._name_of = name_of
        self._counts = [
            CountWatch(level, reference.models[level], **budgets.share("counts"), facts_on=facts_on)
            for level in LEVELS
        ]
        self._indicators = WatchedIndicators(
            catalogue, _indicator_watches(catalogue, reference, budgets)
        )
        self._silences = [
            SilenceWatch(feed, levels, **budgets.share("silence", len(SILENCE_LEVELS)))
            for feed, levels in SILENCE_LEVELS.items()
        ]
        self._alerts: dict[str, list[AlertRecord]] = {}

    def alerts(self, block: Block) -> list[AlertRecord]:
        """Evaluate what changed in the block and give all alerts that now stand."""
        changed: set[str] = set()
        for counts in self._counts:
            changed |= counts.evaluate(block)
        changed |= self._indicators.evaluate(block)
        for silence in self._silences:
            changed |= silence.evaluate(block)
        block.clean()
        telling = self._indicators.signals()
        telling += [silence.signals for silence in self._silences if silence.signals]
        # Where nothing is told and nothing was, nothing needs to be done.
        crossed: set[str] = set().union(*(counts.crossed(block) for counts in self._counts))
        for unit in sorted(changed & crossed.union(self._alerts, *telling)):
            signals = self._counted(block, unit) if unit in crossed else []
            for by_unit in telling:
                signals += by_unit.get(unit, ())
            if signals:
                self._alerts[unit] = self._told(block, unit, signals)
            else:
                self._alerts.pop(unit, None)
        return [alert for unit in sorted(self._alerts) for alert in self._alerts[unit]]

    def _counted(self, block: Block, unit: str) -> list[Signal]:
        kind = kind_of(block.provider, unit)
        return [
            told
            for counts in self._counts
            if counts.level == kind
            for signal in counts.signals(block, unit)
            for told in told_rightly(block, counts, signal)
        ]

    def _told(self, block: Block, unit: str, signals: list[Signal]) -> list[AlertRecord]:
        slot = block.slot(unit)
        assert slot is not None  # noqa: S101 - signals come from the block's units
        return [
            alert_of(
                episode,
                provider=block.provider,
                unit_name=self._name_of(unit),
                unit_kind=block.slots[slot].kind,
                reference=self._reference.version,
                budgets=self._budgets.by_level(),
            )
            for episode in episodes(signals)
        ]


def watched_alone(catalogue: Catalogue, reference: Reference, part: str) -> list[Indicator]:
    """The indicators with evidence of their own that share a part of the budget.

    Counts that the reference has are watched together where they come by week; where they do
    not, and at levels whose model has them not, by themselves, as all others are. So a count that
    a house adds to the joint watch has its claim as before. The four feeds have none.

    Args:
        catalogue: the indicators.
        reference: says which counts are watched together.
        part: ``listening``, or ``indicators`` for all others.
    """
    return [
        indicator
        for indicator in catalogue.indicators
        if indicator.evidence in ALONE
        and not (indicator.key in FOUR and _together(indicator, reference))
        and (indicator.domain == "listening") == (part == "listening")
    ]


def alone_at(indicator: Indicator, reference: Reference, grid: Grid) -> frozenset[str]:
    """The levels at which an indicator is watched by itself on a grid."""
    if grid is not Grid.WEEK:
        return indicator.levels
    return indicator.levels - _together(indicator, reference)


def _together(indicator: Indicator, reference: Reference) -> frozenset[str]:
    """The levels at which an indicator is watched together with others, by week."""
    return frozenset(
        level for level, model in reference.models.items() if indicator.key in model.feeds
    )


def _indicator_watches(
    catalogue: Catalogue, reference: Reference, budgets: Budgets
) -> list[IndicatorWatch]:
    """One watch for each indicator and grid that has evidence of its own."""
    found = []
    for part in ("indicators", "listening"):
        chosen = watched_alone(catalogue, reference, part)
        for indicator in chosen:
            shares = budgets.share(part, len(chosen))
            better = None
            if indicator.direction != "neutral":
                better = shares["budget1"] * IMPROVEMENT
            found += [
                IndicatorWatch(indicator, grid, levels=levels, **shares, improvement=better)
                for grid in JUDGED
                if (levels := alone_at(indicator, reference, grid))
            ]
    return found
