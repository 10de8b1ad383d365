"""Limits of p, np, u and c charts, and Laney's p' and u' for large denominators.

    p:  centre sum(y)/sum(n),  sigma_i = sqrt(p (1 - p) / n_i)      proportions
    np: centre n_i p,          sigma_i = sqrt(n_i p (1 - p))        the same, as numbers
    u:  centre sum(y)/sum(n),  sigma_i = sqrt(u / n_i)              rates
    c:  centre mean(y),        sigma   = sqrt(c)                    counts of equal opportunity

Limits are centre +- 3 sigma_i, cut at 0 (and at 1 for p, at n_i for np). The centre is the
ratio of the sums, not the mean of the ratios.

Laney's charts ask how much the points vary beyond that sampling error: with
z_i = (y_i/n_i - centre) / sigma_i, sigma_z = mean|z_i - z_{i-1}| / 1.128 multiplies the
limits, below 1 as well as above. With denominators in the thousands sampling error is so
small that a plain p or u chart flags nearly every point; sigma_z above about 1.2 says so.
Where the points are categories without an order, sigma_z is the standard deviation of the z_i.

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

from detectors.arrays import Booleans, Floats
from detectors.charts.nhs_rules import Limits
from detectors.charts.xmr import D2, average_moving_range, exact_mean, moving_ranges

AttributeKind = Literal["p", "np", "u", "c"]
OVERDISPERSED = 1.2
"""sigma_z above which Laney's limits should be preferred."""


@dataclass(frozen=True, slots=True)
class AttributeLimits:
    """Limits of one stretch, and what they are made of.

    ``sigma`` is the standard deviation of each plotted value, shape (points,); ``sigma_z``
    the observed over the expected spread, NaN if unknown; ``centre`` the fitted proportion,
    rate or mean count.
    """

    limits: Limits
    sigma_z: float
    sigma: Floats
    centre: float


def ratios(counts: Floats, denominators: Floats) -> Floats:
    """``counts / denominators``, NaN where either is missing or the denominator is not positive."""
    valid = denominators > 0
    return np.where(valid, counts / np.where(valid, denominators, 1.0), np.nan)


def attribute_limits(
    kind: AttributeKind,
    counts: Floats,
    denominators: Floats,
    base: Booleans,
    *,
    laney: bool = False,
    screen: bool = True,
    ordered: bool = True,
    adjoin: bool = False,
) -> AttributeLimits:
    """Limits at every point from the points in ``base``; all arrays of shape (points,).

    For ``c`` the denominators are ones. ``screen`` applies to Laney's moving ranges, by the
    rule of the XmR chart; without ``ordered`` there are none. A point outside ``base`` breaks
    them, unless ``adjoin`` makes its neighbours adjacent. With no usable base every limit
    is NaN.
    """
    values = ratios(counts, denominators)
    used = base & ~np.isnan(values)
    if not used.any():
        unknown = np.full(len(values), np.nan)
        nowhere = Limits(unknown, unknown, unknown, unknown, unknown)
        return AttributeLimits(nowhere, math.nan, unknown, math.nan)
    total = math.fsum(denominators[used].tolist())
    centre = math.fsum(counts[used].tolist()) / total
    if kind == "c":
        centre = exact_mean(counts[used])
    variance = centre * (1.0 - centre) if kind in {"p", "np"} else centre
    size = np.where(denominators > 0, denominators, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.sqrt(variance / size)
        z = (values - centre) / sigma
    spread = _sigma_z(z, used, base if adjoin else None, screen=screen, ordered=ordered)
    if laney:
        sigma = sigma * spread
    if kind == "np":
        return AttributeLimits(
            _lines(centre * size, sigma * size, size), spread, sigma * size, centre
        )
    ceiling = np.full(len(values), 1.0 if kind == "p" else np.inf)
    middle = np.full(len(values), centre)
    return AttributeLimits(_lines(middle, sigma, ceiling), spread, sigma, centre)


def _sigma_z(
    z: Floats, used: Booleans, adjoined: Booleans | None, *, screen: bool, ordered: bool
) -> float:
    if not ordered:
        return float(np.std(z[used], ddof=1)) if used.sum() > 1 else math.nan
    series = np.where(used, z, np.nan) if adjoined is None else z[adjoined]
    average, _ = average_moving_range(moving_ranges(series), screen=screen)
    return average / D2


def _lines(centre: Floats, sigma: Floats, ceiling: Floats) -> Limits:
    return Limits(
        mean=centre,
        lower=np.maximum(centre - 3.0 * sigma, 0.0),
        upper=np.minimum(centre + 3.0 * sigma, ceiling),
        near_lower=np.maximum(centre - 2.0 * sigma, 0.0),
        near_upper=np.minimum(centre + 2.0 * sigma, ceiling),
    )
