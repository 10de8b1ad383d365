"""Watching shares: harm share, anonymous share, share answered in time, whose voice is heard.

See ``share_terms`` for the evidence and ``detectors.evidence.episodes`` for what becomes of it.
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
from detectors.evidence.onsets import AGES, COUNT, F64, I64, log_sum, median_age, weighted_mean
from detectors.single_series.explanation import explain_share
from detectors.single_series.share_terms import (
    CAUTION,
    DISCOUNT,
    OVERDISPERSION,
    PRIOR,
    bounded,
    checked,
    dispersion,
    log_bayes_factor,
    log_odds_ratios,
    share_terms,
    weight,
)

__all__ = ["explain_share", "share_change", "watch_shares"]


@compiled
def _return_ratio(y: float, n: float, rho: float, was: float, held: float) -> float:
    """Weighted log likelihood ratio of log odds ``was`` against ``held`` in one period."""
    spread = math.log1p(math.exp(held)) - math.log1p(math.exp(was))
    return weight(n, rho) * (y * (was - held) + n * spread)


@compiled
def _watch(
    given: F64, n: F64, effects: F64, prior: F64, guess: float, guess_sd: float, minimum: int,
    level1: float, level2: float, returned: float, table: I64, marks: F64,
) -> int:  # fmt: skip
    """Walk one series; the number of episodes left in ``table`` and ``marks``."""
    state = np.array([-1, -1, 0])
    terms = np.empty(COUNT)
    leans = np.empty(COUNT)
    since = np.empty(COUNT)
    changed = np.empty(COUNT)
    totals = np.empty(2)
    y = np.empty(given.size)
    bounded(given, n, guess, guess_sd, y)
    seen = 0
    back = was = held = then = 0.0
    for t in range(y.size):
        if not n[t] > 0.0:
            continue
        seen += 1
        if seen <= minimum:
            continue
        rho = dispersion(y, n, t, guess, guess_sd)
        if state[ROW] >= 0:
            back = settle(
                back, _return_ratio(y[t], n[t], then, was, held), t, returned, state, table
            )
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
            # A changed share inflates later estimates; the return is judged by this one.
            then = rho
            back = 0.0
    return int(state[ROWS])


def watch_shares(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    concern: Way,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    improvement_budget: float | None = None,
    prior: tuple[float, float] = PRIOR,
    overdispersion: tuple[float, float] = OVERDISPERSION,
    discount: float = DISCOUNT,
) -> list[SeriesEpisode]:
    """Episodes of changed shares in a block of series, each judged by itself.

    Args:
        numerators: F64[series, periods], for example incidents with harm.
        denominators: the same shape, incidents; 0 where nothing was observed.
        concern: which way is worse: ``rise`` or ``fall`` (or ``both``).
        budget1: false alerts per series and year that level 1 may cost.
        budget2: the same for level 2; lower, so later and surer.
        per_year: periods in a year.
        minimum: observed periods that are baseline only. Fewer: earlier and shakier.
        improvement_budget: watch the other way too, with this budget at level 1.
        prior: Beta(a, b) of the share before anything is seen.
        overdispersion: what is thought of the correlation of one period's reports
            before any are seen: its mean and standard deviation.
        discount: log, taken off the guaranteed threshold.

    Raises:
        ValueError: shapes differ, a numerator exceeds its denominator, a value is not
            finite, or the budgets make no sense.

    Example:
        >>> import numpy as np
        >>> harmed = np.r_[np.full(40, 4.0), np.full(12, 10.0)]
        >>> found = watch_shares(harmed, np.full(52, 20.0), concern="rise",
        ...                      budget1=0.2, budget2=0.05, per_year=52.18, minimum=26)
        >>> [(e.opened, e.onset, e.level) for e in found]
        [(41, 40, 2)]

    """
    y, n = checked(numerators, denominators)
    ledger = Ledger(y.shape[1])
    beta = np.array(prior, dtype=np.float64)
    found: list[SeriesEpisode] = []
    for watch in watches(concern, budget1, budget2, improvement_budget, per_year, discount):
        effects = log_odds_ratios(watch.way)
        limit = watch.bounds
        for series in range(y.shape[0]):
            rows = _watch(
                y[series], n[series], effects, beta, overdispersion[0], overdispersion[1], minimum,
                limit.level1, limit.level2, limit.returned, ledger.table, ledger.marks,
            )  # fmt: skip
            found.extend(ledger.episodes(series, rows, watch, per_year))
    return in_order(found)


def share_change(
    num_before: npt.ArrayLike,
    den_before: npt.ArrayLike,
    num_after: npt.ArrayLike,
    den_after: npt.ArrayLike,
    odds_ratio: float,
    overdispersion: float = OVERDISPERSION[0],
    prior: tuple[float, float] = PRIOR,
) -> float:
    """Log Bayes factor of "the odds are multiplied by ``odds_ratio``" between two stretches.

    Tells a better reporting culture (more reports, a smaller share of them harmful)
    from a deterioration. Above 0 the data speak for the change, below 0 for an
    unchanged share; 1 is a factor of e, 3 strong.

    Args:
        num_before: numerators by period, or one total (which counts as one period,
            so that ``overdispersion`` then caps what it can say).
        den_before: denominators, the same shape.
        num_after: numerators of the later stretch.
        den_after: denominators of the later stretch.
        odds_ratio: below 1 a fall, above 1 a rise.
        overdispersion: correlation of the reports of one period.
        prior: Beta(a, b) of the share.

    Raises:
        ValueError: as for ``watch_shares``, or an odds ratio that is not positive.

    """
    if not odds_ratio > 0:
        raise ValueError(f"an odds ratio is positive, not {odds_ratio}")
    y0, n0 = checked(np.ravel(num_before), np.ravel(den_before))
    y1, n1 = checked(np.ravel(num_after), np.ravel(den_after))
    w0 = 1.0 / (1.0 + CAUTION * overdispersion * np.maximum(n0 - 1.0, 0.0))
    w1 = 1.0 / (1.0 + CAUTION * overdispersion * np.maximum(n1 - 1.0, 0.0))
    changed = float((w1 * y1).sum())
    return log_bayes_factor(
        prior[0] + float((w0 * y0).sum()) + changed,
        prior[0] + prior[1] + float((w0 * n0).sum()),
        float((w1 * n1).sum()),
        changed,
        math.log(odds_ratio),
    )
