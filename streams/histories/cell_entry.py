"""Entering facts and stored tallies into the lines of a grid, and packing tallies again.

What a batch of facts adds is summed by tally and entered cell by cell, as stored tallies are.
Where the pool of lines has no room left the kernel stops, says where, and goes on from there
when there is.
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
# Where a kernel goes on: at which cell, and which link of its leaf's chain.
CELL, LINK = range(2)
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
def tallies_of(
    leaf: I32, shape: I32, day: I32, starts: I32, grid: int, months: I32, out: I64
) -> int:  # fmt: skip
    """Which tally of a grid each fact adds to (-1: none); answer how many cells they have.

    ``leaf``, ``shape`` and ``day`` (facts) say which leaf slot a fact belongs to, which cells
    (``shapes[starts[s, grid]:starts[s, grid + 1]]``, see ``Shapes``) it adds and on which UTC day.
    """
    cells = 0
    for fact in range(leaf.size):
        number = starts[shape[fact], grid + 1] - starts[shape[fact], grid]
        cells += number
        out[fact] = leaf[fact] * LEAF + _period(grid, day[fact], months) if number > 0 else -1
    return cells


@compiled
def gathered(
    tally: I64, order: I64, shape: I32, day: I32, sign: int, above: I64, below: I64, starts: I32,
    shapes: I64, grid: int, where: I64, placed: I64, touched: I64,
) -> tuple[int, int]:  # fmt: skip
    """Sum the cells of a batch of facts by tally; answer the cells and tallies written.

    Facts of one tally mostly add to the same few series, and a sum is entered once. They are
    taken in the ``order`` of their ``tally``; ``sign`` is 1 for what is added and -1 for what is
    taken away. ``above`` and ``below`` (facts) are added to the numerators and denominators of
    a fact's cells, other than its feed's activity, on top of what its shape adds. ``where``
    (indicators) is room to remember in, filled with -1.
    """
    counted = where.size - FEEDS
    cells = tallies = begin = 0
    before = -1
    for at in range(order.size):
        fact = order[at]
        if tally[fact] != before:
            before, begin = tally[fact], cells
            touched[tallies] = before
            tallies += 1
        weekday = 6 + (day[fact] + 3) % WEEKDAYS
        for cell in range(starts[shape[fact], grid], starts[shape[fact], grid + 1]):
            indicator = shapes[cell, 0]
            place = where[indicator]
            if place < begin:
                place = where[indicator] = cells
                placed[place, 0], placed[place, 1] = before // LEAF, before % LEAF
                placed[place, 2] = indicator
                placed[place, 3:] = 0
                cells += 1
            numerator, denominator = shapes[cell, 1], shapes[cell, 2]
            if indicator < counted:
                numerator += above[fact]
                denominator += below[fact]
            placed[place, 3] += sign
            placed[place, 4] += sign * numerator
            placed[place, 5] += sign * denominator
            placed[place, weekday] += sign
    return cells, tallies


@compiled
def allocate(placed: I64, chain: I32, wanted: Bool, table: I32, rows: int) -> int:
    """Give rows to series that are touched first; answer how many rows there are now.

    ``placed`` has a cell a row: leaf, period, and its numbers as they are packed. ``chain``
    (slots, 4) lists the slots that a leaf adds to, itself first, padded with -1; ``wanted``
    (slots, indicators) says where a series is kept.
    """
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
def _days_fit(lines: I32, pool: I64, row: int, index: int, days: I64) -> bool:
    """Whether the facts of a week's days can be added where they are held."""
    line = lines[row, DAYS]
    for day in range(WEEKDAYS):
        if days[day] != 0:
            word = pool[place_of(line, index + day)]
            if not summed(word, line, index + day, days[day], PART)[0]:
                return False
    return True


@compiled
def _days_room(cells: Cells, row: int, index: int, days: I64) -> bool:
    """See to it that the facts of a week's days can be added; false for want of room."""
    for day in range(WEEKDAYS):
        if days[day] != 0 and not room_for(cells, row, DAYS, index + day, days[day]):
            return False
    return True


@compiled
def _add_days(lines: I32, pool: I64, row: int, index: int, days: I64) -> None:
    line = lines[row, DAYS]
    for day in range(WEEKDAYS):
        if days[day] != 0:
            place = place_of(line, index + day)
            pool[place] = summed(pool[place], line, index + day, days[day], PART)[1]


@compiled
def add(placed: I64, chain: I32, cells: Cells, dirty: I32, at: I64) -> bool:
    """Add cells to the series of their leaf and of the units above it.

    Goes on from ``at``; false where it stopped because the pool has no room.
    """
    table, lines, each, pool = cells.table, cells.lines, cells.each, cells.pool
    entry = np.empty(5, dtype=np.int64)
    for cell in range(at[CELL], placed.shape[0]):
        period = placed[cell, 1]
        column = period - cells.first
        index = WEEKDAYS * column
        entry[:3] = placed[cell, 3:6]
        entry[3], entry[4] = ones(entry[1]), ones(entry[2])
        days = placed[cell, 6:]
        for link in range(at[LINK], chain.shape[1]):
            slot = chain[placed[cell, 0], link]
            if slot < 0:
                break
            row = table[slot, placed[cell, 2]]
            if row < 0:
                continue
            by_day = is_held(lines[row, DAYS])
            fits = not by_day or _days_fit(lines, pool, row, index, days)
            if not (fits and _entered(lines, each, pool, row, column, entry)):
                if by_day and not _days_room(cells, row, index, days):
                    at[CELL], at[LINK] = cell, link
                    return False
                if not _room_made(cells, row, column, entry):
                    at[CELL], at[LINK] = cell, link
                    return False
                _entered(lines, each, pool, row, column, entry)
            if by_day:
                _add_days(lines, pool, row, index, days)
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
