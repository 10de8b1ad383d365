from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.icons import (
    ASSURANCE_ICONS,
    VARIATION_ICONS,
    assurance_icon,
    point_types,
    variation_icon,
)

HIGH, LOW = 7, 8  # a shift above, a shift below
FALLING = 4


@pytest.mark.parametrize(
    ("cause", "direction", "icon"),
    [
        (0, "up", "common_cause"),
        (HIGH, "up", "improvement_high"),
        (LOW, "up", "concern_low"),
        (HIGH, "down", "concern_high"),
        (LOW, "down", "improvement_low"),
        (HIGH, "neutral", "neutral_high"),
        (LOW, "neutral", "neutral_low"),
        (FALLING, "down", "improvement_low"),
    ],
)
def test_the_variation_icon_says_which_way_and_whether_that_is_good(cause, direction, icon):
    assert variation_icon(cause, direction) == icon
    assert icon in VARIATION_ICONS


@pytest.mark.parametrize(
    ("target", "direction", "icon"),
    [
        (4.0, "up", "consistent_pass"),
        (16.0, "up", "consistent_fail"),
        (4.0, "down", "consistent_fail"),
        (16.0, "down", "consistent_pass"),
        (10.0, "up", "inconsistent"),
        (5.0, "up", "inconsistent"),
        (15.0, "down", "inconsistent"),
        (4.0, "neutral", None),
        (None, "up", None),
        (float("nan"), "up", None),
    ],
)
def test_the_assurance_icon_compares_the_target_with_the_limits(target, direction, icon):
    assert assurance_icon(target, 5.0, 15.0, direction) == icon
    assert icon is None or icon in ASSURANCE_ICONS


def test_without_limits_nothing_is_assured():
    assert assurance_icon(4.0, float("nan"), float("nan"), "up") is None


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="direction must be one of"):
        point_types(np.array([0], np.uint8), "increase")
