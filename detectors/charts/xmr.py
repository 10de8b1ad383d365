"""The XmR (individuals and moving range) chart, in batch and streaming.

    limits = mean(y) +- 2.66 * AMR,   AMR = mean |y_i - y_{i-1}|

2.66 is 3 / d2 with d2 = 1.128 for ranges of two (Shewhart; Wheeler & Chambers,
*Understanding Statistical Process Control*). With ``screen`` the ranges that are not
strictly below 3.267 * AMR are left out of the AMR, once, and the mean is left alone
(L. S. Nelson, "Control charts for individual measurements", Journal of Quality
Technology 14, 1982). The near limits, two thirds of the way, serve the two-of-three rule.

A missing value removes both ranges next to it. When the average moving range is zero,
because the series is constant or because screening removed every range that was not zero
(common in sparse counts: at a mean of 0.1 a period, in 78 % of baselines of 24 points), an
XmR chart is not meaningful and no limits are given: a count chart is needed there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.charts.nhs_rules import (
    SHIFT_POINTS,
    TREND_POINTS,
    Limits,
    check_lengths,
    find_signals,
    variant_of,
)
from detectors.charts.rule_walk import RuleWalk
from detectors.charts.sparse import SPARSE_COUNTS, is_sparse
from detectors.conformance import Subject
from detectors.demands import check_whole, number, numbers

LIMIT_FACTOR = 2.66
RANGE_SCREEN = 3.267
D2 = 1.128
MINIMUM_BASELINE = 12
LARGEST = 1e100
"""Values beyond it are refused: their squares, or sums of many, are no longer numbers."""

TOO_FEW_POINTS = "too_few_points"
ZERO_MOVING_RANGE = "zero_moving_range"


@dataclass(frozen=True, slots=True)
class XmrLimits:
    """Natural process limits of one stretch of a series, in the series' unit.

    ``reason`` is empty when the limits are meaningful; otherwise it is one of the reason
    codes of this module and every limit is NaN (the mean is still given where it exists).
    ``points`` counts the values used, ``screened`` the moving ranges left out.
    """

    mean: float
    lower: float
    upper: float
    near_lower: float
    near_upper: float
    average_range: float
    points: int
    screened: int
    reason: str

    @property
    def trial(self) -> bool:
        """Whether the baseline is too short (below 12 points) to be more than a trial."""
        return self.points < MINIMUM_BASELINE

    @property
    def sigma(self) -> float:
        """Standard deviation implied by the moving range, a third of the way to the limit."""
        return (self.upper - self.mean) / 3.0

    def along(self, length: int) -> Limits:
        """The same limits at each of ``length`` points."""
        lines = (self.mean, self.lower, self.upper, self.near_lower, self.near_upper)
        return Limits(*(np.full(length, line) for line in lines))


def moving_ranges(values: Floats) -> Floats:
    """Absolute successive differences, shape (points - 1,); NaN next to a missing value."""
    return np.abs(np.diff(values))


def average_moving_range(ranges: Floats, *, screen: bool) -> tuple[float, int]:
    """Mean of the known ranges and the number screened out; NaN when none is known.

    Screening is one pass and keeps ranges strictly below 3.267 times the first average,
    so a series of equal values keeps none and yields NaN.
    """
    known = ranges[~np.isnan(ranges)]
    if not len(known):
        return math.nan, 0
    average = exact_mean(known)
    if not screen:
        return average, 0
    kept = known[known < RANGE_SCREEN * average]
    return (exact_mean(kept) if len(kept) else math.nan), len(known) - len(kept)


def exact_mean(values: Floats) -> float:
    """Mean by a correctly rounded sum, so that a value equal to the mean is seen as equal.

    Whether a point lies exactly on the centre line decides a run; a sum that depends on the
    order of addition would decide it by accident.
    """
    return math.fsum(values.tolist()) / len(values)


def xmr_limits(
    values: ArrayLike,
    *,
    screen: bool = True,
    factor: float = LIMIT_FACTOR,
    keep_zero_range: bool = False,
) -> XmrLimits:
    """Limits of one stretch: ``values`` of shape (points,), NaN where missing.

    ``factor`` is 2.66 as the NHS tools have it; 3 / 1.128 gives the unrounded constant that
    qicharts2 uses. ``keep_zero_range`` reproduces packages that draw limits equal to the
    mean when the average range is zero. Raises ``ValueError`` for infinite values and those
    beyond ``LARGEST``.
    """
    row = numbers("values", values)
    if row.ndim != 1:
        raise ValueError(f"values must have one dimension, not {row.ndim}")
    if (np.abs(row) > LARGEST).any():
        raise ValueError(f"values must be finite, at most {LARGEST:g}, or NaN (missing)")
    known = row[~np.isnan(row)]
    mean = exact_mean(known) if len(known) else math.nan
    ranges = moving_ranges(row)
    average, screened = average_moving_range(ranges, screen=screen)
    reason = ""
    if np.isnan(ranges).all():
        reason = TOO_FEW_POINTS
    elif (math.isnan(average) or average == 0.0) and not keep_zero_range:
        reason = ZERO_MOVING_RANGE
    reach = math.nan if reason else factor * average
    near = reach * 2.0 / 3.0
    return XmrLimits(
        mean=mean,
        lower=mean - reach,
        upper=mean + reach,
        near_lower=mean - near,
        near_upper=mean + near,
        average_range=average,
        points=len(known),
        screened=screened,
        reason=reason,
    )


def charted_limits(values: Floats, *, screen: bool = True) -> XmrLimits:
    """Limits as a chart has them: none for sparse counts, whose ranges say too little."""
    found = xmr_limits(values, screen=screen)
    if found.reason or not is_sparse(values):
        return found
    none = math.nan
    return replace(
        found, lower=none, upper=none, near_lower=none, near_upper=none, reason=SPARSE_COUNTS
    )


class XmrMonitor:
    """XmR chart with the four NHS rules, one value at a time.

    Whole counts with a mean below one are not judged (``sparse``), as on a chart.

    The first ``baseline`` values set the limits. Until then each value is judged by trial
    limits of the values so far, exactly as a chart drawn on that day would; afterwards the
    limits stay and the state no longer grows. A signal is given at the point that completes
    a rule, never before: seven points on one side of the mean signal at the seventh.

    Args:
        baseline: Values that fix the limits. More values give steadier limits and fewer
            false signals, and keep the chart on trial limits for longer.
        screen: Leave unusually large moving ranges out of the limits.
        two_of_three: Reading of the two-of-three rule (``nhs_rules.TwoOfThree``).
        shift_points: Points on one side that make a shift. Fewer are quicker and less sure.
        trend_points: Points that make a trend. Fewer are quicker and less sure.

    Example:
        >>> monitor = XmrMonitor(baseline=12)
        >>> signals = [monitor.update(y) for y in [4, 6, 5, 7, 4, 5, 6, 5, 4, 6, 5, 6, 14]]
        >>> signals[-1]  # ABOVE_LIMIT
        1

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        baseline: int = 24,
        screen: bool = True,
        two_of_three: str = "plot_the_dots",
        shift_points: int = SHIFT_POINTS,
        trend_points: int = TREND_POINTS,
    ) -> None:
        check_whole("baseline", baseline, 2)
        check_lengths(shift_points, trend_points)
        self.baseline = baseline
        self.screen = screen
        self.two_of_three = two_of_three
        self.shift_points = shift_points
        self.trend_points = trend_points
        self._variant = variant_of(two_of_three)
        self.rebase()

    def rebase(self) -> None:
        """Start a new stretch: the next value is the first of a new baseline."""
        self.limits: XmrLimits | None = None
        self._first: list[float] = []
        self._walk = RuleWalk(
            self._variant, shift_points=self.shift_points, trend_points=self.trend_points
        )

    def update(self, value: float) -> int:
        """Take the next value (NaN if missing) and give the bits of the rules it completes.

        Raises ``ValueError`` for an infinite value or one beyond ``LARGEST``.
        """
        value = number("a value", value)
        if abs(value) > LARGEST:
            raise ValueError(f"a value must be finite, at most {LARGEST:g}, or NaN (missing)")
        if len(self._first) < self.baseline:
            return self._learn(value)
        return self._judge(value)

    def _learn(self, value: float) -> int:
        self._first.append(value)
        values = np.array(self._first)
        self.limits = charted_limits(values, screen=self.screen)
        if self.limits.reason:
            return 0
        if len(self._first) == self.baseline:
            return [self._judge(earlier) for earlier in self._first][-1]
        signals = find_signals(
            values,
            self.limits.along(len(values)),
            two_of_three=self.two_of_three,
            shift_points=self.shift_points,
            trend_points=self.trend_points,
        )
        return int(signals.completing[-1])

    def _judge(self, value: float) -> int:
        limits = self.limits
        if limits is None or limits.reason:
            return 0
        return self._walk.step(
            value,
            (limits.mean, limits.lower, limits.upper, limits.near_lower, limits.near_upper),
        )


def latest_signal(values: Floats, **settings: object) -> int:
    """Signal at the last of ``values`` by a whole chart: what ``XmrMonitor`` must agree with."""
    template = XmrMonitor(**settings)  # type: ignore[arg-type] # settings are checked there
    limits = charted_limits(values[: template.baseline], screen=template.screen)
    if limits.reason:
        return 0
    signals = find_signals(
        values,
        limits.along(len(values)),
        two_of_three=template.two_of_three,
        shift_points=template.shift_points,
        trend_points=template.trend_points,
    )
    return int(signals.completing[-1])


def _sample(rng: np.random.Generator) -> NDArray[np.float64]:
    values = np.round(rng.normal(10.0, 2.0, 90), 1)
    values[60:] += 3.0
    return values


CONFORMANCE = (
    Subject(
        name="xmr",
        make=XmrMonitor,
        sample=_sample,
        latest=latest_signal,
        missing="breaks",
    ),
)
