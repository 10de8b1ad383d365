"""Residuals of a fit, its dispersion, and weights that make past outbreaks count for less.

Standardised Anscombe residuals of a Poisson fit,

    s = 1.5 (y^(2/3) mu^(-1/6) - mu^(1/2)) / sqrt(phi (1 - h)),

with h the leverage, are nearly Gaussian. A point whose s exceeds a threshold (1 in 1996,
2.58 in 2013) has the weight s^-2, every other point 1, all multiplied so that they sum to n.
The dispersion is the Pearson statistic over the residual degrees of freedom.

``package dispersion`` is what the R package surveillance (up to 1.26) takes instead for the
standard errors and the trend's test of a reweighted fit: it has replaced the working weights
omega mu by omega, so that its sum is of omega ((y - mu) / mu)^2.

Sources: C. P. Farrington et al., JRSS A 159 (1996) 547-563; A. Noufaily et al.,
Statistics in Medicine 32 (2013) 1206-1222.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.compiled import compiled
from detectors.surveillance.layout import (
    AFTER,
    EXCESS,
    EXPOSURE,
    FACTOR,
    FACTOR_OLD,
    FIRST,
    FRESH,
    LEFT,
    LEVEL,
    M0,
    M1,
    OMEGA,
    PER_FACTOR,
    PER_ROOT,
    RATE,
    ROOT,
    SLOPE,
    SLOPE_OLD,
    SPREAD,
    STEPS,
    WEIGHTED,
    A,
    Y,
)
from detectors.surveillance.quasi_poisson import powers_of
from detectors.surveillance.running_totals import START, scale_up, start_equal, take_off

OWN_LEVEL = 1e-12
"""A point with leverage within this of 1 determines its own level and has no residual."""

BEYOND = np.iinfo(np.int64).max
"""A number beyond every period, which ends a list of them."""

# Rows of ``powers`` here: of exp(slope) at the last and the last but one iterate, and of
# exp(-slope) and exp(-slope 2/3) at the last.
ALONG, ALONG_OLD, PER_ALONG, PER_ALONG_ROOT = range(4)


@compiled
def residuals(
    points: Floats,
    runs: Ints,
    starts: Floats,
    powers: Floats,
    levels: Floats,
    fitted: Floats,
    trend: int,
    scored: int,
) -> tuple[float, float]:
    """Pearson statistic and its package variant; if ``scored``, s^2 phi (1 - h) into EXCESS.

    With u = count over exposure and x = mu over exposure, s^2 phi (1 - h) is
    2.25 mu ((u / x)^(2/3) - 1)^2; it is taken as 0 for points below their expectation, and
    1 - h goes into LEFT. The weights are those of the last but one iterate, the residuals
    those of the last.
    """
    slope, slope_old = fitted[SLOPE], fitted[SLOPE_OLD]
    per_spread = 1.0 / fitted[SPREAD] if trend else 0.0
    powers_of(np.exp(slope), powers[ALONG])
    powers_of(np.exp(slope_old), powers[ALONG_OLD])
    powers_of(np.exp(-slope), powers[PER_ALONG])
    powers_of(np.exp(-slope * 2.0 / 3.0), powers[PER_ALONG_ROOT])
    at_start = fitted[STEPS] == 1.0
    for g in range(levels.shape[1]):
        levels[PER_FACTOR, g] = 1.0 / levels[FACTOR, g]
        levels[PER_ROOT, g] = np.exp(-levels[A, g] * 2.0 / 3.0)
    pearson = package = 0.0
    along = along_old = per_along = per_root = 1.0
    for run in range(runs.shape[1]):
        first, g = runs[FIRST, run], runs[LEVEL, run]
        if runs[FRESH, run]:
            time = starts[run]
            along, along_old = np.exp(slope * time), np.exp(slope_old * time)
            per_along, per_root = np.exp(-slope * time), np.exp(-slope * time * 2.0 / 3.0)
        length = runs[AFTER, run] - first
        behind = starts[run] - levels[M1, g] / levels[M0, g]
        per_level = 1.0 / levels[M0, g]
        factor, factor_old = (
            0.25 * 2.25 * levels[FACTOR, g] * along,
            levels[FACTOR_OLD, g] * along_old,
        )
        factor_down, factor_root = levels[PER_FACTOR, g] * per_along, levels[PER_ROOT, g] * per_root
        of_run = of_package = 0.0
        for k in range(length):
            i = first + k
            weight = powers[ALONG_OLD, k] * factor_old * points[WEIGHTED, i]
            if at_start:
                weight = points[OMEGA, i] * (points[Y, i] + START)
            ratio = points[RATE, i] * (powers[PER_ALONG, k] * factor_down) - 1.0
            squared = ratio * ratio
            of_run += weight * squared
            of_package += points[OMEGA, i] * squared
            if scored:
                away = behind + k
                left = 1.0 - weight * (per_level + away * away * per_spread)
                root = points[ROOT, i] * (powers[PER_ALONG_ROOT, k] * factor_root) - 1.0
                positive = root + abs(root)  # twice it, or 0: a branch here would be a coin's toss
                points[EXCESS, i] = (
                    powers[ALONG, k] * factor * points[EXPOSURE, i] * positive * positive
                )
                points[LEFT, i] = left
        pearson += of_run
        package += of_package
        along *= powers[ALONG, length]
        along_old *= powers[ALONG_OLD, length]
        per_along *= powers[PER_ALONG, length]
        per_root *= powers[PER_ALONG_ROOT, length]
    return pearson, package


@compiled
def weigh(
    points: Floats,
    runs: Ints,
    starts: Floats,
    n: int,
    phi: float,
    threshold: float,
    levels: Floats,
    totals: Floats,
    odd: Ints,
) -> int:
    """Set the weights from EXCESS with dispersion ``phi``; the number of points that count less.

    All weights being equal before, they stay as they are when no point counts less; else the
    points that do go into ``odd``, and what a fit starts from (``running_totals``) is set to
    match.
    """
    limit = threshold * threshold * phi
    total = float(n)
    lighter = 0
    for run in range(runs.shape[1]):
        first = runs[FIRST, run]
        for i in range(first, runs[AFTER, run]):
            if points[EXCESS, i] > limit * points[LEFT, i] and points[LEFT, i] > OWN_LEVEL:
                if lighter == 0:
                    start_equal(levels, totals)
                omega = phi * points[LEFT, i] / points[EXCESS, i]
                points[OMEGA, i] = omega
                points[WEIGHTED, i] = omega * points[EXPOSURE, i]
                time = starts[run] + (i - first)
                take_off(points, i, runs[LEVEL, run], time, 1.0 - omega, levels, totals)
                total -= 1.0 - omega
                odd[lighter] = i
                lighter += 1
    if lighter:
        share = n / total
        scale_up(share, levels, totals)
        for i in range(runs[FIRST, 0], runs[AFTER, -1]):
            points[OMEGA, i] *= share
            points[WEIGHTED, i] *= share
    odd[lighter] = BEYOND
    return lighter


@compiled
def weigh_equally(points: Floats, runs: Ints, odd: Ints) -> None:
    """Undo ``weigh``."""
    odd[0] = BEYOND
    for i in range(runs[FIRST, 0], runs[AFTER, -1]):
        points[OMEGA, i] = 1.0 if points[EXPOSURE, i] > 0.0 else 0.0
        points[WEIGHTED, i] = points[EXPOSURE, i]
