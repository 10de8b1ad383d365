"""Limits of one stretch of a series, between two rebases, for every kind of chart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from detectors.charts.attribute import OVERDISPERSED, AttributeKind, attribute_limits, ratios
from detectors.charts.nhs_rules import Floats, Limits
from detectors.charts.rare import g_limits, t_limits
from detectors.charts.xmr import D2, LIMIT_FACTOR, TOO_FEW_POINTS, ZERO_MOVING_RANGE, xmr_limits

ChartKind = Literal["xmr", "p", "u", "c", "p_prime", "u_prime", "g", "t"]
KINDS = ("xmr", "p", "u", "c", "p_prime", "u_prime", "g", "t")
NEEDS_DENOMINATORS = frozenset({"p", "u", "p_prime", "u_prime"})

Compat = Literal["", "plotthedots", "qicharts2"]
"""Behaviour of a named package where it departs from the published method.

``plotthedots``: flags points although the average moving range is zero.
``qicharts2``: XmR limits by 3 / 1.128 instead of the rounded 2.66.
"""

ZERO_GAP = "zero_gap"
REASONS = {
    "": "the chart is meaningful",
    TOO_FEW_POINTS: "too few known points for limits",
    ZERO_MOVING_RANGE: "the average moving range is zero, so an XmR chart has no limits",
    ZERO_GAP: "two events at the same time leave a gap that a t chart cannot show",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Limits between two rebases, on the scale of the plotted values."""

    limits: Limits
    points: int
    reason: str = ""
    suggested_kind: str = ""
    sigma_z: float = math.nan


def fit_stretch(
    kind: str,
    counts: Floats,
    below: Floats,
    base: NDArray[np.bool_],
    per: float,
    screen: bool,  # noqa: FBT001 - passed through from the keyword of ``chart``
    compat: str,
) -> Stretch:
    """Limits at every point of one stretch, from the points in ``base``.

    ``counts`` and ``below`` are the values and their denominators (ones where a kind has
    none), shape (points,).
    """
    value = ratios(counts, below)
    points = int((base & ~np.isnan(value)).sum())
    if kind == "g":
        reason = "" if points else TOO_FEW_POINTS
        return Stretch(_scaled(g_limits(value, base), per), points, reason)
    if kind == "t":
        if (value == 0.0).any():
            unknown = np.full(len(value), np.nan)
            nowhere = Limits(unknown, unknown, unknown, unknown, unknown)
            return Stretch(nowhere, points, ZERO_GAP, "g")
        limits, inner = t_limits(value, base, screen=screen)
        return Stretch(_scaled(limits, per), points, inner.reason)
    if kind == "xmr":
        found = xmr_limits(
            np.where(base, per * value, np.nan),
            screen=screen,
            factor=3.0 / D2 if compat == "qicharts2" else LIMIT_FACTOR,
            keep_zero_range=compat == "plotthedots",
        )
        better = ""
        if found.reason == ZERO_MOVING_RANGE:
            better = "c" if (below == 1.0).all() else "u"
        return Stretch(found.along(len(value)), points, found.reason, better)
    simple = cast("AttributeKind", kind[0])
    laney = kind.endswith("_prime")
    fitted = attribute_limits(simple, counts, below, base, laney=laney, screen=screen)
    reason, better = "", ""
    if not points:
        reason = TOO_FEW_POINTS
    elif laney and not fitted.sigma_z > 0.0:
        reason, better = ZERO_MOVING_RANGE, simple
    elif not laney and simple != "c" and fitted.sigma_z > OVERDISPERSED:
        better = f"{simple}_prime"
    limits = _scaled(fitted.limits, per)
    if reason:
        unknown = np.full(len(value), np.nan)
        limits = Limits(limits.mean, unknown, unknown, unknown, unknown)
    return Stretch(limits, points, reason, better, fitted.sigma_z)


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
