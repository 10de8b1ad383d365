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
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.compiled import compiled
from detectors.demands import check_choice, check_finite, check_positive
from detectors.evidence.counts import F64, I64, WEEKS_PER_YEAR
from detectors.evidence.crossings import Direction
from detectors.single_series.onsets import log_sum, median_age

Way = Literal["rise", "fall", "both"]

# Columns of the integer table of episodes that the kernels fill.
OPENED, LEVEL, RAISED, SUBSIDED, ONSET, BASE = range(6)
TABLE = 6
# Columns of its companion of evidence.
AT_OPENING, PEAK = range(2)
MARKS = 2
# Places in a kernel's state before a period: observed periods so far, onsets up to AFTER do
# not count, ROW is the open episode of ROWS, its greatest evidence; the CUSUM of its return
# between the levels BEFORE and SINCE. A form's own numbers follow from OWN on.
SEEN, AFTER, ROW, ROWS, GREATEST, BACK, BEFORE, SINCE, OWN = range(9)
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
        after: only onsets after this period counted (end of the episode before, or -1).
        way: which change was looked for: ``rise``, ``fall`` or ``both``.
        per_year: periods in a year, as told to the watch.

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
    after: int = -1
    way: Way = "rise"
    per_year: float = WEEKS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Bounds:
    """What evidence must pass: level 1, level 2, and the return to the baseline (all logs)."""

    level1: float
    level2: float
    returned: float

    @property
    def bars(self) -> F64:
        """The three as an array, for the kernels."""
        return np.array([self.level1, self.level2, self.returned])


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
    if not 0 < budget2 <= budget1 < math.inf:
        raise ValueError(f"budgets must be 0 < level 2 <= level 1, not {budget2} and {budget1}")
    check_positive("per_year", per_year)
    check_finite("discount", discount)
    return Bounds(
        level1=math.log(per_year / budget1) - discount,
        level2=math.log(per_year / budget2) - discount,
        returned=max(_LEAST_RETURN, math.log(per_year)),
    )


@dataclass(frozen=True, slots=True)
class Watch:
    """One pass over a block: what it is told as, which way it looks, with which thresholds."""

    direction: Direction
    way: Way
    bounds: Bounds


_OPPOSITE: dict[Way, Way] = {"rise": "fall", "fall": "rise", "both": "both"}


def watches(
    concern: Way,
    budget1: float,
    budget2: float,
    improvement: float | None,
    per_year: float,
    discount: float,
) -> list[Watch]:
    """The pass for concern, and one for improvement where it has a budget.

    Level 2 of an improvement is as much rarer than level 1 as it is for a concern.
    A concern about change either way leaves no improvement to look for.

    Raises:
        ValueError: an unknown ``concern`` or budgets that make no sense.

    """
    check_choice("concern", concern, _OPPOSITE)
    passes = [Watch("concern", concern, bounds(budget1, budget2, per_year, discount))]
    if improvement is not None and concern != "both":
        rarer = improvement * budget2 / budget1
        limit = bounds(improvement, rarer, per_year, discount)
        passes.append(Watch("improvement", _OPPOSITE[concern], limit))
    return passes


def in_order(found: Iterable[SeriesEpisode]) -> list[SeriesEpisode]:
    """Episodes by series, then by opening, then by direction."""
    return sorted(found, key=lambda e: (e.series, e.opened, e.direction))


def chance(log_evidence: float, per_year: float, discount: float) -> dict[str, float]:
    """How rarely a stable series shows as much evidence, by the bound that sets thresholds.

    A threshold at this evidence would keep to ``per_year`` false alerts a series and
    year: one in ``years_between`` years.
    """
    years = math.exp(min(700.0, log_evidence + discount)) / per_year
    return {"log_evidence": log_evidence, "per_year": 1.0 / years, "years_between": years}


def interval(mean: float, sd: float, least: float, most: float) -> dict[str, float]:
    """An expectation with 95 % limits, kept within what is possible."""
    low, high = mean - 1.96 * sd, mean + 1.96 * sd
    return {"value": mean, "low": max(least, low), "high": min(most, high)}


@compiled
def start_state(state: F64) -> None:
    """Write the state before the first period."""
    state[:] = 0.0
    state[AFTER] = -1.0
    state[ROW] = -1.0


@compiled
def began(minimum: int, state: F64) -> bool:
    """Count an observed period; true when there is a baseline before it."""
    state[SEEN] += 1.0
    return bool(state[SEEN] > minimum)


@compiled
def decide(
    terms: F64, period: int, level1: float, level2: float, state: F64, table: I64, marks: F64
) -> int:
    """Open or raise an episode on the evidence of a period by onset age (log, -inf: none).

    Returns:
        The age of the change, by its posterior median, when an episode was opened; else 0.

    """
    evidence = log_sum(terms)
    row = int(state[ROW])
    if row < 0:
        if not evidence > level1:
            return 0
        age = median_age(terms, evidence)
        row = int(state[ROWS])
        state[ROW] = row
        state[ROWS] = row + 1
        state[GREATEST] = evidence
        state[BACK] = 0.0
        table[row, OPENED] = period
        table[row, LEVEL] = 1
        table[row, RAISED] = -1
        table[row, SUBSIDED] = -1
        table[row, ONSET] = period + 1 - age
        table[row, BASE] = int(state[AFTER])
        marks[row, AT_OPENING] = evidence
        marks[row, PEAK] = evidence
        if evidence > level2:
            table[row, LEVEL] = 2
            table[row, RAISED] = period
        return age
    state[GREATEST] = max(state[GREATEST], evidence)
    marks[row, PEAK] = state[GREATEST]
    if table[row, LEVEL] == 1 and evidence > level2:
        table[row, LEVEL] = 2
        table[row, RAISED] = period
    return 0


@compiled
def settle(increment: float, period: int, bound: float, state: F64, table: I64) -> bool:
    """Add a period's log likelihood ratio of "returned" to "still changed" to the CUSUM.

    When it passes ``bound`` the open episode subsides, which is told, and onsets up to
    this period stop counting.
    """
    state[BACK] = max(0.0, state[BACK] + increment)
    if state[BACK] > bound:
        table[int(state[ROW]), SUBSIDED] = period
        state[ROW] = -1.0
        state[AFTER] = period
        state[BACK] = 0.0
        return True
    return False
