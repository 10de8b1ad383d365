"""What each unit of a provider counts over a span: the sums that a comparison rests on.

They are the sums of the points that the unit's own series shows, taken under one rule:
a period counts where both its numerator and its denominator are known and it is closed.
A unit counts from its first report in the feed on; one that was never heard of there is
not called low.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.alerts import disclosure
from streams.catalogue.contributions import MILLION
from streams.catalogue.indicators import Indicator
from streams.comparisons.spans import Span
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, month_of_day
from streams.histories.series import Block
from streams.histories.views import view
from streams.histories.windows import joined_units, window

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnitSum:
    """A unit's numbers over a span.

    ``numerator`` and ``denominator`` are None where they are held back. ``periods`` is how
    many periods they rest on, ``missing`` how many with events were left out because their
    denominator is not known. ``grid`` is that of the series they are the sums of.
    """

    unit: str
    provider: str
    grid: Grid
    numerator: float | None
    denominator: float | None
    periods: int
    missing: int = 0

    @property
    def held_back(self) -> bool:
        """Whether a small number of it is not shown."""
        return self.numerator is None


def unit_sums(
    block: Block, indicator: Indicator, level: str, span: Span, closed: int
) -> list[UnitSum]:
    """The sums of the units of a level that have any, in the order of the block.

    Args:
        block: the provider's histories, at least those of the span.
        indicator: what is counted.
        level: which units.
        span: over which periods.
        closed: the provider's first period that is not closed.
    """
    slots = block.of_levels(frozenset({level}))
    width = min(span.end, closed) - span.first
    if width <= 0 or not slots.size:
        return []
    catalogue = block.catalogue
    source = catalogue.position(indicator.numerator or indicator.key)
    at = slots.tolist()
    facts, summed, below = window(block, span.grid, at, source, span.first, width)
    codes = block.codes(at)
    above = np.where(_covered(block, codes, indicator, span, facts), summed / MILLION, np.nan)
    under = np.where(below != 0, below / MILLION, np.nan)
    if indicator.denominator is not None:
        joined, _ = joined_units(block, span.grid, at, indicator.denominator, span.first, width)
        under = np.where(np.isnan(under), joined, under)
    known = ~np.isnan(above) & (under > 0)
    lacking = (above > 0) & ~(under > 0)
    return [
        UnitSum(
            unit=code,
            provider=block.provider,
            grid=span.grid,
            numerator=float(above[row][known[row]].sum()),
            denominator=float(under[row][known[row]].sum()),
            periods=int(known[row].sum()),
            missing=int(lacking[row].sum()),
        )
        for row, code in enumerate(codes)
        if known[row].any()
    ]


def _covered(
    block: Block, codes: list[str], indicator: Indicator, span: Span, facts: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which periods of which units were reported on: zero is a number there, not a gap."""
    if indicator.feed is Feed.WARDMETRICS:
        return facts > 0
    if indicator.denominator is None:
        # A denominator of its own says that something was reported.
        return np.ones(facts.shape, dtype=np.bool_)
    periods = span.first + np.arange(facts.shape[1])
    begun = np.full((len(codes), 1), np.iinfo(np.int64).max)
    for row, code in enumerate(codes):
        week = block.first_week(code, indicator.feed)
        if week is not None:
            begun[row] = (
                week if span.grid is Grid.WEEK else month_of_day(first_day(Grid.WEEK, week))
            )
    return np.asarray(periods >= begun)


def protected_sums(block: Block, indicator: Indicator, level: str, span: Span) -> list[UnitSum]:
    """The same of a protected indicator: sums of the quarters that its series shows to all.

    Args:
        block: all of the provider's histories.
        indicator: what is counted.
        level: which units.
        span: four closed quarters.
    """
    closed_day = disclosure.calendar(block.watermarks)
    found = []
    for slot in block.slots:
        if slot.kind != level or slot.own:
            continue
        # The counts of a period are kept by quarters, single cases by their own grid. Who
        # sends counts is judged by them: a single case beside them must change nothing.
        for grid in (Grid.QUARTER, indicator.grid):
            seen = view(block, slot.code, indicator.key, grid)
            if seen is None or not seen.periods.size:
                continue
            total = disclosure.window_total(seen, span.since, span.until, closed_day=closed_day)
            if total is None:
                continue
            if total == disclosure.SUPPRESSED:
                found.append(UnitSum(slot.code, block.provider, grid, None, None, 0))
                break
            if total[1] > 0:
                found.append(UnitSum(slot.code, block.provider, grid, *total))
                break
    return found
