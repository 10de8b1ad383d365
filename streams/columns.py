"""Columnar histories: one matrix of cells per calendar grid.

A row is one series (an indicator of a unit), a column one period. Cells hold the
number of facts and the sums of their numerators and denominators in millionths.
Integers are used because their sums do not depend on the order of arrival.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.feeds import Feed
from streams.periods import Grid

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

FEEDS = len(Feed)
CLEAN = np.int32(2**31 - 1)
_ROOM = {Grid.DAY: 91, Grid.WEEK: 13, Grid.MONTH: 6, Grid.QUARTER: 4}


class Columns:
    """The cells of all series of one provider on one grid.

    Attributes (rows, with room, by columns): ``facts`` int32, ``numerators`` and
    ``denominators`` int64; ``table`` (slots, indicators) int32 gives a series'
    row or -1; ``days`` (rows) int32 its row in ``daily`` (daily rows, columns,
    7) int32 or -1; ``dirty`` (rows) int32 the earliest column changed since the
    last evaluation, as a period number, or ``CLEAN``; ``indicators`` (rows) int32 the
    indicator of each.
    """

    def __init__(self, grid: Grid, indicators: int) -> None:
        self.grid = grid
        self.first = 0
        self.rows = 0
        self.table = np.full((0, indicators), -1, dtype=np.int32)
        self.facts = np.zeros((0, 0), dtype=np.int32)
        self.numerators = np.zeros((0, 0), dtype=np.int64)
        self.denominators = np.zeros((0, 0), dtype=np.int64)
        self.days = np.zeros(0, dtype=np.int32)
        self.daily = np.zeros((0, 0, 7), dtype=np.int32)
        self.dirty = np.zeros(0, dtype=np.int32)
        self.indicators = np.zeros(0, dtype=np.int32)
        self._daily = 0

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.facts.shape[1]

    def add_slots(self, slots: int) -> None:
        """Make room in ``table`` for ``slots`` units."""
        missing = slots - self.table.shape[0]
        if missing > 0:
            empty = np.full((missing, self.table.shape[1]), -1, dtype=np.int32)
            self.table = np.concatenate([self.table, empty])

    def span(self, first: int, last: int) -> None:
        """Make room for the periods ``first`` to ``last``."""
        if self.width and first >= self.first and last < self.first + self.width:
            return
        room = _ROOM[self.grid]
        begin, end = first, last + 1 + room
        if self.width:
            begin = min(self.first, first - room if first < self.first else first)
            end = max(self.first + self.width, end)
        left = self.first - begin if self.width else 0
        right = end - begin - self.width - left
        self.facts = np.pad(self.facts, ((0, 0), (left, right)))
        self.numerators = np.pad(self.numerators, ((0, 0), (left, right)))
        self.denominators = np.pad(self.denominators, ((0, 0), (left, right)))
        self.daily = np.pad(self.daily, ((0, 0), (left, right), (0, 0)))
        self.first = begin

    def changed(self) -> I32:
        """The earliest period changed since the last evaluation, by indicator, or ``CLEAN``."""
        earliest = np.full(self.table.shape[1], CLEAN, dtype=np.int32)
        rows = np.flatnonzero(self.dirty != CLEAN)
        np.minimum.at(earliest, self.indicators[rows], self.dirty[rows])
        return earliest

    def add_rows(self, rows: int, watched_daily: Bool) -> None:
        """Make matrix rows up to ``rows``; the table already points at them."""
        if rows <= self.rows:
            return
        missing = rows - self.dirty.size
        if missing > 0:
            # Rare series turn up one after another, so there is always room for more.
            missing += self.dirty.size // 4 + 16
            self.facts = np.pad(self.facts, ((0, missing), (0, 0)))
            self.numerators = np.pad(self.numerators, ((0, missing), (0, 0)))
            self.denominators = np.pad(self.denominators, ((0, missing), (0, 0)))
            self.dirty = np.pad(self.dirty, (0, missing), constant_values=CLEAN)
            self.days = np.pad(self.days, (0, missing), constant_values=-1)
            self.indicators = np.pad(self.indicators, (0, missing))
        _, indicators = np.nonzero(self.table >= self.rows)
        new = self.table[self.table >= self.rows]
        self.indicators[new] = indicators
        by_day = new[watched_daily[indicators]]
        self.days[by_day] = np.arange(self._daily, self._daily + by_day.size, dtype=np.int32)
        self._daily += by_day.size
        missing = self._daily - self.daily.shape[0]
        if missing > 0:
            missing += self._daily // 4
            self.daily = np.pad(self.daily, ((0, missing), (0, 0), (0, 0)))
        self.rows = rows


@compiled
def _period(grid: int, day: int, months: I32) -> int:
    """The period of a grid that holds a UTC day; ``months`` covers every day from 1970 on."""
    if grid == 0:
        return day
    if grid == 1:
        return (day + 3) // 7
    month = int(months[day])
    return month if grid == 2 else month // 3


@compiled
def allocate(
    leaf: I32, shape: I32, day: I32, starts: I32, cells: I64, grid: int, months: I32,
    chain: I32, wanted: Bool, table: I32, rows: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Give rows to series that a batch touches first; answer rows, first and last period.

    ``leaf``, ``shape`` and ``day`` (facts) say which leaf slot each fact belongs to,
    which cells (``cells[starts[s, grid]:starts[s, grid + 1]]``, see ``Shapes``) it adds and on
    which UTC day; ``chain`` (slots, 4) lists the slots that a leaf adds to, itself
    first, padded with -1; ``wanted`` (slots, indicators) says where a series is kept.
    """
    first = 2**31 - 1
    last = -(2**31)
    for fact in range(leaf.shape[0]):
        begin, end = starts[shape[fact], grid], starts[shape[fact], grid + 1]
        if begin == end:
            continue
        period = _period(grid, day[fact], months)
        first = min(first, period)
        last = max(last, period)
        for cell in range(begin, end):
            indicator = cells[cell, 0]
            for link in range(4):
                slot = chain[leaf[fact], link]
                if slot < 0:
                    break
                if table[slot, indicator] < 0 and wanted[slot, indicator]:
                    table[slot, indicator] = rows
                    rows += 1
    return rows, first, last


@compiled
def add(
    leaf: I32, shape: I32, day: I32, sign: I32, above: I64, below: I64, starts: I32,
    cells: I64, grid: int, months: I32, chain: I32, table: I32, first: int, facts: I32,
    numerators: I64, denominators: I64, days: I32, daily: I32, dirty: I32, touched: I64,
) -> int:  # fmt: skip
    """Add (``sign`` 1) or take away (-1) the cells of a batch of facts.

    ``above`` and ``below`` (facts) are added to the numerators and denominators of a
    fact's cells, other than its feed's activity, on top of what its shape adds. Writes
    ``leaf * 2**32 + period`` of every touched tally to ``touched`` (with repeats) and
    answers their number, at most one a fact.
    """
    number = 0
    for fact in range(leaf.shape[0]):
        begin, end = starts[shape[fact], grid], starts[shape[fact], grid + 1]
        if begin == end:
            continue
        period = _period(grid, day[fact], months)
        column = period - first
        within = (day[fact] + 3) % 7
        touched[number] = leaf[fact] * 4294967296 + period
        number += 1
        for cell in range(begin, end):
            indicator = cells[cell, 0]
            above_it = cells[cell, 1]
            below_it = cells[cell, 2]
            if indicator < table.shape[1] - FEEDS:
                above_it += above[fact]
                below_it += below[fact]
            for link in range(4):
                slot = chain[leaf[fact], link]
                if slot < 0:
                    break
                row = table[slot, indicator]
                if row < 0:
                    continue
                facts[row, column] += sign[fact]
                numerators[row, column] += sign[fact] * above_it
                denominators[row, column] += sign[fact] * below_it
                if days[row] >= 0:
                    daily[days[row], column, within] += sign[fact]
                dirty[row] = min(dirty[row], period)
    return number


@compiled
def allocate_placed(placed: I64, chain: I32, wanted: Bool, table: I32, rows: int) -> int:
    """Give rows to the series of stored cells (``placed``: leaf, period, packed numbers)."""
    for cell in range(placed.shape[0]):
        indicator = placed[cell, 2]
        for link in range(4):
            slot = chain[placed[cell, 0], link]
            if slot < 0:
                break
            if table[slot, indicator] < 0 and wanted[slot, indicator]:
                table[slot, indicator] = rows
                rows += 1
    return rows


@compiled
def add_placed(
    placed: I64, chain: I32, table: I32, first: int, facts: I32, numerators: I64,
    denominators: I64, days: I32, daily: I32, dirty: I32,
) -> None:  # fmt: skip
    """Add stored cells to the series of their leaf and of the units above it."""
    for cell in range(placed.shape[0]):
        indicator = placed[cell, 2]
        period = placed[cell, 1]
        column = period - first
        for link in range(4):
            slot = chain[placed[cell, 0], link]
            if slot < 0:
                break
            row = table[slot, indicator]
            if row < 0:
                continue
            facts[row, column] += placed[cell, 3]
            numerators[row, column] += placed[cell, 4]
            denominators[row, column] += placed[cell, 5]
            if days[row] >= 0:
                for day in range(7):
                    daily[days[row], column, day] += placed[cell, 6 + day]
            dirty[row] = min(dirty[row], period)
