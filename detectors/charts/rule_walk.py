"""The four NHS rules over a stream: one point after another, with its lines of the day.

Both monitors of charts (``xmr.XmrMonitor``, ``monitor.ChartMonitor``) walk the rules with it.
The state is five numbers, however long the stream is: what ``nhs_rules.advance`` needs of the
points before.
"""

from __future__ import annotations

import math

from detectors.charts.nhs_rules import SHIFT_POINTS, TREND_POINTS, advance, zone_of

Lines = tuple[float, float, float, float, float]
"""Centre line, lower and upper limit, near lower and near upper limit at one point."""


class RuleWalk:
    """The rules over one stretch of a series, starting before its first point.

    Args:
        variant: Code of the two-of-three reading (``nhs_rules.variant_of``).
        shift_points: Points on one side that make a shift.
        trend_points: Points that make a trend.

    Example:
        >>> walk = RuleWalk(0)
        >>> lines = (5.0, 2.0, 8.0, 3.0, 7.0)
        >>> [walk.step(value, lines) for value in [5.5, 6.0, 9.0]]  # ABOVE_LIMIT
        [0, 0, 1]
    """

    __slots__ = (
        "_before", "_earlier", "_previous", "_run", "_shift_points", "_trend", "_trend_points",
        "_variant",
    )  # fmt: skip

    def __init__(
        self,
        variant: int,
        *,
        shift_points: int = SHIFT_POINTS,
        trend_points: int = TREND_POINTS,
    ) -> None:
        self._variant = variant
        self._shift_points = shift_points
        self._trend_points = trend_points
        self._previous = math.nan
        self._before = self._earlier = 0
        self._run = self._trend = 0

    def step(self, value: float, lines: Lines) -> int:
        """Take the next value (NaN if missing) and give the bits of the rules it completes."""
        zone = zone_of(value, *lines)
        self._run, self._trend, bits = advance(
            value,
            self._previous,
            zone,
            self._before,
            self._earlier,
            self._run,
            self._trend,
            self._shift_points,
            self._trend_points,
            self._variant,
        )
        self._previous = value
        self._before, self._earlier = zone, self._before
        return bits
