"""Point colours, variation and assurance icons of "Making Data Count" charts.

The *variation* icon speaks about the latest point: common cause, or a special cause that is
a concern or an improvement, high or low; where neither direction is better it is neutral.
The *assurance* icon compares the target with the limits in force at the latest point: the
process will consistently pass it, consistently fail it, or hit and miss.

A trend is coloured by its direction, not by the side of the mean it happens to be on: a
series that falls towards its mean from above is falling.

Names follow NHSRplotthedots 0.2.2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.demands import check_choice

DIRECTIONS = ("up", "down", "neutral")
"""Which way is better."""

POINT_TYPES = (
    "common_cause",
    "special_cause_improvement",
    "special_cause_concern",
    "special_cause_neutral_high",
    "special_cause_neutral_low",
)
COMMON_CAUSE, IMPROVEMENT, CONCERN, NEUTRAL_HIGH, NEUTRAL_LOW = range(5)

VARIATION_ICONS = (
    "common_cause",
    "improvement_high",
    "improvement_low",
    "concern_high",
    "concern_low",
    "neutral_high",
    "neutral_low",
)
ASSURANCE_ICONS = ("consistent_pass", "consistent_fail", "inconsistent")


def point_types(causes: NDArray[np.uint8], direction: str) -> NDArray[np.uint8]:
    """Index into ``POINT_TYPES`` for codes of ``nhs_rules.SPECIAL_CAUSES``, same shape.

    Odd codes are signals upwards, even ones downwards, 0 is none. Raises ``ValueError`` for an
    unknown direction.
    """
    check_choice("direction", direction, DIRECTIONS)
    if direction == "neutral":
        high, low = NEUTRAL_HIGH, NEUTRAL_LOW
    elif direction == "up":
        high, low = IMPROVEMENT, CONCERN
    else:
        high, low = CONCERN, IMPROVEMENT
    upwards = causes % 2 == 1
    return np.where(causes == 0, COMMON_CAUSE, np.where(upwards, high, low)).astype(np.uint8)


def variation_icon(cause: int, direction: str) -> str:
    """Variation icon for the special-cause code of the latest point; errors as ``point_types``."""
    kind = int(point_types(np.array([cause], np.uint8), direction)[0])
    if kind == COMMON_CAUSE:
        return "common_cause"
    side = "high" if cause % 2 else "low"
    meaning = {IMPROVEMENT: "improvement", CONCERN: "concern"}.get(kind, "neutral")
    return f"{meaning}_{side}"


def assurance_icon(target: float | None, lower: float, upper: float, direction: str) -> str | None:
    """Assurance icon for the limits in force at the latest point.

    None where there is no target, no limits, or no better direction. A target exactly on a
    limit is neither assured nor out of reach: hit and miss. Raises ``ValueError`` for an unknown
    direction.
    """
    check_choice("direction", direction, DIRECTIONS)
    if target is None or direction == "neutral":
        return None
    if math.isnan(target) or math.isnan(lower) or math.isnan(upper):
        return None
    if lower <= target <= upper:
        return "inconsistent"
    passes = target < lower if direction == "up" else target > upper
    return "consistent_pass" if passes else "consistent_fail"
