"""Watching a block of units: alerts, episodes, and resuming after a correction.

``watch`` is causal (a look in week t uses only data up to it) and a pure function
of the counts in the order in which they happened: resumed from a path at the
first week that changed it gives the same path, bit for bit, as a run from the
start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from detectors.evidence.counts import DAYS, F64, I64, FeedCounts
from detectors.evidence.looks import CLOSE
from detectors.evidence.model import EvidenceModel
from detectors.evidence.procedure import (
    CROSSED,
    DAY,
    EVIDENCE,
    FEEDS,
    KIND,
    LEVEL,
    ONSET,
    ROW,
    SINCE,
    STATE,
    SUBSIDED,
    WEEK,
    Rules,
    watch_block,
)
from detectors.evidence.statistic import tables

__all__ = ["CLOSE", "Crossing", "Episode", "FeedCounts", "WatchPath", "Way", "watch"]

NEVER = 1e9  # a bar that no evidence reaches
FIRST_ROWS = 24
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

    """

    week0: int
    closed: I64
    states: F64
    rows: F64
    used: I64
    ready: I64
    feeds: int

    def select(self, units: I64) -> WatchPath:
        """Give the path of the units at these positions."""
        return WatchPath(
            self.week0, self.closed[units], self.states[units], self.rows[units],
            self.used[units], self.ready[units], self.feeds,
        )  # fmt: skip

    def renew(self, part: WatchPath, units: I64) -> None:
        """Write the path of the units at these positions, of as many periods, in place."""
        missing = part.rows.shape[2] - self.rows.shape[2]
        if missing > 0:
            self.rows = np.pad(self.rows, ((0, 0), (0, 0), (0, missing), (0, 0)))
        self.closed[units], self.states[units] = part.closed, part.states
        self.rows[units, :, : part.rows.shape[2]] = part.rows
        self.used[units], self.ready[units] = part.used, part.ready

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


def watch(
    block: FeedCounts,
    model: EvidenceModel,
    *,
    budget1: float,
    budget2: float,
    path: WatchPath | None = None,
    dirty_from: I64 | None = None,
    closed: I64 | None = None,
) -> WatchPath:
    """Watch every unit of a block and give its alerts.

    Args:
        block: counts, exposures and, where known, counts by day.
        model: the calibrated model of the block's class of units.
        budget1: false alerts per unit and year of level 1.
        budget2: false alerts per unit and year of level 2.
        path: an earlier path of the same units from the same first week. It is
            read, never changed.
        dirty_from: ``I64[U]``, first column whose facts differ from those the path
            saw; columns that the path had not closed are always looked at again.
            None: nothing before those differs.
        closed: ``I64[U]``, closed columns of each unit; None closes all. The column
            after them is the open week, judged by day.

    Returns:
        The path after all closed periods and the looks within the open week.

    Raises:
        ValueError: a model of other feeds, a budget that is not positive or a
            level 2 larger than level 1.

    """
    if block.feeds != len(model.feeds):
        raise ValueError(f"the model has {len(model.feeds)} feeds, the block {block.feeds}")
    if budget2 > budget1:
        raise ValueError("the budget of level 2 must not exceed that of level 1")
    periods = block.periods
    ends = np.full(block.units, periods, dtype=np.int64) if closed is None else closed
    ends = np.clip(ends, 0, periods).astype(np.int64)
    kept, start = _resume(block, path, dirty_from, ends)
    rules, falling = _rules(model, budget1, budget2, within_week=block.daily is not None)
    expected = block.exposure * model.seasonal(block.week0, periods)
    none = np.zeros((block.units, block.feeds, 0, DAYS), dtype=np.uint16)
    daily = none if block.daily is None else block.daily
    known = np.ones(block.feeds) if block.daily_feeds is None else np.array(block.daily_feeds)
    for way, rule, patterns in (
        (Way.CONCERN, rules, model.patterns),
        (Way.IMPROVEMENT, falling, model.improvements),
    ):
        tab = tables(model, patterns)
        earlier = kept.used.copy()
        while True:
            enough = watch_block(
                block.counts, expected, daily, known.astype(np.int64), model.shape_of_week(),
                tab, rule, start, ends, kept.states[:, way], kept.rows[:, way], kept.used[:, way],
                kept.ready,
            )  # fmt: skip
            if enough:
                break
            kept.rows = np.concatenate([kept.rows, np.zeros_like(kept.rows)], axis=2)
            kept.used = earlier.copy()
    kept.closed = ends
    return kept


def _rules(
    model: EvidenceModel, budget1: float, budget2: float, *, within_week: bool
) -> tuple[Rules, Rules]:
    level1 = model.threshold(budget1, within_week=within_week)
    level2 = model.threshold(budget2, within_week=within_week)
    minimum, baseline = model.minimum_history, max(1, model.minimum_history // 2)
    rising = Rules(
        level1.close, level2.close, level1.look, level2.look, minimum, baseline,
        within_week, smallest=1.1, largest=5.0,
    )  # fmt: skip
    fall = model.improvement_threshold()
    falling = Rules(
        fall, NEVER, NEVER, NEVER, minimum, baseline,
        by_day=False, smallest=0.2, largest=0.9,
    )  # fmt: skip
    return rising, falling


def _resume(
    block: FeedCounts, path: WatchPath | None, dirty_from: I64 | None, ends: I64
) -> tuple[WatchPath, I64]:
    """Copy what an earlier path still says and give the column to go on from."""
    units, periods = block.units, block.periods
    fresh = WatchPath(
        week0=block.week0,
        closed=ends,
        states=np.zeros((units, len(Way), periods + 1, STATE)),
        rows=np.zeros((units, len(Way), FIRST_ROWS, ROW)),
        used=np.zeros((units, len(Way)), dtype=np.int64),
        ready=np.zeros(units, dtype=np.int64),
        feeds=block.feeds,
    )
    if path is None or path.week0 != block.week0 or path.closed.shape[0] != units:
        return fresh, np.zeros(units, dtype=np.int64)
    start = np.minimum(path.closed, ends)
    if dirty_from is not None:
        start = np.minimum(start, np.clip(dirty_from, 0, None))
    known = min(periods + 1, path.states.shape[2])
    fresh.states[:, :, :known] = path.states[:, :, :known]
    fresh.rows = path.rows.copy()
    in_use = np.arange(path.rows.shape[2]) < path.used[:, :, None]
    earlier = in_use & (path.rows[:, :, :, WEEK] < start[:, None, None])
    fresh.used = earlier.sum(axis=2).astype(np.int64)
    return fresh, start.astype(np.int64)
