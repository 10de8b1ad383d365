"""Limits of p, u and c charts, and Laney's p' and u' for large denominators.

    p: centre sum(y)/sum(n),  sigma_i = sqrt(p (1 - p) / n_i)      proportions
    u: centre sum(y)/sum(n),  sigma_i = sqrt(u / n_i)              rates
    c: centre mean(y),        sigma   = sqrt(c)                    counts of equal opportunity

Limits are centre +- 3 sigma_i, cut at 0 (and at 1 for p). The centre is the ratio of the
sums, not the mean of the ratios.

Laney's charts ask how much the points vary beyond that sampling error: with
z_i = (y_i/n_i - centre) / sigma_i, sigma_z = mean|z_i - z_{i-1}| / 1.128 multiplies the
limits, below 1 as well as above. With denominators in the thousands sampling error is so
small that a plain p or u chart flags nearly every point; sigma_z above about 1.2 says so.

Sources: D. C. Montgomery, *Introduction to Statistical Quality Control*, chapter 7;
D. B. Laney, "Improved control charts for attributes", Quality Engineering 14 (2002);
M. A. Mohammed & D. Laney, "Overdispersion in health care performance data", Quality and
Safety in Health Care 15 (2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.charts.nhs_rules import Floats, Limits
from detectors.charts.xmr import D2, average_moving_range, exact_mean, moving_ranges

AttributeKind = Literal["p", "u", "c"]
OVERDISPERSED = 1.2
"""sigma_z above which Laney's limits should be preferred."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AttributeLimits:
    """Limits of one stretch, and ``sigma_z``: observed over expected spread (NaN if unknown)."""

    limits: Limits
    sigma_z: float


def ratios(counts: Floats, denominators: Floats) -> Floats:
    """``counts / denominators``, NaN where either is missing or the denominator is not positive."""
    valid = denominators > 0
    return np.where(valid, counts / np.where(valid, denominators, 1.0), np.nan)


def attribute_limits(
    kind: AttributeKind,
    counts: Floats,
    denominators: Floats,
    base: Mask,
    *,
    laney: bool = False,
    screen: bool = True,
) -> AttributeLimits:
    """Limits at every point from the points in ``base``; all arrays of shape (points,).

    For ``c`` the denominators are ones. ``screen`` applies to Laney's moving ranges, by the
    rule of the XmR chart. With no usable base every limit is NaN.
    """
    values = ratios(counts, denominators)
    used = base & ~np.isnan(values)
    if not used.any():
        unknown = np.full(len(values), np.nan)
        return AttributeLimits(Limits(unknown, unknown, unknown, unknown, unknown), math.nan)
    total = math.fsum(denominators[used].tolist())
    centre = math.fsum(counts[used].tolist()) / total
    if kind == "c":
        centre = exact_mean(counts[used])
    variance = centre * (1.0 - centre) if kind == "p" else centre
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.sqrt(variance / np.where(denominators > 0, denominators, np.nan))
        spread = _sigma_z((values - centre) / sigma, used, screen=screen)
    if laney:
        sigma = sigma * spread
    return AttributeLimits(_lines(centre, sigma, ceiling=1.0 if kind == "p" else np.inf), spread)


def _sigma_z(z: Floats, used: Mask, *, screen: bool) -> float:
    average, _ = average_moving_range(moving_ranges(np.where(used, z, np.nan)), screen=screen)
    return average / D2


def _lines(centre: float, sigma: Floats, *, ceiling: float) -> Limits:
    return Limits(
        mean=np.full(len(sigma), centre),
        lower=np.maximum(centre - 3.0 * sigma, 0.0),
        upper=np.minimum(centre + 3.0 * sigma, ceiling),
        near_lower=np.maximum(centre - 2.0 * sigma, 0.0),
        near_upper=np.minimum(centre + 2.0 * sigma, ceiling),
    )
