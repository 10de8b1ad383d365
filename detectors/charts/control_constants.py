"""Constants of Shewhart charts for Gaussian subgroups, computed rather than tabulated.

R is the range and s the standard deviation (divisor n - 1) of n independent Gaussian values
with standard deviation sigma:

    d2(n) = E[R] / sigma,   d3(n) = sd(R) / sigma,   c4(n) = E[s] / sigma,
    sd(s) / sigma = sqrt(1 - c4(n)^2)

The moments of R are integrals of its distribution (H. L. Harter, Biometrika 47, 1960),

    P(R <= r) = n  integral of phi(x) [Phi(x + r) - Phi(x)]^(n - 1) dx,
    E[R] = integral of P(R > r) dr,   E[R^2] = integral of 2 r P(R > r) dr,

and agree with the four decimals of D. C. Montgomery, *Introduction to Statistical Quality
Control*, appendix VI. The familiar factors follow from them, for instance
A2 = 3 / (d2 sqrt n), D4 = 1 + 3 d3 / d2, B4 = 1 + 3 sqrt(1 - c4^2) / c4.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from detectors.demands import check_whole

_LARGEST_RANGE = 18.0  # sigmas; beyond it P(R > r) is below 1e-30 for any subgroup in use
_SMALLEST_VALUE = 9.0


@lru_cache(maxsize=1024)
def range_moments(size: int) -> tuple[float, float]:
    """d2 and d3 of subgroups of ``size``; ``ValueError`` below 2.

    Gauss-Legendre in r and the trapezium rule in x, which is exact to rounding for a smooth
    integrand that vanishes at both ends.
    """
    check_whole("size of a subgroup", size, 2)
    from scipy.special import ndtr  # noqa: PLC0415 - scipy is slow to import

    nodes, weights = np.polynomial.legendre.leggauss(160)
    r = (nodes + 1.0) * _LARGEST_RANGE / 2.0
    weights = weights * _LARGEST_RANGE / 2.0
    x = np.linspace(-_SMALLEST_VALUE - _LARGEST_RANGE, _SMALLEST_VALUE, 1201)
    density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    between = ndtr(x[:, np.newaxis] + r) - ndtr(x)[:, np.newaxis]
    below = size * (density[:, np.newaxis] * between ** (size - 1)).sum(axis=0) * (x[1] - x[0])
    first = float(weights @ (1.0 - below))
    second = float(weights @ (2.0 * r * (1.0 - below)))
    return first, math.sqrt(second - first * first)


def d2(size: int) -> float:
    """Mean range of ``size`` Gaussian values, in sigmas; ``ValueError`` below 2."""
    return range_moments(size)[0]


def d3(size: int) -> float:
    """Standard deviation of the range, in sigmas; ``ValueError`` below 2."""
    return range_moments(size)[1]


def c4(size: int) -> float:
    """Mean standard deviation of ``size`` Gaussian values, in sigmas; ``ValueError`` below 2."""
    check_whole("size of a subgroup", size, 2)
    gammas = math.lgamma(size / 2.0) - math.lgamma((size - 1.0) / 2.0)
    return math.sqrt(2.0 / (size - 1.0)) * math.exp(gammas)
