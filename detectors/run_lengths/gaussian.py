"""Exact run lengths of Gaussian CUSUM charts, by their integral equations.

For S = max(0, S + z - k) with z ~ N(mu, 1) and an alarm when S > h, one passage of S that
starts at s and ends at zero or above h has the expected length m(s) and the chance u(s) to
end in an alarm,

    m(s) = 1 + int_0^h m(y) phi(y + k - s - mu) dy,
    u(s) = Phi(s + mu - k - h) + int_0^h u(y) phi(y + k - s - mu) dy,

and run lengths follow from ``passages``. The integrals are replaced by
Gauss-Legendre sums at four or more nodes a unit, whose error is below rounding for a Gaussian
kernel (the Nystrom method; C. W. Champ & S. E. Rigdon, Communications in Statistics, Simulation
and Computation 20, 1991, compare it with the Markov chain).

Everything is in standard deviations of one point; run lengths are in points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_finite, check_not_negative
from detectors.run_lengths.chains import leading_left_vector
from detectors.run_lengths.passages import (
    Passage,
    check_sides_take_turns,
    run_length,
    two_sided_run_length,
)

_NODES_A_UNIT = 4
_FEWEST_NODES = 32
_NEWTON_STEPS = 5
GREATEST_H = 400.0


def legendre_nodes(low: float, high: float, number: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [low, high], each of shape (number,)."""
    x, weight = _unit_nodes(number)
    half = 0.5 * (high - low)
    return low + half * (x + 1.0), half * weight


def enough_nodes(number: float) -> int:
    """At least ``number`` and 32, in few sizes, so that searches find their nodes remembered."""
    size = _FEWEST_NODES
    while size < number:
        size += max(_FEWEST_NODES, size // 2)
    return size


@lru_cache(maxsize=32)
def _unit_nodes(number: int) -> tuple[Floats, Floats]:
    # Newton's method on the Legendre polynomial from Tricomi's guesses. Its recurrence takes a
    # few milliseconds where an eigenvalue problem of this size can take seconds on a busy
    # machine.
    x = np.cos(math.pi * (np.arange(number, 0, -1) - 0.25) / (number + 0.5))
    for _ in range(_NEWTON_STEPS):
        before, value = np.ones(number), x
        for n in range(2, number + 1):
            before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
        slope = number * (before - x * value) / (1.0 - x * x)
        x = x - value / slope
    return x, 2.0 / ((1.0 - x * x) * slope * slope)


def normal_below(x: ArrayLike) -> Floats:
    """Phi(x), the standard normal distribution function, precise in the lower tail."""
    from scipy.special import ndtr  # noqa: PLC0415 - costs a start 0.2 s

    return np.asarray(ndtr(x), np.float64)


def normal_density(x: Floats) -> Floats:
    """phi(x), the standard normal density."""
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class _Side:
    """Solution of Page's equations for one side."""

    k: float
    h: float
    mean: float
    nodes: Floats
    weights: Floats
    length: Floats
    alarm: Floats

    def at(self, start: float) -> Passage:
        """The passage that begins at ``start``."""
        shift = self.k - start - self.mean
        kernel = self.weights * normal_density(self.nodes + shift)
        length = 1.0 + float(kernel @ self.length)
        alarm = float(normal_below(-self.h - shift)) + float(kernel @ self.alarm)
        return Passage(length, alarm)

    def run_length(self, start: float) -> float:
        return run_length(self.at(start), self.at(0.0))


def _check_design(k: float, h: float, mean: float, head_start: float, name: str = "") -> None:
    check_not_negative(f"k{name}", k)
    if not 0.0 < h <= GREATEST_H:
        raise ValueError(f"h{name} must be positive and at most {GREATEST_H:g}, not {h}")
    if not 0.0 <= head_start < h:
        raise ValueError(f"head_start{name} must be at least 0 and below h, not {head_start}")
    check_finite("mean", mean)


def _solve(k: float, h: float, mean: float) -> _Side:
    number = enough_nodes(_NODES_A_UNIT * h)
    nodes, weights = legendre_nodes(0.0, h, number)
    shift = k - nodes[:, np.newaxis] - mean
    matrix = np.eye(number) - weights * normal_density(nodes[np.newaxis, :] + shift)
    right = np.column_stack([np.ones(number), normal_below(-h - shift[:, 0])])
    length, alarm = np.linalg.solve(matrix, right).T
    return _Side(k, h, mean, nodes, weights, length, alarm)


def gaussian_cusum_run_length(
    k: float, h: float, *, mean: float = 0.0, head_start: float = 0.0
) -> float:
    """Average run length of the one-sided CUSUM for rises.

    Args:
        k: Reference value, at least 0.
        h: Decision interval, positive.
        mean: Mean of the points, 0 when in control. A chart for falls has ``-mean``.
        head_start: Value of S before the first point, from 0 to below ``h``.

    Raises ``ValueError`` for values out of range.

    Example:
        >>> round(gaussian_cusum_run_length(0.5, 5.0), 2)
        930.89
    """
    _check_design(k, h, mean, head_start)
    return _solve(k, h, mean).run_length(head_start)


def gaussian_cusum_two_sided_run_length(
    k: float,
    h: float,
    *,
    mean: float = 0.0,
    head_start: float = 0.0,
    k_low: float | None = None,
    h_low: float | None = None,
    head_start_low: float | None = None,
) -> float:
    """Average run length until either side of a two-sided CUSUM alarms.

    Args:
        k: Reference value of the upper side.
        h: Decision interval of the upper side.
        mean: Mean of the points, 0 when in control.
        head_start: Start of the upper side.
        k_low: Reference value of the lower side, ``k`` unless given.
        h_low: Decision interval of the lower side, ``h`` unless given.
        head_start_low: Start of the lower side, ``head_start`` unless given.

    Raises ``ValueError`` for values out of range, and for designs in which one side can
    alarm while the other is above zero, for which the formula does not hold
    (``passages.check_sides_take_turns``); simulate those.

    Example:
        >>> round(gaussian_cusum_two_sided_run_length(0.5, 5.0), 2)
        465.44
    """
    k_low = k if k_low is None else k_low
    h_low = h if h_low is None else h_low
    low = head_start if head_start_low is None else head_start_low
    _check_design(k, h, mean, head_start)
    _check_design(k_low, h_low, mean, low, "_low")
    check_sides_take_turns(k, h, head_start, k_low, h_low, low)
    up = _solve(k, h, mean)
    down = _solve(k_low, h_low, -mean)
    return two_sided_run_length(up.at(head_start), up.at(0.0), down.at(low), down.at(0.0))


def gaussian_cusum_steady_state_delay(
    k: float, h: float, *, mean: float, before: float = 0.0, conditional: bool = True
) -> float:
    """Average delay of a one-sided CUSUM when the mean changes after a long quiet time.

    Args:
        k: Reference value.
        h: Decision interval.
        mean: Mean after the change.
        before: Mean before the change.
        conditional: Given that there was no false alarm before the change (the statistic has
            its quasi-stationary distribution). Otherwise false alarms restart the chart at
            zero and the statistic has the stationary distribution of the restarting chart.

    Raises ``ValueError`` for values out of range. S. V. Crowder (1986) and M. Pollak &
    D. Siegmund (1986) compare the two ideas of steady state.
    """
    _check_design(k, h, mean, 0.0)
    _check_design(k, h, before, 0.0)
    after = _solve(k, h, mean)
    nodes, weights = after.nodes, after.weights
    starts = np.concatenate([[0.0], nodes])
    moves = np.empty((len(starts), len(starts)))
    moves[:, 0] = normal_below(k - starts - before)
    moves[:, 1:] = weights * normal_density(nodes + (k - starts - before)[:, np.newaxis])
    if not conditional:
        moves[:, 0] += normal_below(starts + before - k - h)
    share = leading_left_vector(moves)
    delays = np.array([after.run_length(float(start)) for start in starts])
    return float(share @ delays)
