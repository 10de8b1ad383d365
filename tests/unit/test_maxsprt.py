from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.sequential.maxsprt import (
    BinomialMaxSprt,
    PoissonMaxSprt,
    binomial_maxsprt,
    poisson_maxsprt,
)
from detectors.sequential.maxsprt_levels import (
    binomial_critical_value,
    binomial_level,
    poisson_critical_value,
    poisson_level,
    signal_time,
)

NAN = math.nan


def test_the_statistic_is_the_ratio_at_the_best_relative_risk():
    path = poisson_maxsprt([(1, 2.0), (5, 2.0)], horizon=50.0)

    assert path.statistic.tolist() == pytest.approx([0.0, 6 * math.log(1.5) - 2])


def test_the_binomial_statistic_is_the_ratio_at_the_best_share():
    path = binomial_maxsprt([(0, 5), (4, 5)], trials=100, chance=0.1)

    expected = 4 * math.log(4 / 1) + 6 * math.log(6 / 9)
    assert path.statistic.tolist() == pytest.approx([0.0, expected])


def test_events_in_all_trials_are_judged():
    path = binomial_maxsprt([(3, 3)], trials=100, chance=0.1)

    assert path.statistic[0] == pytest.approx(3 * math.log(10))


def test_a_test_ends_with_its_first_signal():
    path = poisson_maxsprt([(6, 1.0), (6, 1.0)], horizon=10.0)

    assert path.signals.tolist() == [1, 0]
    assert np.isnan(path.statistic[1])


def test_a_test_without_a_signal_ends_at_its_horizon():
    test = PoissonMaxSprt(horizon=1.0)
    signals = [test.update((0, 0.1)) for _ in range(10)]

    assert signals == [0] * 10
    assert test.course.decision == -1  # ten tenths do not quite sum to one
    assert test.update((90, 0.0)) == 0


def test_a_period_across_the_horizon_is_not_judged():
    rows = [(1, 4.0), (90, 7.0), (90, 1.0)]
    test = PoissonMaxSprt(horizon=10.0)

    assert [test.update(row) for row in rows] == [0, 0, 0]
    assert poisson_maxsprt(rows, horizon=10.0).signals.tolist() == [0, 0, 0]
    assert test.course.decision == -1


def test_the_period_that_ends_at_the_horizon_is_judged():
    assert poisson_maxsprt([(0, 5.0), (30, 5.0)], horizon=10.0).signals.tolist() == [0, 1]
    assert binomial_maxsprt([(0, 5), (5, 5)], trials=10, chance=0.1).signals.tolist() == [0, 1]


def test_fewer_events_than_the_minimum_never_signal():
    assert PoissonMaxSprt(horizon=10.0, minimum=1).update((3, 0.01)) == 1
    assert PoissonMaxSprt(horizon=10.0, minimum=4).update((3, 0.01)) == 0


def test_an_event_where_none_was_expected_signals_at_once():
    assert PoissonMaxSprt(horizon=10.0).update((1, 0.0)) == 1


def test_a_missing_observation_is_ignored():
    gappy = poisson_maxsprt([(2, 1.0), (NAN, 1.0), (3, NAN), (1, 1.0)], horizon=10.0)
    whole = poisson_maxsprt([(2, 1.0), (1, 1.0)], horizon=10.0)

    assert whole.statistic.tolist() == gappy.statistic[[0, 3]].tolist()


def test_the_time_of_a_signal_solves_its_equation():
    for count, critical in ((1, 2.85), (40, 3.9), (3, 1e-6), (5, 150.0)):
        t = signal_time(float(count), critical)

        assert count * math.log(count / t) - (count - t) == pytest.approx(critical, rel=1e-6)


def test_one_event_at_most_is_solved_by_hand():
    # With a tiny horizon nothing but the first event before t_1 matters.
    critical = poisson_critical_value(1e-3, alpha=5e-4)

    assert signal_time(1.0, critical) == pytest.approx(-math.log(1 - 5e-4), rel=1e-3)


def test_the_critical_value_spends_alpha():
    assert poisson_level(poisson_critical_value(30.0, alpha=0.02, minimum=3), 30.0, minimum=3) == (
        pytest.approx(0.02, abs=1e-12)
    )


def test_the_level_is_that_of_simulated_tests():
    rng = np.random.default_rng(8)
    critical = poisson_critical_value(8.0)
    signals = 0
    for _ in range(4000):
        times = np.cumsum(rng.exponential(size=40))
        times = times[times <= 8.0]
        events = np.arange(1, len(times) + 1)
        llr = np.where(events > times, events * np.log(events / times) - (events - times), 0.0)
        signals += bool((llr >= critical).any())

    assert signals / 4000 == pytest.approx(0.05, abs=0.011)


def test_looks_cost_less_than_watching_without_a_break():
    always = poisson_critical_value(10.0)
    often = poisson_critical_value(10.0, looks=tuple(np.arange(1, 1001) / 100.0))
    yearly = poisson_critical_value(10.0, looks=(5.0, 10.0))

    assert yearly < often < always
    assert poisson_level(yearly, 10.0, looks=(5.0, 10.0)) <= 0.05
    assert poisson_level(always, 10.0, looks=(5.0, 10.0)) < 0.05


def test_the_level_of_one_look_is_a_tail_of_the_poisson_distribution():
    # Signals from 9 events on: LLR(9, 4) = 2.30 and LLR(8, 4) = 1.55.
    tail = 1.0 - sum(math.exp(-4) * 4**k / math.factorial(k) for k in range(9))

    assert poisson_level(2.0, 4.0, looks=(4.0,)) == pytest.approx(tail)


def test_the_binomial_level_is_at_most_alpha_and_the_next_step_is_above():
    critical = binomial_critical_value(40, 0.2)

    assert binomial_level(critical, 40, 0.2) <= 0.05
    assert binomial_level(critical - 1e-9, 40, 0.2) > 0.05


def test_the_binomial_level_of_two_trials_is_counted_by_hand():
    # Chance 0.2: the first event alone has LLR log 5, two events 2 log 5, one in two 0.223.
    assert binomial_level(1.0, 2, 0.2) == pytest.approx(0.2 + 0.8 * 0.0)
    assert binomial_level(2.0, 2, 0.2) == pytest.approx(0.04)
    assert binomial_level(0.2, 2, 0.2) == pytest.approx(0.36)


def test_a_test_that_cannot_spend_its_alpha_is_refused():
    with pytest.raises(ValueError, match=r"no critical value spends alpha=0.05: at zero .* 0.019"):
        PoissonMaxSprt(horizon=1.0, minimum=4)
    with pytest.raises(ValueError, match="no critical value spends"):
        binomial_critical_value(2, 0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoissonMaxSprt(horizon=0.0), "horizon must be positive and finite, not 0.0"),
        (lambda: PoissonMaxSprt(alpha=1.0), "alpha must lie between"),
        (lambda: PoissonMaxSprt(minimum=0), "minimum must be at least 1, not 0"),
        (lambda: PoissonMaxSprt(critical=0.0), "critical must be positive and finite, not 0.0"),
        (lambda: BinomialMaxSprt(trials=0), "trials must be at least 1, not 0"),
        (lambda: BinomialMaxSprt(chance=1.0), "chance must lie strictly between 0 and 1, not 1.0"),
        (lambda: poisson_level(-1.0, 5.0), "critical must be finite and not negative, not -1.0"),
        (lambda: poisson_level(1.0, 5.0, looks=(2.0, 2.0)), "looks must rise"),
        (lambda: poisson_level(1.0, 5.0, looks=(6.0,)), "looks must not go beyond the horizon"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("test", "observation", "message"),
    [
        (PoissonMaxSprt(), (1.5, 1.0), "events must be whole numbers of zero or more, not 1.5"),
        (PoissonMaxSprt(), (1, -1.0), "expected count must not be negative, not -1.0"),
        (BinomialMaxSprt(), (3, 2), "events must not exceed trials"),
        (BinomialMaxSprt(), (1, 2.5), "trials must be whole numbers"),
    ],
)
def test_bad_observations_are_refused(test, observation, message):
    with pytest.raises(ValueError, match=message):
        test.update(observation)
