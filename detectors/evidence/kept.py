"""What is kept of a path between two watches: little more than the last weeks' states.

A correction that is older than the states kept has its unit watched from the start, which
gives the same path, only later. Most corrections are younger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64
from detectors.evidence.crossings import WatchPath, Way
from detectors.evidence.looks import CLOSE
from detectors.evidence.procedure import ROW, STATE

# States are kept before each of so many periods.
KEPT = 16
# Rows that a path has room for besides those in use: a period may write so many.
ROOM = 2 * (CLOSE + 1) + 8


@compiled
def _spread(states: F64, closed: I64, oldest: I64, ring: F64) -> None:
    for unit in range(closed.size):
        for period in range(oldest[unit], min(closed[unit], states.shape[2] - 1) + 1):
            states[unit, :, period] = ring[unit, :, period % KEPT]


@compiled
def _gather(states: F64, closed: I64, oldest: I64, units: I64, ring: F64) -> None:
    for place in range(units.size):
        for period in range(oldest[place], closed[place] + 1):
            ring[units[place], :, period % KEPT] = states[place, :, period]


@dataclass(eq=False, slots=True)
class KeptPath:
    """A path in little room.

    Args:
        week0: absolute index of the block's first period.
        feeds: number of feeds.
        closed: ``I64[U]``, closed columns of each unit.
        oldest: ``I64[U]``, the first column whose state is kept.
        ready: ``I64[U]``, the first column in which the unit may alert.
        states: ``F64[U, 2, KEPT, 6]``, the state before period ``t`` at ``t % KEPT``.
        rows: the log of a unit and direction that has one, ``F64[R, 7]``.

    """

    week0: int
    feeds: int
    closed: I64
    oldest: I64
    ready: I64
    states: F64
    rows: dict[tuple[int, int], F64]

    @classmethod
    def of(cls, path: WatchPath) -> KeptPath:
        """Keep all units of a path."""
        units = path.closed.size
        none = np.zeros(units, dtype=np.int64)
        kept = cls(
            path.week0, path.feeds, none, none.copy(), none.copy(),
            np.zeros((units, len(Way), KEPT, STATE)), {},
        )  # fmt: skip
        kept.renew(path, np.arange(units))
        return kept

    def renew(self, path: WatchPath, units: I64) -> None:
        """Keep the path of the units at these positions."""
        oldest = np.maximum(path.oldest, path.closed - KEPT + 1)
        _gather(path.states, path.closed, oldest, units, self.states)
        self.closed[units], self.oldest[units] = path.closed, oldest
        self.ready[units] = path.ready
        if self.rows:
            for unit in units.tolist():
                for way in Way:
                    self.rows.pop((unit, way), None)
        for place, which in np.argwhere(path.used).tolist():
            log = path.rows[place, which, : path.used[place, which]]
            self.rows[int(units[place]), which] = log.copy()

    def select(self, units: I64) -> KeptPath:
        """The units at these positions."""
        place = {unit: at for at, unit in enumerate(units.tolist())}
        rows = {(place[unit], way): log for (unit, way), log in self.rows.items() if unit in place}
        return KeptPath(
            self.week0, self.feeds, self.closed[units], self.oldest[units], self.ready[units],
            self.states[units], rows,
        )  # fmt: skip

    def crossed(self) -> set[int]:
        """The units that have crossed a bar."""
        return {unit for unit, _ in self.rows}

    def path(self, periods: int) -> WatchPath:
        """The path with room for ``periods`` columns; states that are not kept are zero."""
        units = self.closed.size
        most = max((len(log) for log in self.rows.values()), default=0)
        states = np.zeros((units, len(Way), periods + 1, STATE))
        _spread(states, self.closed, self.oldest, self.states)
        rows = np.zeros((units, len(Way), most + ROOM, ROW))
        used = np.zeros((units, len(Way)), dtype=np.int64)
        for (unit, way), log in self.rows.items():
            used[unit, way] = len(log)
            rows[unit, way, : len(log)] = log
        return WatchPath(
            self.week0, self.closed.copy(), states, rows, used, self.ready.copy(), self.feeds,
            self.oldest.copy(),
        )  # fmt: skip
