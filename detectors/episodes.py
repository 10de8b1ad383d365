"""From evidence to episodes: opened, raised, subsided.

Every period brings the evidence S of a change since an unknown onset. S over a
threshold opens an episode at level 1, over a higher one it is (or becomes) level 2.
While an episode is open a second statistic asks the opposite question, whether
the series has returned to what it was before the onset; when that is answered the
episode has subsided, and only onsets after it count towards the next.

Threshold: a sum of e-values over onsets (Shiryaev-Roberts form) exceeds M with an
average run length of at least M periods when nothing has changed (Shin, Ramdas and
Rinaldo, "E-detectors", 2023), so a budget of B false alerts a year needs
M = periods per year / B. The detectors lower M by a discount found by simulation
with estimated baselines; each says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.compiled import compiled
from detectors.onsets import F64, I64

Direction = Literal["concern", "improvement"]

# Columns of the integer table of episodes that the kernels fill.
OPENED, LEVEL, RAISED, SUBSIDED, ONSET = range(5)
# Columns of its companion of evidence.
AT_OPENING, PEAK = range(2)
# Places in a kernel's state: onsets up to AFTER do not count, ROW is the open episode.
AFTER, ROW, ROWS = range(3)
# The change that an episode's return is judged against, as a part of the estimated
# change: estimates made at a crossing lean to the large side.
HELD = 0.5
# Evidence (log) that a series has returned before its episode subsides.
_LEAST_RETURN = 3.0


@dataclass(frozen=True, slots=True)
class SeriesEpisode:
    """One stretch of evidence against one series.

    Attributes:
        series: row of the series in the block that was watched.
        direction: ``concern`` or ``improvement``.
        opened: period whose data opened it.
        level: 1 or 2.
        raised: period that made it level 2, or -1.
        subsided: period in which the series was back, or -1 while it lasts.
        onset: estimated first period of the change (posterior median at opening).
        log_evidence: log evidence at opening.
        peak_log_evidence: the greatest since then, while open.

    """

    series: int
    direction: Direction
    opened: int
    level: int
    raised: int
    subsided: int
    onset: int
    log_evidence: float
    peak_log_evidence: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """What evidence must pass: level 1, level 2, and the return to the baseline (all logs)."""

    level1: float
    level2: float
    returned: float


def bounds(budget1: float, budget2: float, per_year: float, discount: float = 0.0) -> Bounds:
    """Thresholds from budgets in false alerts per series and year.

    Args:
        budget1: level 1, for example 0.2: one false alert in five years.
        budget2: level 2, at most ``budget1``.
        per_year: periods in a year.
        discount: what calibration takes off the guaranteed log threshold.

    Raises:
        ValueError: budgets or ``per_year`` not positive, or ``budget2`` above ``budget1``.

    """
    if not 0 < budget2 <= budget1:
        raise ValueError(f"budgets must be 0 < level 2 <= level 1, not {budget2} and {budget1}")
    if per_year <= 0:
        raise ValueError(f"per_year must be positive, not {per_year}")
    return Bounds(
        level1=math.log(per_year / budget1) - discount,
        level2=math.log(per_year / budget2) - discount,
        returned=max(_LEAST_RETURN, math.log(per_year)),
    )


@compiled
def decide(
    evidence: float, onset: int, period: int, level1: float, level2: float,
    state: I64, table: I64, marks: F64,
) -> bool:  # fmt: skip
    """Open or raise an episode on the evidence of a period; true when one was opened."""
    row = state[ROW]
    if row < 0:
        if not evidence > level1:
            return False
        row = state[ROWS]
        state[ROW] = row
        state[ROWS] = row + 1
        table[row, OPENED] = period
        table[row, LEVEL] = 1
        table[row, RAISED] = -1
        table[row, SUBSIDED] = -1
        table[row, ONSET] = onset
        marks[row, AT_OPENING] = evidence
        marks[row, PEAK] = evidence
        if evidence > level2:
            table[row, LEVEL] = 2
            table[row, RAISED] = period
        return True
    marks[row, PEAK] = max(marks[row, PEAK], evidence)
    if table[row, LEVEL] == 1 and evidence > level2:
        table[row, LEVEL] = 2
        table[row, RAISED] = period
    return False


@compiled
def settle(
    back: float, increment: float, period: int, bound: float, state: I64, table: I64
) -> float:
    """Add a period's log likelihood ratio of "returned" to "still changed"; the new CUSUM.

    When the CUSUM passes ``bound`` the open episode subsides and onsets up to this
    period stop counting.
    """
    back = max(0.0, back + increment)
    if back > bound:
        table[state[ROW], SUBSIDED] = period
        state[ROW] = -1
        state[AFTER] = period
        return 0.0
    return back


class Ledger:
    """Room for the episodes of one series at a time, reused over a block."""

    def __init__(self, periods: int) -> None:
        self.table: I64 = np.empty((periods + 1, 5), dtype=np.int64)
        self.marks: F64 = np.empty((periods + 1, 2), dtype=np.float64)

    def episodes(self, series: int, direction: Direction, rows: int) -> Iterator[SeriesEpisode]:
        """The episodes that a kernel left in the first ``rows`` rows."""
        for row, mark in zip(self.table[:rows].tolist(), self.marks[:rows].tolist(), strict=True):
            yield SeriesEpisode(
                series=series,
                direction=direction,
                opened=row[OPENED],
                level=row[LEVEL],
                raised=row[RAISED],
                subsided=row[SUBSIDED],
                onset=row[ONSET],
                log_evidence=mark[AT_OPENING],
                peak_log_evidence=mark[PEAK],
            )
