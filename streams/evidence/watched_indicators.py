"""All single indicators of a catalogue that have evidence of their own.

An indicator is judged again when a period of its feed has closed or one that was closed
has changed. Which are due is asked of all at once, because mostly hardly any are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.catalogue.indicators import Catalogue
from streams.evidence.findings import Signal
from streams.evidence.indications import IndicatorWatch
from streams.facts.feeds import Feed
from streams.facts.periods import JUDGED, Grid
from streams.histories.matrices import CLEAN

if TYPE_CHECKING:
    from streams.histories.series import Block

I64 = npt.NDArray[np.int64]

_NEVER = -(2**40)


class _OfGrid:
    """The watches of one grid, as arrays to ask which are due."""

    def __init__(self, catalogue: Catalogue, grid: Grid, watches: Sequence[IndicatorWatch]) -> None:
        self.grid = grid
        self.watches = watches
        indicators = [watch.indicator for watch in watches]
        self.positions = np.array([catalogue.position(one.key) for one in indicators], np.int64)
        self.feeds = np.array([int(one.feed) for one in indicators], dtype=np.int64)
        # A denominator that is joined is another series, which may be of another grid.
        self.joined = np.array(
            [
                -1
                if one.denominator is None or not (one.kind == "rate" or one.evidence == "counts")
                else catalogue.position(one.denominator)
                for one in indicators
            ],
            dtype=np.int64,
        )
        self.closed = np.full(len(watches), _NEVER)
        # Which of them any unit has reported, as of so many series.
        self._reported: npt.NDArray[np.bool_] = np.zeros(len(watches), dtype=np.bool_)
        self._series = 0

    def due(self, block: Block) -> list[tuple[IndicatorWatch, int]]:
        """The watches to be asked again, each with the first period that is not closed.

        A feed whose facts were all withdrawn has closed none; what it said is taken back.
        """
        columns = block.columns[self.grid]
        if columns.rows != self._series:
            self._reported = np.any(columns.table[:, self.positions] >= 0, axis=0)
            self._series = columns.rows
        if not self._series:
            return []
        closes = [block.closed(feed, self.grid) for feed in Feed]
        closed = np.array([_NEVER if one is None else one for one in closes])[self.feeds]
        changed = block.changed(self.grid)
        due = (closed != self.closed) | (changed[self.positions] < closed)
        if (self.joined >= 0).any():
            others = np.minimum(changed, block.changed(Grid.MONTH))
            due |= (self.joined >= 0) & (others[self.joined] != CLEAN)
        self.closed = closed
        found = np.flatnonzero(due & self._reported).tolist()
        return [(self.watches[at], int(closed[at])) for at in found]


class WatchedIndicators:
    """The evidence on every indicator that is watched by itself.

    Args:
        catalogue: the indicators.
        watches: those that are watched, in any order.
    """

    def __init__(self, catalogue: Catalogue, watches: Sequence[IndicatorWatch]) -> None:
        self._watches = watches
        self._grids = [
            _OfGrid(catalogue, grid, [watch for watch in watches if watch.grid is grid])
            for grid in JUDGED
        ]

    def evaluate(self, block: Block) -> set[str]:
        """Judge what is due; give the units whose signals may have changed."""
        changed: set[str] = set()
        for of_grid in self._grids:
            for watch, closed in of_grid.due(block):
                changed |= watch.evaluate(block, closed)
        return changed

    def signals(self) -> list[dict[str, list[Signal]]]:
        """The signals that stand, by unit, of every watch that has any."""
        return [watch.signals for watch in self._watches if watch.signals]
