"""Evidence that a share (a proportion) has changed: the beta-binomial form.

Of n_t reports y_t have a property, with unknown probability p and Beta(a, b) prior;
since period k the odds are multiplied by R. With S = sum y, N = sum n over all
periods and S1, N1 over those since k, integrating p out of both hypotheses gives

    BF(k, R) = R^S1 E[(1 + (R - 1) P)^-N1],    P ~ Beta(a + S, b + N - S),

the expectation being the hypergeometric 2F1(N1, a + S; a + b + N; 1 - R). On the
scale u = logit p both integrals are of log-concave functions whose mode is the
root of a quadratic, so Laplace's method with its second term needs no iteration.
Its error in log BF is below 1e-3 from a handful of reports on.

Reports of one period are alike (one event, one author, one week's case mix): the
variance is n p (1 - p)(1 + (n - 1) rho). Each period is therefore weighted by
1 / (1 + 1.2 (n - 1) rho), the quasi-likelihood form of the beta-binomial, and no
period counts for more than a numerator three sd from what was expected of it.

Sources: L. Tierney & J. B. Kadane, "Accurate approximations for posterior moments and marginal
densities", JASA 81 (1986); D. A. Williams, "Extra-binomial variation in logistic linear
models", Applied Statistics 31 (1982). The derivation is in ``docs/methods-listening.md``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import numbers
from detectors.evidence.counts import F64
from detectors.evidence.elementary import logarithms
from detectors.single_series.episodes import Way
from detectors.single_series.onset_sums import means_over_effects, stays_below, sums_since
from detectors.single_series.onsets import AGES, COUNT

# Odds ratios tried for a rise; a fall tries their inverses.
ODDS_RATIOS = (1.5, 2.0, 3.0)
# Beta prior of the share: little weight, both ends allowed.
PRIOR = (0.5, 0.5)
# Correlation of the reports of one period before any are seen: mean and sd.
OVERDISPERSION = (0.03, 0.04)
# Off the guaranteed log threshold; found by bench/listening.py (docs/methods-listening.md).
DISCOUNT = 0.2
# Weights allow for rather more dispersion than estimated, since it is the dangerous side.
CAUTION = 1.2
# The newest periods are left out of the estimate of dispersion: a change would inflate it.
LAG = 8
# Periods of a block, within which a share is taken to be the same.
BLOCK = 13
# So much of its own standard deviation is added to the estimate of dispersion.
MARGIN = 0.4
# A numerator counts at most as one so many sd from expectation, but at least so many
# reports either way. Overdispersed shares have long tails: without this, small budgets
# (0.005 a year) are overspent up to twice; with it alerts come as soon.
CLIP, REACH = 3.0, 2.0
# Laplace's second term corrects by this factor at least; it only matters for next to no reports.
LEAST_CORRECTION = 1e-3


def log_odds_ratios(way: Way) -> F64:
    """The effects tried, as log odds ratios: positive for a rise, negative for a fall."""
    effects: F64 = np.log(np.array(ODDS_RATIOS))
    ways: dict[Way, F64] = {
        "rise": effects,
        "fall": -effects,
        "both": np.concatenate([effects, -effects]),
    }
    return ways[way]


def checked(numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> tuple[F64, F64]:
    """Series by periods, as floats; ValueError where they cannot be shares."""
    y = np.atleast_2d(numbers("numerators", numerators))
    n = np.atleast_2d(numbers("denominators", denominators))
    if y.shape != n.shape or y.ndim != 2:
        raise ValueError(f"numerators {y.shape} and denominators {n.shape} must match")
    if not (np.isfinite(y).all() and np.isfinite(n).all()):
        raise ValueError("shares need finite numerators and denominators; 0 of 0 is not observed")
    if (y < 0).any() or (y > n).any():
        raise ValueError("a share needs 0 <= numerator <= denominator")
    return y, n


@compiled
def log_integral(successes: float, before: float, since: float, odds: float) -> float:
    """Log of the integral over p of p^(A-1) (1-p)^(C-A-1) (1 - p + R p)^-N1, without sqrt(2 pi).

    Here A = ``successes``, C = ``before`` + ``since`` and N1 = ``since`` (prior
    included in A and ``before``), R = ``odds``. Laplace with the second term.
    """
    z, width = _peak(successes, before, since, odds)
    inner = before * math.log1p(z) + since * math.log1p(odds * z)
    return successes * math.log(z) - inner + math.log(width)


@compiled
def _peak(successes: float, before: float, since: float, odds: float) -> tuple[float, float]:
    """Where the integrand is greatest, as odds of p, and how wide it is there."""
    total = before + since
    square = odds * (total - successes)
    linear = before + since * odds - successes * (1.0 + odds)
    root = math.sqrt(linear * linear + 4.0 * square * successes)
    # The form of the positive root that does not cancel.
    z = 2.0 * successes / (linear + root) if linear > 0.0 else (root - linear) / (2.0 * square)
    p0 = z / (1.0 + z)
    p1 = odds * z / (1.0 + odds * z)
    v0 = p0 * (1.0 - p0)
    v1 = p1 * (1.0 - p1)
    second = before * v0 + since * v1
    third = before * v0 * (1.0 - 2.0 * p0) + since * v1 * (1.0 - 2.0 * p1)
    fourth = before * v0 * (1.0 - 6.0 * v0) + since * v1 * (1.0 - 6.0 * v1)
    correction = 1.0 + (5.0 * third * third / (3.0 * second) - fourth) / (8.0 * second * second)
    return z, max(correction, LEAST_CORRECTION) / math.sqrt(second)


@compiled
def _log_integrals(
    successes: float, whole: float, since: F64, effects: F64, terms: F64, factors: F64
) -> None:
    """``log_integral`` for every onset that counts and every effect, all logarithms at once."""
    logs = np.ones((4, COUNT, effects.size))
    odds = np.exp(effects)
    for i in range(COUNT):
        if terms[i] > -math.inf:
            for e in range(effects.size):
                z, width = _peak(successes, whole - since[i], since[i], odds[e])
                logs[0, i, e], logs[1, i, e] = z, 1.0 + z
                logs[2, i, e], logs[3, i, e] = 1.0 + odds[e] * z, width
    logarithms(logs.reshape(-1))
    for i in range(COUNT):
        for e in range(effects.size):
            factors[i, e] = successes * logs[0, i, e] + logs[3, i, e]
            factors[i, e] -= (whole - since[i]) * logs[1, i, e] + since[i] * logs[2, i, e]


@compiled
def log_bayes_factor(
    successes: float, before: float, since: float, changed: float, log_odds: float
) -> float:
    """Log BF of "odds multiplied since the onset" against "unchanged".

    Args:
        successes: a + all weighted successes.
        before: a + b + weighted reports before the onset.
        since: weighted reports since the onset.
        changed: weighted successes since the onset.
        log_odds: log R.

    """
    if since <= 0.0:
        return 0.0
    return (
        changed * log_odds
        + log_integral(successes, before, since, math.exp(log_odds))
        - log_integral(successes, before + since, 0.0, 1.0)
    )


@compiled
def add_period(sums: F64, y: float, n: float) -> None:
    """Add a period with reports to the sums that ``correlation`` reads.

    Cells 0 to 2 hold what blocks that are full have given: squares about the block's
    share, degrees of freedom and reach; 3 to 7 the open block: periods, reports,
    successes, sum of y^2 / n, sum of n^2; 8 to 10 all periods, reports, successes.
    """
    if sums[3] >= BLOCK:
        sums[0] += sums[6] - sums[5] * sums[5] / sums[4]
        sums[1] += sums[3] - 1.0
        sums[2] += sums[4] - sums[3] - sums[7] / sums[4] + 1.0
        sums[3:8] = 0.0
    sums[3] += 1.0
    sums[4] += n
    sums[5] += y
    sums[6] += y * y / n
    sums[7] += n * n
    sums[8] += 1.0
    sums[9] += n
    sums[10] += y


@compiled
def correlation(sums: F64, guess: float, guess_sd: float) -> float:
    """The correlation rho of reports of one period, from sums over periods.

    Moments: with p the pooled share and p_b that of a block of periods,
    Q = sum (y - n p_b)^2 / (n p q) has expectation f + rho sum (n - 1)(1 - n / N_b), f
    periods less blocks, and, about, the standard deviation sqrt(2 f) (1 + (n - 1) rho).
    Blocks, because a share that changed would else look like dispersion and argue
    the evidence of its change away. The estimate is weighted with the prior guess by
    precision, raised by a part of its own standard deviation, since too small a rho
    is the dangerous side, and never below zero.
    """
    prior = 1.0 / (guess_sd * guess_sd)
    freedom = sums[1] + sums[3] - 1.0
    if sums[8] < 3.0 or sums[10] <= 0.0 or sums[10] >= sums[9] or freedom < 1.0:
        return guess + MARGIN * guess_sd
    reach = sums[2] + sums[4] - sums[3] - sums[7] / sums[4] + 1.0
    if reach <= 0.0:
        return guess + MARGIN * guess_sd
    p = sums[10] / sums[9]
    q = (sums[0] + sums[6] - sums[5] * sums[5] / sums[4]) / (p * (1.0 - p))
    estimate = (q - freedom) / reach
    inflation = 1.0 + reach / freedom * max(guess, estimate)
    precision = (reach / inflation) ** 2 / (2.0 * freedom)
    mean = (precision * estimate + prior * guess) / (precision + prior)
    return float(max(0.0, mean) + MARGIN / math.sqrt(precision + prior))


@compiled
def dispersion(y: F64, n: F64, period: int, guess: float, guess_sd: float) -> float:
    """The correlation rho of reports of one period, estimated before ``period`` - LAG."""
    sums = np.zeros(11)
    for s in range(period + 1 - LAG):
        if n[s] > 0.0:
            add_period(sums, y[s], n[s])
    return correlation(sums, guess, guess_sd)


@compiled
def bounded(y: F64, n: F64, guess: float, guess_sd: float, out: F64) -> None:
    """Bound each numerator by CLIP sd around what the periods before it let expect.

    At least REACH reports either way are always let through. The first five periods
    are taken as they are.
    """
    sums = np.zeros(11)
    for t in range(y.size):
        out[t] = y[t]
        if not n[t] > 0.0:
            continue
        if sums[8] >= 5.0:
            p = (sums[10] + 0.5) / (sums[9] + 1.0)
            rho = correlation(sums, guess, guess_sd)
            spread = n[t] * p * (1.0 - p) * (1.0 + max(0.0, n[t] - 1.0) * rho)
            reach = max(REACH, CLIP * math.sqrt(spread))
            out[t] = min(max(y[t], n[t] * p - reach), n[t] * p + reach)
        add_period(sums, out[t], n[t])


@compiled
def bounded_block(y: F64, n: F64, guess: float, guess_sd: float, out: F64) -> None:
    """``bounded`` of every series of a block."""
    for series in range(y.shape[0]):
        bounded(y[series], n[series], guess, guess_sd, out[series])


@compiled
def weight(size: float, rho: float) -> float:
    """The weight of a period with ``size`` reports."""
    return 1.0 / (1.0 + CAUTION * max(0.0, size - 1.0) * rho)


@compiled
def share_terms(
    y: F64, n: F64, period: int, after: float, effects: F64, prior: F64, rho: float,
    terms: F64, leans: F64, since: F64, changed: F64, totals: F64, bar: float = -math.inf,
) -> bool:  # fmt: skip
    """Evidence by onset age at a period, from its past only.

    Fills ``terms`` (log of the mean BF over ``effects``; -inf for onsets up to
    ``after``), ``leans`` (posterior mean of log R for the onset), ``since`` and
    ``changed`` (weighted reports and successes since it) and ``totals`` (weighted
    reports and successes of the whole history). False, and terms that mean nothing,
    where the evidence certainly stays below ``bar``.
    """
    weights = np.empty(period + 1)
    for s in range(period + 1):
        weights[s] = weight(n[s], rho)
    at = sums_since(y, n, weights, period, since, changed, totals)
    a = prior[0] + totals[1]
    whole = prior[0] + prior[1] + totals[0]
    excess = np.zeros(COUNT)
    for i in range(COUNT):
        terms[i] = -math.inf
        leans[i] = 0.0
        # An onset needs something before it to be a change from.
        if i < at and period + 1 - AGES[i] > after and since[i] < totals[0]:
            terms[i] = 0.0
            excess[i] = changed[i] - since[i] * a / whole
    factors = np.empty((COUNT, effects.size))
    if stays_below(bar, excess, effects, terms, factors):
        return False
    unchanged = log_integral(a, whole, 0.0, 1.0)
    _log_integrals(a, whole, since, effects, terms, factors)
    for i in range(COUNT):
        for e in range(effects.size):
            factors[i, e] += changed[i] * effects[e] - unchanged
    means_over_effects(factors, effects, terms, leans)
    return True
