from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sequential.maxsprt import (
    BinomialMaxSprt,
    PoissonMaxSprt,
    binomial_maxsprt,
    poisson_maxsprt,
)
from detectors.sequential.maxsprt_levels import poisson_critical_value
from detectors.sequential.sprt import LOWER, UPPER, Sprt, sprt
from detectors.sequential.sprt_models import PoissonRisk

unhurried = settings(deadline=None, max_examples=60)
NUMBER = st.one_of(st.integers(0, 9).map(float), st.just(math.nan))
PERIODS = st.lists(
    st.tuples(NUMBER, st.sampled_from([0.0, 0.1, 1.0, 2.5, math.nan])), min_size=1, max_size=25
)
same = np.testing.assert_array_equal


@unhurried
@given(PERIODS, st.sampled_from(sorted(LOWER)), st.sampled_from(sorted(UPPER)))
def test_a_streaming_ratio_test_is_that_of_the_whole_history(rows, lower, upper):
    path = sprt(rows, PoissonRisk(2.0), alpha=0.1, beta=0.2, lower=lower, upper=upper)
    test = Sprt(PoissonRisk(2.0), alpha=0.1, beta=0.2, lower=lower, upper=upper)

    same(path.signals, [test.update(row) for row in rows])


@unhurried
@given(PERIODS)
def test_a_held_test_is_the_free_one_above_its_least_sum(rows):
    free = sprt(rows, PoissonRisk(2.0), alpha=1e-99, beta=0.2, lower="none").statistic
    held = sprt(rows, PoissonRisk(2.0), alpha=1e-99, beta=0.2, lower="hold").statistic
    known = free[~np.isnan(free)]
    lowest = np.minimum.accumulate(np.minimum(known, 0.0)) if len(known) else known

    np.testing.assert_allclose(held[~np.isnan(held)], known - lowest, atol=1e-9)


@unhurried
@given(PERIODS, st.integers(1, 3), st.sampled_from([1.0, 5.0, 20.0]))
def test_a_streaming_poisson_maxsprt_is_that_of_the_whole_history(rows, minimum, horizon):
    kept = {"horizon": horizon, "minimum": minimum, "alpha": 0.05 if minimum < 3 else 0.01}
    test = PoissonMaxSprt(**kept)

    same(poisson_maxsprt(rows, **kept).signals, [test.update(row) for row in rows])


@unhurried
@given(
    st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=25).map(
        lambda rows: [(min(row), max(row)) for row in rows]
    )
)
def test_a_streaming_binomial_maxsprt_is_that_of_the_whole_history(rows):
    test = BinomialMaxSprt(trials=40, chance=0.3)
    path = binomial_maxsprt(rows, trials=40, chance=0.3)

    same(path.signals, [test.update(row) for row in rows])


@unhurried
@given(st.floats(4.0, 60.0), st.floats(1.01, 3.0), st.sampled_from([0.05, 0.01]), st.integers(1, 2))
def test_a_later_horizon_and_fewer_needed_events_ask_for_more_evidence(
    horizon, stretch, alpha, minimum
):
    def critical(until, least):
        return poisson_critical_value(until, alpha=alpha, minimum=least)

    assert critical(horizon, minimum) <= critical(horizon * stretch, minimum)
    assert critical(horizon, minimum + 1) <= critical(horizon, minimum)
