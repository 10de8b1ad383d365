"""Watching measured levels: sickness absence, fill rate, days to an answer.

See ``measurement_terms`` for the evidence and ``episodes`` for what becomes
of it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import check_positive, check_whole
from detectors.evidence.counts import F64, I64
from detectors.single_series.episodes import (
    AFTER,
    BEFORE,
    GREATEST,
    HELD,
    OWN,
    ROW,
    ROWS,
    SINCE,
    SeriesEpisode,
    Watch,
    Way,
    began,
    decide,
    settle,
    watches,
)
from detectors.single_series.explanation import explain_measurement
from detectors.single_series.measurement_terms import (
    COSINE,
    DISCOUNT,
    FIT,
    PHI_AT,
    SINE,
    checked,
    clipped,
    fit_history,
    harmonics,
    left_over,
    level_before,
    measurement_terms,
    shifts,
)
from detectors.single_series.onset_sums import Room, make_room
from detectors.single_series.onsets import weighted_mean
from detectors.single_series.paths import SeriesPath
from detectors.single_series.trails import KEPT, Trail

__all__ = ["explain_measurement", "watch_measurements"]

# What the history was like when the open episode began: spread, fit, harmonics' means.
INVERSE = 5
SPREAD = OWN
THEN = OWN + 1
MEANS = THEN + FIT
NUMBERS = MEANS + INVERSE


@compiled
def _look(
    x: F64, cosine: F64, sine: F64, t: int, effects: F64, bars: F64, state: F64, table: I64,
    marks: F64, room: Room, fit: F64, inverse: F64,
) -> None:  # fmt: skip
    """Judge one period of a series that has a baseline."""
    # An open episode is told with its greatest evidence, so then all of it counts.
    bar = bars[0]
    if state[ROW] >= 0.0:
        bar = -math.inf
        then, means = state[THEN : THEN + FIT], state[MEANS : MEANS + INVERSE]
        level = x[t] - then[COSINE] * (cosine[t] - means[3]) - then[SINE] * (sine[t] - means[4])
        ratio = (level - state[SINCE]) ** 2 - (level - state[BEFORE]) ** 2
        ratio *= (1.0 - then[PHI_AT]) / (1.0 + then[PHI_AT]) / (2.0 * state[SPREAD])
        if settle(ratio, t, bars[2], state, table):
            return
    gains, contrasts = room.since, room.counted
    fit_history(x, cosine, sine, t, fit, inverse)
    if not measurement_terms(
        x, cosine, sine, t, state[AFTER], effects, fit, inverse, room.terms, room.leans, gains,
        contrasts, bar,
    ):  # fmt: skip
        return
    age = decide(room.terms, t, bars[0], bars[1], state, table, marks)
    if age > 0:
        state[THEN : THEN + FIT] = fit
        state[MEANS : MEANS + INVERSE] = inverse
        state[BEFORE] = level_before(x, cosine, sine, t + 1 - age, fit, inverse)
        state[SPREAD] = left_over(fit, gains, contrasts, age)
        lean = weighted_mean(room.terms, state[GREATEST], room.leans)
        state[SINCE] = state[BEFORE] + HELD * lean * math.sqrt(state[SPREAD])


@compiled
def _watch(
    values: F64, cosine: F64, sine: F64, effects: F64, minimum: int, bars: F64, begin: I64,
    states: F64, tables: I64, marks: F64,
) -> bool:  # fmt: skip
    """Walk every series from ``begin`` on; false where one has no row for an episode."""
    room = make_room()
    fit = np.empty(FIT)
    inverse = np.empty(INVERSE)
    x = np.empty(values.shape[1])
    for u in range(values.shape[0]):
        if begin[u] < x.size:
            clipped(values[u], x)
        while begin[u] < x.size:
            t = begin[u]
            state = states[u, (t + 1) % KEPT]
            state[:] = states[u, t % KEPT]
            if state[ROWS] >= tables.shape[1]:
                return False
            if not math.isnan(x[t]) and began(minimum, state):
                _look(
                    x, cosine, sine, t, effects, bars, state, tables[u], marks[u], room, fit,
                    inverse,
                )  # fmt: skip
            begin[u] = t + 1
    return True


def watch_measurements(
    values: npt.ArrayLike,
    *,
    concern: Way,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    improvement_budget: float | None = None,
    discount: float = DISCOUNT,
    path: SeriesPath | None = None,
    keys: Sequence[Hashable] | None = None,
) -> list[SeriesEpisode]:
    """Episodes of changed levels in a block of series, each judged by itself.

    Args:
        values: F64[series, periods], NaN where missing.
        concern: which way is worse: ``rise``, ``fall`` or ``both``.
        budget1: false alerts per series and year that level 1 may cost.
        budget2: the same for level 2; lower, so later and surer.
        per_year: periods in a year; the season is one harmonic of it.
        minimum: observed periods that are baseline only, at least 5.
        improvement_budget: watch the other way too, with this budget at level 1
            (not where the concern is change either way).
        discount: log, taken off the guaranteed threshold.
        path: what a watch with these parameters has seen; only what is new is looked
            at, and the path goes on with it.
        keys: tells series apart between watches with one path.

    Raises:
        ValueError: infinite values, or budgets that make no sense.

    Example:
        >>> import numpy as np
        >>> sickness = np.r_[np.tile([4.0, 4.4, 4.2, 4.6], 10), np.full(8, 5.4)]
        >>> found = watch_measurements(sickness, concern="rise", budget1=0.2, budget2=0.05,
        ...                            per_year=52.18, minimum=26)
        >>> [(e.opened, e.onset) for e in found]
        [(42, 39)]

    """
    x = checked(values)
    check_whole("minimum", minimum, 1)
    check_positive("per_year", per_year)
    cosine, sine = harmonics(x.shape[1], per_year)

    def look(watch: Watch, trail: Trail) -> bool:
        return _watch(
            x, cosine, sine, shifts(watch.way), max(minimum, 5), watch.bounds.bars, trail.begin,
            trail.states, trail.table, trail.marks,
        )  # fmt: skip

    passes = watches(concern, budget1, budget2, improvement_budget, per_year, discount)
    seen = SeriesPath() if path is None else path
    return seen.follow((x,), keys, passes, NUMBERS, look, per_year)
