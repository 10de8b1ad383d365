"""Silence: a unit or a feed that used to report and stops.

See ``detectors.silence_terms`` for the evidence and ``detectors.episodes`` for what
becomes of it. A feed that fails looks like the silence of every ward behind it; so
the provider's feed is watched as a whole (``feed_outage``) and wards are compared
with what the rest of the feed delivers (``comparable_exposure``): a ward is silent
when it is quieter than its feed.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.episodes import AFTER, HELD, ROW, Ledger, SeriesEpisode, bounds, decide, settle
from detectors.onsets import AGES, COUNT, F64, I64, log_sum, median_age, weighted_mean
from detectors.silence_terms import CAUTION, burstiness, silence_terms

# Falls tried: to a half, a quarter, a tenth, and to next to nothing.
FALLS = (0.5, 0.25, 0.1, 0.02)
# A feed that fails falls further than reporting does.
OUTAGES = (0.25, 0.1, 0.02)
# Gamma prior of the rate: little weight, nearly no exposure.
PRIOR = (0.5, 1e-6)
# Negative-binomial dispersion before anything is seen, and how sure of it.
DISPERSION, DISPERSION_SD = 0.15, 0.2
DISCOUNT = 0.0


@compiled
def _watch(
    x: F64, m: F64, effects: F64, prior: F64, guess: float, guess_sd: float, minimum: int,
    level1: float, level2: float, returned: float, table: I64, marks: F64,
) -> int:  # fmt: skip
    """Walk one series; the number of episodes left in ``table`` and ``marks``."""
    state = np.array([-1, -1, 0])
    terms = np.empty(COUNT)
    leans = np.empty(COUNT)
    since = np.empty(COUNT)
    counted = np.empty(COUNT)
    totals = np.empty(3)
    seen = 0
    back = was = held = dispersion = 0.0
    for t in range(x.size):
        if not m[t] > 0.0:
            continue
        seen += 1
        if seen <= minimum:
            continue
        if state[ROW] >= 0:
            ratio = x[t] * (was - held) - m[t] * (math.exp(was) - math.exp(held))
            ratio /= 1.0 + CAUTION * dispersion * math.exp(was) * m[t]
            back = settle(back, ratio, t, returned, state, table)
            if state[ROW] < 0:
                continue
        alpha = burstiness(x, m, t, guess, guess_sd)
        silence_terms(
            x, m, t, state[AFTER], effects, prior, alpha, terms, leans, since, counted, totals
        )
        evidence = log_sum(terms)
        if evidence == -math.inf:
            continue
        age = median_age(terms, evidence)
        if decide(evidence, t + 1 - age, t, level1, level2, state, table, marks):
            at = np.searchsorted(AGES, age)
            before = prior[1] + totals[0] - since[at]
            was = math.log((prior[0] + totals[1] - counted[at]) / before)
            held = was + HELD * weighted_mean(terms, evidence, leans)
            dispersion = alpha
            back = 0.0
    return int(state[2])


def _checked(counts: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[F64, F64]:
    x = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    m = np.atleast_2d(np.asarray(exposure, dtype=np.float64))
    if x.shape != m.shape or x.ndim != 2:
        raise ValueError(f"counts {x.shape} and exposure {m.shape} must match")
    if not (np.isfinite(x).all() and np.isfinite(m).all()):
        raise ValueError("counts and exposure must be finite; exposure 0 means not observed")
    if (x < 0).any() or (m < 0).any():
        raise ValueError("counts and exposure cannot be negative")
    return x, m


def watch_silence(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    *,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    falls: tuple[float, ...] = FALLS,
    prior: tuple[float, float] = PRIOR,
    overdispersion: tuple[float, float] = (DISPERSION, DISPERSION_SD),
    discount: float = DISCOUNT,
) -> list[SeriesEpisode]:
    """Episodes of silence."""
    x, m = _checked(counts, exposure)
    limit = bounds(budget1, budget2, per_year, discount)
    ledger = Ledger(x.shape[1])
    effects = np.array(falls, dtype=np.float64)
    gamma = np.array(prior, dtype=np.float64)
    found: list[SeriesEpisode] = []
    for series in range(x.shape[0]):
        rows = _watch(
            x[series], m[series], effects, gamma, overdispersion[0], overdispersion[1], minimum,
            limit.level1, limit.level2, limit.returned, ledger.table, ledger.marks,
        )  # fmt: skip
        found.extend(ledger.episodes(series, "concern", rows))
    return found
