"""How unusual a CUSUM's value is in control, on a scale from 0 to 1.

For a CUSUM of log likelihood ratios, P(S >= s) <= exp(-s) at every time in control, because S
is at most the greatest of many likelihood ratios that are martingales (Doob's inequality).
For a Gaussian log likelihood ratio of a shift theta, theta z - theta^2 / 2, in steady state

    P(S >= s) ~ exp(-s - 0.583 theta),

0.583 being the expected overshoot of a Gaussian walk (D. Siegmund, *Sequential Analysis*,
1985, section 10.2). The approximation is within 1 % for s >= 1, and within 6 % at theta = 1,
s = 0.5. A p-value of the kind lets charts of different designs be compared and false
discovery rates be held over many charts (O. A. Grigg & D. J. Spiegelhalter, "An empirical
approximation to the null unbounded steady-state distribution of the cumulative sum statistic",
Technometrics 50, 2008).

The exact value comes from the same walk seen backwards: in steady state S has the law of the
greatest value of the walk, P(S >= s) is the chance that it ever reaches s, and that is
exp(-s) times the mean of exp(-overshoot) under the shifted mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_positive
from detectors.run_lengths.gaussian import (
    legendre_nodes,
    normal_density,
)

OVERSHOOT = 0.583
_FAR = 30.0  # distance, in log likelihood, from which the crossing is all but forgotten
_LEAST_SHIFT = 0.05


def cusum_p_value_bound(statistic: ArrayLike) -> Floats:
    """exp(-s), an upper bound of P(S >= s) for any CUSUM of log likelihood ratios.

    ``statistic`` has any shape and so has the result; NaN stays NaN. Raises ``ValueError``
    for negative values.
    """
    s = np.asarray(statistic, np.float64)
    if (s < 0.0).any():
        raise ValueError("statistic must not be negative")
    return np.asarray(np.exp(-s))


def cusum_steady_state_p_value(statistic: ArrayLike, theta: float) -> Floats:
    """Approximate steady-state P(S >= s) of a Gaussian log-likelihood-ratio CUSUM.

    A tabular CUSUM C with reference value k has theta = 2 k and S = theta C. At s = 0 the
    value is 1.

    Args:
        statistic: Values of S, any shape, at least 0; NaN stays NaN.
        theta: Shift in standard deviations that the ratio is for, positive.

    Raises ``ValueError`` for negative statistics or ``theta`` not positive.

    Example:
        >>> round(float(cusum_steady_state_p_value(3.0, 0.5)), 6)
        0.037198
    """
    check_positive("theta", theta)
    bound = cusum_p_value_bound(statistic)
    s = np.asarray(statistic, np.float64)
    return np.where(s == 0.0, 1.0, bound * math.exp(-OVERSHOOT * theta))


def exact_cusum_steady_state_p_value(statistic: float, theta: float) -> float:
    """Steady-state P(S >= s) by the integral equation of the crossing, to about 1e-9.

    Raises ``ValueError`` for a statistic that is not positive and finite and for ``theta``
    below 0.05, where the approximation is at least as good.
    """
    check_positive("statistic", statistic)
    if not _LEAST_SHIFT <= theta < math.inf:
        raise ValueError(f"theta must be at least {_LEAST_SHIFT}, not {theta}")
    # In standard deviations: d is the distance to the level, which under the shifted mean
    # goes down by theta / 2 a point on average; the overshoot x costs exp(-theta x).
    distance = statistic / theta
    far = distance + _FAR / theta
    nodes, weights = legendre_nodes(0.0, far, math.ceil(3.0 * far) + 32)
    moves = weights * normal_density(nodes - nodes[:, np.newaxis] + theta / 2.0)
    crossing = _crossed(nodes, theta)
    value = np.linalg.solve(np.eye(len(nodes)) - moves, crossing)
    first = weights * normal_density(nodes - distance + theta / 2.0)
    mean = float(first @ value) + float(_crossed(np.array([distance]), theta)[0])
    return math.exp(-statistic) * mean


def _crossed(distance: Floats, theta: float) -> Floats:
    """E exp(-theta (Z - d)) over crossings Z > d in one point, Z ~ N(theta / 2, 1)."""
    from scipy.special import log_ndtr  # noqa: PLC0415 - costs a start 0.2 s

    # exp(theta d) phi(z - theta / 2) exp(-theta z) = exp(theta d) phi(z + theta / 2).
    return np.asarray(np.exp(theta * distance + log_ndtr(-(distance + theta / 2.0))))
