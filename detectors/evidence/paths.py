"""Watching series on: what is kept of a watch, so that only what is new is looked at.

A watch of single series is causal, so what was said about a period stands until that
period or an earlier one changes. A ``SeriesPath`` holds the histories as they were
seen, the episodes found in them and the state before each of the last periods; given
longer or corrected histories it says from where each series must be looked at again.
Going on from there gives bit for bit what a watch from the start gives.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.episodes import (
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
    SUBSIDED,
    TABLE,
    SeriesEpisode,
    Watch,
    in_order,
    start_state,
)
from detectors.evidence.onsets import F64, I64

# States are kept before each of so many periods: most corrections are younger than that.
KEPT = 8
FIRST_ROWS = 2


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
        for one in range(series):
            start_state(states[one, 0])
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

    def episodes(self, watch: Watch, per_year: float) -> list[SeriesEpisode]:
        """The episodes of all series, in no order."""
        last = self.states[np.arange(self.begin.size), self.begin % KEPT]
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
            for series in np.flatnonzero(last[:, ROWS])
            for row, mark in zip(
                self.table[series, : int(last[series, ROWS])].tolist(),
                self.marks[series, : int(last[series, ROWS])].tolist(),
                strict=True,
            )
        ]


class SeriesPath:
    """What watching a block of series has seen so far; empty before the first watch.

    It belongs to one way of watching: with other parameters its states mean nothing.

    Attributes:
        unchanged: I64[series], how many periods the last watch found as the one before
            had left them.

    """

    def __init__(self) -> None:
        self.unchanged: I64 = np.zeros(0, dtype=np.int64)
        self._keys: list[Hashable] = []
        self._seen: tuple[F64, ...] = ()
        self._trails: list[Trail] = []

    def follow(
        self,
        histories: tuple[F64, ...],
        keys: Sequence[Hashable] | None,
        passes: Sequence[Watch],
        numbers: int,
        look: Callable[[Watch, Trail], bool],
        per_year: float,
    ) -> list[SeriesEpisode]:
        """Look at what is new in each pass and give all episodes, by series and opening.

        Args:
            histories: F64[series, periods] each; what is seen is compared with them.
            keys: tells series apart where they come and go; None: they stay in place.
            passes: the directions that are watched.
            numbers: the length of a state.
            look: looks from each series' ``begin`` on; false when it lacks rows.
            per_year: periods in a year.

        """
        series = histories[0].shape[0]
        names: list[Hashable] = [*range(series)] if keys is None else [*keys]
        if not self._trails:
            self._trails = [Trail.fresh(series, numbers) for _ in passes]
            self.unchanged = np.zeros(series, dtype=np.int64)
        else:
            self.unchanged = self._compare(histories, names)
            for trail in self._trails:
                trail.rewind(self.unchanged)
        self._keys, self._seen = names, tuple(part.copy() for part in histories)
        found: list[SeriesEpisode] = []
        for watch, trail in zip(passes, self._trails, strict=True):
            while not look(watch, trail):
                trail.grow()
            trail.oldest = np.maximum(trail.oldest, trail.begin - KEPT + 1)
            found += trail.episodes(watch, per_year)
        return in_order(found)

    def _compare(self, histories: tuple[F64, ...], names: list[Hashable]) -> I64:
        seen = self._seen
        if names != self._keys:
            held = {key: place for place, key in enumerate(self._keys)}
            places = np.array([held.get(key, -1) for key in names], dtype=np.int64)
            self._trails = [trail.taken(places) for trail in self._trails]
            seen = tuple(part[places] for part in seen)
        common = min(seen[0].shape[1], histories[0].shape[1])
        first = np.full(len(names), common, dtype=np.int64)
        for before, after in zip(seen, histories, strict=True):
            old, new = before[:, :common], after[:, :common]
            differs = (old != new) & ~(np.isnan(old) & np.isnan(new))
            moved = differs.any(axis=1)
            first[moved] = np.minimum(first, differs.argmax(axis=1))[moved]
        if names != self._keys:
            first[places < 0] = 0
        return first
