"""The cells of a few indicators out of packed tallies.

A comparison needs two or three indicators of the eighty that a tally may hold; adding
all of them to histories would take nearly all of its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.facts.effects import Tally

U8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]


def only(tallies: Iterable[Tally], wanted: Bool) -> Iterator[Tally]:
    """The tallies with the cells of the wanted indicators alone; those left empty are skipped.

    Args:
        tallies: as the store gives them.
        wanted: (indicators and activity counts of a catalogue) which of them are kept.
    """
    for tally in tallies:
        cells = np.frombuffer(tally.cells, dtype=np.uint8)
        room = np.empty(cells.size, dtype=np.uint8)
        used = kept(cells, wanted, room)
        if used:
            yield msgspec.structs.replace(tally, cells=room[:used].tobytes())


@compiled
def kept(cells: U8, wanted: Bool, out: U8) -> int:
    """Copy the wanted cells as they are packed; give the bytes written.

    The form is that of ``streams.histories.tallies``: a head (twice the indicator, and one
    more where counts by day follow), three numbers, perhaps seven more. A number ends with
    the first byte below 128, and its sign is folded into the lowest bit.
    """
    at = 0
    used = 0
    while at < cells.shape[0]:
        begin = at
        head = 0
        shift = 0
        while cells[at] >= 128:
            head |= (int(cells[at]) & 127) << shift
            shift += 7
            at += 1
        head |= int(cells[at]) << shift
        at += 1
        for _ in range(10 if head & 2 else 3):
            while cells[at] >= 128:
                at += 1
            at += 1
        if wanted[head >> 2]:
            for place in range(begin, at):
                out[used] = cells[place]
                used += 1
    return used
