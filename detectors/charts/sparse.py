"""Sparse counts: when an XmR chart must be refused, and limits that hold there.

An XmR chart takes its limits from the differences between neighbours. Where most periods hold
no event those differences are mostly zero, and the limits collapse towards the mean: with a
baseline of 24 points and a mean of 0.1 events a period, screening leaves a zero average range
in 78 % of series and 79 % of all later points are flagged; at a mean of 0.5 still 7 %, where
0.27 % was meant. D. J. Wheeler (*Understanding Variation*, and "Charts for rare events",
Quality Digest) draws the line at an average of one event a period; so does ``is_sparse``.

The three-sigma limits of c and u charts rest on a Gaussian approximation that fails in the
same place: below a mean of 0.09 a single event lies beyond the limit, and seven periods
without an event, the usual state of affairs, lie below the centre line and read as a shift.
``predictive_limits`` asks instead for the chance of the next count, given the baseline:

    rate | baseline ~ Gamma(1/2 + sum y, sum n)          (Jeffreys' prior)
    next count      ~ negative binomial, from which the tails 0.135 % and 2.275 % are cut;
    centre line     = its median, which is 0 for rare events, so empty periods make no run.

A stable series is flagged at 0.04 to 0.09 % of its points at every mean from 0.05 to 10 and
24 points of baseline, the estimation of the rate included.

Sources: A. Gelman et al., *Bayesian Data Analysis*, section 2.6 (Gamma-Poisson prediction);
H. Jeffreys, *Theory of Probability* (the prior).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.charts.nhs_rules import Limits

SPARSE_COUNTS = "sparse_counts"
"""Why a series has no XmR chart: the reason that charts and monitors give."""

SPARSE_MEAN = 1.0
"""Events per period below which a count is too sparse for an XmR chart."""

TAILS = (0.00135, 0.022750131948179)
"""Chance beyond three, and beyond two, standard deviations of a Gaussian, one side."""

PRIOR_EVENTS = 0.5


def is_sparse(counts: Floats) -> bool:
    """Whether ``counts``, shape (points,), are counts of events with a mean below one.

    Values that are not whole or are negative are measurements, never sparse. Missing values
    (NaN) are left out; a series without a known value is not sparse.
    """
    known = counts[~np.isnan(counts)]
    if not len(known) or (known < 0.0).any() or (known != np.round(known)).any():
        return False
    return math.fsum(known.tolist()) < SPARSE_MEAN * len(known)


def predictive_limits(
    counts: Floats, exposures: Floats, base: NDArray[np.bool_], *, rate: bool
) -> Limits:
    """Limits of the next count at every point, from the points in ``base``; shape (points,).

    ``exposures`` are what the counts are proportional to, ones for counts of equal
    opportunity; with ``rate`` the limits are those of count / exposure. A point without a
    positive exposure has none, and without exposure in ``base`` nobody has.
    """
    valid = exposures > 0.0
    used = base & valid & ~np.isnan(counts)
    lines = np.full((5, len(counts)), np.nan)
    if used.any():
        shape = PRIOR_EVENTS + math.fsum(counts[used].tolist())
        total = math.fsum(exposures[used].tolist())
        chances = np.array([0.5, TAILS[0], 1.0 - TAILS[0], TAILS[1], 1.0 - TAILS[1]])
        distinct, place = np.unique(exposures[valid], return_inverse=True)
        quantiles = _quantiles(shape, total / (total + distinct), chances)
        lines[:, valid] = (quantiles / distinct if rate else quantiles)[:, place]
    return Limits(*lines)


def _quantiles(shape: float, success: Floats, chances: Floats) -> Floats:
    """Smallest counts whose cumulative negative binomial chance reaches each of ``chances``.

    The answer has shape (chances, success). P(count <= k) is the regularised incomplete beta
    function I_success(shape, k + 1); the search halves an interval that is first doubled until
    it holds the quantile.
    """
    from scipy.special import betainc  # noqa: PLC0415 - scipy is slow to import

    wanted = chances[:, np.newaxis]
    high = np.ones((len(chances), len(success)))
    while (short := betainc(shape, high + 1.0, success) < wanted).any():
        high = np.where(short, 2.0 * high, high)
    low = np.full_like(high, -1.0)  # never reaches the chance
    while (open_ := high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        reached = betainc(shape, np.maximum(middle, 0.0) + 1.0, success) >= wanted
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle, low)
    return high
