"""Baselines of many units that lend each other strength: empirical Bayes shrinkage.

A unit's own record says little where it is short; that of its peers says what is usual. The
law of the units' true levels is fitted to all of them, and each unit's level is then its mean
given its own record:

=============  =====================  ======================  ==========================
kind           units' levels          records                 level of unit i
=============  =====================  ======================  ==========================
Gamma-Poisson  Gamma(a, b)            Poisson(level n_i)      (a + y_i) / (b + n_i)
Beta-binomial  Beta(a, b)             Binomial(n_i, level)    (a + y_i) / (a + b + n_i)
Normal         N(m, tau^2)            N(level, s_i^2)         m + w_i (y_i - m)
=============  =====================  ======================  ==========================

The own record weighs w_i = n_i / (b + n_i), n_i / (a + b + n_i) and tau^2 / (tau^2 + s_i^2).

a and b maximise the likelihood of all records (negative binomial, beta-binomial). tau^2 is the
estimate of Paule & Mandel, at which sum (y_i - m)^2 / (s_i^2 + tau^2) is the number of units
less one, m being weighted alike; 0 where units differ no more than by chance. Intervals are
central ones of a unit's level given its record, a, b, m and tau taken as known: with few units
they are somewhat too narrow.

Sources: D. Clayton & J. Kaldor, "Empirical Bayes estimates of age-standardized relative risks",
Biometrics 43 (1987) 671 (Gamma-Poisson); J. G. Skellam, Journal of the Royal Statistical Society
B 10 (1948) 257 (Beta-binomial); R. C. Paule & J. Mandel, Journal of Research of the National
Bureau of Standards 87 (1982) 377, and C. N. Morris, Journal of the American Statistical
Association 78 (1983) 47 (Normal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_inside, numbers

# The weights of the law that are tried, as multiples of the least and the greatest record.
_LEAST, _MOST, _GRID = 1e-4, 1e5, 100


@dataclass(frozen=True, slots=True)
class Shrunken:
    """Levels of units, shape (units,); a unit without a record has its peers' alone.

    Args:
        level: Mean of the level given the unit's record and the law of all.
        lower: Lower end of the central interval.
        upper: Upper end of it.
        weight: Share of the unit's own record in its level, from 0 to 1.
        law: (a, b), or (m, tau^2) for Normal levels.
    """

    level: Floats
    lower: Floats
    upper: Floats
    weight: Floats
    law: tuple[float, float]


def gamma_poisson(
    counts: ArrayLike, exposures: ArrayLike = 1.0, *, coverage: float = 0.9
) -> Shrunken:
    """Rates of units, in events per unit of exposure.

    Args:
        counts: Events, shape (units,), NaN where missing.
        exposures: Exposure likewise, or one for all; 0 or NaN where there is no record.
        coverage: Of the intervals.

    Records without any event cannot tell how much units differ; the law is then Jeffreys' for one
    common rate, Gamma(1/2, all exposure). Raises ``ValueError`` for negative or infinite numbers,
    other shapes, fewer than two units with a record, events without exposure, or a coverage that
    is no share.

    Example:
        >>> found = gamma_poisson([2.0, 19.0, 1.0], [1.0, 1.0, 0.1])
        >>> found.level.round(2).tolist(), found.weight.round(2).tolist()
        ([3.09, 17.89, 10.24], [0.87, 0.87, 0.4])
    """
    from scipy.special import gammaincinv, psi  # noqa: PLC0415 - scipy is slow to import

    y, n, tails = _records(counts, exposures, coverage)
    seen, size = y[n > 0.0], n[n > 0.0]
    rate = float(seen.sum()) / float(size.sum())

    def shape_at(b: float) -> float:
        def score(log_a: float) -> float:
            a = math.exp(log_a)
            return float((psi(a + seen) - psi(a) - np.log1p(size / b)).sum())

        return math.exp(_root(score, math.log(rate * b)))

    def likelihood(b: float) -> float:
        a = shape_at(b)
        terms = _log_rising(a, seen) - seen * np.log(b + size) - a * np.log1p(size / b)
        return float(terms.sum())

    a, b = 0.5, float(size.sum())
    if seen.any():
        b = _most_likely(likelihood, size)
        a = shape_at(b)
    lower, upper = (np.asarray(gammaincinv(a + y, tail) / (b + n)) for tail in tails)
    return Shrunken((a + y) / (b + n), lower, upper, n / (b + n), (a, b))


def beta_binomial(events: ArrayLike, trials: ArrayLike, *, coverage: float = 0.9) -> Shrunken:
    """Proportions of units.

    Args:
        events: Numbers with the property, shape (units,), NaN where missing.
        trials: Numbers looked at, likewise; 0 or NaN where there is no record.
        coverage: Of the intervals.

    Where all or none have the property the law is Jeffreys' for one common proportion,
    Beta(1/2 + all events, 1/2 + all others). Raises ``ValueError`` as ``gamma_poisson`` does, and
    for more events than trials.

    Example:
        >>> found = beta_binomial([1.0, 14.0, 1.0], [20.0, 20.0, 2.0])
        >>> found.level.round(2).tolist(), found.weight.round(2).tolist()
        ([0.09, 0.67, 0.44], [0.89, 0.89, 0.46])
    """
    from scipy.special import betaincinv, psi  # noqa: PLC0415 - scipy is slow to import

    y, n, tails = _records(events, trials, coverage)
    if (y > n).any():
        raise ValueError("events must not exceed trials")
    seen, size = y[n > 0.0], n[n > 0.0]
    with_it, without = float(seen.sum()), float((size - seen).sum())

    def law_at(s: float) -> tuple[float, float]:
        def score(log_odds: float) -> float:
            a, b = s / (1.0 + math.exp(-log_odds)), s / (1.0 + math.exp(log_odds))
            return float((psi(a + seen) - psi(a) - psi(b + size - seen) + psi(b)).sum())

        log_odds = _root(score, math.log(with_it / without))
        return s / (1.0 + math.exp(-log_odds)), s / (1.0 + math.exp(log_odds))

    def likelihood(s: float) -> float:
        a, b = law_at(s)
        terms = _log_rising(a, seen) + _log_rising(b, size - seen) - _log_rising(s, size)
        return float(terms.sum())

    a, b = 0.5 + with_it, 0.5 + without
    if with_it > 0.0 and without > 0.0:
        a, b = law_at(_most_likely(likelihood, size))
    lower, upper = (np.asarray(betaincinv(a + y, b + n - y, tail)) for tail in tails)
    return Shrunken((a + y) / (a + b + n), lower, upper, n / (a + b + n), (a, b))


def normal(values: ArrayLike, errors: ArrayLike, *, coverage: float = 0.9) -> Shrunken:
    """Means of units, from estimates with known standard errors.

    Args:
        values: Estimates, shape (units,), NaN where missing.
        errors: Their standard errors, likewise or one for all, positive or NaN.
        coverage: Of the intervals.

    Raises ``ValueError`` for infinite numbers, errors that are not positive, other shapes,
    fewer than two known units, or a coverage that is no share.

    Example:
        >>> found = normal([1.0, 3.0, 5.0, 7.0], 1.0)
        >>> found.level.round(2).tolist(), found.weight.round(2).tolist()
        ([1.45, 3.15, 4.85, 6.55], [0.85, 0.85, 0.85, 0.85])
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - scipy is slow to import
    from scipy.special import ndtri  # noqa: PLC0415

    tails = _tails(coverage)
    y, s = _alike("values", values, "errors", errors)
    if np.isinf(y).any() or np.isinf(s).any() or (s * np.abs(s) <= 0.0).any():
        raise ValueError("values must be finite, errors positive and finite, or NaN (missing)")
    known = ~np.isnan(y) & ~np.isnan(s)
    if known.sum() < 2:
        raise ValueError(f"at least two units must have a record, not {known.sum()}")
    seen, variance = y[known], s[known] ** 2

    def mean_at(tau2: float) -> float:
        weights = 1.0 / (variance + tau2)
        return float(weights @ seen / weights.sum())

    def excess(tau2: float) -> float:
        spread = float(((seen - mean_at(tau2)) ** 2 / (variance + tau2)).sum())
        return spread - (len(seen) - 1)

    tau2 = 0.0
    if excess(0.0) > 0.0:
        # The spread falls with tau^2 and has all gone by the time tau^2 is the range squared.
        tau2 = float(brentq(excess, 0.0, float(len(seen) * np.ptp(seen) ** 2), xtol=1e-15))
    mean = mean_at(tau2)
    weight = np.where(known, tau2 / (tau2 + np.where(known, s, 1.0) ** 2), 0.0)
    level = mean + weight * (np.where(known, y, mean) - mean)
    reach = np.sqrt(tau2 * (1.0 - weight))
    lower, upper = (np.asarray(level + float(ndtri(tail)) * reach) for tail in tails)
    return Shrunken(level, lower, upper, weight, (mean, tau2))


def _tails(coverage: float) -> tuple[float, float]:
    check_inside("coverage", coverage)
    return (1.0 - coverage) / 2.0, (1.0 + coverage) / 2.0


def _alike(name: str, first: ArrayLike, other: str, second: ArrayLike) -> tuple[Floats, Floats]:
    y, n = numbers(name, first).copy(), numbers(other, second)
    if y.ndim != 1 or n.shape not in {(), y.shape}:
        raise ValueError(f"{name} and {other} must be one row each: {y.shape} and {n.shape}")
    return y, np.array(np.broadcast_to(n, y.shape))


def _records(
    counts: ArrayLike, sizes: ArrayLike, coverage: float
) -> tuple[Floats, Floats, tuple[float, float]]:
    """Counts and sizes, both 0 where there is no record, and the tails of the intervals."""
    tails = _tails(coverage)
    y, n = _alike("counts", counts, "sizes", sizes)
    for name, values in (("counts", y), ("sizes", n)):
        if (values < 0.0).any() or np.isinf(values).any():
            raise ValueError(f"{name} must be finite and not negative, or NaN (missing)")
    if (y[n == 0.0] > 0.0).any():
        raise ValueError("counts must be 0 where there is nothing to count in")
    known = ~np.isnan(y) & ~np.isnan(n) & (n > 0.0)
    if known.sum() < 2:
        raise ValueError(f"at least two units must have a record, not {known.sum()}")
    return np.where(known, y, 0.0), np.where(known, n, 0.0), tails


def _log_rising(a: float, y: Floats) -> Floats:
    """log(a (a + 1) ... (a + y - 1)), without loss where a is much greater than y."""
    from scipy.special import betaln, gammaln  # noqa: PLC0415 - scipy is slow to import

    some = np.maximum(y, 1.0)
    whole: Floats = np.where(y >= 1.0, gammaln(some) - betaln(a, some), gammaln(a + y) - gammaln(a))
    return whole


def _root(falling: Callable[[float], float], start: float) -> float:
    """Where a falling function is zero."""
    from scipy.optimize import brentq  # noqa: PLC0415 - scipy is slow to import

    low = high = start
    step = 1.0
    while falling(low) < 0.0:
        low, step = low - step, 2.0 * step
    step = 1.0
    while falling(high) > 0.0:
        high, step = high + step, 2.0 * step
    return low if low == high else float(brentq(falling, low, high, xtol=1e-12))


def _most_likely(likelihood: Callable[[float], float], sizes: Floats) -> float:
    """The law's weight, in units of size, at which all records are likeliest.

    It may have more than one peak, so the best of a grid is refined.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - scipy is slow to import

    grid = np.linspace(
        math.log(_LEAST * float(sizes.min())), math.log(_MOST * float(sizes.max())), _GRID
    )
    best = int(np.argmax([likelihood(math.exp(at)) for at in grid]))
    around = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
    found = minimize_scalar(
        lambda at: -likelihood(math.exp(at)), bounds=around, method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    return math.exp(float(found.x))
