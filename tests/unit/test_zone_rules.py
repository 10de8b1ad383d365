from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.zone_monitor import ZoneMonitor
from detectors.charts.zone_rules import RULES, zone_signals

NAN = float("nan")


def found(values, rule_set="nelson", sigma=1.0, **settings):
    """Numbers of the rules complete at each point, about a centre of 0."""
    bits = zone_signals(values, 0.0, sigma, rule_set=rule_set, **settings)
    return [[r + 1 for r in range(8) if bit >> r & 1] for bit in bits.tolist()]


def points_of(rule, values, **settings):
    return [i for i, rules in enumerate(found(values, **settings)) if rule in rules]


def test_each_set_has_its_rules():
    assert (len(RULES["western_electric"]), len(RULES["nelson"])) == (4, 8)


def test_beyond_three_sigma_is_strict():
    assert points_of(1, [3.0, 3.01, -3.0, -3.5]) == [1, 3]


@pytest.mark.parametrize("side", [1, -1])
def test_two_of_three_flags_the_second_of_the_two_and_no_bystander(side):
    values = [side * y for y in (0.1, 2.5, 0.3, 2.1, 0.2, 0.1)]

    assert points_of(2, values, rule_set="western_electric") == [3]
    assert points_of(5, values) == [3]


def test_a_pattern_of_three_needs_three_points():
    assert points_of(5, [2.5, 2.5, 0.1]) == []
    assert points_of(5, [0.0, 2.5, 2.5]) == [2]


def test_two_beyond_two_sigma_on_opposite_sides_are_no_pattern():
    assert points_of(5, [0.0, 2.5, -2.5, 0.1]) == []


def test_four_of_five_need_the_fourth_to_be_the_point_itself():
    values = [1.5, 1.2, 0.2, 1.1, 1.3, 0.5, 1.4]

    assert points_of(6, values) == [4]
    assert points_of(3, values, rule_set="western_electric") == [4]


def test_western_electric_takes_eight_on_one_side_and_nelson_nine():
    values = [0.1, 0.2] * 5

    assert points_of(4, values, rule_set="western_electric") == [7, 8, 9]
    assert points_of(2, values) == [8, 9]


def test_a_point_on_the_centre_line_breaks_a_run():
    assert points_of(4, [0.1] * 7 + [0.0] + [0.1] * 7, rule_set="western_electric") == []


def test_six_rising_points_are_five_strict_steps():
    assert points_of(3, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == [5, 6]
    assert points_of(3, [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]) == [5]
    assert points_of(3, [0.0, 0.1, 0.2, 0.2, 0.3, 0.4, 0.5]) == []


def test_fourteen_alternating_points_are_thirteen_turns_of_direction():
    values = [0.1 * (-1) ** i for i in range(15)]

    assert points_of(4, values) == [13, 14]
    assert points_of(4, values[:6] + values[5:]) == []


def test_fifteen_within_one_sigma_include_the_line_itself():
    assert points_of(7, [1.0, -1.0, 0.2, 0.3] * 4) == [14, 15]
    assert points_of(7, [1.001] + [0.5, -0.5] * 7) == []


def test_eight_beyond_one_sigma_must_be_on_both_sides():
    assert points_of(8, [1.5, -1.5] * 4) == [7]
    assert points_of(8, [1.5] * 8) == []


def test_a_missing_value_breaks_every_pattern():
    assert points_of(5, [0.0, 2.5, NAN, 2.5, 0.1]) == []
    assert points_of(2, [0.1] * 8 + [NAN] + [0.1] * 8) == []
    assert found([NAN]) == [[]]


def test_a_point_without_a_sigma_is_not_judged():
    assert found([9.0, 9.0], sigma=[0.0, 1.0]) == [[], [1]]
    assert found([9.0, 9.0], sigma=[NAN, 1.0]) == [[], [1]]


def test_each_point_is_placed_by_its_own_sigma():
    assert points_of(5, [0.0, 2.5, 12.0], sigma=[1.0, 1.0, 5.0]) == [2]
    assert points_of(5, [0.0, 2.5, 12.0], sigma=[1.0, 1.0, 5.0], compat="qcc") == []


def test_nothing_crosses_into_another_stretch():
    group = np.array([0, 0, 1, 1], np.int32)

    assert points_of(5, [0.0, 2.5, 2.5, 0.1], group=group) == []


def test_rules_are_chosen_by_number():
    assert found([9.0, 9.0, 9.0], rules=(5,)) == [[], [], [5]]
    assert found([9.0, 9.0, 9.0], rules=(1,)) == [[1], [1], [1]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule_set": "montgomery"}, "rule_set must be one of western_electric, nelson, not"),
        ({"rules": (9,)}, "rules of nelson go from 1 to 8, not 9"),
        ({"compat": "minitab"}, "compat must be one of published, qcc"),
        ({"sigma": [1.0]}, "2 values but sigma of shape"),
    ],
)
def test_bad_settings_are_refused_with_a_clear_error(settings, message):
    with pytest.raises(ValueError, match=message):
        found([1.0, 2.0], **settings)


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        found([float("inf")])
    with pytest.raises(ValueError, match="finite"):
        ZoneMonitor(centre=0.0, sigma=1.0).update(float("inf"))


@pytest.mark.parametrize(("centre", "sigma"), [(NAN, 1.0), (0.0, 0.0), (0.0, float("inf"))])
def test_a_monitor_needs_a_centre_and_a_sigma(centre, sigma):
    with pytest.raises(ValueError, match="must be"):
        ZoneMonitor(centre=centre, sigma=sigma)


def test_online_a_value_may_bring_its_own_sigma():
    monitor = ZoneMonitor(centre=0.0, sigma=1.0)

    assert [monitor.update(y, s) for y, s in ((4.0, 2.0), (4.0, 1.0))] == [0, 1]
