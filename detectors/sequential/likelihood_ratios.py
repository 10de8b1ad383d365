"""Log likelihood ratios of a change, for counts and outcomes.

Each gives log f1(x) / f0(x) of single observations, elementwise over arrays that broadcast;
NaN in, NaN out. A ratio above 1 is about a rise, below 1 about a fall: the same formula, and
its increments grow with evidence for the change in either case.

=================  =================================================================
Poisson            x log R - mu (R - 1), mu the expected count with its exposure
negative binomial  kappa x + (x + 1/a) log((1 + a mu) / (1 + a mu e^kappa)),
                   kappa = log R, variance mu + a mu^2
binomial           y log(p1/p0) + (n - y) log((1 - p1)/(1 - p0)), by odds:
                   y log R - n log(1 - p0 + R p0)
=================  =================================================================

For Poisson counts R is a ratio of rates, for binomial ones a ratio of odds. A ratio of rates
must not be used with the binomial formula: R p may pass one.

Sources: J. M. Lucas, Technometrics 27 (1985); M. Hoehle & M. Paul, Computational Statistics &
Data Analysis 52 (2008) for the negative binomial; S. H. Steiner et al., Biostatistics 1 (2000).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_positive, numbers


def check_ratio(name: str, ratio: float) -> None:
    """Raise ``ValueError`` unless the ratio is positive, finite and not 1."""
    if not (0.0 < ratio < math.inf and ratio != 1.0):
        raise ValueError(f"{name} must be positive, finite and not 1, not {ratio}")


def check_counts(name: str, counts: ArrayLike) -> Floats:
    """Counts, or expected ones, as floats. ``ValueError`` for a negative or infinite one."""
    x = numbers("counts", counts)
    if (x < 0.0).any() or np.isinf(x).any():
        raise ValueError(f"{name} must be finite and not negative, or NaN (missing)")
    return x


def check_probability(name: str, probability: ArrayLike) -> Floats:
    """Probabilities as floats. Raises ``ValueError`` for one outside (0, 1)."""
    p = numbers("probability", probability)
    if (p <= 0.0).any() or (p >= 1.0).any():
        raise ValueError(f"{name} must be inside (0, 1), or NaN (missing), not {probability!r}")
    return p


def poisson_ratio(counts: ArrayLike, expected: ArrayLike, ratio: float) -> Floats:
    """Log likelihood ratio of Poisson counts with a ``ratio`` times greater mean.

    Nothing expected (no exposure) and nothing counted is no evidence, 0. Raises ``ValueError``
    for negative or infinite numbers.
    """
    x = check_counts("counts", counts)
    mu = check_counts("expected", expected)
    return np.asarray(x * math.log(ratio) - mu * (ratio - 1.0))


def negative_binomial_ratio(
    counts: ArrayLike, expected: ArrayLike, ratio: float, dispersion: float
) -> Floats:
    """Log likelihood ratio of negative binomial counts with a ``ratio`` times greater mean.

    The variance is mu + ``dispersion`` mu^2 in and out of control. Raises ``ValueError`` for
    negative or infinite numbers.
    """
    x = check_counts("counts", counts)
    mu = check_counts("expected", expected)
    check_positive("dispersion", dispersion)
    spread = np.log1p(dispersion * mu) - np.log1p(dispersion * mu * ratio)
    return np.asarray(x * math.log(ratio) + (x + 1.0 / dispersion) * spread)


def binomial_ratio(
    counts: ArrayLike, trials: ArrayLike, probability: ArrayLike, odds_ratio: float
) -> Floats:
    """Log likelihood ratio of binomial counts with ``odds_ratio`` times greater odds.

    Raises ``ValueError`` for more events than trials. No trials are no evidence, 0.
    """
    y = check_counts("counts", counts)
    n = check_counts("trials", trials)
    p = check_probability("probability", probability)
    if (y > n).any():
        raise ValueError("counts must not exceed trials")
    return np.asarray(y * math.log(odds_ratio) - n * np.log1p(p * (odds_ratio - 1.0)))


def odds_ratio_of(p0: float, p1: float) -> float:
    """The ratio of the odds of ``p1`` to those of ``p0``; ``ValueError`` outside (0, 1)."""
    check_probability("p0", p0)
    check_probability("p1", p1)
    return p1 / (1.0 - p1) * (1.0 - p0) / p0


def poisson_reference_value(mean: float, ratio: float) -> float:
    """Lucas's k = mean (R - 1) / log R, with which a chart in counts is the likelihood one.

    Raises ``ValueError`` for a ratio that is not positive, or 1.
    """
    check_ratio("ratio", ratio)
    return mean * (ratio - 1.0) / math.log(ratio)
