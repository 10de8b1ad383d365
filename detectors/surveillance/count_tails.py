"""Quantiles and tails of counts with mean mu and variance phi mu, phi >= 1.

The negative binomial with that mean and variance has, for counts k = 0, 1, 2, ...,

    p(k + 1) / p(k) = (mu + k (phi - 1)) / ((k + 1) phi),     p(0) = phi^(-mu / (phi - 1)),

and is the Poisson distribution at phi = 1, where p(0) = exp(-mu). The ratio of neighbours
serves for both and loses no digits when phi is close to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.compiled import compiled

NEAR_POISSON = 1e-9
"""An excess of phi over 1 below which the tail is taken as Poisson's."""

SMALLEST_LOG = -600.0
LARGEST_STEPPED = 1e4
"""Mean or phi above which a quantile is found by halving."""

LARGEST_HALVINGS = 2100  # the exponents and digits of a float
NEGLIGIBLE = 1e-20
ROUNDING = 1e-13


@compiled
def quantile(chance: float, mean: float, phi: float) -> float:
    """Smallest count whose cumulative chance reaches ``chance``; NaN when mu is not finite."""
    if not np.isfinite(mean) or not np.isfinite(phi):
        return float(np.nan)
    excess = phi - 1.0
    log_zero = -mean if excess < NEAR_POISSON else -mean / excess * np.log1p(excess)
    wanted = chance - ROUNDING
    k = 0.0
    if log_zero > SMALLEST_LOG:
        term = np.exp(log_zero)
        total = term
        while total < wanted and term > 0.0:
            term *= (mean + k * excess) / ((k + 1.0) * phi)
            k += 1.0
            total += term
        return k
    # Zero is too improbable to start from: sum outwards from the mode, of weight 1, instead.
    mode = max(float(np.ceil(mean - phi)), 0.0)
    below, term, k = 0.0, 1.0, mode
    while k > 0.0 and term > NEGLIGIBLE:
        term *= k * phi / (mean + (k - 1.0) * excess)
        k -= 1.0
        below += term
    above, term, k = 0.0, 1.0, mode
    while term > NEGLIGIBLE:
        term *= (mean + k * excess) / ((k + 1.0) * phi)
        k += 1.0
        above += term
    wanted *= below + 1.0 + above
    total, term, k = below + 1.0, 1.0, mode
    while total < wanted:
        term *= (mean + k * excess) / ((k + 1.0) * phi)
        k += 1.0
        total += term
    while k > 0.0 and total - term >= wanted:
        total -= term
        term *= k * phi / (mean + (k - 1.0) * excess)
        k -= 1.0
    return k


@compiled
def stepped_quantiles(chance: float, means: Floats, phis: Floats) -> Floats:
    """``quantile`` of each mean and phi, shape (n,)."""
    result = np.empty(len(means))
    for i in range(len(means)):
        result[i] = quantile(chance, means[i], phis[i])
    return result


def quantiles(chance: float, means: Floats, phis: Floats) -> Floats:
    """Smallest counts whose cumulative chance reaches ``chance``, shape (n,); NaN where missing.

    Stepping from count to count takes as many steps as the quantile is large; where a mean or
    phi is very large (an outbreak in a nearly empty baseline), the tail is halved instead.
    """
    far = np.isfinite(means) & np.isfinite(phis) & (np.maximum(means, phis) > LARGEST_STEPPED)
    result = stepped_quantiles(chance, np.where(far, np.nan, means), phis)
    if far.any():
        result[far] = _halved_quantiles(chance, means[far], phis[far])
    return result


def _halved_quantiles(chance: float, means: Floats, phis: Floats) -> Floats:
    """``quantiles`` by halving an interval, as exact as the floats that hold the counts."""
    excluded = 1.0 - chance + ROUNDING
    low, high = np.full(len(means), -1.0), np.ceil(means + 1.0)
    while (short := at_least(high + 1.0, means, phis) > excluded).any():
        high = np.where(short, 2.0 * high, high)
    for _ in range(LARGEST_HALVINGS):
        middle = np.floor(0.5 * (low + high))
        inside = (middle > low) & (middle < high)
        if not inside.any():
            break
        enough = at_least(middle + 1.0, means, phis) <= excluded
        high = np.where(inside & enough, middle, high)
        low = np.where(inside & ~enough, middle, low)
    return high


def at_least(counts: Floats, means: Floats, phis: Floats) -> Floats:
    """P(Y >= count) elementwise, shape of ``counts``; NaN where anything is missing.

    Counts that are not whole stand for the next whole one. The tails are the regularised
    incomplete beta and gamma functions, exact to their last digits however small.
    """
    from scipy.special import betainc, gammainc  # noqa: PLC0415 - scipy is slow to import

    whole = np.ceil(counts)
    excess = phis - 1.0
    poisson = excess < NEAR_POISSON
    with np.errstate(divide="ignore", invalid="ignore"):
        size = means / np.where(poisson, 1.0, excess)
        negative = betainc(whole, size, np.where(poisson, 0.5, excess / phis))
        tail = np.where(poisson, gammainc(whole, means), negative)
    missing = np.isnan(counts) | np.isnan(means) | np.isnan(phis)
    result = np.where(whole == 0.0, 1.0, np.where(means == 0.0, 0.0, tail))
    return np.asarray(np.where(missing, np.nan, result), dtype=np.float64)


def approximate_at_least(counts: Floats, means: Floats, sds: Floats, power: float) -> Floats:
    """P(Y >= count) when Y^power is Gaussian about mean^power with standard deviation ``sds``."""
    from scipy.special import ndtr  # noqa: PLC0415 - scipy is slow to import

    with np.errstate(divide="ignore", invalid="ignore"):
        tail = ndtr((means**power - counts**power) / sds)
    return np.asarray(np.where(sds == 0.0, counts <= means, tail), dtype=np.float64)


def gaussian_quantile(chance: float) -> float:
    """Standard Gaussian quantile."""
    from scipy.special import ndtri  # noqa: PLC0415 - scipy is slow to import

    return float(ndtri(chance))


def student_critical(chance: float, largest: int) -> NDArray[np.float64]:
    """Two-sided critical values of Student's t for 0 to ``largest`` degrees of freedom.

    ``chance`` is the size of the test; at 0 nothing is significant, at 1 anything but 0 is.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy is slow to import

    critical = np.full(largest + 1, np.inf)
    if chance > 0.0:
        freedom = np.arange(1, largest + 1, dtype=np.float64)
        critical[1:] = 0.0 if chance >= 1.0 else stdtrit(freedom, 1.0 - chance / 2.0)
    return critical
