"""xbar, R and S charts: several measurements of each period.

A sample of n measurements gives a mean, a range R and a standard deviation s. The spread
*within* samples sets the limits of all three charts:

    ranges               sigma = mean of R_i / d2(n_i)
    deviations           sigma = mean of s_i / c4(n_i)
    weighted_ranges      the same, weighted by (d2 / d3)^2
    weighted_deviations  the same, weighted by c4^2 / (1 - c4^2)
    pooled               sigma_i = S / c4(n_i),  S^2 = sum (n_i - 1) s_i^2 / sum (n_i - 1)

    xbar  centre = mean of all measurements,  limits = centre +- 3 sigma / sqrt(n_i)
    R     centre = d2(n_i) sigma,             limits = centre +- 3 d3(n_i) sigma, cut at 0
    S     centre = c4(n_i) sigma,             limits = centre +- 3 sqrt(1 - c4(n_i)^2) sigma, cut

By default R charts and xbar charts use ranges, S charts deviations, as is usual for equal
samples of up to 10; for samples of unequal or larger size prefer ``pooled``, or a weighted
mean, which has the least variance of its kind. ``compat="qcc"`` rounds d2 to three decimals
and divides a pooled S by c4 of all its degrees of freedom, as the R package does. If single
measurements differ by more than sampling within a period explains, an xbar chart's limits
are too narrow: chart the means as individuals instead.

Sources: D. C. Montgomery, *Introduction to Statistical Quality Control*, chapter 6 (6.4 to
6.31); I. W. Burr, "Control charts for measurements with varying sample sizes", Journal of
Quality Technology 1 (1969), for the weights; constants in ``control_constants``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Bits, Floats
from detectors.charts.control_constants import c4, d2, d3
from detectors.charts.zone_rules import COMPATS, zone_signals
from detectors.demands import check_choice, check_whole, numbers

SubgroupKind = Literal["xbar", "r", "s"]
Spread = Literal["ranges", "deviations", "weighted_ranges", "weighted_deviations", "pooled"]
SUBGROUP_KINDS = ("xbar", "r", "s")
SPREADS = ("ranges", "deviations", "weighted_ranges", "weighted_deviations", "pooled")


@dataclass(frozen=True, slots=True)
class SubgroupChart:
    """A chart of samples; every array has one entry per sample, NaN where it has no statistic.

    Args:
        kind: xbar, r or s.
        value: The plotted statistic.
        size: Known measurements of each sample.
        mean: Centre line.
        lower: Lower limit.
        upper: Upper limit.
        sigma: Standard deviation of the statistic.
        process_sigma: Standard deviation of a single measurement within a sample.
    """

    kind: SubgroupKind
    value: Floats
    size: NDArray[np.int64]
    mean: Floats
    lower: Floats
    upper: Floats
    sigma: Floats
    process_sigma: Floats

    def signals(
        self,
        rule_set: str = "western_electric",
        rules: Sequence[int] = (),
        *,
        compat: str = "published",
    ) -> Bits:
        """Bits of the zone rules complete at each sample (see ``zone_rules``)."""
        return zone_signals(
            self.value, self.mean, self.sigma, rule_set=rule_set, rules=rules, compat=compat
        )


def subgroup_chart(
    samples: ArrayLike,
    *,
    kind: SubgroupKind,
    spread: Spread | None = None,
    fix_after: int | None = None,
    exclude: Sequence[int] = (),
    compat: str = "published",
) -> SubgroupChart:
    """Chart the samples.

    Args:
        samples: Shape (samples, measurements); NaN fills samples that are smaller. A sample
            with one known measurement has a mean only, one without any is missing.
        kind: What is plotted: means (xbar), ranges (r) or standard deviations (s).
        spread: What sigma is taken from; ranges by default, deviations for S charts.
        fix_after: Set the limits from the first so many samples (phase I).
        exclude: Samples left out of the limits, though still plotted and judged.
        compat: ``"published"`` or ``"qcc"``, see the module.

    Raises:
        ValueError: for an unknown kind, spread or compat, samples that are not two-dimensional or
            infinite, positions outside the series.

    Example:
        >>> subgroup_chart([[9, 11], [10, 12], [11, 9]], kind="r").mean.tolist()
        [2.0, 2.0, 2.0]
    """
    check_choice("kind", kind, SUBGROUP_KINDS)
    chosen = spread or ("deviations" if kind == "s" else "ranges")
    check_choice("spread", chosen, SPREADS)
    check_choice("compat", compat, COMPATS)
    block = numbers("samples", samples).copy()
    if block.ndim != 2 or np.isinf(block).any():
        raise ValueError("samples must have two dimensions and be finite or NaN (missing)")
    base = _baseline(len(block), fix_after, exclude)
    size = (~np.isnan(block)).sum(axis=1)
    mean, ranges, deviations = _statistics(block, size)
    process = _process_sigma(chosen, size, (ranges, deviations), base, compat)
    value, centre, sigma = mean, np.full(len(block), np.nan), process / np.sqrt(np.maximum(size, 1))
    if kind == "xbar":
        used = block[base]
        known = used[~np.isnan(used)]
        if len(known):
            centre[:] = math.fsum(known.tolist()) / len(known)
    else:
        value = ranges if kind == "r" else deviations
        expected, spreads = _constants(size, kind, compat)
        centre, sigma = expected * process, spreads * process
    gone = np.isnan(value)
    sigma = np.where(gone, np.nan, sigma)
    floor = -np.inf if kind == "xbar" else 0.0
    return SubgroupChart(
        kind=kind,
        value=value,
        size=size,
        mean=centre,
        lower=np.maximum(centre - 3.0 * sigma, floor),
        upper=centre + 3.0 * sigma,
        sigma=sigma,
        process_sigma=process,
    )


def _baseline(length: int, fix_after: int | None, exclude: Sequence[int]) -> NDArray[np.bool_]:
    if fix_after is not None:
        check_whole("fix_after", fix_after, 1)
    base = np.arange(length) < (length if fix_after is None else fix_after)
    for position in exclude:
        if not 0 <= position < length:
            raise ValueError(f"exclude {position} is outside the {length} samples")
        base[position] = False
    return base


def _statistics(block: Floats, size: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Mean, range and standard deviation of each sample, NaN where it has too few values."""
    mean, ranges, deviations = (np.full(len(block), np.nan) for _ in range(3))
    for i, row in enumerate(block):
        known = row[~np.isnan(row)]
        if size[i]:
            mean[i] = math.fsum(known.tolist()) / size[i]
        if size[i] > 1:
            ranges[i] = known.max() - known.min()
            deviations[i] = np.std(known, ddof=1)
    return mean, ranges, deviations


def _constants(size: NDArray[np.int64], kind: str, compat: str) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a sample's R or s in sigmas, NaN below two values."""
    expected, spread = np.full(len(size), np.nan), np.full(len(size), np.nan)
    for n in {int(one) for one in size if one > 1}:
        mean = d2(n) if kind == "r" else c4(n)
        if kind == "r" and compat == "qcc":
            mean = round(mean, 3)
        expected[size == n] = mean
        spread[size == n] = d3(n) if kind == "r" else math.sqrt(1.0 - mean * mean)
    return expected, spread


def _process_sigma(
    spread: str,
    size: NDArray[np.int64],
    statistics: tuple[Floats, Floats],
    base: NDArray[np.bool_],
    compat: str,
) -> Floats:
    """Sigma within samples, one entry per sample; NaN without a sample of two values."""
    used = base & (size > 1)
    if not used.any():
        return np.full(len(size), np.nan)
    ranges, deviations = statistics
    if spread == "pooled":
        freedom = (size[used] - 1).astype(np.float64)
        pooled = math.sqrt(float(freedom @ deviations[used] ** 2) / float(freedom.sum()))
        if compat == "qcc":
            return np.full(len(size), pooled / c4(int(freedom.sum()) + 1))
        # A single value has no c4; its share of the pooled spread is taken as it is.
        return pooled / np.where(size > 1, _constants(size, "s", compat)[0], 1.0)
    kind, statistic = ("r", ranges) if spread.endswith("ranges") else ("s", deviations)
    expected, deviation = _constants(size[used], kind, compat)
    weights = np.ones(len(expected))
    if spread.startswith("weighted"):
        weights = (expected / deviation) ** 2
    estimates = weights * statistic[used] / expected
    return np.full(len(size), math.fsum(estimates.tolist()) / math.fsum(weights.tolist()))
