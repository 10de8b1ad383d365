"""Watching measured levels: sickness absence, fill rate, days to an answer.

See ``detectors.measurement_terms`` for the evidence and ``detectors.episodes`` for
what becomes of it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.episodes import AFTER, HELD, ROW, Direction, Ledger, SeriesEpisode, bounds, decide, settle
from detectors.measurement_terms import (
    COSINE,
    FIT,
    MEAN,
    N,
    PHI_AT,
    Q,
    SINE,
    clipped,
    fit_history,
    measurement_terms,
)
from detectors.onsets import AGES, COUNT, F64, I64, log_sum, median_age, weighted_mean

Concern = Literal["rise", "fall", "both"]

# Changes tried, in standard deviations of one period.
SHIFTS = (0.5, 1.0, 1.5)
DISCOUNT = 0.0


@compiled
def _level_before(
    x: F64, cosine: F64, sine: F64, onset: int, fit: F64, inverse: F64
) -> float:
    """Mean of the values before the onset, less their season."""
    n = total = 0.0
    for t in range(onset):
        if not math.isnan(x[t]):
            n += 1.0
            total += x[t] - fit[COSINE] * (cosine[t] - inverse[3])
            total -= fit[SINE] * (sine[t] - inverse[4])
    return total / n if n > 0.0 else fit[MEAN]


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
            at = np.searchsorted(AGES, age)
            then[:] = fit
            means[:] = inverse
            was = _level_before(x, cosine, sine, t + 1 - age, fit, inverse)
            # The variance that is left when the change is allowed for.
            spread = (fit[Q] - contrasts[at] ** 2 / gains[at]) / max(1.0, fit[N] - 2.0)
            spread = max(spread, 1e-3 * fit[Q] / fit[N])
            held = was + HELD * weighted_mean(terms, evidence, leans) * math.sqrt(spread)
            back = 0.0
    return int(state[2])


def shifts(concern: Concern) -> F64:
    """The changes tried, in sd: upwards for a rise, downwards for a fall, or both."""
    if concern not in ("rise", "fall", "both"):
        raise ValueError(f"concern must be 'rise', 'fall' or 'both', not {concern!r}")
    up = np.array(SHIFTS)
    return {"rise": up, "fall": -up, "both": np.concatenate([up, -up])}[concern]


def harmonics(periods: int, per_year: float) -> tuple[F64, F64]:
    """Cosine and sine of the year by period; none where a year has fewer than four periods."""
    angle = 2.0 * np.pi * np.arange(periods) / per_year
    if per_year < 4.0:
        return np.zeros(periods), np.zeros(periods)
    return np.cos(angle), np.sin(angle)


def watch_measurements(
    values: npt.ArrayLike,
    *,
    concern: Concern,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    improvement_budget: float | None = None,
    discount: float = DISCOUNT,
) -> list[SeriesEpisode]:
    """Episodes."""
    x = np.atleast_2d(np.asarray(values, dtype=np.float64))
    effects = shifts(concern)
    cosine, sine = harmonics(x.shape[1], per_year)
    ledger = Ledger(x.shape[1])
    found: list[SeriesEpisode] = []
    passes: list[tuple[Direction, float, float, float]] = [("concern", 1.0, budget1, budget2)]
    if improvement_budget is not None and concern != "both":
        passes.append(("improvement", -1.0, improvement_budget, improvement_budget * budget2 / budget1))
    for direction, sign, first, second in passes:
        limit = bounds(first, second, per_year, discount)
        for series in range(x.shape[0]):
            rows = _watch(
                x[series], cosine, sine, sign * effects, max(minimum, 5),
                limit.level1, limit.level2, limit.returned, ledger.table, ledger.marks,
            )  # fmt: skip
            found.extend(ledger.episodes(series, direction, rows))
    return sorted(found, key=lambda episode: (episode.series, episode.opened, episode.direction))
