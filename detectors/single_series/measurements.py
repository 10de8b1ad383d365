"""Watching measured levels: sickness absence, fill rate, days to an answer.

See ``measurement_terms`` for the evidence and ``detectors.evidence.episodes`` for what becomes
of it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.evidence.episodes import (
    AFTER,
    HELD,
    ROW,
    ROWS,
    Ledger,
    SeriesEpisode,
    Way,
    decide,
    in_order,
    settle,
    watches,
)
from detectors.evidence.onsets import COUNT, F64, I64, log_sum, median_age, weighted_mean
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

__all__ = ["explain_measurement", "watch_measurements"]


@compiled
def _watch(
    values: F64, cosine: F64, sine: F64, effects: F64, minimum: int,
    level1: float, level2: float, returned: float, table: I64, marks: F64,
) -> int:  # fmt: skip
    """Walk one series; the number of episodes left in ``table`` and ``marks``."""
    state = np.array([-1, -1, 0])
    terms = np.empty(COUNT)
    leans = np.empty(COUNT)
    gains = np.empty(COUNT)
    contrasts = np.empty(COUNT)
    fit = np.empty(FIT)
    then = np.empty(FIT)
    inverse = np.empty(5)
    means = np.empty(5)
    x = np.empty(values.size)
    clipped(values, x)
    seen = 0
    back = was = held = spread = 0.0
    for t in range(x.size):
        if math.isnan(x[t]):
            continue
        seen += 1
        if seen <= minimum:
            continue
        if state[ROW] >= 0:
            level = x[t] - then[COSINE] * (cosine[t] - means[3]) - then[SINE] * (sine[t] - means[4])
            ratio = ((level - held) ** 2 - (level - was) ** 2) / (2.0 * spread)
            ratio *= (1.0 - then[PHI_AT]) / (1.0 + then[PHI_AT])
            back = settle(back, ratio, t, returned, state, table)
            if state[ROW] < 0:
                continue
        fit_history(x, cosine, sine, t, fit, inverse)
        measurement_terms(
            x, cosine, sine, t, state[AFTER], effects, fit, inverse, terms, leans, gains, contrasts
        )
        evidence = log_sum(terms)
        if evidence == -math.inf:
            continue
        age = median_age(terms, evidence)
        if decide(evidence, t + 1 - age, t, level1, level2, state, table, marks):
            then[:] = fit
            means[:] = inverse
            was = level_before(x, cosine, sine, t + 1 - age, fit, inverse)
            spread = left_over(fit, gains, contrasts, age)
            held = was + HELD * weighted_mean(terms, evidence, leans) * math.sqrt(spread)
            back = 0.0
    return int(state[ROWS])


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
    cosine, sine = harmonics(x.shape[1], per_year)
    ledger = Ledger(x.shape[1])
    found: list[SeriesEpisode] = []
    for watch in watches(concern, budget1, budget2, improvement_budget, per_year, discount):
        effects = shifts(watch.way)
        limit = watch.bounds
        for series in range(x.shape[0]):
            rows = _watch(
                x[series], cosine, sine, effects, max(minimum, 5),
                limit.level1, limit.level2, limit.returned, ledger.table, ledger.marks,
            )  # fmt: skip
            found.extend(ledger.episodes(series, rows, watch, per_year))
    return in_order(found)
