from __future__ import annotations

import numpy as np
import pytest

from detectors.surveillance.ears import EarsMonitor, ears

FLAT = [3.0, 4.0, 5.0, 4.0, 3.0, 5.0, 4.0]


def test_c1_takes_the_seven_days_before_and_c2_leaves_out_the_last_two():
    counts = [*FLAT, 100.0, 100.0, 6.0]

    first, second = ears(counts, method="C1"), ears(counts, method="C2")

    assert [False, False, True] == first.alarm[[6, 9, 7]].tolist()
    assert np.isclose(second.statistic[9], (6.0 - np.mean(FLAT)) / np.std(FLAT, ddof=1))
    assert np.isnan(second.bound[8])


def test_c3_remembers_two_days_and_needs_them_known():
    counts = [*FLAT, *FLAT, 7.0, 7.0, 4.0, 4.0, np.nan, 4.0]

    found = ears(counts, method="C3")

    parts = np.maximum(ears(counts, method="C2").statistic - 1.0, 0.0)
    assert np.isclose(found.statistic[16], parts[14] + parts[15] + parts[16])
    assert np.isnan(found.statistic[10])
    assert np.isnan(found.statistic[18:]).all()
    assert not found.alarm[18:].any()


def test_the_bound_of_c3_is_where_its_alarm_begins():
    counts = np.random.default_rng(5).poisson(3.0, 400).astype(float)
    found = ears(counts, method="C3", min_sigma=0.5)

    known = ~np.isnan(found.statistic)
    np.testing.assert_array_equal(found.alarm[known], counts[known] > found.bound[known])
    assert np.isneginf(found.bound).any()


def test_a_constant_baseline_without_a_least_sigma_signals_at_any_rise_and_never_on_the_mean():
    counts = [0.1] * 9 + [0.1, 0.2, 0.1]

    found = ears(counts, method="C2")

    assert 0.0 == found.statistic[9]
    assert np.isposinf(found.statistic[10])
    assert [False, True, False] == found.alarm[9:].tolist()
    assert not ears(counts, method="C2", min_sigma=0.5).alarm.any()


def test_a_missing_count_leaves_the_days_that_need_it_without_a_bound():
    counts = np.array([*FLAT, *FLAT, *FLAT])
    counts[10] = np.nan

    found = ears(counts, method="C1")

    assert [7, 8, 9, 10, 18, 19, 20] == np.flatnonzero(~np.isnan(found.bound)).tolist()
    assert not found.alarm[10]


def test_many_series_are_judged_as_each_is_alone():
    counts = np.random.default_rng(6).poisson(2.0, (4, 50)).astype(float)

    together = ears(counts, method="C3", min_sigma=1.0)

    assert (4, 50) == together.alarm.shape
    for row, series in enumerate(counts):
        np.testing.assert_array_equal(
            ears(series, method="C3", min_sigma=1.0).bound, together.bound[row]
        )


def test_a_series_shorter_than_its_baseline_has_no_bound():
    assert np.isnan(ears([1.0, 2.0], method="C3").bound).all()
    assert np.isnan(ears([], method="C1").bound).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "C4"}, "method must be one of"),
        ({"baseline": 2}, "baseline must be at least 3, not 2"),
        ({"min_sigma": -0.5}, "min_sigma must be finite and not negative"),
        ({"alpha": 0.0}, "alpha must lie strictly between 0 and 1"),
        ({"method": "C3", "alpha": 0.01}, "alpha has no place in C3"),
        ({"form": "description"}, "form must be one of"),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        EarsMonitor(**settings)
