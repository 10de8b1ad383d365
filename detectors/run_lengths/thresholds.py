"""Thresholds for a wanted average run length: the solvers of run lengths turned round.

A chart of a continuous statistic has a threshold for every run length. A chart of counts has
steps: the thresholds given are the least whose run length is at least the one asked for, so a
budget of false alarms is kept and never exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from numpy.typing import ArrayLike

from detectors.run_lengths.counts import count_cusum_run_length
from detectors.run_lengths.distributions import CountDistribution, Poisson
from detectors.run_lengths.ewma import ewma_run_length
from detectors.run_lengths.gaussian import (
    GREATEST_H,
    gaussian_cusum_run_length,
    gaussian_cusum_two_sided_run_length,
)
from detectors.run_lengths.mixtures import mixture_cusum_run_length
from detectors.sequential.count_cusum_design import CountCusum
from detectors.sequential.cusum_recursion import TIE

_CLOSE = 1e-11
_CLOSE_ENOUGH = 1e-12  # of the logarithm of a run length; less is rounding
_MOST_STEPS = 200


def _check_arl(arl: float) -> None:
    if not 1.0 < arl < math.inf:
        raise ValueError(f"arl must be above 1 and finite, not {arl}")


def threshold_for(
    run_length: Callable[[float], float], *, arl: float, first: float = 4.0, greatest: float = 1e6
) -> float:
    """The threshold at which an increasing, continuous ``run_length`` equals ``arl``.

    The logarithm of a run length is nearly linear in the threshold, so a secant method kept
    inside a bracket (the Illinois form of regula falsi) needs few evaluations.

    Args:
        run_length: Average run length at a threshold.
        arl: Wanted average run length, above 1.
        first: A guess.
        greatest: Largest threshold to try.

    Raises ``ValueError`` when no threshold up to ``greatest`` has the wanted run length, or
    even the smallest has a longer one.
    """
    low, at_low, high, at_high = _bracket(run_length, arl, first, greatest)
    side = 0
    for _ in range(_MOST_STEPS):
        if high - low <= _CLOSE * high:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        if not low < middle < high:
            middle = 0.5 * (low + high)
        value = _distance(run_length, arl, middle)
        if abs(value) <= _CLOSE_ENOUGH:
            return middle
        if value > 0.0:
            high, at_high = middle, value
            at_low *= 0.5 if side > 0 else 1.0
            side = 1
        else:
            low, at_low = middle, value
            at_high *= 0.5 if side < 0 else 1.0
            side = -1
    return 0.5 * (low + high)


def _distance(run_length: Callable[[float], float], arl: float, threshold: float) -> float:
    value = run_length(threshold)
    return min(math.log(value / arl), 700.0) if value < math.inf else 700.0


def _bracket(
    run_length: Callable[[float], float], arl: float, first: float, greatest: float
) -> tuple[float, float, float, float]:
    _check_arl(arl)
    low = high = min(first, greatest)
    at_low = at_high = _distance(run_length, arl, high)
    while at_high < 0.0:
        if high >= greatest:
            raise ValueError(f"no threshold up to {greatest:g} has an arl of {arl}")
        low, at_low = high, at_high
        high = min(1.5 * high, greatest)
        at_high = _distance(run_length, arl, high)
    while at_low > 0.0:
        if low < 1e-9:
            raise ValueError(f"every threshold has a longer run length than arl {arl}")
        high, at_high = low, at_low
        low *= 0.5
        at_low = _distance(run_length, arl, low)
    return low, at_low, high, at_high


def least_threshold_for(
    run_length: Callable[[float], float], *, arl: float, first: float = 4.0, greatest: float = 1e6
) -> float:
    """The least threshold whose run length is at least ``arl``, for a run length with steps.

    Found by halving to a relative width of 1e-11, from above, so that the threshold given
    keeps the run length. Arguments are those of ``threshold_for``. Raises ``ValueError`` when no
    threshold up to ``greatest`` serves; a chart that even at the least one runs longer gets a
    threshold of nearly zero.
    """
    _check_arl(arl)
    high = first
    while run_length(high) < arl:
        high *= 2.0
        if high > greatest:
            raise ValueError(f"no threshold up to {greatest:g} has an arl of {arl}")
    low = 0.0
    while high - low > _CLOSE * high and high > 1e-9:
        middle = 0.5 * (low + high)
        if run_length(middle) < arl:
            low = middle
        else:
            high = middle
    return high


def gaussian_cusum_threshold_for(
    *,
    arl: float,
    k: float = 0.5,
    two_sided: bool = True,
    mean: float = 0.0,
    head_start_share: float = 0.0,
) -> float:
    """Decision interval h of a Gaussian CUSUM with the wanted run length.

    Args:
        arl: Wanted average run length in points.
        k: Reference value.
        two_sided: Whether both sides are watched.
        mean: Mean of the points at which the run length is wanted, 0 in control.
        head_start_share: Head start as a share of h, half in Lucas & Crosier (1982).

    Raises ``ValueError`` for values out of range.

    Example:
        >>> round(gaussian_cusum_threshold_for(arl=500.0, k=1.0), 4)
        2.6651
    """
    if not 0.0 <= head_start_share < 1.0:
        raise ValueError(f"head_start_share must be at least 0 and below 1, not {head_start_share}")
    solver = gaussian_cusum_two_sided_run_length if two_sided else gaussian_cusum_run_length

    def length(h: float) -> float:
        return solver(k, h, mean=mean, head_start=head_start_share * h)

    return threshold_for(length, arl=arl, greatest=GREATEST_H)


def ewma_threshold_for(
    *,
    arl: float,
    weight: float = 0.2,
    two_sided: bool = True,
    limits: str = "fixed",
    mean: float = 0.0,
) -> float:
    """Width L of the limits of an EWMA chart with the wanted run length.

    Args:
        arl: Wanted average run length in points.
        weight: Weight of the newest point.
        two_sided: Two limits, or an upper one with a barrier at the target.
        limits: ``"fixed"`` or ``"exact"``.
        mean: Mean of the points at which the run length is wanted, 0 in control.

    Raises ``ValueError`` for values out of range.

    Example:
        >>> round(ewma_threshold_for(arl=500.0, weight=0.1), 4)
        2.8143
    """

    def length(width: float) -> float:
        return ewma_run_length(weight, width, mean=mean, two_sided=two_sided, limits=limits)

    return threshold_for(length, arl=arl, first=2.5, greatest=30.0)


def count_cusum_threshold_for(chart: CountCusum, counts: CountDistribution, *, arl: float) -> float:
    """Least decision interval of a one-sided CUSUM of counts with at least the run length.

    ``chart`` gives slope, intercept and the alarm's comparison; its own ``h`` is the first
    guess, and its head start keeps its share of h. The threshold lies just above the least value
    that serves, so that no rounding turns a tie into an alarm.

    Raises ``ValueError`` where no threshold serves.
    """
    share = chart.head_start / chart.h

    def length(h: float) -> float:
        return count_cusum_run_length(replace(chart, h=h, head_start=share * h), counts)

    # Beyond the reach of ties, so that a chart with this h treats the lattice as counted here.
    return least_threshold_for(length, arl=arl, first=chart.h) + 2.0 * TIE * abs(chart.slope)


def poisson_cusum_threshold_for(
    mean: float, k: Fraction | str | float, *, arl: float, alarm: str = "exceeded"
) -> Fraction:
    """Least h on the lattice of S = max(0, S + x - k) with at least the wanted run length.

    With k a multiple of 1/b (taken as written, so 1.45 is 29/20) every S is, and only such h
    differ. ``alarm`` is ``"exceeded"`` for S > h or ``"reached"`` for S >= h. Raises
    ``ValueError`` for values out of range.

    Example:
        >>> from fractions import Fraction
        >>> poisson_cusum_threshold_for(1.0, "1.25", arl=370.0)
        Fraction(15, 2)
    """
    _check_arl(arl)
    reference = Fraction(repr(k)) if isinstance(k, float) else Fraction(k)
    step = reference.denominator
    counts = Poisson(mean)

    def length(lattice: int) -> float:
        chart = CountCusum(1.0, float(reference), lattice / step, alarm)
        return count_cusum_run_length(chart, counts)

    high = step
    while length(high) < arl:
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if length(middle) < arl else (low, middle)
    return Fraction(high, step)


def mixture_cusum_threshold_for(
    increments: ArrayLike, chances: ArrayLike, *, arl: float, cells: int = 500
) -> float:
    """Decision interval of a CUSUM of discrete increments, such as a risk-adjusted one.

    ``increments`` and ``chances`` have shape (values,), as ``risk_adjusted_increments`` gives
    them. Raises ``ValueError`` for values out of range.
    """

    def length(h: float) -> float:
        return mixture_cusum_run_length(increments, chances, h, cells=cells)

    return threshold_for(length, arl=arl, greatest=1e4)
