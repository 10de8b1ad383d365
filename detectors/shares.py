"""Watching shares: harm share, anonymous share, share answered in time, whose voice is heard.

See ``detectors.share_terms`` for the evidence and ``detectors.episodes`` for what
becomes of it.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.episodes import AFTER, HELD, ROW, Direction, Ledger, SeriesEpisode, bounds, decide, settle
from detectors.onsets import AGES, COUNT, F64, I64, LOG_STEPS, log_sum, median_age, weighted_mean
from detectors.share_terms import dispersion, log_bayes_factor, share_terms, weight

Concern = Literal["rise", "fall"]

# Odds ratios tried for a rise; a fall tries their inverses.
ODDS_RATIOS = (1.5, 2.0, 3.0)
# Beta prior of the share: little weight, both ends allowed.
PRIOR = (0.5, 0.5)
# Correlation of the reports of one period before any are seen, and how sure of it.
DISPERSION, DISPERSION_SD = 0.03, 0.04
DISCOUNT = 0.2


@compiled
def _return_ratio(y: float, n: float, rho: float, was: float, held: float) -> float:
    """Weighted log likelihood ratio of log odds ``was`` against ``held`` in one period."""
    spread = math.log1p(math.exp(held)) - math.log1p(math.exp(was))
    return weight(n, rho) * (y * (was - held) + n * spread)


@compiled
def _watch(
    y: F64, n: F64, effects: F64, prior: F64, guess: float, guess_sd: float, minimum: int,
    level1: float, level2: float, returned: float, table: I64, marks: F64,
) -> int:  # fmt: skip
    """Walk one series; the number of episodes left in ``table`` and ``marks``."""
    state = np.array([-1, -1, 0])
    terms = np.empty(COUNT)
    leans = np.empty(COUNT)
    since = np.empty(COUNT)
    changed = np.empty(COUNT)
    totals = np.empty(2)
    seen = 0
    back = was = held = 0.0
    for t in range(y.size):
        if not n[t] > 0.0:
            continue
        seen += 1
        if seen <= minimum:
            continue
        rho = dispersion(y, n, t, guess, guess_sd)
        if state[ROW] >= 0:
            back = settle(back, _return_ratio(y[t], n[t], rho, was, held), t, returned, state, table)
            if state[ROW] < 0:
                continue
        share_terms(
            y, n, t, state[AFTER], effects, prior, rho, terms, leans, since, changed, totals
        )
        evidence = log_sum(terms)
        if evidence == -math.inf:
            continue
        age = median_age(terms, evidence)
        if decide(evidence, t + 1 - age, t, level1, level2, state, table, marks):
            at = np.searchsorted(AGES, age)
            before = prior[0] + prior[1] + totals[0] - since[at]
            share = (prior[0] + totals[1] - changed[at]) / before
            was = math.log(share / (1.0 - share))
            held = was + HELD * weighted_mean(terms, evidence, leans)
            back = 0.0
    return int(state[2])


def log_odds_ratios(concern: Concern) -> F64:
    """The effects tried, as log odds ratios: positive for a rise, negative for a fall."""
    if concern not in ("rise", "fall"):
        raise ValueError(f"concern must be 'rise' or 'fall', not {concern!r}")
    return np.log(np.array(ODDS_RATIOS)) * (1.0 if concern == "rise" else -1.0)


def _checked(numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> tuple[F64, F64]:
    y = np.atleast_2d(np.asarray(numerators, dtype=np.float64))
    n = np.atleast_2d(np.asarray(denominators, dtype=np.float64))
    if y.shape != n.shape or y.ndim != 2:
        raise ValueError(f"numerators {y.shape} and denominators {n.shape} must match")
    if not (np.isfinite(y).all() and np.isfinite(n).all()):
        raise ValueError("shares need finite numerators and denominators; 0 of 0 is not observed")
    if (y < 0).any() or (y > n).any():
        raise ValueError("a share needs 0 <= numerator <= denominator")
    return y, n


def watch_shares(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    concern: Concern,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    improvement_budget: float | None = None,
    prior: tuple[float, float] = PRIOR,
    overdispersion: tuple[float, float] = (DISPERSION, DISPERSION_SD),
    discount: float = DISCOUNT,
) -> list[SeriesEpisode]:
    """Episodes of changed shares in a block of series, each judged by itself.
    """
    y, n = _checked(numerators, denominators)
    ledger = Ledger(y.shape[1])
    beta = np.array(prior, dtype=np.float64)
    found: list[SeriesEpisode] = []
    passes: list[tuple[Direction, float, float, float]] = [("concern", 1.0, budget1, budget2)]
    if improvement_budget is not None:
        passes.append(("improvement", -1.0, improvement_budget, improvement_budget * budget2 / budget1))
    for direction, sign, first, second in passes:
        limit = bounds(first, second, per_year, discount)
        effects = sign * log_odds_ratios(concern)
        for series in range(y.shape[0]):
            rows = _watch(
                y[series], n[series], effects, beta, overdispersion[0], overdispersion[1], minimum,
                limit.level1, limit.level2, limit.returned, ledger.table, ledger.marks,
            )  # fmt: skip
            found.extend(ledger.episodes(series, direction, rows))
    return sorted(found, key=lambda episode: (episode.series, episode.opened, episode.direction))
