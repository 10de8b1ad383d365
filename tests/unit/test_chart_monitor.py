from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.chart import chart
from detectors.charts.monitor import ChartMonitor
from detectors.charts.nhs_rules import ABOVE_LIMIT, SHIFT_HIGH
from detectors.charts.xmr import XmrMonitor

FALLS = [4, 6, 5, 7, 4, 5, 6, 5, 4, 6, 5, 6]
NAN = float("nan")


def monitored(values, kind, **settings):
    monitor = ChartMonitor(kind=kind, baseline=12, **settings)
    return [monitor.update(value) for value in values]


def test_limits_breathe_with_the_denominator_after_the_baseline():
    monitor = ChartMonitor(kind="u", baseline=12)
    for count in FALLS:
        monitor.update([count, 500.0])

    assert monitor.update([14, 1_000.0]) == 0
    assert monitor.update([14, 500.0]) == ABOVE_LIMIT


def test_an_xmr_chart_is_that_of_the_xmr_monitor():
    values = [*FALLS, 6.0, 7.5, NAN, 6.0, 6.5, 8.0, 7.0, 6.5, 6.0, 7.0, 12.0]
    plain = XmrMonitor(baseline=12)

    assert [plain.update(value) for value in values] == monitored(values, "xmr")


def test_moving_ranges_are_taken_between_the_observations():
    values = [*FALLS, 5.0, 5.0, 14.0]

    assert monitored(values, "mr")[-2:] == [0, ABOVE_LIMIT]


def test_numbers_and_proportions_signal_alike():
    pairs = [[count, 40.0] for count in [*FALLS, 20]]

    assert monitored(pairs, "np")[-1] == monitored(pairs, "p")[-1] == ABOVE_LIMIT


def test_a_shift_of_a_count_is_known_at_its_seventh_point():
    assert monitored([*FALLS, *[6] * 6], "c")[-2:] == [0, SHIFT_HIGH]


def test_a_point_without_size_breaks_the_patterns_and_is_not_judged():
    pairs = [[count, 500.0] for count in FALLS] + [[6, 500.0]] * 5
    broken = [*pairs, [0, 0.0], [6, 500.0]]

    assert monitored([*pairs, [6, 500.0]], "u")[-1] == SHIFT_HIGH
    assert monitored(broken, "u")[-2:] == [0, 0]


def test_a_rebase_starts_a_new_baseline():
    monitor = ChartMonitor(kind="c", baseline=12)
    for value in FALLS:
        monitor.update(value)
    monitor.rebase()
    signals = [monitor.update(value + 100.0) for value in FALLS]

    assert not any(signals)


def test_without_meaningful_limits_it_says_why_and_stays_silent():
    monitor = ChartMonitor(kind="xmr", baseline=12)
    signals = [monitor.update(value) for value in [0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 1, 9, 9]]

    assert monitor.reason in {"sparse_counts", "zero_moving_range"}
    assert not any(signals)


def test_fewer_known_points_than_wanted_give_no_limits():
    values = [4.0, NAN, 6.0, NAN, 5.0, NAN, 7.0, NAN, 4.0, NAN, 5.0, NAN, 90.0]

    assert monitored(values, "xmr", minimum_points=7)[-1] == 0
    assert monitored(values, "c", minimum_points=6)[-1] == ABOVE_LIMIT


@pytest.mark.parametrize("kind", ["g", "t"])
def test_a_long_gap_between_rare_events_is_seen(kind):
    gaps = [9.0, 14.0, 6.0, 11.0, 25.0, 3.0, 8.0, 12.0, 5.0, 17.0, 10.0, 7.0]

    assert monitored([*gaps, 400.0], kind)[-1] == ABOVE_LIMIT


def test_a_gap_of_nothing_after_the_baseline_is_a_short_gap():
    gaps = [9.0, 14.0, 6.0, 11.0, 25.0, 3.0, 8.0, 12.0, 5.0, 17.0, 10.0, 7.0]
    drawn = chart([*gaps, 0.0], kind="t", direction="up", fix_after=12)

    assert drawn.reason == ""
    assert monitored([*gaps, 0.0], "t")[-1] == int(drawn.completing[-1])


@pytest.mark.parametrize(
    ("kind", "observation", "message"),
    [
        ("u", 4.0, "a u chart needs pairs of value and denominator"),
        ("c", [4.0, 5.0], "a c chart takes single values"),
        ("p", [6.0, 5.0], "exceeds its denominator"),
        ("c", -1.0, "no negative"),
        ("xmr", np.inf, "finite"),
        ("xmr", [1.0, 2.0, 3.0], "not shape"),
    ],
)
def test_an_impossible_observation_is_refused(kind, observation, message):
    with pytest.raises(ValueError, match=message):
        ChartMonitor(kind=kind).update(observation)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "pareto"}, "kind must be one of"),
        ({"kind": "c", "baseline": 1}, "baseline must be at least 2, not 1"),
        ({"kind": "p", "limits": "probability"}, "c, u and g charts, not p"),
        ({"kind": "c", "limits": "poisson"}, "limits must be one of"),
        ({"kind": "c", "minimum_points": 0}, "minimum_points must be at least 1, not 0"),
        ({"kind": "c", "per": 0.0}, "per must be positive"),
        ({"kind": "i_prime", "compat": "qicharts2"}, "points yet to come"),
        ({"kind": "c", "two_of_three": "mdc"}, "two_of_three must be one of"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ChartMonitor(**settings)
