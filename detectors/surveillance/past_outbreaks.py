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

from detectors.compiled import compiled
from detectors.surveillance.quasi_poisson import (
    A_OLD,
    AFTER,
    EXCESS,
    EXPOSURE,
    FACTOR,
    FACTOR_OLD,
    FIRST,
    FRESH,
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
    START,
    STEPS,
    TIME,
    WEIGHTED,
    A,
    Y,
)
from detectors.surveillance.series import Floats, Ints

OWN_LEVEL = 1e-12
"""A point with leverage within this of 1 determines its own level and has no residual."""


@compiled
def residuals(
    points: Floats, runs: Ints, levels: Floats, fitted: Floats, trend: int, scored: int
) -> tuple[float, float]:
    """Pearson statistic and its package variant; if ``scored``, s^2 times phi into EXCESS.

    With u = count over exposure and x = mu over exposure, s^2 phi (1 - h) is
    2.25 mu ((u / x)^(2/3) - 1)^2; it is taken as 0 for points below their expectation. The
    weights are those of the last but one iterate, the residuals those of the last.
    """
    slope, slope_old = fitted[SLOPE], fitted[SLOPE_OLD]
    per_spread = 1.0 / fitted[SPREAD] if trend else 0.0
    growth, growth_old = np.exp(slope), np.exp(slope_old)
    decay, decay_root = np.exp(-slope), np.exp(-slope * 2.0 / 3.0)
    at_start = fitted[STEPS] == 1.0
    for g in range(levels.shape[1]):
        levels[FACTOR_OLD, g] = np.exp(levels[A_OLD, g])
        levels[PER_FACTOR, g] = np.exp(-levels[A, g])
        levels[PER_ROOT, g] = np.exp(-levels[A, g] * 2.0 / 3.0)
    pearson = package = 0.0
    along = along_old = per_along = per_root = 1.0
    for run in range(runs.shape[1]):
        first, g = runs[FIRST, run], runs[LEVEL, run]
        if runs[FRESH, run]:
            time = points[TIME, first]
            along, along_old = np.exp(slope * time), np.exp(slope_old * time)
            per_along, per_root = np.exp(-slope * time), np.exp(-slope * time * 2.0 / 3.0)
        centre = levels[M1, g] / levels[M0, g]
        per_level = 1.0 / levels[M0, g]
        factor, factor_old = 2.25 * levels[FACTOR, g], levels[FACTOR_OLD, g]
        per_factor, per_factor_root = levels[PER_FACTOR, g], levels[PER_ROOT, g]
        for i in range(first, runs[AFTER, run]):
            weight = along_old * factor_old * points[WEIGHTED, i]
            if at_start:
                weight = points[OMEGA, i] * (points[Y, i] + START)
            ratio = points[RATE, i] * per_along * per_factor - 1.0
            squared = ratio * ratio
            pearson += weight * squared
            package += points[OMEGA, i] * squared
            if scored:
                away = points[TIME, i] - centre
                left = 1.0 - weight * (per_level + away * away * per_spread)
                root = max(points[ROOT, i] * per_root * per_factor_root - 1.0, 0.0)
                excess = along * factor * points[EXPOSURE, i] * root * root
                points[EXCESS, i] = excess / left if left > OWN_LEVEL else 0.0
            along *= growth
            along_old *= growth_old
            per_along *= decay
            per_root *= decay_root
    return pearson, package


@compiled
def weigh(points: Floats, runs: Ints, phi: float, threshold: float) -> int:
    """Set the weights from EXCESS with dispersion ``phi``; the number of points that count less.

    With an infinite threshold every point has the weight 1.
    """
    limit = threshold * threshold * phi
    total = 0.0
    n = lighter = 0
    for run in range(runs.shape[1]):
        for i in range(runs[FIRST, run], runs[AFTER, run]):
            n += 1
            points[OMEGA, i] = 1.0
            if points[EXCESS, i] > limit:
                points[OMEGA, i] = phi / points[EXCESS, i]
                lighter += 1
            total += points[OMEGA, i]
    share = n / total
    for run in range(runs.shape[1]):
        for i in range(runs[FIRST, run], runs[AFTER, run]):
            points[OMEGA, i] *= share
            points[WEIGHTED, i] = points[OMEGA, i] * points[EXPOSURE, i]
    return lighter
