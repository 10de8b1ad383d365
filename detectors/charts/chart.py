"""One door to every control chart: values in, limits, flags and icons out.

========  =============================================  ==========================  =========
kind      ``values``                                     ``denominators``            module
========  =============================================  ==========================  =========
xmr       measurements (or numerators of a ratio)        optional                    xmr
p         numbers with the property                      needed                      attribute
u         counts                                         needed (exposure)           attribute
c         counts of equal opportunity                    not used                    attribute
p_prime   as p, many per point                           needed                      attribute
u_prime   as u, much exposure per point                  needed                      attribute
g         cases between events                           not used                    rare
t         time between events                            not used                    rare
========  =============================================  ==========================  =========

``direction`` says which way is better for the plotted value: on g and t charts of unwanted
events a longer gap is better, hence ``"up"``.

A chart that is not meaningful is still returned, without limits and flags, with a ``reason``
code and, where there is one, the kind that would serve better. What it may not do is
mislead. Nothing here raises alerts: see ``nhs_rules`` for how often stable data is flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.charts.attribute import ratios
from detectors.charts.icons import (
    POINT_TYPES,
    assurance_icon,
    check_direction,
    point_types,
    variation_icon,
)
from detectors.charts.nhs_rules import SPECIAL_CAUSES, Floats, find_signals, leading_rule
from detectors.charts.stretches import (
    KINDS,
    NEEDS_DENOMINATORS,
    REASONS,
    ChartKind,
    Compat,
    Stretch,
    fit_stretch,
    join_limits,
)
from detectors.charts.xmr import MINIMUM_BASELINE, TOO_FEW_POINTS

__all__ = [
    "KINDS",
    "POINT_TYPES",
    "REASONS",
    "SPECIAL_CAUSES",
    "Chart",
    "ChartKind",
    "Compat",
    "chart",
]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart; every array has one entry per point.

    Args:
        kind: The chart's kind.
        value: Plotted values, NaN where missing (or without a usable denominator).
        mean: Centre line.
        lower: Lower limit, NaN where there is none.
        upper: Upper limit, NaN where there is none.
        near_lower: Two thirds of the way to the lower limit.
        near_upper: Two thirds of the way to the upper limit.
        group: Number of the stretch between rebases, from 0.
        special_cause: Index into ``SPECIAL_CAUSES`` of the leading rule that marks the point.
        point_type: Index into ``POINT_TYPES``, the point's colour.
        completing: Bits (``nhs_rules``) of the rules complete at that point, using no later one.
        variation: Variation icon of the latest known point, None without limits.
        assurance: Assurance icon, None without target, limits or better direction.
        trial: Whether the limits in force rest on fewer than 12 points.
        reason: Code (key of ``REASONS``) why the latest stretch has no limits, else empty.
        suggested_kind: Kind that would serve better, else empty.
        sigma_z: Observed over expected spread of a p or u chart, NaN elsewhere.
    """

    kind: ChartKind
    value: Floats
    mean: Floats
    lower: Floats
    upper: Floats
    near_lower: Floats
    near_upper: Floats
    group: NDArray[np.int32]
    special_cause: NDArray[np.uint8]
    point_type: NDArray[np.uint8]
    completing: NDArray[np.uint8]
    variation: str | None
    assurance: str | None
    trial: bool
    reason: str
    suggested_kind: str
    sigma_z: float

    @property
    def point_type_names(self) -> list[str]:
        """Point types by name, e.g. ``special_cause_concern``."""
        return [POINT_TYPES[code] for code in self.point_type]

    @property
    def special_cause_names(self) -> list[str]:
        """Leading rules by name, e.g. ``2 in 3 Above CL``."""
        return [SPECIAL_CAUSES[code] for code in self.special_cause]


def chart(
    values: ArrayLike,
    *,
    kind: ChartKind,
    denominators: ArrayLike | None = None,
    per: float = 1.0,
    direction: str = "down",
    target: float | None = None,
    rebase: Sequence[int] = (),
    fix_after: int | None = None,
    exclude: Sequence[int] = (),
    screen: bool = True,
    two_of_three: str = "published",
    compat: Compat = "",
) -> Chart:
    """Draw a chart of one series.

    Args:
        values: Shape (points,); NaN or None is missing. See the module for each kind.
        kind: One of ``KINDS``.
        denominators: Shape (points,); a point without a positive denominator is missing.
        per: Multiplies the ratio, e.g. 1000 for falls per 1,000 bed days.
        direction: Which way is better: up, down or neutral.
        target: Target on the scale of the plotted value.
        rebase: Positions at which a new stretch starts: limits and rules start afresh there.
        fix_after: Set the limits from the first so many points of each stretch.
        exclude: Positions left out of the limits, though still plotted and judged.
        screen: Leave unusually large moving ranges out of XmR, t and Laney limits.
        two_of_three: Reading of the two-of-three rule (``nhs_rules.TwoOfThree``).
        compat: Follow a package where it departs from the published method.

    Raises:
        ValueError: for an unknown kind, direction, variant or compat; shapes that differ;
            infinite or (where they count something) negative values; numerators above
            their denominators on p charts; positions outside the series.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if compat not in ("", "plotthedots", "qicharts2"):
        raise ValueError(f"compat must be plotthedots, qicharts2 or empty, not {compat!r}")
    check_direction(direction)
    counts = _numbers("values", values)
    below = _denominators(kind, denominators, len(counts))
    _check_counts(kind, counts, below)
    group = _groups(len(counts), rebase)
    base = _baseline(group, fix_after, exclude)
    value = per * ratios(counts, below)
    stretches = [
        fit_stretch(kind, counts[part], below[part], base[part], per, screen, compat)
        for part in (group == number for number in range(int(group[-1]) + 1 if len(group) else 0))
    ]
    limits = join_limits([stretch.limits for stretch in stretches])
    signals = find_signals(value, limits, group=group, two_of_three=two_of_three)
    silent = np.isnan(limits.upper) & (compat != "plotthedots")
    causes = np.where(silent, 0, leading_rule(signals.marked)).astype(np.uint8)
    now = stretches[-1] if stretches else Stretch(limits, 0, TOO_FEW_POINTS)
    known = np.flatnonzero(~np.isnan(value) & (group == group[-1] if len(group) else False))
    latest = int(known[-1]) if len(known) and not now.reason else None
    return Chart(
        kind=kind,
        value=value,
        mean=limits.mean,
        lower=limits.lower,
        upper=limits.upper,
        near_lower=limits.near_lower,
        near_upper=limits.near_upper,
        group=group,
        special_cause=causes,
        point_type=point_types(causes, direction),
        completing=np.where(silent, 0, signals.completing).astype(np.uint8),
        variation=None if latest is None else variation_icon(int(causes[latest]), direction),
        assurance=None
        if latest is None
        else assurance_icon(
            target, float(limits.lower[latest]), float(limits.upper[latest]), direction
        ),
        trial=now.points < MINIMUM_BASELINE,
        reason=now.reason,
        suggested_kind=now.suggested_kind,
        sigma_z=now.sigma_z,
    )


def _numbers(name: str, given: ArrayLike) -> Floats:
    numbers = np.array(given, dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {numbers.ndim}")
    if np.isinf(numbers).any():
        raise ValueError(f"{name} must be finite or missing")
    return numbers


def _denominators(kind: str, given: ArrayLike | None, length: int) -> Floats:
    if given is None:
        if kind in NEEDS_DENOMINATORS:
            raise ValueError(f"a {kind} chart needs denominators")
        return np.ones(length)
    if kind in {"c", "g", "t"}:
        raise ValueError(f"a {kind} chart takes no denominators")
    below = _numbers("denominators", given)
    if len(below) != length:
        raise ValueError(f"{length} values but {len(below)} denominators")
    return below


def _check_counts(kind: str, counts: Floats, below: Floats) -> None:
    if kind == "xmr":
        return
    if (counts < 0).any() or (below < 0).any():
        raise ValueError(f"a {kind} chart takes no negative values")
    if kind in {"p", "p_prime"} and (counts > below).any():
        raise ValueError("a numerator exceeds its denominator")


def _groups(length: int, rebase: Sequence[int]) -> NDArray[np.int32]:
    starts = np.zeros(length, np.int32)
    for position in rebase:
        if not 0 < position < length:
            raise ValueError(f"rebase at {position} is outside the {length} points")
        starts[position] = 1
    return np.cumsum(starts, dtype=np.int32)


def _baseline(
    group: NDArray[np.int32], fix_after: int | None, exclude: Sequence[int]
) -> NDArray[np.bool_]:
    base = np.ones(len(group), bool)
    if fix_after is not None:
        if fix_after < 1:
            raise ValueError(f"fix_after must be at least 1, not {fix_after}")
        first = np.searchsorted(group, group)  # position at which each point's stretch starts
        base = np.arange(len(group)) - first < fix_after
    for position in exclude:
        if not 0 <= position < len(group):
            raise ValueError(f"exclude {position} is outside the {len(group)} points")
        base[position] = False
    return base
