"""Entering facts and stored tallies into the lines of a grid, and packing tallies again.

A batch is entered fact by fact and cell by cell. Where the pool of lines has no room left
a kernel stops, says where, and goes on from there when there is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.facts.feeds import Feed
from streams.histories.cell_lines import (
    ABOVE,
    BELOW,
    DAYS,
    EACH,
    FACTS,
    PART,
    WEEKDAYS,
    Cells,
    follows,
    held,
    is_held,
    number_at,
    ones,
    place_of,
    room_for,
    summed,
)
from streams.histories.tallies import pack

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

FEEDS = len(Feed)
# Where a kernel goes on: at which fact (or stored cell), cell of its shape and link of its
# chain, and how many tallies it has touched.
FACT, CELL, LINK, TOUCHED = range(4)
# A touched tally is one number: its leaf times this plus its period.
LEAF = 1 << 32


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
    leaf: I32, shape: I32, day: I32, starts: I32, shapes: I64, grid: int, months: I32,
    chain: I32, wanted: Bool, table: I32, rows: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Give rows to series that a batch touches first; answer rows, first and last period.

    ``leaf``, ``shape`` and ``day`` (facts) say which leaf slot each fact belongs to,
    which cells (``shapes[starts[s, grid]:starts[s, grid + 1]]``, see ``Shapes``) it adds and
    on which UTC day; ``chain`` (slots, 4) lists the slots that a leaf adds to, itself
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
            indicator = shapes[cell, 0]
            for link in range(chain.shape[1]):
                slot = chain[leaf[fact], link]
                if slot < 0:
                    break
                if table[slot, indicator] < 0 and wanted[slot, indicator]:
                    table[slot, indicator] = rows
                    rows += 1
    return rows, first, last


@compiled
def allocate_placed(placed: I64, chain: I32, wanted: Bool, table: I32, rows: int) -> int:
    """Give rows to the series of stored cells (``placed``: leaf, period, packed numbers)."""
    for cell in range(placed.shape[0]):
        indicator = placed[cell, 2]
        for link in range(chain.shape[1]):
            slot = chain[placed[cell, 0], link]
            if slot < 0:
                break
            if table[slot, indicator] < 0 and wanted[slot, indicator]:
                table[slot, indicator] = rows
                rows += 1
    return rows


@compiled
def _room_made(cells: Cells, row: int, column: int, entry: I64) -> bool:
    """See to it that a cell can take an entry; false where the pool has no room."""
    lines, each = cells.lines, cells.each
    facts, above, below = entry[0], entry[1], entry[2]
    return (
        room_for(cells, row, FACTS, column, facts)
        and (
            follows(lines, each, row, ABOVE, facts, above)
            or room_for(cells, row, ABOVE, column, above)
        )
        and (
            follows(lines, each, row, BELOW, facts, below)
            or room_for(cells, row, BELOW, column, below)
        )
    )


@compiled
def _entered(lines: I32, each: I64, pool: I64, row: int, column: int, entry: I64) -> bool:
    """Add an entry to a cell, or nothing, and false, where a line must first be widened.

    ``entry`` has facts, numerator and denominator, and the latter two as ``ones``.
    """
    line = lines[row, FACTS]
    place = place_of(line, column)
    fits, word = summed(pool[place], line, column, entry[0], PART)
    line, place_above, word_above = lines[row, ABOVE], -1, 0
    if is_held(line):
        place_above = place_of(line, column)
        good, word_above = summed(pool[place_above], line, column, entry[1], entry[3])
    else:
        good = line == EACH and entry[1] == entry[0] * each[row, 0]
    line, place_below, word_below = lines[row, BELOW], -1, 0
    fits = fits and good
    if is_held(line):
        place_below = place_of(line, column)
        good, word_below = summed(pool[place_below], line, column, entry[2], entry[4])
    else:
        good = line == EACH and entry[2] == entry[0] * each[row, 1]
    if not (fits and good):
        return False
    pool[place] = word
    if place_above >= 0:
        pool[place_above] = word_above
    if place_below >= 0:
        pool[place_below] = word_below
    return True


@compiled
def _widened(cells: Cells, row: int, column: int, index: int, entry: I64) -> bool:
    """Add an entry, one fact's, to lines that are widened for it; false where there is no room."""
    lines, each, pool = cells.lines, cells.each, cells.pool
    by_day = is_held(lines[row, DAYS])
    if by_day and not room_for(cells, row, DAYS, index, entry[0]):
        return False
    if not _room_made(cells, row, column, entry):
        return False
    _entered(lines, each, pool, row, column, entry)
    if by_day:
        line = lines[row, DAYS]
        place = place_of(line, index)
        pool[place] = summed(pool[place], line, index, entry[0], PART)[1]
    return True


@compiled
def add(
    leaf: I32, shape: I32, day: I32, sign: I32, above: I64, below: I64, starts: I32, shapes: I64,
    grid: int, months: I32, chain: I32, cells: Cells, dirty: I32, touched: I64, at: I64,
) -> bool:  # fmt: skip
    """Add (``sign`` 1) or take away (-1) the cells of a batch of facts.

    ``above`` and ``below`` (facts) are added to the numerators and denominators of a
    fact's cells, other than its feed's activity, on top of what its shape adds. Every
    touched tally is written to ``touched`` (with repeats), at most one a fact. Goes on
    from ``at``; false where it stopped for want of room.
    """
    table, lines, each, pool = cells.table, cells.lines, cells.each, cells.pool
    counted = table.shape[1] - FEEDS
    entry = np.empty(5, dtype=np.int64)
    for fact in range(at[FACT], leaf.shape[0]):
        begin, end = starts[shape[fact], grid], starts[shape[fact], grid + 1]
        if begin == end:
            continue
        period = _period(grid, day[fact], months)
        column = period - cells.first
        index = WEEKDAYS * column + (day[fact] + 3) % WEEKDAYS
        for cell in range(begin + at[CELL], end):
            indicator = shapes[cell, 0]
            entry[0] = sign[fact]
            entry[1], entry[2] = entry[0] * shapes[cell, 1], entry[0] * shapes[cell, 2]
            if indicator < counted:
                entry[1] += entry[0] * above[fact]
                entry[2] += entry[0] * below[fact]
            entry[3], entry[4] = ones(entry[1]), ones(entry[2])
            for link in range(at[LINK], chain.shape[1]):
                slot = chain[leaf[fact], link]
                if slot < 0:
                    break
                row = table[slot, indicator]
                if row < 0:
                    continue
                by_day = lines[row, DAYS]
                fits, place, word = True, -1, 0
                if is_held(by_day):
                    place = place_of(by_day, index)
                    fits, word = summed(pool[place], by_day, index, entry[0], PART)
                if fits and _entered(lines, each, pool, row, column, entry):
                    if place >= 0:
                        pool[place] = word
                elif not _widened(cells, row, column, index, entry):
                    at[FACT], at[CELL], at[LINK] = fact, cell - begin, link
                    return False
                dirty[row] = min(dirty[row], period)
            at[LINK] = 0
        at[CELL] = 0
        touched[at[TOUCHED]] = leaf[fact] * LEAF + period
        at[TOUCHED] += 1
    return True


@compiled
def add_placed(placed: I64, chain: I32, cells: Cells, dirty: I32, at: I64) -> bool:
    """Add stored cells to the series of their leaf and of the units above it, as ``add`` does."""
    table, lines, each, pool = cells.table, cells.lines, cells.each, cells.pool
    entry = np.empty(5, dtype=np.int64)
    for cell in range(at[FACT], placed.shape[0]):
        period = placed[cell, 1]
        column = period - cells.first
        entry[:3] = placed[cell, 3:6]
        entry[3], entry[4] = ones(entry[1]), ones(entry[2])
        for link in range(at[LINK], chain.shape[1]):
            slot = chain[placed[cell, 0], link]
            if slot < 0:
                break
            row = table[slot, placed[cell, 2]]
            if row < 0:
                continue
            days = WEEKDAYS if is_held(lines[row, DAYS]) else 0
            ready = True
            for day in range(days):
                index = WEEKDAYS * column + day
                ready = ready and room_for(cells, row, DAYS, index, placed[cell, 6 + day])
            if not (ready and _room_made(cells, row, column, entry)):
                at[FACT], at[LINK] = cell, link
                return False
            _entered(lines, each, pool, row, column, entry)
            for day in range(days):
                line, index = lines[row, DAYS], WEEKDAYS * column + day
                place = place_of(line, index)
                pool[place] = summed(pool[place], line, index, placed[cell, 6 + day], PART)[1]
            dirty[row] = min(dirty[row], period)
        at[LINK] = 0
    return True


@compiled
def packed(cells: Cells, places: I64, rows: I32, daily: I32, out: U8, ends: I64) -> None:
    """Write the tallies of ``places`` one after another; ``ends`` tells where each ends.

    ``rows`` (indicators) counts from 0; ``daily`` (indicators, 1, 7) is room for days.
    """
    table, lines, each, pool = cells.table, cells.lines, cells.each, cells.pool
    number = rows.size
    facts = np.empty((number, 1), dtype=np.int32)
    above = np.empty((number, 1), dtype=np.int64)
    below = np.empty((number, 1), dtype=np.int64)
    days = np.empty(number, dtype=np.int32)
    end = 0
    for at in range(places.size):
        leaf, column = places[at] // LEAF, places[at] % LEAF - cells.first
        for one in range(number):
            row = table[leaf, one]
            facts[one, 0] = 0
            if row < 0:
                continue
            facts[one, 0] = held(pool, lines[row, FACTS], column)
            if facts[one, 0] == 0:
                continue
            above[one, 0] = number_at(lines, each, pool, row, ABOVE, column)
            below[one, 0] = number_at(lines, each, pool, row, BELOW, column)
            days[one] = -1
            if is_held(lines[row, DAYS]):
                days[one] = one
                for day in range(WEEKDAYS):
                    daily[one, 0, day] = held(pool, lines[row, DAYS], WEEKDAYS * column + day)
        end += pack(rows, 0, facts, above, below, days, daily, out[end:])
        ends[at] = end
