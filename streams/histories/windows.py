"""Windows on a block: the same indicator of many units as one array.

The detectors want (units, periods) arrays. A site or provider that reports a
metric for itself is taken at its word; elsewhere the sum over its wards counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.catalogue.contributions import MILLION
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, month_of_day

if TYPE_CHECKING:
    from streams.histories.held import Held

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]


def window(
    block: Held, grid: Grid, slots: Sequence[int], position: int, first: int, width: int
) -> I64:
    """Facts, numerators and denominators (3, slots, width) of one indicator.

    Args:
        block: the histories.
        grid: which grid.
        slots: slots of totals.
        position: the indicator's place in the catalogue.
        first: the first period.
        width: the number of periods.
    """
    columns = block.columns[grid]
    result = columns.read(columns.table[list(slots), position], first, width)
    if position < len(block.catalogue.indicators) and (
        block.catalogue.indicators[position].feed is Feed.WARDMETRICS
    ):
        own = block.own_slots(np.asarray(slots, dtype=np.int64))
        rows = np.where(own >= 0, columns.table[own, position], -1)
        if (rows >= 0).any():
            said = columns.read(rows, first, width)
            np.copyto(result, said, where=said[:1] > 0)
    return result


def reported(block: Held, grid: Grid, slots: I64, position: int) -> list[int]:
    """Those of the slots that have a fact of an indicator on a grid."""
    columns = block.columns[grid]
    rows = columns.table[slots, position]
    slots, rows = slots[rows >= 0], rows[rows >= 0]
    found: list[int] = slots[columns.with_facts(rows)].tolist()
    return found


@lru_cache(maxsize=64)
def months_of_weeks(first: int, width: int) -> I64:
    """The month of every day (7 width) of the weeks ``first`` to ``first + width - 1``."""
    return np.array([month_of_day(day) for day in range(7 * first - 3, 7 * (first + width) - 3)])


def weekly_activity(
    block: Held, slots: Sequence[int], position: int, first: int, width: int
) -> tuple[F64, I64]:
    """An activity metric by week (slots, width), NaN where missing, and the facts behind it.

    A week without a weekly figure takes its days' share of the month's.
    """
    facts, numerators, _ = window(block, Grid.WEEK, slots, position, first, width)
    weekly: F64 = np.where(facts > 0, numerators / MILLION, np.nan)
    months = block.columns[Grid.MONTH]
    rows = months.table[list(slots), position]
    if not np.any(rows >= 0) or not np.isnan(weekly).any():
        return weekly, facts
    month = months_of_weeks(first, width)
    low, high = int(month[0]), int(month[-1])
    reported, totals, _ = window(block, Grid.MONTH, slots, position, low, high - low + 1)
    length = np.diff([first_day(Grid.MONTH, step) for step in range(low, high + 2)])
    a_day = np.where(reported > 0, totals / MILLION / length, np.nan)
    monthly: F64 = a_day[:, month - low].reshape(len(slots), width, 7).sum(axis=2)
    behind = reported[:, month - low].reshape(len(slots), width, 7)[:, :, 3]
    missing = np.isnan(weekly)
    return np.where(missing, monthly, weekly), np.where(missing, behind, facts)


def joined_units(
    block: Held, grid: Grid, slots: Sequence[int], key: str, first: int, width: int
) -> tuple[F64, I64]:
    """A denominator joined by unit and period, NaN where not reported, and the facts behind it.

    Both are (slots, width).
    """
    position = block.catalogue.position(key)
    if grid is Grid.WEEK:
        return weekly_activity(block, slots, position, first, width)
    facts, numerators, _ = window(block, grid, slots, position, first, width)
    return np.where(facts > 0, numerators / MILLION, np.nan), facts
