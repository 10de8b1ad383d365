"""The design of a one-sided CUSUM of counts, apart from any data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CountCusum:
    """Design of a one-sided CUSUM of counts.

    S = max(0, S + slope x - intercept) with an alarm at ``h``: Lucas's chart for rises has
    slope 1 and intercept k, one for falls slope -1 and intercept -k; the log likelihood
    ratios of ``likelihood_ratios`` give others.

    Args:
        slope: Change of the increment with one more count, not zero.
        intercept: What every point takes off the statistic.
        h: Decision interval, in the unit of the statistic.
        alarm: ``"exceeded"`` when S > h alarms, ``"reached"`` when S >= h does.
        head_start: Value of S before the first point, from 0 to below ``h``.

    Raises ``ValueError`` for values out of range, and for a chart that could never fall back
    (or never rise), where slope and intercept have different signs.
    """

    slope: float
    intercept: float
    h: float
    alarm: str = "exceeded"
    head_start: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope != 0.0):
            raise ValueError(f"slope must be finite and not zero, not {self.slope}")
        if not (math.isfinite(self.intercept) and self.intercept / self.slope > 0.0):
            raise ValueError(
                f"intercept must be finite with the sign of slope {self.slope}, "
                f"not {self.intercept}"
            )
        if not 0.0 < self.h < math.inf:
            raise ValueError(f"h must be positive and finite, not {self.h}")
        if self.alarm not in {"exceeded", "reached"}:
            raise ValueError(f"alarm must be 'exceeded' or 'reached', not {self.alarm!r}")
        if not 0.0 <= self.head_start < self.h:
            raise ValueError(
                f"head_start must be at least 0 and below h {self.h}, not {self.head_start}"
            )

    @property
    def drift(self) -> float:
        """Reference value: the count per point at which the statistic stays where it is."""
        return self.intercept / self.slope
