"""The i' chart: individuals whose precision differs, normalised by their denominators.

Where a denominator varies much, a plain XmR chart gives every point the same limits. The
normalised individuals chart lets them breathe with the denominator, and unlike p and u charts
takes the spread from the data, so it assumes neither a binomial nor a Poisson distribution.
With ratios r_i = y_i / n_i:

    centre   = sum(y) / sum(n)
    s_i      = sqrt(pi / 2) |r_i - r_{i-1}| / sqrt(1 / n_i + 1 / n_{i-1})
    sigma_i  = mean(s) / sqrt(n_i),          limits = centre +- 3 sigma_i

sqrt(pi / 2) |difference| estimates sqrt(2) sigma without bias for a Gaussian pair. With
``screen`` the s_i not strictly below 3.2665 times their mean are left out, once (3.2665 is the
unrounded 3.267 of the moving range chart). With equal denominators the chart is the XmR
chart with 3 / d2 unrounded.

Source: W. A. Taylor, "Normalized individuals control chart", Taylor Enterprises 2017, after
D. B. Laney's treatment of ratios; parity with qicharts2's i' chart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.charts.nhs_rules import Limits
from detectors.charts.xmr import exact_mean

SPREAD_SCREEN = 3.2665


def normalised_limits(
    counts: Floats,
    denominators: Floats,
    base: NDArray[np.bool_],
    *,
    screen: bool = True,
    spread_of_all: bool = False,
) -> tuple[Limits, Floats, float]:
    """Limits and sigma at every point, and mean(s), from the points in ``base``.

    Arrays have shape (points,). A missing value, or a point outside ``base``, removes both
    differences next to it. ``spread_of_all`` takes mean(s) from every point, whatever
    ``base`` says. mean(s) is NaN where no difference is known; limits are NaN there too.
    """
    valid = (denominators > 0) & ~np.isnan(counts)
    size = np.where(valid, denominators, np.nan)
    used = base & valid
    unknown = np.full(len(counts), np.nan)
    if not used.any():
        return Limits(unknown, unknown, unknown, unknown, unknown), unknown, math.nan
    centre = math.fsum(counts[used].tolist()) / math.fsum(denominators[used].tolist())
    ratio = np.where(valid if spread_of_all else used, counts / size, np.nan)
    distance = np.sqrt(1.0 / size[1:] + 1.0 / size[:-1])
    spread = _mean_spread(math.sqrt(math.pi / 2.0) * np.abs(np.diff(ratio)) / distance, screen)
    sigma = spread * np.sqrt(1.0 / size)
    mean = np.full(len(counts), centre)
    lines = (centre + times * sigma for times in (-3.0, 3.0, -2.0, 2.0))
    return Limits(mean, *lines), sigma, spread


def _mean_spread(spreads: Floats, screen: bool) -> float:  # noqa: FBT001 - one caller, by place
    known = spreads[~np.isnan(spreads)]
    if not len(known):
        return math.nan
    average = exact_mean(known)
    if not screen:
        return average
    kept = known[known < SPREAD_SCREEN * average]
    return exact_mean(kept) if len(kept) else math.nan
