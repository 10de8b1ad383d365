"""The four special-cause rules of NHS "Making Data Count" charts.

1. a point beyond a limit;
2. a trend: seven points that each rise, or each fall (six strict differences);
3. two of three: two of three consecutive points in the outer third (see ``TwoOfThree``);
4. a shift: seven consecutive points on one side of the mean.

When several hold at one point, the first in that list names it. A point exactly on the
mean breaks a shift, an equal neighbour breaks a trend, a missing value breaks both, and
every comparison is strict. Nothing crosses a rebase: the rules start afresh there.

Two views are given, and they differ on purpose. ``completing`` says at which point a rule
became true, using nothing later: this is what an observer on the day could have known.
``marked`` colours every member of the pattern, as a printed chart does, so it reaches back
in time. ``advance`` and its parts are the one implementation behind both, and behind the
columnar bank.

Sources: NHS England, Making Data Count; NHSRplotthedots 0.2.2, whose output the
reference tests reproduce. With known limits and independent Gaussian data the four rules
together give a false signal every 86 points on average, so they explain a chart and must
not raise alerts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, check_whole

SHIFT_POINTS = 7
TREND_POINTS = 7
LONGEST_PATTERN = 100  # counts are kept in one byte in the bank

# One bit per rule and direction, in order of precedence.
ABOVE_LIMIT, BELOW_LIMIT, TREND_UP, TREND_DOWN, TWO_HIGH, TWO_LOW, SHIFT_HIGH, SHIFT_LOW = (
    1 << bit for bit in range(8)
)
HIGH_BITS = ABOVE_LIMIT | TREND_UP | TWO_HIGH | SHIFT_HIGH

SPECIAL_CAUSES = (
    "Common Cause",
    "Above UCL",
    "Below LCL",
    "7 Point Trend (Increasing)",
    "7 Point Trend (Decreasing)",
    "2 in 3 Above CL",
    "2 in 3 Below CL",
    "7 Points Above CL",
    "7 Points Below CL",
)
"""Names of the codes that ``leading_rule`` gives (code 0 is no signal)."""

TwoOfThree = Literal["plot_the_dots", "making_data_count_2023", "power_bi"]
"""Three live readings of "two out of three points in the outer third"; none is the only one.

``plot_the_dots``
    NHSRplotthedots 0.2.2: the two lie beyond 2/3 of the limit but not beyond the limit
    itself, and all three points are on the same side of the mean.
``making_data_count_2023``
    NHS England's single-chart tool since November 2023: points beyond the limit count too.
``power_bi``
    The Power BI SPC visual: the signs of the points beyond 2/3 of the limit are added over
    three points and must reach two, wherever the third lies; two points suffice at the start.
"""
TWO_OF_THREE: dict[str, int] = {"plot_the_dots": 0, "making_data_count_2023": 1, "power_bi": 2}


@dataclass(frozen=True, slots=True)
class Limits:
    """Centre line and limits per point, each an array of the series' length, in its unit."""

    mean: Floats
    lower: Floats
    upper: Floats
    near_lower: Floats
    near_upper: Floats


@dataclass(frozen=True, slots=True)
class Signals:
    """Rule bits per point: of the rules ``completing`` there, and of those it is ``marked`` by."""

    completing: NDArray[np.uint8]
    marked: NDArray[np.uint8]


@compiled
def zone_of(
    value: float, mean: float, lower: float, upper: float, near_lower: float, near_upper: float
) -> int:
    """Place a value: 3 beyond the limit, 2 in the outer third, 1 inside, signed by its side.

    0 is a point on the mean or a missing one; unknown limits (NaN) leave only the side. The
    lines must be in order, from the lower limit to the upper.
    """
    above = int(value > mean) + int(value > near_upper) + int(value > upper)
    below = int(value < mean) + int(value < near_lower) + int(value < lower)
    return above - below


@compiled
def extend(count: int, up: bool, down: bool, longest: int) -> int:  # noqa: FBT001 - a kernel
    """Signed length of a pattern after one more step up, down or neither, capped."""
    rising = min(max(count, 0) + 1, longest)
    falling = max(min(count, 0) - 1, -longest)
    return rising * int(up) + falling * int(down)


@compiled
def is_outer(zone: int, variant: int) -> int:
    """1 or 0: whether a point of ``zone`` (positive side) counts towards two of three."""
    return int(zone == 2) + int(zone == 3) * int(variant != 0)


@compiled
def two_of_three_high(zone: int, before: int, earlier: int, variant: int) -> int:
    """1 or 0: whether the last three zones meet two of three on the positive side."""
    outer = is_outer(zone, variant) + is_outer(before, variant) + is_outer(earlier, variant)
    # The third point: on the same side, or for Power BI anywhere but in the opposite outer zone.
    floor = -2 * int(variant == 2)
    together = int(zone > floor) * int(before > floor) * int(earlier > floor)
    return int(outer >= 2) * together


@compiled
def limit_bits(zone: int) -> int:
    """Bits of rule 1 for a point in ``zone``."""
    return ABOVE_LIMIT * int(zone == 3) + BELOW_LIMIT * int(zone == -3)


@compiled
def trend_bits(trend: int, steps: int) -> int:
    """Bits of rule 2 after ``trend`` signed differences, of which ``steps`` are needed."""
    return TREND_UP * int(trend == steps) + TREND_DOWN * int(trend == -steps)


@compiled
def two_of_three_bits(zone: int, before: int, earlier: int, variant: int) -> int:
    """Bits of rule 3 for the last three zones, newest first."""
    high = two_of_three_high(zone, before, earlier, variant)
    return TWO_HIGH * high + TWO_LOW * two_of_three_high(-zone, -before, -earlier, variant)


@compiled
def shift_bits(run: int, shift_points: int) -> int:
    """Bits of rule 4 after a signed run, of which ``shift_points`` are needed."""
    return SHIFT_HIGH * int(run == shift_points) + SHIFT_LOW * int(run == -shift_points)


@compiled
def advance(
    value: float,
    previous: float,
    zone: int,
    before: int,
    earlier: int,
    run: int,
    trend: int,
    shift_points: int,
    trend_points: int,
    variant: int,
) -> tuple[int, int, int]:
    """Take one point and give (run, trend, bits of the rules complete at this point).

    ``run`` is the signed number of latest points on one side of the mean, ``trend`` the
    signed number of latest strict differences; both are capped where they stop mattering,
    so the state stays small however long the series is. The parts are written without
    branches, which a processor cannot guess on noise, so that a bank can run each of them
    over many series at once.
    """
    run = extend(run, zone > 0, zone < 0, shift_points)
    steps = trend_points - 1
    trend = extend(trend, value > previous, value < previous, steps)
    bits = (
        limit_bits(zone)
        + trend_bits(trend, steps)
        + two_of_three_bits(zone, before, earlier, variant) * int(abs(value) < np.inf)
        + shift_bits(run, shift_points)
    )
    return run, trend, bits


@compiled
def _scan(
    values: Floats,
    mean: Floats,
    lower: Floats,
    upper: Floats,
    near_lower: Floats,
    near_upper: Floats,
    group: NDArray[np.int32],
    shift_points: int,
    trend_points: int,
    variant: int,
    completing: NDArray[np.uint8],
    marked: NDArray[np.uint8],
) -> None:
    zones = np.zeros(len(values), np.int64)
    run, trend, start = 0, 0, 0
    for i in range(len(values)):
        if i > 0 and group[i] != group[i - 1]:
            run, trend, start = 0, 0, i
        zone = zone_of(values[i], mean[i], lower[i], upper[i], near_lower[i], near_upper[i])
        zones[i] = zone
        previous = values[i - 1] if i > start else np.nan
        before = zones[i - 1] if i > start else 0
        earlier = zones[i - 2] if i > start + 1 else 0
        run, trend, bits = advance(
            values[i],
            previous,
            zone,
            before,
            earlier,
            run,
            trend,
            shift_points,
            trend_points,
            variant,
        )
        completing[i] = bits
        marked[i] |= bits & (ABOVE_LIMIT | BELOW_LIMIT)
        for j in range(i - trend_points + 1, i + 1):
            if bits & (TREND_UP | TREND_DOWN):  # a turning point goes with the later trend
                marked[j] = marked[j] & ~(TREND_UP | TREND_DOWN) | bits & (TREND_UP | TREND_DOWN)
        for j in range(i - shift_points + 1, i + 1):
            if bits & (SHIFT_HIGH | SHIFT_LOW):
                marked[j] |= bits & (SHIFT_HIGH | SHIFT_LOW)
        if bits & (TWO_HIGH | TWO_LOW):
            side = 1 if bits & TWO_HIGH else -1
            for j in range(max(start, i - 2), i + 1):
                if is_outer(zones[j] * side, variant):
                    marked[j] |= bits & (TWO_HIGH | TWO_LOW)


def check_lengths(shift_points: int, trend_points: int) -> None:
    """Raise ``ValueError`` unless both pattern lengths are within 2 to ``LONGEST_PATTERN``."""
    for name, points in (("shift_points", shift_points), ("trend_points", trend_points)):
        check_whole(name, points, 2)
        if points > LONGEST_PATTERN:
            raise ValueError(f"{name} must be from 2 to {LONGEST_PATTERN}, not {points}")


def variant_of(two_of_three: str) -> int:
    """Code of a two-of-three variant; raises ``ValueError`` for an unknown name."""
    check_choice("two_of_three", two_of_three, TWO_OF_THREE)
    return TWO_OF_THREE[two_of_three]


def find_signals(
    values: Floats,
    limits: Limits,
    *,
    group: NDArray[np.int32] | None = None,
    two_of_three: str = "plot_the_dots",
    shift_points: int = SHIFT_POINTS,
    trend_points: int = TREND_POINTS,
) -> Signals:
    """Apply the four rules to one series.

    ``values`` and the arrays of ``limits`` have shape (points,); NaN is a missing value.
    ``group`` numbers the stretches between rebases. Raises ``ValueError`` for an unknown
    variant or a pattern length that makes no sense.
    """
    check_lengths(shift_points, trend_points)
    variant = variant_of(two_of_three)
    groups = np.zeros(len(values), np.int32) if group is None else group
    completing = np.zeros(len(values), np.uint8)
    marked = np.zeros(len(values), np.uint8)
    lines = (limits.mean, limits.lower, limits.upper, limits.near_lower, limits.near_upper)
    _scan(values, *lines, groups, shift_points, trend_points, variant, completing, marked)
    return Signals(completing, marked)


def leading_rule(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Code (index into ``SPECIAL_CAUSES``) of the rule that takes precedence at each point."""
    return _LEADING[bits]


_LEADING = np.array([0] + [(bits & -bits).bit_length() for bits in range(1, 256)], dtype=np.uint8)
