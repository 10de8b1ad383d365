"""The packed form of a leaf unit's cells in one period.

A cell is an indicator's facts, numerator and denominator in that period, and for
indicators that are watched within the week also seven counts by day. Most of
these numbers are small, so they are written as variable-length integers (seven
bits a byte, signs folded in by zigzag coding): about ten bytes a cell, and one
row a unit and period however many indicators an event touches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.facts.effects import Tally

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

# Ten bytes hold any 64-bit integer; a cell has four numbers and perhaps seven days.
CELL_BYTES = 110
CELL_NUMBERS = 11
# A head and three numbers.
FEWEST_BYTES = 4


@compiled
def _put(out: U8, at: int, value: int) -> int:
    folded = np.uint64((value << 1) ^ (value >> 63))
    while folded >= np.uint64(128):
        out[at] = np.uint8((folded & np.uint64(127)) | np.uint64(128))
        folded >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(folded)
    return at + 1


@compiled
def _get(data: U8, at: int) -> tuple[int, int]:
    folded = np.uint64(0)
    shift = np.uint64(0)
    while True:
        byte = np.uint64(data[at])
        at += 1
        folded |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            break
        shift += np.uint64(7)
    value = np.int64(folded >> np.uint64(1))
    if folded & np.uint64(1):
        value = -value - 1
    return int(value), at


@compiled
def pack(
    rows: I32, column: int, facts: I32, numerators: I64, denominators: I64, days: I32,
    daily: I32, out: U8,
) -> int:  # fmt: skip
    """Write the cells of the rows of one leaf in one column; give the bytes written.

    ``rows[i]`` is the matrix row of indicator ``i`` or -1; ``days[row]`` the row
    in ``daily`` (daily rows, columns, 7) or -1. Cells without facts are left out.
    """
    at = 0
    for indicator in range(rows.shape[0]):
        row = rows[indicator]
        if row < 0 or facts[row, column] == 0:
            continue
        by_day = days[row]
        at = _put(out, at, 2 * indicator + (1 if by_day >= 0 else 0))
        at = _put(out, at, facts[row, column])
        at = _put(out, at, numerators[row, column])
        at = _put(out, at, denominators[row, column])
        if by_day >= 0:
            for day in range(7):
                at = _put(out, at, daily[by_day, column, day])
    return at


@compiled
def unpack(data: U8, ends: I64, wanted: Bool, out: I64) -> int:
    """Read the packed cells of several tallies; give the number of cells read.

    Args:
        data: the cells of all of them, one tally after the other.
        ends: (tallies) where each ends in ``data``.
        wanted: (indicators and activity counts of a catalogue) which cells are taken.
        out: (cells, 13) is written: the position of the tally, a column that is left to
            the caller, indicator, facts, numerator, denominator and seven counts by day
            (zeros where the indicator is not watched within the week).
    """
    at = 0
    cell = 0
    for tally in range(ends.shape[0]):
        while at < ends[tally]:
            head, at = _get(data, at)
            numbers = 10 if head & 1 else 3
            if not wanted[head >> 1]:
                for _ in range(numbers):
                    while data[at] >= 128:
                        at += 1
                    at += 1
                continue
            out[cell, 0] = tally
            out[cell, 2] = head >> 1
            out[cell, 6:] = 0
            for number in range(3, 3 + numbers):
                out[cell, number], at = _get(data, at)
            cell += 1
    return cell


def unpacked(tallies: Sequence[Tally], wanted: Bool) -> I64:
    """The wanted cells of tallies (cells, 13), each with the position of its tally before it."""
    data = np.frombuffer(b"".join(tally.cells for tally in tallies), dtype=np.uint8)
    ends = np.cumsum([len(tally.cells) for tally in tallies])
    room = np.empty((data.size // FEWEST_BYTES, CELL_NUMBERS + 2), dtype=np.int64)
    return room[: unpack(data, ends, wanted, room)]
