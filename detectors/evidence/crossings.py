"""What watching a block of units gave: crossings of the bars, folded into episodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

import numpy as np

from detectors.evidence.counts import F64, I64
from detectors.evidence.procedure import (
    CROSSED,
    DAY,
    EVIDENCE,
    FEEDS,
    KIND,
    LEVEL,
    ONSET,
    SINCE,
    SUBSIDED,
    WEEK,
)

Direction = Literal["concern", "improvement"]


class Way(IntEnum):
    """The two directions of a change, as positions in a path's arrays."""

    CONCERN = 0
    IMPROVEMENT = 1


@dataclass(frozen=True)
class Crossing:
    """One alert of one level: the first look at which its evidence passed the bar.

    ``week`` and ``onset`` are columns of the block; ``day`` is 0 to 6 within the
    week or 7 at its close.
    """

    week: int
    day: int
    level: int
    log_evidence: float
    onset: int
    feeds: tuple[bool, ...]


@dataclass(frozen=True)
class Episode:
    """A change of a unit from its first alert to its end, in columns of the block.

    ``raised_week`` and ``subsided_week`` are -1 where that has not happened.
    ``log_evidence`` is that of the opening look, ``peak_log_evidence`` the highest
    seen at a crossing or a close while the episode was open. ``evidence_weeks``
    are the weeks of later crossings, which add evidence to it; ``since`` is the
    earliest onset that counted at the opening.
    """

    direction: Direction
    opened_week: int
    opened_day: int
    level: int
    raised_week: int
    raised_day: int
    subsided_week: int
    onset_week: int
    log_evidence: float
    peak_log_evidence: float
    feeds: tuple[bool, ...]
    evidence_weeks: tuple[int, ...] = ()
    since: int = 0


@dataclass(eq=False)
class WatchPath:
    """What watching a block gave, and the state before every period.

    Args:
        week0: absolute index of the block's first period.
        closed: ``I64[U]``, closed columns of each unit.
        states: ``F64[U, 2, T + 1, 6]``, the procedure's state before each period.
        rows: ``F64[U, 2, R, 6]``, log of crossings and endings.
        used: ``I64[U, 2]``, rows in use.
        ready: ``I64[U]``, the first column in which the unit may alert.
        feeds: number of feeds.
        oldest: ``I64[U]``, the first column whose state is known. Evidence at the closes
            before it reads as none; all of it is known by default.

    """

    week0: int
    closed: I64
    states: F64
    rows: F64
    used: I64
    ready: I64
    feeds: int
    oldest: I64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if self.oldest.size == 0:
            self.oldest = np.zeros_like(self.closed)

    def log_evidence(self, unit: int, way: Way = Way.CONCERN) -> F64:
        """Give the log evidence at every close, over all onsets; -inf before the start."""
        level = self.states[unit, way, 1 : int(self.closed[unit]) + 1, LEVEL]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(level))

    def crossings(self, unit: int, way: Way = Way.CONCERN) -> list[Crossing]:
        """Give every alert of both levels, in order."""
        return [
            Crossing(
                week=int(row[WEEK]),
                day=int(row[DAY]),
                level=1 if row[KIND] == CROSSED else 2,
                log_evidence=float(row[EVIDENCE]),
                onset=int(row[ONSET]),
                feeds=self._feeds(row),
            )
            for row in self.rows[unit, way, : self.used[unit, way]]
            if row[KIND] != SUBSIDED
        ]

    def episodes(self, unit: int) -> list[Episode]:
        """Fold the log into episodes, concerns and improvements, by opening."""
        found = [*self._episodes(unit, Way.CONCERN), *self._episodes(unit, Way.IMPROVEMENT)]
        return sorted(found, key=lambda e: (e.opened_week, e.opened_day, e.direction))

    def _feeds(self, row: F64) -> tuple[bool, ...]:
        bits = int(row[FEEDS])
        return tuple(bool(bits >> f & 1) for f in range(self.feeds))

    def _episodes(self, unit: int, way: Way) -> Iterator[Episode]:
        rows = self.rows[unit, way, : self.used[unit, way]]
        group: list[F64] = []
        for row in rows:
            group.append(row)
            if row[KIND] == SUBSIDED:
                yield self._episode(unit, way, group)
                group = []
        if group:
            yield self._episode(unit, way, group)

    def _episode(self, unit: int, way: Way, rows: list[F64]) -> Episode:
        opening = rows[0]
        ended = int(rows[-1][WEEK]) if rows[-1][KIND] == SUBSIDED else -1
        crossed = [row for row in rows if row[KIND] != SUBSIDED]
        raised = next((row for row in crossed if row[KIND] != CROSSED), None)
        until = ended if ended >= 0 else int(self.closed[unit])
        closes = self.log_evidence(unit, way)[int(opening[WEEK]) : until + 1]
        seen = [float(row[EVIDENCE]) for row in crossed] + [float(x) for x in closes]
        first = (opening[WEEK], opening[DAY])
        later = {int(row[WEEK]) for row in crossed if (row[WEEK], row[DAY]) != first}
        return Episode(
            direction="concern" if way is Way.CONCERN else "improvement",
            opened_week=int(opening[WEEK]),
            opened_day=int(opening[DAY]),
            level=1 if raised is None else 2,
            raised_week=-1 if raised is None else int(raised[WEEK]),
            raised_day=-1 if raised is None else int(raised[DAY]),
            subsided_week=ended,
            onset_week=int(opening[ONSET]),
            log_evidence=float(opening[EVIDENCE]),
            peak_log_evidence=max(seen),
            feeds=self._feeds(opening),
            evidence_weeks=tuple(sorted(later)),
            since=int(opening[SINCE]),
        )
