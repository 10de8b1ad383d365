from __future__ import annotations

import numpy as np
import pytest

from detectors.surveillance.outbreak_p import OutbreakPMonitor, outbreak_p


def directly(counts):
    """OutbreakP by the definition: isotonic means as the largest of the smallest averages."""
    n = len(counts)
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    means = [
        max(min((sums[v] - sums[u]) / (v - u) for v in range(i + 1, n + 1)) for u in range(i + 1))
        for i in range(n)
    ]
    constant = sums[-1] / n
    return np.prod([(m / constant) ** x for m, x in zip(means, counts, strict=True) if x > 0])


@pytest.mark.parametrize("mean", [0.3, 3.0, 30.0])
def test_the_statistic_is_the_ratio_of_the_isotonic_and_the_constant_likelihood(mean):
    rng = np.random.default_rng(2)
    counts = rng.poisson(mean * np.linspace(1.0, 1.5, 25)).astype(float)

    found = outbreak_p(counts)

    for t in range(25):
        assert np.isclose(found.statistic[t], directly(counts[: t + 1]), rtol=1e-9)


def test_constant_falling_and_empty_series_have_the_statistic_one():
    for counts in ([3.0] * 6, [5.0, 4.0, 3.0, 1.0, 0.0], [0.0] * 4, [7.0]):
        np.testing.assert_array_equal(outbreak_p(counts).statistic, 1.0)


def test_the_needed_count_is_the_least_that_signals():
    counts = np.random.default_rng(3).poisson(2.0, 30).astype(float)

    found = outbreak_p(counts, needed=True)

    for t in (1, 10, 29):
        least = found.needed[t]
        assert outbreak_p([*counts[:t], least]).alarm[-1]
        assert not outbreak_p([*counts[:t], least - 1.0]).alarm[-1]
    assert np.isnan(found.needed[0])
    assert np.isnan(outbreak_p(counts).needed).all()
    assert 0.0 == outbreak_p([0.0] * 9 + [30.0] * 30, needed=True).needed[-1]


def test_a_missing_count_is_passed_over():
    counts = [1.0, 2.0, np.nan, 5.0, 9.0]

    found = outbreak_p(counts)

    assert np.isnan(found.statistic[2])
    assert outbreak_p([1.0, 2.0, 5.0, 9.0]).statistic[-1] == found.statistic[-1]
    assert not found.alarm[2]


def test_a_long_rise_does_not_overflow_its_logarithm():
    counts = np.repeat([1.0, 1000.0], 50)

    found = outbreak_p(counts)

    assert np.isposinf(found.statistic[-1])
    assert found.log_statistic[-1] > 709.0
    assert found.alarm[-1]


def test_a_monitor_agrees_with_the_batch_beyond_its_first_room_for_pools():
    counts = np.arange(60.0)
    monitor = OutbreakPMonitor()

    logs = [(monitor.update(count), monitor.log_statistic)[1] for count in counts]

    np.testing.assert_array_equal(logs, outbreak_p(counts).log_statistic)
    monitor.reset()
    assert 0 == monitor.update(50.0)


def test_many_series_are_judged_as_each_is_alone():
    counts = np.random.default_rng(4).poisson(2.0, (3, 40)).astype(float)

    together = outbreak_p(counts)

    for row, series in enumerate(counts):
        np.testing.assert_array_equal(outbreak_p(series).statistic, together.statistic[row])


def test_a_threshold_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="k must be positive and finite, not 0"):
        outbreak_p([1.0], k=0)
