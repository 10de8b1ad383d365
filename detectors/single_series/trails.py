"""What one pass over a block of series left: episodes, and the states to go on from.

Between two watches little of it is kept. While a series has no open episode its state says
no more than how many periods were observed and which episodes there have been, so whole
states are kept only of series that had an open one lately.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64
from detectors.single_series.episodes import (
    AFTER,
    AT_OPENING,
    BASE,
    GREATEST,
    LEVEL,
    MARKS,
    ONSET,
    OPENED,
    PEAK,
    RAISED,
    ROW,
    ROWS,
    SEEN,
    SUBSIDED,
    TABLE,
    SeriesEpisode,
    Watch,
    start_state,
)

I32 = npt.NDArray[np.int32]

# States are kept before each of so many periods: most corrections are younger than that.
KEPT = 8
FIRST_ROWS = 2


@compiled
def _start(states: F64) -> None:
    for series in range(states.shape[0]):
        start_state(states[series, 0])


@compiled
def _rewind(first: I64, begin: I64, oldest: I64, states: F64, table: I64, marks: F64) -> None:
    for series in range(begin.size):
        if first[series] >= begin[series]:
            continue
        period = first[series]
        if period < oldest[series]:
            period = 0
            oldest[series] = 0
            start_state(states[series, 0])
        begin[series] = period
        state = states[series, period % KEPT]
        for row in range(int(state[ROWS])):
            if table[series, row, RAISED] >= period:
                table[series, row, RAISED] = -1
                table[series, row, LEVEL] = 1
            if table[series, row, SUBSIDED] >= period:
                table[series, row, SUBSIDED] = -1
        if state[ROW] >= 0.0:
            marks[series, int(state[ROW]), PEAK] = state[GREATEST]


@compiled
def _used(begin: I64, states: F64, used: I64) -> None:
    for series in range(begin.size):
        used[series] = int(states[series, begin[series] % KEPT, ROWS])


@dataclass(slots=True)
class Trail:
    """What one pass over a block left: episodes found, and the states to go on from.

    Attributes:
        begin: I64[series], the first period that has not been looked at.
        oldest: I64[series], the earliest period whose state is kept.
        states: F64[series, KEPT, numbers], the state before period ``t`` at ``t % KEPT``.
        table: I64[series, rows, 6], episodes.
        marks: F64[series, rows, 2], their evidence.

    """

    begin: I64
    oldest: I64
    states: F64
    table: I64
    marks: F64

    @classmethod
    def fresh(cls, series: int, numbers: int) -> Trail:
        """Nothing has been looked at."""
        states = np.zeros((series, KEPT, numbers))
        _start(states)
        return cls(
            np.zeros(series, dtype=np.int64),
            np.zeros(series, dtype=np.int64),
            states,
            np.zeros((series, FIRST_ROWS, TABLE), dtype=np.int64),
            np.zeros((series, FIRST_ROWS, MARKS)),
        )

    def rewind(self, first: I64) -> None:
        """Go back to the state before period ``first`` (series) where that was passed."""
        _rewind(first, self.begin, self.oldest, self.states, self.table, self.marks)

    def taken(self, places: I64) -> Trail:
        """The series at these places, -1 for one that is new."""
        fresh = Trail.fresh(places.size, self.states.shape[2])
        rows = self.table.shape[1]
        fresh.table = np.zeros((places.size, rows, TABLE), dtype=np.int64)
        fresh.marks = np.zeros((places.size, rows, MARKS))
        into = np.flatnonzero(places >= 0)
        for name in ("begin", "oldest", "states", "table", "marks"):
            getattr(fresh, name)[into] = getattr(self, name)[places[into]]
        return fresh

    def grow(self) -> None:
        """Make room for twice as many episodes of a series."""
        self.table = np.concatenate([self.table, np.zeros_like(self.table)], axis=1)
        self.marks = np.concatenate([self.marks, np.zeros_like(self.marks)], axis=1)

    def used(self) -> I64:
        """How many episodes each series has."""
        used = np.empty(self.begin.size, dtype=np.int64)
        _used(self.begin, self.states, used)
        return used

    def episodes(self, watch: Watch, per_year: float) -> list[SeriesEpisode]:
        """The episodes of all series, in no order."""
        used = self.used()
        if not used.any():
            return []
        return [
            SeriesEpisode(
                series=int(series),
                direction=watch.direction,
                opened=row[OPENED],
                level=row[LEVEL],
                raised=row[RAISED],
                subsided=row[SUBSIDED],
                onset=row[ONSET],
                log_evidence=mark[AT_OPENING],
                peak_log_evidence=mark[PEAK],
                after=row[BASE],
                way=watch.way,
                per_year=per_year,
            )
            for series in np.flatnonzero(used)
            for row, mark in zip(
                self.table[series, : used[series]].tolist(),
                self.marks[series, : used[series]].tolist(),
                strict=True,
            )
        ]


@compiled
def _fold(begin: I64, oldest: I64, states: F64, short: I32, seen: I32, busy: I32, used: I32) -> int:
    """Note what a fold has of each series, and number those with an open episode lately."""
    number = 0
    for series in range(begin.size):
        short[0, series] = begin[series]
        short[1, series] = oldest[series]
        used[series] = int(states[series, begin[series] % KEPT, ROWS])
        busy[series] = -1
        for place in range(KEPT):
            seen[series, place] = int(states[series, place, SEEN])
        for period in range(oldest[series], begin[series] + 1):
            if states[series, period % KEPT, ROW] >= 0.0:
                busy[series] = number
                number += 1
                break
    return number


@compiled
def _unfold(
    begin: I64, oldest: I64, seen: I32, busy: I32, whole: F64, table: I64, used: I64, states: F64
) -> None:
    for series in range(begin.size):
        if busy[series] >= 0:
            states[series] = whole[busy[series]]
            continue
        for period in range(oldest[series], begin[series] + 1):
            state = states[series, period % KEPT]
            start_state(state)
            state[SEEN] = seen[series, period % KEPT]
            for row in range(used[series]):
                if table[series, row, OPENED] < period:
                    state[ROWS] = row + 1.0
                ended = table[series, row, SUBSIDED]
                if 0 <= ended < period:
                    state[AFTER] = ended


@dataclass(slots=True)
class Fold:
    """A trail as it is kept.

    Attributes:
        begin: I32[series], as in the trail.
        oldest: I32[series], as in the trail.
        numbers: the length of a state.
        seen: I32[series, KEPT], observed periods before each kept one.
        busy: I32[series], its place in ``whole`` or -1.
        whole: F64[busy series, KEPT, numbers], whole states.
        used: I32[series], its episodes.
        table: I32[all episodes, 6], one series after another.
        marks: F64[all episodes, 2].

    """

    begin: I32
    oldest: I32
    numbers: int
    seen: I32
    busy: I32
    whole: F64
    used: I32
    table: I32
    marks: F64

    @classmethod
    def of(cls, trail: Trail) -> Fold:
        """What a trail says, in little room."""
        series = trail.begin.size
        short = np.empty((2, series), dtype=np.int32)
        seen = np.empty((series, KEPT), dtype=np.int32)
        busy, used = np.empty(series, dtype=np.int32), np.empty(series, dtype=np.int32)
        number = _fold(trail.begin, trail.oldest, trail.states, short, seen, busy, used)
        whole = np.zeros((0, KEPT, trail.states.shape[2]))
        table, marks = np.zeros((0, TABLE), dtype=np.int32), np.zeros((0, MARKS))
        if number:
            whole = trail.states[busy >= 0]
        if used.any():
            held = np.arange(trail.table.shape[1]) < used[:, None]
            table, marks = trail.table[held].astype(np.int32), trail.marks[held]
        return cls(short[0], short[1], trail.states.shape[2], seen, busy, whole, used, table, marks)

    def trail(self) -> Trail:
        """The trail again."""
        series = self.begin.size
        rows = max(FIRST_ROWS, int(self.used.max(initial=0)))
        table = np.zeros((series, rows, TABLE), dtype=np.int64)
        marks = np.zeros((series, rows, MARKS))
        used = self.used.astype(np.int64)
        if self.table.size:
            held = np.arange(rows) < used[:, None]
            table[held], marks[held] = self.table, self.marks
        begin, oldest = self.begin.astype(np.int64), self.oldest.astype(np.int64)
        states = np.zeros((series, KEPT, self.numbers))
        _unfold(begin, oldest, self.seen, self.busy, self.whole, table, used, states)
        return Trail(begin, oldest, states, table, marks)
