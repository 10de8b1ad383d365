"""One door to every control chart: values in, limits, flags and icons out.

========  =============================================  ==========================  ==========
kind      ``values``                                     ``denominators``            module
========  =============================================  ==========================  ==========
xmr       measurements (or numerators of a ratio)        optional                    xmr
mr        measurements; their moving ranges are plotted  not used                    stretches
i_prime   numerators of a ratio                          needed                      normalised
p         numbers with the property                      needed                      attribute
np        as p, plotted as numbers                       needed                      attribute
u         counts                                         needed (exposure)           attribute
c         counts of equal opportunity                    not used                    attribute
p_prime   as p, many per point                           needed                      attribute
u_prime   as u, much exposure per point                  needed                      attribute
g         cases between events                           not used                    rare
t         time between events                            not used                    rare
========  =============================================  ==========================  ==========

Subgroups of measurements (xbar, R, S) have a door of their own, ``subgroups``; ``monitor``
runs the charts of this one value by value.

``direction`` says which way is better for the plotted value: on g and t charts of unwanted
events a longer gap is better, hence ``"up"``.

A chart that is not meaningful is still returned, without limits and flags, with a ``reason``
code and, where there is one, the kind that would serve better. What it may not do is
mislead: an XmR chart of sparse counts is refused, and c and u charts of them take their
limits from the chance of the next count (``sparse``). Nothing here raises alerts: see
``nhs_rules`` for how often stable data is flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.charts.icons import (
    DIRECTIONS,
    POINT_TYPES,
    assurance_icon,
    point_types,
    variation_icon,
)
from detectors.charts.nhs_rules import SPECIAL_CAUSES, find_signals, leading_rule
from detectors.charts.rebases import Rebase, stretches_of
from detectors.charts.stretches import (
    KINDS,
    NEEDS_DENOMINATORS,
    REASONS,
    TAKES_NO_DENOMINATORS,
    ChartKind,
    Compat,
    FitSettings,
    LimitKind,
    Stretch,
    fit_stretch,
    join_limits,
    plotted,
)
from detectors.charts.xmr import LARGEST, MINIMUM_BASELINE, TOO_FEW_POINTS, moving_ranges
from detectors.demands import check_choice, check_finite, check_whole, numbers

__all__ = [
    "KINDS",
    "POINT_TYPES",
    "REASONS",
    "SPECIAL_CAUSES",
    "Chart",
    "ChartKind",
    "Compat",
    "LimitKind",
    "Rebase",
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
        sigma: Standard deviation of each plotted value, NaN where limits do not rest on one
            (g, t, limits by probability); with it ``zone_rules`` judges the chart.
        limits_by: ``three_sigma`` or ``probability``: how the latest limits are made.
        rebases: The decisions behind the stretches, as they were given.
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
    sigma: Floats
    limits_by: str = "three_sigma"
    rebases: tuple[Rebase, ...] = ()

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
    rebase: Sequence[int | Rebase] = (),
    fix_after: int | None = None,
    exclude: Sequence[int] = (),
    screen: bool = True,
    two_of_three: str = "plot_the_dots",
    limits: LimitKind = "auto",
    ordered: bool = True,
    minimum_points: int = 1,
    compat: Compat = "published",
) -> Chart:
    """Draw a chart of one series.

    Args:
        values: Shape (points,); NaN or None is missing. See the module for each kind.
        kind: One of ``KINDS``.
        denominators: Shape (points,); a point without a positive denominator is missing.
        per: Multiplies the ratio, e.g. 1000 for falls per 1,000 bed days.
        direction: Which way is better: up, down or neutral.
        target: Target on the scale of the plotted value.
        rebase: Where a new stretch starts, in which limits and rules start afresh: decisions
            (``rebases.Rebase``), or positions for phases known by design.
        fix_after: Set the limits from the first so many points of each stretch (phase I) and
            keep them for the rest (phase II).
        exclude: Positions left out of the limits, though still plotted and judged.
        screen: Leave unusually large moving ranges out of XmR, i', t and Laney limits.
        two_of_three: Reading of the two-of-three rule (``nhs_rules.TwoOfThree``).
        limits: How the limits of c, u and g charts are made (``stretches.LimitKind``).
        ordered: Whether the points follow each other in time. Categories have no moving
            ranges: Laney's sigma_z is then the standard deviation.
        minimum_points: Fewest known baseline points for limits; below 12 they are trial
            limits anyway.
        compat: ``"published"``, or a package to follow where it departs from that
            (``stretches.Compat``).

    Raises:
        ValueError: for an unknown kind, direction, variant, limits or compat; a target that is not
            finite; shapes that differ; infinite or (where they count something) negative values;
            numerators above their denominators on p charts; positions outside the series.
    """
    settings = FitSettings(
        kind=kind,
        per=per,
        screen=screen,
        limits=limits,
        ordered=ordered,
        minimum_points=minimum_points,
        compat=compat,
    )
    settings.check()
    check_choice("direction", direction, DIRECTIONS)
    if target is not None:
        check_finite("target", target)
    counts = _numbers("values", values)
    below = _denominators(kind, denominators, len(counts))
    check_counts(kind, counts, below)
    group = stretches_of(len(counts), rebase)
    base = _baseline(group, fix_after, exclude)
    if kind == "mr":
        counts = _ranges(counts, group)
    value = per * plotted(kind, counts, below)
    stretches = [
        fit_stretch(counts[part], below[part], base[part], settings)
        for part in (group == number for number in range(int(group[-1]) + 1 if len(group) else 0))
    ]
    lines = join_limits([stretch.limits for stretch in stretches])
    signals = find_signals(value, lines, group=group, two_of_three=two_of_three)
    silent = np.isnan(lines.upper) & (compat != "plotthedots")
    causes = np.where(silent, 0, leading_rule(signals.marked)).astype(np.uint8)
    now = stretches[-1] if stretches else Stretch(lines, 0, TOO_FEW_POINTS)
    known = np.flatnonzero(~np.isnan(value) & (group == group[-1] if len(group) else False))
    latest = int(known[-1]) if len(known) and not now.reason else None
    return Chart(
        kind=kind,
        value=value,
        mean=lines.mean,
        lower=lines.lower,
        upper=lines.upper,
        near_lower=lines.near_lower,
        near_upper=lines.near_upper,
        group=group,
        special_cause=causes,
        point_type=point_types(causes, direction),
        completing=np.where(silent, 0, signals.completing).astype(np.uint8),
        variation=None if latest is None else variation_icon(int(causes[latest]), direction),
        assurance=None
        if latest is None
        else assurance_icon(
            target, float(lines.lower[latest]), float(lines.upper[latest]), direction
        ),
        trial=now.points < MINIMUM_BASELINE,
        reason=now.reason,
        suggested_kind=now.suggested_kind,
        sigma_z=now.sigma_z,
        sigma=np.concatenate([stretch.sigma for stretch in stretches] or [np.empty(0)]),
        limits_by=now.limits_by,
        rebases=tuple(one for one in rebase if isinstance(one, Rebase)),
    )


def _numbers(name: str, given: ArrayLike) -> Floats:
    row = numbers(name, given).copy()
    if row.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {row.ndim}")
    if (np.abs(row) > LARGEST).any():
        raise ValueError(f"{name} must be finite, at most {LARGEST:g}, or missing")
    return row


def _denominators(kind: str, given: ArrayLike | None, length: int) -> Floats:
    if given is None:
        if kind in NEEDS_DENOMINATORS:
            raise ValueError(f"a {kind} chart needs denominators")
        return np.ones(length)
    if kind in TAKES_NO_DENOMINATORS:
        raise ValueError(f"a {kind} chart takes no denominators")
    below = _numbers("denominators", given)
    if len(below) != length:
        raise ValueError(f"{length} values but {len(below)} denominators")
    return below


def check_counts(kind: str, counts: Floats, below: Floats) -> None:
    """Raise ``ValueError`` for numbers that a chart of ``kind`` cannot be about."""
    if kind in {"xmr", "mr", "i_prime"}:
        return
    if (counts < 0).any() or (below < 0).any():
        raise ValueError(f"a {kind} chart takes no negative values")
    if kind in {"p", "np", "p_prime"} and (counts > below).any():
        raise ValueError("a numerator exceeds its denominator")


def _ranges(values: Floats, group: NDArray[np.int32]) -> Floats:
    """The moving range at each point, NaN at the first of a stretch."""
    ranges = np.concatenate([np.full(min(len(values), 1), np.nan), moving_ranges(values)])
    ranges[1:][np.diff(group) != 0] = np.nan
    return ranges


def _baseline(
    group: NDArray[np.int32], fix_after: int | None, exclude: Sequence[int]
) -> NDArray[np.bool_]:
    base = np.ones(len(group), bool)
    if fix_after is not None:
        check_whole("fix_after", fix_after, 1)
        first = np.searchsorted(group, group)  # position at which each point's stretch starts
        base = np.arange(len(group)) - first < fix_after
    for position in exclude:
        if not 0 <= position < len(group):
            raise ValueError(f"exclude {position} is outside the {len(group)} points")
        base[position] = False
    return base
