"""Columnar histories: one matrix of cells per calendar grid.

A row is one series (an indicator of a unit), a column one period. Cells hold the
number of facts and the sums of their numerators and denominators in millionths.
Integers are used because their sums do not depend on the order of arrival; how they
are held is told in ``streams.histories.cell_lines``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.facts.periods import Grid
from streams.histories.cell_lines import (
    ABOVE,
    BELOW,
    BYTES,
    CODES,
    DAYS,
    EACH,
    FACTS,
    FRESH,
    LINES,
    MOST_WORDS,
    WEEKDAYS,
    Cells,
    held,
    is_held,
    moved,
    number_at,
    words,
)

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

CLEAN = np.int32(2**31 - 1)
_ROOM = {Grid.DAY: 91, Grid.WEEK: 13, Grid.MONTH: 6, Grid.QUARTER: 4}
_SPARE = 16


class Matrix:
    """The cells of all series of one provider on one grid.

    Attributes: ``table`` (slots, indicators) int32 gives a series' row or -1; ``dirty``
    (rows, with room) int32 the earliest column changed since the last evaluation, as a
    period number, or ``CLEAN``; ``indicators`` (rows) int32 the indicator of each;
    ``first`` the period of the first of ``width`` columns.
    """

    def __init__(self, grid: Grid, indicators: int) -> None:
        self.grid = grid
        self.first = 0
        self.width = 0
        self.rows = 0
        self.table = np.full((0, indicators), -1, dtype=np.int32)
        self.dirty = np.zeros(0, dtype=np.int32)
        self.indicators = np.zeros(0, dtype=np.int32)
        self._lines = np.zeros((0, LINES), dtype=np.int32)
        self._each = np.zeros((0, 2), dtype=np.int64)
        self._pool = np.zeros(0, dtype=np.int64)
        self._used = np.zeros(1, dtype=np.int64)
        self._cells: Cells | None = None

    @property
    def cells(self) -> Cells:
        """The lines for kernels; they hold until rows, columns or room are added."""
        if self._cells is None:
            self._cells = self._shown(self._lines, self._pool, self._used)
        return self._cells

    def _shown(self, lines: I32, pool: I64, used: I64) -> Cells:
        return Cells(self.table, self.first, self.width, lines, self._each, pool, used)

    def add_slots(self, slots: int) -> None:
        """Make room in ``table`` for ``slots`` units."""
        missing = slots - self.table.shape[0]
        if missing > 0:
            empty = np.full((missing, self.table.shape[1]), -1, dtype=np.int32)
            self.table = np.concatenate([self.table, empty])
            self._cells = None

    def span(self, first: int, last: int) -> None:
        """Make room for the periods ``first`` to ``last``."""
        if self.width and first >= self.first and last < self.first + self.width:
            return
        room = _ROOM[self.grid]
        begin, end = first, last + 1 + room
        if self.width:
            begin = min(self.first, first - room if first < self.first else first)
            end = max(self.first + self.width, end)
        before, left = self.cells, self.first - begin if self.width else 0
        self.first, self.width = begin, end - begin
        self._move(before, left)

    def more_room(self) -> None:
        """Make room in the pool of lines."""
        self._move(self.cells, 0)

    def _move(self, before: Cells, left: int, more: int = 0) -> None:
        """Lay all lines out anew, without gaps, and with room for more words.

        Raises:
            ValueError: a gigabyte of one grid's lines.

        """
        taken = _taken(self._lines, self.rows, self.width)
        # More than the lines of one series need when all of them grow.
        most = (LINES - 1 + WEEKDAYS) * (self.width + 1)
        spare = max(taken // 8, 4 * most)
        if taken + more + spare > MOST_WORDS:
            raise ValueError(f"histories of {8 * taken:,} bytes are too large for one provider")
        lines, used = self._lines.copy(), np.zeros(1, dtype=np.int64)
        pool = np.zeros(taken + more + spare, dtype=np.int64)
        moved(before, self._shown(lines, pool, used), self.rows, left)
        self._lines, self._pool, self._used, self._cells = lines, pool, used, None

    def add_rows(self, rows: int, watched_daily: Bool) -> None:
        """Make matrix rows up to ``rows``; the table already points at them."""
        if rows <= self.rows:
            return
        missing = rows - self.dirty.size
        if missing > 0:
            # Rare series turn up one after another, so there is always room for more.
            missing += self.dirty.size // 8 + _SPARE
            self._lines = np.pad(self._lines, ((0, missing), (0, 0)))
            self._each = np.pad(self._each, ((0, missing), (0, 0)))
            self.dirty = np.pad(self.dirty, (0, missing), constant_values=CLEAN)
            self.indicators = np.pad(self.indicators, (0, missing))
        slots, indicators = np.nonzero(self.table >= self.rows)
        new = self.table[slots, indicators]
        self.indicators[new] = indicators
        whole, by_day = words(BYTES, self.width), words(BYTES, WEEKDAYS * self.width)
        sizes = np.full(rows - self.rows, whole, dtype=np.int64)
        daily = np.zeros(rows - self.rows, dtype=np.bool_)
        daily[new - self.rows] = watched_daily[indicators]
        sizes[daily] += by_day
        self._cells = None
        if self._used[0] + sizes.sum() > self._pool.size:
            self._move(self.cells, 0, int(sizes.sum()))
        starts = self._used[0] + np.cumsum(sizes) - sizes
        described = self._lines[self.rows : rows]
        described[:, FACTS] = CODES * starts + BYTES
        described[:, [ABOVE, BELOW]] = FRESH
        described[:, DAYS] = np.where(daily, CODES * (starts + whole) + BYTES, EACH)
        self._used[0] += sizes.sum()
        self.rows = rows

    # -- reading -------------------------------------------------------------

    def changed(self) -> I32:
        """The earliest period changed since the last evaluation, by indicator, or ``CLEAN``."""
        earliest = np.full(self.table.shape[1], CLEAN, dtype=np.int32)
        rows = np.flatnonzero(self.dirty != CLEAN)
        np.minimum.at(earliest, self.indicators[rows], self.dirty[rows])
        return earliest

    def read(self, rows: I32, first: int, width: int) -> I64:
        """Facts, numerators and denominators (3, rows, width); 0 for row -1 and beyond."""
        result = np.zeros((3, len(rows), width), dtype=np.int64)
        _read(self.cells, np.asarray(rows, dtype=np.int32), first, result)
        return result

    def extent(self, row: int) -> tuple[int, int] | None:
        """The first and the last period with a fact in a row, or None."""
        return self.extent_of(np.array([row], dtype=np.int32))

    def extent_of(self, rows: I32) -> tuple[int, int] | None:
        """The first and the last period with a fact in any of these rows, or None."""
        first, last = _extent(self.cells, np.asarray(rows, dtype=np.int32))
        return None if last < 0 else (self.first + first, self.first + last)

    def with_facts(self, rows: I32) -> Bool:
        """Which of these rows (all of them real) have a fact."""
        found = np.zeros(len(rows), dtype=np.bool_)
        _with_facts(self.cells, np.asarray(rows, dtype=np.int32), found)
        return found

    def days(self, row: int, period: int) -> I64:
        """The facts of a row by day (7) of a week; zeros where it is not watched by day."""
        result = np.zeros(WEEKDAYS, dtype=np.int64)
        _days(self.cells, row, period - self.first, result)
        return result


@compiled
def _taken(lines: I32, rows: int, width: int) -> int:
    """The words of the pool that the lines of so many rows take."""
    total = 0
    for row in range(rows):
        for which in range(LINES):
            if is_held(lines[row, which]):
                total += words(lines[row, which], width * (WEEKDAYS if which == DAYS else 1))
    return total


@compiled
def _read(cells: Cells, rows: I32, first: int, result: I64) -> None:
    lines, each, pool = cells.lines, cells.each, cells.pool
    low = max(0, cells.first - first)
    high = min(result.shape[2], cells.first + cells.width - first)
    for at in range(rows.size):
        row = rows[at]
        if row < 0:
            continue
        for step in range(low, high):
            column = first + step - cells.first
            facts = held(pool, lines[row, FACTS], column)
            result[0, at, step] = facts
            if facts != 0:
                result[1, at, step] = number_at(lines, each, pool, row, ABOVE, column)
                result[2, at, step] = number_at(lines, each, pool, row, BELOW, column)


@compiled
def _extent(cells: Cells, rows: I32) -> tuple[int, int]:
    lines, pool = cells.lines, cells.pool
    first, last = cells.width, -1
    for row in rows:
        if row < 0:
            continue
        line = lines[row, FACTS]
        column = 0
        while column < first and held(pool, line, column) == 0:
            column += 1
        first = min(first, column)
        column = cells.width - 1
        while column > last and held(pool, line, column) == 0:
            column -= 1
        last = max(last, column)
    return first, last


@compiled
def _with_facts(cells: Cells, rows: I32, found: Bool) -> None:
    for at in range(rows.size):
        line = cells.lines[rows[at], FACTS]
        for column in range(cells.width):
            if held(cells.pool, line, column) != 0:
                found[at] = True
                break


@compiled
def _days(cells: Cells, row: int, column: int, result: I64) -> None:
    line = cells.lines[row, DAYS]
    if is_held(line):
        for day in range(WEEKDAYS):
            result[day] = held(cells.pool, line, WEEKDAYS * column + day)
