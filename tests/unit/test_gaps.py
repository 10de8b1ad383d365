from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.single_series import simulated as made
from detectors.single_series.gaps import watch_gaps, weibull_shape

BUDGET = {"budget1": 0.2, "budget2": 0.05}


def test_events_that_come_three_times_as_often_are_found():
    g = made.gaps(np.random.default_rng(1), series=30, events=70, mean=30, changed=30, rate_ratio=3)

    found = watch_gaps(g, **BUDGET)

    first = {e.series: e.opened for e in reversed(found) if e.opened >= 30}
    assert len(first) >= 24
    assert np.median(list(first.values())) <= 42


def test_longer_gaps_are_an_improvement():
    g = np.concatenate([np.tile([8.0, 12.0, 10.0], 8), np.full(8, 60.0)])

    found = watch_gaps(g, improvement_budget=0.2, **BUDGET)

    assert [(e.direction, e.way) for e in found] == [("improvement", "fall")]


def test_the_threshold_is_by_the_year_whatever_the_unit_of_time():
    g = made.gaps(np.random.default_rng(2), series=5, events=60, mean=30, changed=30, rate_ratio=3)

    days = watch_gaps(g, **BUDGET)
    hours = watch_gaps(g * 24, per_year=365.25 * 24, resolution=12, **BUDGET)

    assert [(e.series, e.opened) for e in days] == [(e.series, e.opened) for e in hours]


@pytest.mark.parametrize("shape", [0.7, 1.0, 1.4])
def test_the_shape_of_the_gaps_is_estimated_cautiously(shape):
    g = made.gaps(np.random.default_rng(3), series=1, events=4000, mean=30, shape=shape)[0]

    assert weibull_shape(g, 3999) == pytest.approx(shape * math.exp(-0.12), rel=0.06)


def test_few_gaps_say_nothing_of_their_shape():
    assert weibull_shape(np.array([3.0, 50.0, 2.0]), 2) == 1.0


def test_two_events_on_one_day_are_half_a_day_apart():
    g = np.concatenate([np.full(12, 60.0), np.zeros(4)])

    (episode,) = watch_gaps(g, **BUDGET)

    assert episode.opened <= 15


def test_series_of_different_lengths_are_padded():
    g = np.full((2, 30), math.nan)
    g[0, :20], g[1] = 30.0, 30.0
    g[0, 14:20] = 2.0

    assert {e.series for e in watch_gaps(g, **BUDGET)} == {0}


def test_a_negative_gap_is_refused():
    with pytest.raises(ValueError, match="negative"):
        watch_gaps([1.0, -2.0], **BUDGET)
