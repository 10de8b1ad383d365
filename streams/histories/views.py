"""A series as people and charts see it: aligned periods, values, what is missing.

Counts of events are zero where nothing was reported while the feed was alive;
metrics are missing where nobody sent them. Denominators are joined by unit and
period; one that is missing stays missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.catalogue.contributions import MILLION
from streams.catalogue.indicators import Indicator
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, month_of_day
from streams.histories.windows import joined_units, window

if TYPE_CHECKING:
    from streams.histories.held import Held

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeriesView:
    """One series.

    ``periods`` (n) are consecutive grid indices; ``numerators``, ``denominators``
    and ``values`` (n) floats, NaN where missing (``values`` already times the
    indicator's ``per``); ``facts`` (n) how many facts each cell rests on.
    ``open_from`` is the first period that is not closed.
    """

    unit: str
    indicator: Indicator
    grid: Grid
    periods: I64
    numerators: F64
    denominators: F64
    values: F64
    facts: I64
    open_from: int

    @property
    def id(self) -> str:
        """The series' public name, safe in a URL path."""
        return series_id(self.unit, self.indicator.key, self.grid)


def series_id(unit: str, indicator: str, grid: Grid) -> str:
    """``unit~indicator~grid``: the public name of a series."""
    return f"{unit}~{indicator}~{grid.name.lower()}"


def _span(block: Held, indicator: Indicator, unit: str, grid: Grid) -> tuple[int, int] | None:
    """First and last period of a series: from the unit's first fact to its feed's watermark."""
    columns = block.columns[grid]
    row = row_of(block, unit, indicator.key, grid)
    if indicator.feed is Feed.WARDMETRICS or grid is Grid.QUARTER:
        return None if row < 0 else columns.extent(row)
    week = block.first_week(unit, indicator.feed)
    closed = block.closed(indicator.feed, grid)
    if week is None or closed is None:
        return None
    day = first_day(Grid.WEEK, week)
    first = week if grid is Grid.WEEK else month_of_day(day)
    return min(first, closed), closed


def row_of(block: Held, unit: str, key: str, grid: Grid) -> int:
    """The matrix row of a unit's totals of an indicator on a grid, or -1."""
    slot = block.slot(unit)
    if slot is None:
        return -1
    return int(block.columns[grid].table[slot, block.catalogue.position(key)])


def view(block: Held, unit: str, key: str, grid: Grid) -> SeriesView | None:
    """The series of an indicator of a unit, or None where there is none."""
    slot = block.slot(unit)
    if slot is None or key not in block.catalogue:
        return None
    indicator = block.catalogue[key]
    source = indicator.numerator or key
    span = _span(block, block.catalogue[source], unit, grid)
    if span is None or row_of(block, unit, source, grid) < 0:
        return None
    first, last = span
    width = last - first + 1
    facts, summed, below = window(
        block, grid, [slot], block.catalogue.position(source), first, width
    )[:, 0]
    numerators: F64 = summed / MILLION
    denominators: F64 = np.where(below != 0, below / MILLION, np.nan)
    if indicator.feed is Feed.WARDMETRICS:
        numerators = np.where(facts > 0, numerators, np.nan)
    if indicator.denominator is not None and indicator.kind in {"rate", "proportion"}:
        (other,), _ = joined_units(block, grid, [slot], indicator.denominator, first, width)
        denominators = np.where(np.isnan(denominators), other, denominators)
    if indicator.kind == "count":
        values = numerators * indicator.per
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(denominators > 0, numerators / denominators * indicator.per, np.nan)
    closed = block.closed(indicator.feed, grid)
    return SeriesView(
        unit=unit,
        indicator=indicator,
        grid=grid,
        periods=np.arange(first, last + 1),
        numerators=numerators,
        denominators=denominators,
        values=values,
        facts=facts,
        open_from=last + 1 if closed is None else closed,
    )


def listed(block: Held, unit: str) -> list[tuple[str, Grid]]:
    """The series a unit has: indicator key and grid, in the catalogue's order."""
    slot = block.slot(unit)
    if slot is None:
        return []
    kind = block.slots[slot].kind
    found = []
    for indicator in block.catalogue.indicators:
        if kind not in indicator.levels:
            continue
        source = block.catalogue.position(indicator.numerator or indicator.key)
        found += [
            (indicator.key, grid)
            for grid, columns in block.columns.items()
            if columns.table[slot, source] >= 0
        ]
    return found
