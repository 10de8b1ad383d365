"""Lines of whole numbers, each held as narrow as its numbers allow.

A series has up to four lines: facts, numerators, denominators and, where it is watched
within the week, facts by day. All lines of a grid share one pool of 64-bit words. A line of
one, two, four or eight bytes a number moves to a wider place before a number would no longer
fit, so nothing ever wraps. Numerators and denominators are millionths; while all of
a line are whole they are held as ones. A line that always is so much a fact (a count, or
the number that a share is taken of) is not held at all.

Kernels that do little for each number take the arrays of ``Cells`` one by one: handing over
all of it would cost more than what they do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.catalogue.contributions import MILLION

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

# The lines of a series.
FACTS, ABOVE, BELOW, DAYS = range(4)
LINES = 4
# How a line is held: not yet, not at all (so much a fact), or in 2 ** (code - 2) bytes a
# number; codes above WHOLE are of ones that stand for millions. A line is described by its
# first word in the pool times CODES, plus its code.
FRESH, EACH, BYTES = range(3)
WHOLE = 4
CODES = 16
MOST_WORDS = 2**31 // CODES
CODE_BITS = 4
# Says that a sum of millionths is no whole number.
PART = -(2**62)
WEEKDAYS = 7


class Cells(NamedTuple):
    """The lines of a grid's series, for kernels.

    ``table`` (slots, indicators) gives a series' row or -1; ``first`` is the period of
    column 0 of ``width``. ``lines`` (rows, 4) say where and how a line is held, ``each``
    (rows, 2) what a fact stands for in a numerator or denominator that is not held.
    ``used`` words of ``pool`` are taken.
    """

    table: I32
    first: int
    width: int
    lines: I32
    each: I64
    pool: I64
    used: I64


@compiled
def held(pool: I64, line: int, index: int) -> int:
    """The number at a place of a line that is held, as it is held."""
    size = ((line & (CODES - 1)) - BYTES) & (WHOLE - 1)
    word = pool[(line >> CODE_BITS) + (index >> (3 - size))]
    bits = 8 << size
    shift = (index & ((8 >> size) - 1)) * bits
    return int((word << (64 - bits - shift)) >> (64 - bits))


@compiled
def hold(pool: I64, line: int, index: int, number: int) -> None:
    """Write a number that fits."""
    size = ((line & (CODES - 1)) - BYTES) & (WHOLE - 1)
    at = (line >> CODE_BITS) + (index >> (3 - size))
    if size == 3:
        pool[at] = number
        return
    bits = 8 << size
    shift = (index & ((8 >> size) - 1)) * bits
    mask = (1 << bits) - 1
    pool[at] = (pool[at] & ~(mask << shift)) | ((number & mask) << shift)


@compiled
def number_at(lines: I32, each: I64, pool: I64, row: int, which: int, index: int) -> int:
    """A number of a series: facts, or millionths."""
    line = lines[row, which]
    code = line & (CODES - 1)
    if code >= BYTES + WHOLE:
        return held(pool, line, index) * MILLION
    if code >= BYTES:
        return held(pool, line, index)
    if code == EACH and which != DAYS:
        return int(held(pool, lines[row, FACTS], index) * each[row, which - ABOVE])
    return 0


@compiled
def size_of(greatest: int) -> int:
    """The size (0 to 3: 1, 2, 4 or 8 bytes) of numbers up to so many."""
    if greatest < 127:
        return 0
    if greatest < 32767:
        return 1
    if greatest < 2147483647:
        return 2
    return 3


@compiled
def words(line: int, numbers: int) -> int:
    """The words that so many numbers of a line take."""
    size = ((line & (CODES - 1)) - BYTES) & (WHOLE - 1)
    return ((numbers << size) + 7) >> 3


@compiled
def ones(millionths: int) -> int:
    """A whole number of millions, or ``PART``."""
    if millionths == 0:
        return 0
    whole = millionths // MILLION
    return whole if whole * MILLION == millionths else PART


@compiled
def is_held(line: int) -> bool:
    """Whether a line has a place in the pool."""
    return (line & (CODES - 1)) >= BYTES


@compiled
def place_of(line: int, index: int) -> int:
    """The word of the pool that has a number of a line that is held."""
    return (line >> CODE_BITS) + (index >> (3 - (((line & (CODES - 1)) - BYTES) & (WHOLE - 1))))


@compiled
def summed(word: int, line: int, index: int, more: int, whole: int) -> tuple[bool, int]:
    """A word of the pool with more added to a number, or false where it would not fit.

    ``whole`` is ``ones(more)``, or ``PART`` for a line that counts.
    """
    code = line & (CODES - 1)
    change = more
    if code >= BYTES + WHOLE:
        if whole == PART:
            return False, word
        change = whole
    size = (code - BYTES) & (WHOLE - 1)
    if size == 3:
        return True, word + change
    bits = 8 << size
    shift = (index & ((8 >> size) - 1)) * bits
    number = ((word << (64 - bits - shift)) >> (64 - bits)) + change
    limit = (1 << (bits - 1)) - 1
    if number >= limit or number <= -limit:
        return False, word
    mask = (1 << bits) - 1
    return True, (word & ~(mask << shift)) | ((number & mask) << shift)


@compiled
def _rehold(cells: Cells, row: int, which: int, index: int, more: int) -> bool:
    """Hold a line so that ``more`` fits at a place; false where the pool has no room."""
    lines, each, pool = cells.lines, cells.each, cells.pool
    length = cells.width * WEEKDAYS if which == DAYS else cells.width
    number = number_at(lines, each, pool, row, which, index) + more
    whole = which in (ABOVE, BELOW) and number % MILLION == 0
    greatest = abs(number)
    for at in range(length):
        here = number_at(lines, each, pool, row, which, at)
        greatest = max(greatest, abs(here))
        whole = whole and here % MILLION == 0
    code = BYTES + size_of(greatest // MILLION) + WHOLE if whole else BYTES + size_of(greatest)
    line = cells.used[0] * CODES + code
    size = words(line, length)
    if cells.used[0] + size > pool.size:
        return False
    cells.used[0] += size
    for at in range(length):
        here = number_at(lines, each, pool, row, which, at)
        hold(pool, line, at, here // MILLION if whole else here)
    lines[row, which] = line
    return True


@compiled
def room_for(cells: Cells, row: int, which: int, index: int, more: int) -> bool:
    """See to it that ``more`` can be added to a line; false where the pool has no room."""
    line = cells.lines[row, which]
    if is_held(line):
        fits, _ = summed(cells.pool[place_of(line, index)], line, index, more, ones(more))
        if fits:
            return True
    return _rehold(cells, row, which, index, more)


@compiled
def follows(lines: I32, each: I64, row: int, which: int, facts: int, more: int) -> bool:
    """Whether a sum of so many facts is what a line that is not held says already."""
    code = lines[row, which] % CODES
    if code == FRESH and facts != 0 and more % facts == 0:
        lines[row, which] = EACH
        each[row, which - ABOVE] = more // facts
        return True
    return bool(code == EACH and more == facts * each[row, which - ABOVE])


@compiled
def moved(old: Cells, new: Cells, rows: int, left: int) -> None:
    """Copy all lines to another pool, ``left`` columns further on, without gaps between."""
    used = 0
    for row in range(rows):
        for which in range(LINES):
            line = old.lines[row, which]
            code = line & (CODES - 1)
            new.lines[row, which] = code
            if code < BYTES:
                continue
            days = WEEKDAYS if which == DAYS else 1
            there = used * CODES + code
            new.lines[row, which] = there
            if left == 0:
                begin = line >> CODE_BITS
                for at in range(words(line, old.width * days)):
                    new.pool[used + at] = old.pool[begin + at]
            else:
                for at in range(old.width * days):
                    hold(new.pool, there, at + left * days, held(old.pool, line, at))
            used += words(there, new.width * days)
    new.used[0] = used
