from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.nhs_rules import (
    ABOVE_LIMIT,
    SHIFT_HIGH,
    SHIFT_LOW,
    SPECIAL_CAUSES,
    TREND_DOWN,
    TREND_UP,
    TWO_HIGH,
    TWO_LOW,
    Limits,
    find_signals,
    leading_rule,
)


def lines(length, *, mean=0.0, sigma=1.0):
    """Limits at three sigma, near limits at two."""
    at = (mean, mean - 3 * sigma, mean + 3 * sigma, mean - 2 * sigma, mean + 2 * sigma)
    return Limits(*(np.full(length, line) for line in at))


def signals(values, **settings):
    values = np.array(values, float)
    return find_signals(values, lines(len(values)), **settings)


def names(values, **settings):
    return [SPECIAL_CAUSES[code] for code in leading_rule(signals(values, **settings).marked)]


def test_a_point_on_the_limit_is_not_beyond_it():
    assert names([3.0, 3.0000001, -3.0, -3.1]) == [
        "Common Cause",
        "Above UCL",
        "Common Cause",
        "Below LCL",
    ]


def test_a_shift_is_known_at_its_seventh_point_and_then_marks_all_seven():
    found = signals([-0.5, 0.1, 0.5, 0.2, 0.6, 0.1, 0.3, 0.2])

    assert found.completing.tolist() == [0] * 7 + [SHIFT_HIGH]
    assert found.marked.tolist() == [0] + [SHIFT_HIGH] * 7


def test_six_points_on_one_side_are_no_shift():
    assert not signals([-0.1, -0.2, -0.1, -0.3, -0.1, -0.2, 0.1]).marked.any()


def test_a_point_on_the_mean_breaks_a_shift():
    values = [-0.1, -0.2, -0.1, 0.0, -0.1, -0.2, -0.1, -0.3]

    assert not (signals(values).completing & SHIFT_LOW).any()


def test_a_trend_needs_six_strict_differences():
    rising = [-1.2, -0.8, -0.4, 0.1, 0.5, 0.9, 1.3]

    assert signals(rising).completing.tolist() == [0] * 6 + [TREND_UP]
    assert not signals([*rising[:3], -0.4, *rising[3:6]]).marked.any()


def test_a_turning_point_belongs_to_the_later_trend():
    rise = [-1.5, -1.0, -0.5, 0.2, 0.6, 1.0, 1.4]
    found = names(rise + rise[-2::-1])

    assert found[5:8] == [
        "7 Point Trend (Increasing)",
        "7 Point Trend (Decreasing)",
        "7 Point Trend (Decreasing)",
    ]


def test_a_missing_value_breaks_every_pattern_and_signals_nothing():
    missing = float("nan")
    values = [0.1, 0.2, 0.3, missing, 0.4, 0.5, 0.6, 0.7, 2.5, missing, 2.5]

    assert not signals(values).marked.any()
    assert not signals([2.5, 2.5, missing], two_of_three="power_bi").completing[2]


def test_nothing_crosses_a_rebase():
    values = np.array([0.1, 0.3, 0.2, 0.4, 2.5, 2.5, 0.6])
    group = np.array([0, 0, 0, 0, 0, 1, 1], np.int32)
    found = find_signals(values, lines(7), group=group)

    assert not found.completing.any()


@pytest.mark.parametrize(
    ("values", "plot_the_dots", "making_data_count_2023", "power_bi"),
    [
        # Two in the outer third, the third on the same side: every reading.
        ([0.5, 2.5, 2.5, -0.5], [1, 2], [1, 2], [1, 2]),
        ([2.5, 0.5, 2.5, -0.5], [0, 2], [0, 2], [0, 2]),
        # The third on the other side: Power BI only.
        ([-0.5, 2.5, 2.5, -0.5], [], [], [1, 2]),
        ([2.5, -0.5, 2.5, -0.5], [], [], [0, 2]),
        # One beyond the limit: it counts for the newer tool and for Power BI.
        ([0.5, 2.5, 3.5, -0.5], [], [1, 2], [1, 2]),
        # Opposite outer points cancel in Power BI.
        ([2.5, -2.5, 2.5, 0.5], [], [], []),
        # Two points at the very start.
        ([2.5, 2.5], [], [], [0, 1]),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_three_readings_of_two_of_three_differ_as_documented(
    values, plot_the_dots, making_data_count_2023, power_bi, side
):
    for variant, expected in (
        ("plot_the_dots", plot_the_dots),
        ("making_data_count_2023", making_data_count_2023),
        ("power_bi", power_bi),
    ):
        marked = signals([side * value for value in values], two_of_three=variant).marked
        bit = TWO_HIGH if side > 0 else TWO_LOW

        assert np.flatnonzero(marked & bit).tolist() == expected, variant


def test_the_first_rule_in_the_list_names_a_point():
    # Rising through seven points to beyond the limit, after a shift.
    found = signals([0.1, 0.2, 0.4, 0.8, 1.2, 2.2, 2.6, 3.5])

    assert found.marked[-1] & (ABOVE_LIMIT | TREND_UP | SHIFT_HIGH) == (
        ABOVE_LIMIT | TREND_UP | SHIFT_HIGH
    )
    assert leading_rule(found.marked)[-3:].tolist() == [3, 3, 1]
    assert leading_rule(np.array([TREND_DOWN | TWO_HIGH | SHIFT_HIGH], np.uint8)).tolist() == [4]
    assert leading_rule(np.array([TWO_HIGH | SHIFT_HIGH], np.uint8)).tolist() == [5]


def test_pattern_lengths_are_settings():
    values = [0.1, 0.3, 0.2, 0.4, 0.1]

    assert signals(values, shift_points=5).marked.all()
    assert not signals(values).marked.any()


def test_senseless_settings_are_refused():
    with pytest.raises(ValueError, match="two_of_three must be one of plot_the_dots"):
        signals([1.0], two_of_three="mdc")
    with pytest.raises(ValueError, match="shift_points must be at least 2"):
        signals([1.0], shift_points=1)
    with pytest.raises(ValueError, match="trend_points must be from 2 to 100"):
        signals([1.0], trend_points=500)


def test_unknown_limits_leave_the_rules_about_the_mean():
    values = np.array([0.1, 0.3, 0.2, 0.4, 0.1, 0.3, 9.0])
    unknown = np.full(7, np.nan)
    found = find_signals(values, Limits(np.zeros(7), unknown, unknown, unknown, unknown))

    assert found.completing.tolist() == [0] * 6 + [SHIFT_HIGH]
