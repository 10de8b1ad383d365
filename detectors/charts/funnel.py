"""Funnel plots: units of different size against one target, with limits that narrow.

Limits at 95 % and 99.8 % are 1.959964 and 3.090232 standard errors from the target, on the
transformed scale of ``funnel_scores``, and transformed back:

    spread(n) = sqrt(s(n)^2 + tau2)     additive overdispersion (a random effect between units)
              = s(n) sqrt(phi)          multiplicative, where phi > 1
              = s(n)                    none

    proportion     sin^2 of the angle, kept between 0 and 90 degrees
    ratio, log     exp(-+ z spread)
    ratio, root    (1 -+ z spread)^2, kept above 0
    counts         target exp(-+ z spread), s(n) with target n events expected

Unadjusted limits of standardised ratios are exact Poisson ones: with E expected, half the
chi-squared quantiles of 2 E and 2 (E + 1) degrees of freedom, over E.

Sources: see ``funnel_scores``. ``compat="FunnelPlotR"`` follows FunnelPlotR 0.6.0 where it
differs: root limits are not squared (so they sit on another scale than the ratios drawn with
them, and flag too many), limits of counts take s = 1 / (2 sqrt n) although the scores take the
s above, and expected events are rounded to two decimals for the scores and limits (not the
ratios) on the log scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.charts.funnel_scores import (
    FunnelKind,
    FunnelScores,
    Overdispersion,
    Transform,
    Treatment,
    funnel_scores,
    overdispersion,
    ratio_of_counts_error,
)
from detectors.demands import check_choice, check_whole, numbers

Z95 = 1.959964
Z998 = 3.090232

Adjustment = Literal["additive", "multiplicative", "none"]
Compatibility = Literal["published", "FunnelPlotR"]


@dataclass(frozen=True, slots=True)
class FunnelLimits:
    """Limits by denominator, each of the denominators' shape, on the ratio's scale."""

    denominators: Floats
    lower95: Floats
    upper95: Floats
    lower998: Floats
    upper998: Floats


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel plot: scores of the units, their spread, and limits at any denominator."""

    kind: FunnelKind
    transform: Transform
    denominators: Floats
    scores: FunnelScores
    spread: Overdispersion
    adjustment: Adjustment
    compat: Compatibility

    @property
    def phi(self) -> float:
        """Dispersion of the treated scores, 1 by chance alone."""
        return self.spread.phi

    @property
    def tau2(self) -> float:
        """Variance between units beyond chance that the limits allow for."""
        return self.spread.tau2 if self.adjustment == "additive" else 0.0

    @property
    def overdispersed(self) -> bool:
        """Whether adjusted limits are the ones to judge by: asked for, and phi above 1."""
        return self.adjustment != "none" and self.phi > 1.0

    @property
    def adjusted_z(self) -> Floats:
        """Scores with overdispersion allowed for, shape (units,)."""
        scores = self.scores
        adjusted: Floats = (scores.transformed - scores.centre) / self._widened(scores.errors)
        return adjusted

    def limits_at(self, denominators: ArrayLike, *, adjusted: bool = True) -> FunnelLimits:
        """Limits at each of the denominators, NaN where one is missing or not positive."""
        n = numbers("denominators", denominators).copy()
        n = np.where(n > 0.0, n, np.nan)
        if not adjusted and self.kind == "ratio":
            return FunnelLimits(n, *_poisson_limits(n))
        error = self._error_at(n)
        width = self._widened(error) if adjusted else error
        return FunnelLimits(
            n,
            *(self._back(self.scores.centre + z * width) for z in (-Z95, Z95, -Z998, Z998)),
        )

    def limits(self, *, adjusted: bool = True) -> FunnelLimits:
        """Limits at the units' own denominators."""
        return self.limits_at(self.denominators, adjusted=adjusted)

    def curves(self, points: int = 200, *, adjusted: bool = True) -> FunnelLimits:
        """Limits over the range of the units, for drawing: closer together where they bend.

        Raises ``ValueError`` for fewer than two points or when no unit is known.
        """
        check_whole("points", points, 2)
        known = self.denominators[~np.isnan(self.denominators)]
        if not len(known):
            raise ValueError("no unit has a denominator to draw limits at")
        low, high = 0.9 * known.min(), 1.05 * known.max()
        return self.limits_at(np.geomspace(low, high, points), adjusted=adjusted)

    def outside(self, level: Literal[95, 998] = 998) -> Booleans:
        """Which units lie outside the limits (95 or 99.8 %), False for missing ones.

        The limits are the adjusted ones where the units are overdispersed, else the plain ones.
        Raises ``ValueError`` for another level.
        """
        check_choice("level", level, (95, 998))
        limits = self.limits(adjusted=self.overdispersed)
        low = limits.lower95 if level == 95 else limits.lower998
        high = limits.upper95 if level == 95 else limits.upper998
        beyond: Booleans = (self.scores.ratios < low) | (self.scores.ratios > high)
        return beyond

    def _widened(self, errors: Floats) -> Floats:
        if self.adjustment == "multiplicative":
            return errors * math.sqrt(max(1.0, self.phi))
        wide: Floats = np.sqrt(errors**2 + self.tau2)
        return wide

    def _error_at(self, n: Floats) -> Floats:
        if self.kind == "ratio" and self.transform == "log":
            return 1.0 / np.sqrt(n)
        if self.kind == "counts" and self.compat == "published":
            return ratio_of_counts_error(self.scores.target * n, n)
        return 0.5 / np.sqrt(n)

    def _back(self, y: Floats) -> Floats:
        if self.kind == "proportion":
            return np.asarray(np.sin(np.clip(y, 0.0, math.pi / 2)) ** 2)
        if self.kind == "ratio" and self.transform == "root":
            if self.compat == "FunnelPlotR":
                return y
            return np.maximum(y, 0.0) ** 2
        return np.exp(y)


def funnel(
    observed: ArrayLike,
    denominators: ArrayLike,
    *,
    kind: FunnelKind,
    transform: Transform = "log",
    target: float | None = None,
    adjustment: Adjustment = "additive",
    treatment: Treatment | None = None,
    share: float = 0.1,
    compat: Compatibility = "published",
) -> Funnel:
    """A funnel plot of units, both inputs of shape (units,), NaN where missing.

    Args:
        observed: Events by unit.
        denominators: Opportunities (proportion), expected events (ratio) or the other count.
        kind: ``"proportion"``, ``"ratio"`` (indirectly standardised) or ``"counts"``.
        transform: Of a ratio: ``"log"`` as the SHMI, ``"root"`` as the CQC.
        target: Reference proportion or ratio of counts; the pooled one unless given.
        adjustment: For overdispersion: ``"additive"``, ``"multiplicative"`` or ``"none"``.
        treatment: Of extreme scores: ``"trim"`` or ``"winsorise"``; as published, trimmed for
            ratios on the log scale and winsorised otherwise.
        share: Part of the units treated at each end.
        compat: ``"FunnelPlotR"`` to follow that package (see the module).

    Raises ``ValueError`` as ``funnel_scores`` and ``overdispersion`` do, and for unknown settings.
    """
    check_choice("transform", transform, ("log", "root"))
    check_choice("adjustment", adjustment, ("additive", "multiplicative", "none"))
    check_choice("compat", compat, ("published", "FunnelPlotR"))
    logs = kind == "ratio" and transform == "log"
    n = numbers("denominators", denominators).copy()
    scores = funnel_scores(observed, n, kind=kind, transform=transform, target=target)
    if logs and compat == "FunnelPlotR":
        n = np.round(n, 2)
        rounded = funnel_scores(observed, n, kind=kind, transform=transform)
        scores = replace(rounded, ratios=scores.ratios)
    usual: Treatment = "trim" if logs else "winsorise"
    spread = overdispersion(scores, treatment=treatment or usual, share=share)
    n = np.where(np.isnan(scores.z), np.nan, n)
    return Funnel(kind, transform, n, scores, spread, adjustment, compat)


def _poisson_limits(expected: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Exact Poisson limits of O / E at 95 % and 99.8 %: lower, upper, lower, upper."""
    from scipy.special import gammaincinv  # noqa: PLC0415 - scipy is slow to import

    # Half a chi-squared quantile with 2 a degrees of freedom is a gamma quantile of shape a.
    def lower(tail: float) -> Floats:
        return np.asarray(gammaincinv(expected, tail) / expected)

    def upper(tail: float) -> Floats:
        return np.asarray(gammaincinv(expected + 1.0, 1.0 - tail) / expected)

    return lower(0.025), upper(0.025), lower(0.001), upper(0.001)
