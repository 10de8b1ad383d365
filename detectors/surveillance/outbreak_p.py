"""OutbreakP: has a constant level begun to rise? Without history or parameters of the rise.

    OutbreakP(t) = product over i <= t of (mu1_i / mu0)^x_i

compares Poisson counts under means that never fall, mu1, estimated by isotonic regression,
with one constant mean, mu0. A signal is given above ``k`` (100 as published). It suits the
onset of a yearly epidemic after a quiet spell; of a series with a season, only spells within
one season.

Isotonic regression pools neighbours that violate the order, and the estimate of a pool is its
mean; so a new count costs a merger or two, and no more is kept than the pools. Logarithms are
used throughout, so that long series do not overflow; ``statistic`` is infinite where its
logarithm exceeds 709.

Sources: M. Frisén, E. Andersson & L. Schiöler, "Robust outbreak surveillance of epidemics in
Sweden", Statistics in Medicine 28 (2009) 476-493; M. Frisén & E. Andersson, "Semiparametric
surveillance of monotonic changes", Sequential Analysis 28 (2009) 434-454.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.demands import check_positive
from detectors.surveillance.series import counts_of, like_input, observation_of

TOTAL, SIZE, LOGS = range(3)
"""Rows of the pools: sum of counts, number of counts, and sum of total log mean up to here."""

LARGEST_NEEDED = 1e5


@dataclass(frozen=True, slots=True)
class OutbreakP:
    """What was found at each period; arrays in the shape of the counts.

    Attributes:
        statistic: OutbreakP, at least 1; NaN at missing counts.
        log_statistic: Its logarithm.
        alarm: Whether it exceeds ``k``.
        needed: Least count at this period, given the earlier ones, that is a signal; 0 where
            any count is, NaN where none up to 100,000 is. All NaN unless asked for.

    """

    statistic: Floats
    log_statistic: Floats
    alarm: NDArray[np.bool_]
    needed: Floats


@compiled
def log_term(total: float, size: float) -> float:
    """Total times the logarithm of the mean, 0 for no cases."""
    return total * np.log(total / size) if total > 0.0 else 0.0


@compiled
def merged(pools: Floats, top: int, count: float) -> tuple[int, float, float]:
    """Pool that a new count ends up in: how many pools lie below it, its total and its size."""
    total, size = count, 1.0
    while top > 0 and total * pools[SIZE, top - 1] <= pools[TOTAL, top - 1] * size:
        top -= 1
        total += pools[TOTAL, top]
        size += pools[SIZE, top]
    return top, total, size


@compiled
def log_statistic(pools: Floats, top: int, cases: float, periods: float, count: float) -> float:
    """Logarithm of OutbreakP were ``count`` the next one after ``cases`` in ``periods``."""
    below, total, size = merged(pools, top, count)
    earlier = pools[LOGS, below - 1] if below > 0 else 0.0
    found = earlier + log_term(total, size) - log_term(cases + count, periods + 1.0)
    # One pool is the constant mean itself; rounding must not make a rise of it.
    return max(found, 0.0) if below > 0 else 0.0


@compiled
def push(pools: Floats, top: int, count: float) -> int:
    """Add a count to the pools; their number. There must be room for one more."""
    below, total, size = merged(pools, top, count)
    earlier = pools[LOGS, below - 1] if below > 0 else 0.0
    pools[TOTAL, below], pools[SIZE, below] = total, size
    pools[LOGS, below] = earlier + log_term(total, size)
    return below + 1


@compiled
def least_signal(
    pools: Floats, top: int, cases: float, periods: float, limit: float, largest: float
) -> float:
    """Least count whose log statistic exceeds ``limit``, which never falls in the count."""
    if log_statistic(pools, top, cases, periods, 0.0) > limit:
        return 0.0
    if not log_statistic(pools, top, cases, periods, largest) > limit:
        return float(np.nan)
    low, high = 0.0, largest
    while high - low > 1.0:
        middle = np.floor(0.5 * (low + high))
        if log_statistic(pools, top, cases, periods, middle) > limit:
            high = middle
        else:
            low = middle
    return high


@compiled
def follow(counts: Floats, limit: float, largest: float) -> Floats:
    """Log statistic and needed count along each series, ``F64[2, series, periods]``.

    ``largest`` of 0 leaves the needed counts out.
    """
    result = np.full((2, *counts.shape), np.nan)
    pools = np.empty((3, counts.shape[1] + 1))
    for s in range(len(counts)):
        top, cases, periods = 0, 0.0, 0.0
        for t in range(counts.shape[1]):
            count = counts[s, t]
            if largest > 0.0:
                result[1, s, t] = least_signal(pools, top, cases, periods, limit, largest)
            if np.isnan(count):
                continue
            result[0, s, t] = log_statistic(pools, top, cases, periods, count)
            top = push(pools, top, count)
            cases += count
            periods += 1.0
    return result


def outbreak_p(counts: ArrayLike, *, k: float = 100.0, needed: bool = False) -> OutbreakP:
    """OutbreakP over one or many series, each from its first period on.

    Args:
        counts: Shape (series, periods) or (periods,); missing ones (NaN) are passed over.
        k: Threshold.
        needed: Whether to find the least count that is a signal, at 17 times the work.

    Raises:
        ValueError: For counts that are negative or infinite, or ``k`` not above 0.

    """
    check_positive("k", k)
    values = counts_of(counts)
    logs, least = follow(values, float(np.log(k)), LARGEST_NEEDED if needed else 0.0)
    with np.errstate(over="ignore"):
        found = (np.exp(logs), logs, logs > np.log(k), least)
    return OutbreakP(*(like_input(counts, array) for array in found))  # type: ignore[arg-type] # each has its field's type


class OutbreakPMonitor:
    """OutbreakP over one series; keeps its pools, which are few unless the series rises.

    Missing counts are passed over. ``reset`` forgets everything, as after a season.

    Args:
        k: Threshold. Larger is rarer and later.

    Example:
        >>> monitor = OutbreakPMonitor()
        >>> [monitor.update(y) for y in [2, 3, 1, 2, 2, 4, 7, 9]]
        [0, 0, 0, 0, 0, 0, 0, 1]

    Reference: Frisén, Andersson & Schiöler 2009, see the module.
    """

    def __init__(self, *, k: float = 100.0) -> None:
        check_positive("k", k)
        self.k = k
        self.reset()

    def reset(self) -> None:
        """Forget the counts so far."""
        self.log_statistic = float("nan")
        self._pools = np.zeros((3, 16))
        self._top = 0
        self._cases = 0.0
        self._periods = 0.0

    def update(self, observation: float) -> int:
        """Take the next count (NaN if missing); 1 when the statistic exceeds ``k``."""
        count = observation_of(observation)
        if np.isnan(count):
            return 0
        if self._top == self._pools.shape[1]:
            self._pools = np.concatenate([self._pools, np.zeros_like(self._pools)], axis=1)
        self.log_statistic = log_statistic(
            self._pools, self._top, self._cases, self._periods, count
        )
        self._top = push(self._pools, self._top, count)
        self._cases += count
        self._periods += 1.0
        return int(self.log_statistic > np.log(self.k))


def _sample(rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.poisson(np.repeat([2.0, 12.0], [40, 10])).astype(np.float64)
    return drawn


CONFORMANCE = (
    Subject(
        name="outbreak_p",
        make=OutbreakPMonitor,
        sample=_sample,
        latest=lambda history: int(outbreak_p(history).alarm[-1]),
        missing="ignored",
    ),
)
