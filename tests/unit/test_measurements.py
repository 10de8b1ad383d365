from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.measurement_terms import clipped, log_moment
from detectors.single_series.measurements import watch_measurements

WATCH = {"budget1": 0.2, "budget2": 0.05, "per_year": WEEKS_PER_YEAR, "minimum": 26}


@pytest.mark.parametrize(("nu", "b"), [(12, 3.0), (12, -3.0), (25, 1.0), (50, 5.0), (100, -8.0)])
def test_the_moment_ratio_is_the_integral_over_the_unknown_spread(nu, b):
    def integral(slope: float) -> float:
        peak = (slope + math.sqrt(slope * slope + 4 * (nu - 1))) / 2
        top = (nu - 1) * math.log(peak) - peak * peak / 2 + slope * peak
        value, _ = integrate.quad(
            lambda v: math.exp((nu - 1) * math.log(v) - v * v / 2 + slope * v - top),
            1e-9, peak + 20, points=[peak], limit=500,
        )  # fmt: skip
        return top + math.log(value)

    assert log_moment(nu, b) - log_moment(nu, 0.0) == pytest.approx(
        integral(b) - integral(0.0), abs=1e-3
    )


def test_a_shift_of_one_sd_is_found_within_a_quarter_and_dated():
    x = made.measurements(np.random.default_rng(2), series=30, periods=150, changed=104, shift=1)

    found = watch_measurements(x, concern="rise", **WATCH)

    first = {e.series: e for e in reversed(found) if e.opened >= 104}
    assert len(first) >= 26
    assert np.median([e.opened for e in first.values()]) <= 117
    assert abs(np.median([e.onset for e in first.values()]) - 104) <= 4


def test_the_unit_of_measurement_does_not_matter():
    x = made.measurements(np.random.default_rng(4), series=4, periods=120, changed=80, shift=1.5)

    kelvin = watch_measurements(1000 * x, concern="rise", **WATCH)
    plain = watch_measurements(x, concern="rise", **WATCH)

    assert [(e.series, e.opened, e.onset) for e in kelvin] == [
        (e.series, e.opened, e.onset) for e in plain
    ]


def test_a_single_wild_value_does_not_raise_an_alert_and_two_do():
    x = np.tile([4.0, 4.4, 4.2, 4.6, 4.3], 14)
    x[60] = 40.0
    assert watch_measurements(x, concern="rise", **WATCH) == []
    x[60:62] = 40.0
    x[62:] = 40.0
    (episode,) = watch_measurements(x, concern="rise", **WATCH)

    assert episode.opened <= 62


def test_winter_does_not_raise_an_alert_once_a_year_has_been_seen():
    rng = np.random.default_rng(6)
    x = made.measurements(rng, series=40, periods=156, season=1.5)

    found = watch_measurements(x, concern="rise", **{**WATCH, "minimum": 52})

    assert len(found) <= 40 * 2 * 0.2 * 1.6


def test_a_constant_series_that_falls_is_found_and_a_small_blip_in_it_is_not():
    full = np.full(60, 100.0)
    full[45:] = 80.0
    assert watch_measurements(full, concern="fall", **WATCH)[0].opened <= 48
    full[45:] = 100.0
    full[50] = 99.5

    assert watch_measurements(full, concern="fall", **WATCH) == []


def test_a_series_of_zeros_says_nothing():
    assert watch_measurements(np.zeros(60), concern="both", **WATCH) == []


def test_missing_values_neither_count_nor_break_anything():
    x = np.tile([4.0, 4.4, 4.2, 4.6, 4.3], 24)
    x[80:] += 0.5
    x[10:14] = x[81] = math.nan

    (episode,) = watch_measurements(x, concern="rise", **WATCH)

    assert 80 <= episode.opened <= 92
    assert not math.isnan(episode.log_evidence)


def test_a_concern_either_way_finds_both_and_has_no_improvement():
    x = np.tile([4.0, 4.4, 4.2, 4.6, 4.3], 24)
    x[60:] -= 0.6

    (episode,) = watch_measurements(x, concern="both", improvement_budget=0.1, **WATCH)

    assert (episode.direction, episode.way) == ("concern", "both")


def test_values_are_bounded_by_what_came_before_them():
    x = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 50.0, 2.0])
    out = np.empty(9)

    clipped(x, out)

    assert (out[:7] == x[:7]).all()
    assert 3 < out[7] < 6
    assert out[8] == 2.0


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        watch_measurements([1.0, math.inf], concern="rise", **WATCH)
