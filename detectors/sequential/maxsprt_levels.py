"""Exact error rates and critical values of maximised sequential probability ratio tests.

Poisson, watched without a break. With c events when mu were expected, the statistic is

    LLR(c, mu) = c log(c / mu) - (c - mu)   for c > mu, else 0.

Between events it falls, so a signal comes at an event only, and at the n-th event just when that
comes no later than t_n, the expected count with LLR(n, t_n) = critical value. No signal up to the
horizon T is therefore N(t_n) < n for every n >= M with t_n < T, and fewer than n* events at T, n*
the first n with t_n >= T. N is a Poisson process, so the number of events is carried from one t_n
to the next, cutting off each time what has signalled: no simulation and no table are involved.

Poisson, looked at now and then (``looks``), and binomial: the same with the numbers of events that
signal at each look. The level is then a step function of the critical value, and the least value
that keeps the level is given.

Source: M. Kulldorff, R. L. Davis, M. Kolczak, E. Lewis, T. Lieu & R. Platt, "A maximized
sequential probability ratio test for drug and vaccine safety surveillance", Sequential Analysis
30 (2011); for the minimum number of events: M. Kulldorff & I. R. Silva, "Continuous post-market
sequential safety surveillance with minimum events to signal", REVSTAT 15 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.demands import check_inside, check_not_negative, check_positive, check_whole

HIGHEST = 200.0  # a critical value beyond any level that can be computed
TAIL = 1e-30
LARGEST = 20_000
"""Greatest horizon or number of trials; the time grows faster than its square."""


@compiled
def poisson_llr(count: float, expected: float) -> float:
    """The statistic of ``count`` events when so many were expected; infinite where none was."""
    if count <= expected:
        return 0.0
    if expected == 0.0:
        return math.inf
    return count * math.log(count / expected) - (count - expected)


@compiled
def binomial_llr(events: float, trials: float, chance: float) -> float:
    """Log-likelihood of the observed share against ``chance``, 0 unless the share is higher."""
    if events <= trials * chance:
        return 0.0
    value = events * math.log(events / (trials * chance))
    if events < trials:
        value += (trials - events) * math.log((trials - events) / (trials * (1.0 - chance)))
    return value


@compiled
def signal_time(count: float, critical: float) -> float:
    """The expected count t below ``count`` with LLR(count, t) = ``critical``."""
    # In u = log(count / t) the statistic is count (u - 1 + e^-u): convex and rising from u = 0,
    # so Newton's steps from above come down to the root.
    level = critical / count
    u = level + 1.0
    for _ in range(200):
        step = (u + math.expm1(-u) - level) / -math.expm1(-u) if u > 0.0 else 0.0
        u -= step
        if step <= 1e-15 * u:
            break
    return count * math.exp(-u)


@compiled
def _advance(mass: Floats, mean: float, size: int) -> Floats:
    """Probabilities of 0 to size - 1 events after ``mean`` more were expected."""
    later = np.zeros(size)
    for j in range(size):
        power = math.exp(j * math.log(mean) - mean - math.lgamma(j + 1.0)) if mean > 0.0 else 0.0
        if mean == 0.0 and j == 0:
            power = 1.0
        if power < TAIL:
            if j > mean:
                break
            continue
        for i in range(min(len(mass), size - j)):
            later[i + j] += power * mass[i]
    return later


@compiled
def poisson_silence(critical: float, horizon: float, minimum: int) -> float:
    """Chance of no signal up to the horizon, watched without a break."""
    mass = np.ones(1)
    at = 0.0
    n = minimum
    while True:
        until = min(signal_time(float(n), critical), horizon)
        mass = _advance(mass, until - at, n)
        at = until
        if at >= horizon:
            return float(mass.sum())
        n += 1


@compiled
def poisson_silence_at_looks(critical: float, looks: Floats, minimum: int) -> float:
    """Chance of no signal at looks taken when so much was expected."""
    mass = np.ones(1)
    at = 0.0
    for until in looks:
        n = minimum
        while poisson_llr(float(n), until) < critical or n <= until:
            n += 1
        mass = _advance(mass, until - at, n)
        at = until
    return float(mass.sum())


@compiled
def binomial_silence(critical: float, trials: int, chance: float, minimum: int) -> float:
    """Chance of no signal in so many trials, looked at after each."""
    mass = np.zeros(trials + 2)
    mass[0] = 1.0
    for n in range(1, trials + 1):
        for k in range(n, -1, -1):
            mass[k] = mass[k] * (1.0 - chance) + (mass[k - 1] * chance if k > 0 else 0.0)
            if (
                k >= minimum
                and k > n * chance
                and binomial_llr(float(k), float(n), chance) >= critical
            ):
                mass[k] = 0.0
    return float(mass.sum())


def poisson_level(
    critical: float, horizon: float, *, minimum: int = 1, looks: tuple[float, ...] | None = None
) -> float:
    """Chance that a test with this critical value signals by chance up to its horizon.

    Args:
        critical: Critical value of the log-likelihood ratio.
        horizon: Expected number of events at which the test ends.
        minimum: Fewest events that may signal.
        looks: Expected numbers of events at the looks; None watches without a break.

    Raises ``ValueError`` for values out of range.
    """
    _check(critical, minimum)
    if looks is not None:
        return 1.0 - poisson_silence_at_looks(critical, _checked_looks(looks, horizon), minimum)
    check_horizon(horizon)
    return 1.0 - poisson_silence(critical, horizon, minimum)


def binomial_level(critical: float, trials: int, chance: float, *, minimum: int = 1) -> float:
    """As ``poisson_level``, for ``trials`` trials with a ``chance`` of an event each.

    Raises ``ValueError`` for values out of range.
    """
    _check(critical, minimum)
    check_trials(trials, chance)
    return 1.0 - binomial_silence(critical, trials, chance, minimum)


@lru_cache(maxsize=512)
def poisson_critical_value(
    horizon: float,
    *,
    alpha: float = 0.05,
    minimum: int = 1,
    looks: tuple[float, ...] | None = None,
) -> float:
    """The critical value at which the test spends ``alpha`` up to its horizon.

    Without a break the level is exactly alpha; at looks it is the largest one not above alpha.
    Parameters as for ``poisson_level``. Raises ``ValueError`` for parameters out of range, and
    where even a critical value of zero spends less than alpha (few expected events, a high
    minimum): then no value spends it.
    """
    check_alpha(alpha)
    most = poisson_level(0.0, horizon, minimum=minimum, looks=looks)
    _check_spendable(most, alpha)
    return _least(lambda v: poisson_level(v, horizon, minimum=minimum, looks=looks), alpha)


@lru_cache(maxsize=512)
def binomial_critical_value(
    trials: int, chance: float, *, alpha: float = 0.05, minimum: int = 1
) -> float:
    """The least critical value that spends no more than ``alpha`` in so many trials.

    Parameters as for ``binomial_level``. Raises ``ValueError`` as ``poisson_critical_value``.
    """
    check_alpha(alpha)
    _check_spendable(binomial_level(0.0, trials, chance, minimum=minimum), alpha)
    return _least(lambda v: binomial_level(v, trials, chance, minimum=minimum), alpha)


def _least(level: Callable[[float], float], alpha: float) -> float:
    """The least critical value with level at most alpha, to the last digits, by bisection."""
    low, high = 0.0, HIGHEST
    while high - low > 1e-13 * high:
        middle = (low + high) / 2.0
        low, high = (low, middle) if level(middle) <= alpha else (middle, high)
    return high


def _check(critical: float, minimum: int) -> None:
    check_not_negative("critical", critical)
    check_whole("minimum", minimum, 1)


def check_alpha(alpha: float) -> None:
    """Raise ``ValueError`` for a level that cannot be spent exactly."""
    if not 1e-9 <= alpha < 1:
        raise ValueError(f"alpha must lie between 1e-9 and 1, not {alpha}")


def _check_spendable(most: float, alpha: float) -> None:
    if most <= alpha:
        raise ValueError(f"no critical value spends alpha={alpha}: at zero the level is {most:.3g}")


def check_horizon(horizon: float) -> None:
    """Raise ``ValueError`` for an end that cannot be, or is too far for an exact level."""
    check_positive("horizon", horizon)
    if horizon > LARGEST:
        raise ValueError(f"horizon must be at most {LARGEST} expected events, not {horizon}")


def check_trials(trials: int, chance: float) -> None:
    """Raise ``ValueError`` for trials that cannot be, or are too many for an exact level."""
    check_whole("trials", trials, 1)
    if trials > LARGEST:
        raise ValueError(f"trials must be at most {LARGEST}, not {trials}")
    check_inside("chance", chance)


def _checked_looks(looks: tuple[float, ...], horizon: float) -> Floats:
    check_horizon(horizon)
    at = np.array(looks, np.float64)
    if at.ndim != 1 or not len(at) or not (np.diff(at, prepend=0.0) > 0).all():
        raise ValueError(f"looks must rise from above zero, not {looks}")
    if at[-1] > horizon:
        raise ValueError(f"looks must not go beyond the horizon {horizon}, not {at[-1]}")
    return at
