"""Limits of one stretch of a series, between two rebases, for every kind of chart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.charts.attribute import OVERDISPERSED, AttributeKind, attribute_limits, ratios
from detectors.charts.nhs_rules import Limits
from detectors.charts.normalised import normalised_limits
from detectors.charts.rare import g_limits, t_limits
from detectors.charts.sparse import (
    SPARSE_COUNTS,
    SPARSE_MEAN,
    is_sparse,
    predictive_limits,
)
from detectors.charts.xmr import (
    D2,
    LIMIT_FACTOR,
    RANGE_SCREEN,
    TOO_FEW_POINTS,
    ZERO_MOVING_RANGE,
    exact_mean,
    xmr_limits,
)
from detectors.demands import check_choice, check_positive, check_whole

ChartKind = Literal[
    "xmr", "mr", "i_prime", "p", "np", "u", "c", "p_prime", "u_prime", "g", "t"
]  # fmt: skip
KINDS = ("xmr", "mr", "i_prime", "p", "np", "u", "c", "p_prime", "u_prime", "g", "t")
NEEDS_DENOMINATORS = frozenset({"i_prime", "p", "np", "u", "p_prime", "u_prime"})
TAKES_NO_DENOMINATORS = frozenset({"mr", "c", "g", "t"})

Compat = Literal["published", "plotthedots", "qicharts2", "qcc"]
"""The published method, or a named package's behaviour where it departs from that.

``plotthedots``: flags points although the average moving range is zero.
``qicharts2``: XmR limits by 3 / 1.128 instead of the rounded 2.66; neighbours of an excluded
    point are adjacent; the spread of an i' chart comes from every point; near limits of a
    moving range chart at two thirds of the upper limit.
``qcc``: XmR limits by 3 / 1.128 too.

With any package sparse counts are charted as if they were plentiful.
"""
COMPATS = ("published", "plotthedots", "qicharts2", "qcc")

LimitKind = Literal["auto", "three_sigma", "probability"]
"""How the limits of c, u and g charts are made.

``three_sigma``: centre +- 3 standard deviations, as published.
``probability``: quantiles at the same chances, for c and u of the next count given the
    baseline (``sparse``), for g of the geometric distribution (``rare``).
``auto``: three sigma, but probability for c and u charts with less than one event a point.
"""
LIMIT_KINDS = ("auto", "three_sigma", "probability")
HAVE_PROBABILITY = frozenset({"c", "u", "g"})

ZERO_GAP = "zero_gap"
NO_VARIATION = "no_variation"
REASONS = {
    "": "the chart is meaningful",
    TOO_FEW_POINTS: "too few known points for limits",
    ZERO_MOVING_RANGE: "the average moving range is zero, so an XmR chart has no limits",
    SPARSE_COUNTS: "fewer than one event a period on average, too few for an XmR chart",
    NO_VARIATION: "the points behind the limits leave no room for chance",
    ZERO_GAP: "two events at the same time leave a gap that a t chart cannot show",
}


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How limits are made; the fields are the arguments of ``chart`` of the same name."""

    kind: str
    per: float = 1.0
    screen: bool = True
    limits: str = "auto"
    ordered: bool = True
    minimum_points: int = 1
    compat: str = "published"

    def check(self) -> None:
        """Raise ``ValueError`` for settings that do not exist or do not go together."""
        for name, known in (("kind", KINDS), ("limits", LIMIT_KINDS), ("compat", COMPATS)):
            check_choice(name, getattr(self, name), known)
        if self.limits == "probability" and self.kind not in HAVE_PROBABILITY:
            raise ValueError(f"limits by probability are for c, u and g charts, not {self.kind}")
        check_whole("minimum_points", self.minimum_points, 1)
        check_positive("per", self.per)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Limits between two rebases, on the scale of the plotted values."""

    limits: Limits
    points: int
    reason: str = ""
    suggested_kind: str = ""
    sigma_z: float = math.nan
    sigma: Floats = field(default_factory=lambda: np.empty(0))
    limits_by: str = "three_sigma"


def plotted(kind: str, counts: Floats, below: Floats) -> Floats:
    """What a chart plots before ``per``, shape (points,); NaN where it cannot be known."""
    if kind == "np":
        return np.where(below > 0, counts, np.nan)
    return ratios(counts, below)


def fit_stretch(
    counts: Floats, below: Floats, base: NDArray[np.bool_], settings: FitSettings
) -> Stretch:
    """Limits at every point of one stretch, from the points in ``base``.

    ``counts`` and ``below`` are the values and their denominators (ones where a kind has
    none), shape (points,); for a moving range chart the values are the ranges already.
    """
    fit = _FITS.get(settings.kind, _attribute)
    found = fit(counts, below, base, settings)
    if found.reason != TOO_FEW_POINTS and found.points < settings.minimum_points:
        return Stretch(_without(found.limits), found.points, TOO_FEW_POINTS, sigma=_nan(counts))
    return found


def _nan(like: Floats) -> Floats:
    return np.full(len(like), np.nan)


def _without(limits: Limits) -> Limits:
    """Only the centre line of ``limits``."""
    unknown = _nan(limits.mean)
    return Limits(limits.mean, unknown, unknown, unknown, unknown)


def _points(values: Floats, base: NDArray[np.bool_]) -> int:
    return int((base & ~np.isnan(values)).sum())


def _factor(settings: FitSettings) -> float:
    return 3.0 / D2 if settings.compat in {"qicharts2", "qcc"} else LIMIT_FACTOR


def _xmr(counts: Floats, below: Floats, base: NDArray[np.bool_], settings: FitSettings) -> Stretch:
    value = settings.per * ratios(counts, below)
    adjoin = settings.compat == "qicharts2"
    found = xmr_limits(
        value[base] if adjoin else np.where(base, value, np.nan),
        screen=settings.screen,
        factor=_factor(settings),
        keep_zero_range=settings.compat == "plotthedots",
    )
    reason, better = found.reason, ""
    if not reason and settings.compat == "published" and is_sparse(np.where(base, counts, np.nan)):
        reason = SPARSE_COUNTS
    if reason in {ZERO_MOVING_RANGE, SPARSE_COUNTS}:
        better = "c" if (below == 1.0).all() else "u"
    limits, sigma = found.along(len(value)), np.full(len(value), found.sigma)
    if reason:
        limits, sigma = _without(limits), _nan(value)
    return Stretch(limits, found.points, reason, better, sigma=sigma)


def _mr(ranges: Floats, _: Floats, base: NDArray[np.bool_], settings: FitSettings) -> Stretch:
    used = ranges[base & ~np.isnan(ranges)]
    centre = settings.per * exact_mean(used) if len(used) else math.nan
    sigma = (RANGE_SCREEN - 1.0) / 3.0 * centre
    near = centre + 2.0 * sigma
    if settings.compat == "qicharts2":
        near = RANGE_SCREEN * 2.0 / 3.0 * centre
    lines = (centre, 0.0, RANGE_SCREEN * centre, max(centre - 2.0 * sigma, 0.0), near)
    limits = Limits(*(np.full(len(ranges), line) for line in lines))
    reason = ""
    if not centre > 0.0 and settings.compat != "plotthedots":
        reason = ZERO_MOVING_RANGE if len(used) else TOO_FEW_POINTS
        limits, sigma = _without(limits), math.nan
    return Stretch(limits, len(used), reason, sigma=np.full(len(ranges), sigma))


def _i_prime(
    counts: Floats, below: Floats, base: NDArray[np.bool_], settings: FitSettings
) -> Stretch:
    limits, sigma, spread = normalised_limits(
        counts,
        below,
        base,
        screen=settings.screen,
        spread_of_all=settings.compat == "qicharts2",
    )
    points, reason = _points(ratios(counts, below), base), ""
    if not spread > 0.0:
        no_range = points < 2 or (math.isnan(spread) and not settings.screen)
        reason = TOO_FEW_POINTS if no_range else ZERO_MOVING_RANGE
        limits, sigma = _without(limits), _nan(counts)
    return Stretch(_scaled(limits, settings.per), points, reason, sigma=settings.per * sigma)


def _g(counts: Floats, _: Floats, base: NDArray[np.bool_], settings: FitSettings) -> Stretch:
    exact = settings.limits == "probability"
    limits = _scaled(g_limits(counts, base, exact=exact), settings.per)
    points = _points(counts, base)
    reason = "" if points else TOO_FEW_POINTS
    by = "probability" if exact else "three_sigma"
    return Stretch(limits, points, reason, sigma=_nan(counts), limits_by=by)


def _t(counts: Floats, _: Floats, base: NDArray[np.bool_], settings: FitSettings) -> Stretch:
    points = _points(counts, base)
    if (counts[base] == 0.0).any():
        unknown = _nan(counts)
        nowhere = Limits(unknown, unknown, unknown, unknown, unknown)
        return Stretch(nowhere, points, ZERO_GAP, "g", sigma=unknown)
    adjoin = settings.compat == "qicharts2"
    limits, inner = t_limits(counts, base, screen=settings.screen, adjoin=adjoin)
    return Stretch(_scaled(limits, settings.per), points, inner.reason, sigma=_nan(counts))


def _attribute(
    counts: Floats, below: Floats, base: NDArray[np.bool_], settings: FitSettings
) -> Stretch:
    simple = cast("AttributeKind", settings.kind.removesuffix("_prime"))
    laney = settings.kind.endswith("_prime")
    fitted = attribute_limits(
        simple,
        counts,
        below,
        base,
        laney=laney,
        screen=settings.screen,
        ordered=settings.ordered,
        adjoin=settings.compat == "qicharts2",
    )
    points = _points(ratios(counts, below), base)
    if points and _by_probability(counts, below, base, settings):
        limits = _scaled(predictive_limits(counts, below, base, rate=simple == "u"), settings.per)
        return Stretch(
            limits, points, sigma_z=fitted.sigma_z, sigma=_nan(counts), limits_by="probability"
        )
    reason, better = "", ""
    if not points:
        reason = TOO_FEW_POINTS
    elif laney and not fitted.sigma_z > 0.0:
        reason, better = ZERO_MOVING_RANGE, simple
    elif settings.compat == "published" and simple in {"p", "np"} and fitted.centre in {0.0, 1.0}:
        reason = NO_VARIATION
    elif not laney and simple in {"p", "u"} and fitted.sigma_z > OVERDISPERSED:
        better = f"{simple}_prime"
    limits, sigma = _scaled(fitted.limits, settings.per), settings.per * fitted.sigma
    if reason:
        limits, sigma = _without(limits), _nan(counts)
    return Stretch(limits, points, reason, better, fitted.sigma_z, sigma)


def _by_probability(
    counts: Floats, below: Floats, base: NDArray[np.bool_], settings: FitSettings
) -> bool:
    if settings.kind not in {"c", "u"} or settings.limits == "three_sigma":
        return False
    if settings.limits == "probability":
        return True
    known = base & (below > 0) & ~np.isnan(counts)
    if settings.compat != "published":
        return False
    return bool(math.fsum(counts[known].tolist()) < SPARSE_MEAN * known.sum())


_Fit = Callable[[Floats, Floats, NDArray[np.bool_], FitSettings], Stretch]
_FITS: dict[str, _Fit] = {"xmr": _xmr, "mr": _mr, "i_prime": _i_prime, "g": _g, "t": _t}


def _scaled(limits: Limits, per: float) -> Limits:
    return Limits(
        per * limits.mean,
        per * limits.lower,
        per * limits.upper,
        per * limits.near_lower,
        per * limits.near_upper,
    )


def join_limits(parts: list[Limits]) -> Limits:
    """The limits of consecutive stretches as those of one series."""

    def joined(name: str) -> Floats:
        return np.concatenate([getattr(part, name) for part in parts] or [np.empty(0)])

    lines = ("mean", "lower", "upper", "near_lower", "near_upper")
    return Limits(*(joined(name) for name in lines))
