from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.surveillance.historical import (
    CROW_GARDNER,
    SYSTEMS,
    PastWindows,
    bayes,
    cdc,
    rki,
)
from detectors.surveillance.historical_monitors import BayesMonitor, CdcMonitor, RkiMonitor

SHORT = PastWindows(2, 2, current_year=True)


def counts_of(periods=120, mean=4.0, seed=1):
    return np.random.default_rng(seed).poisson(mean, periods).astype(float)


def shortest_region_start(mean):
    """First value of the shortest run of counts with chance 0.95, the highest of its length."""
    cumulative = np.concatenate([[0.0], stats.poisson.cdf(np.arange(80), mean)])
    for length in range(1, 80):
        enough = np.flatnonzero(cumulative[length:] - cumulative[:-length] >= 0.95)
        if len(enough):
            return int(enough.max())
    raise AssertionError


def test_the_table_of_poisson_intervals_is_that_of_crow_and_gardner():
    """A count is within the region of every mean up to its upper end, and of none beyond."""
    for count, upper in enumerate(CROW_GARDNER):
        assert shortest_region_start(upper - 0.002) <= count
        assert shortest_region_start(upper + 0.002) > count


def test_the_systems_take_6_19_and_18_reference_counts():
    assert [6, 19, 18] == [len(SYSTEMS[i].offsets(52)) for i in (1, 2, 3)]
    assert [48, 49, 50] == sorted(SYSTEMS[3].offsets(52))[:3]


def test_rki_rounds_small_means_down_and_takes_two_deviations_above_20():
    small = rki([3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 9.0], SYSTEMS[1], at=[6])
    large = rki([20.0, 21.0, 22.0, 20.0, 21.0, 22.0, 24.0], SYSTEMS[1], at=[6])
    at_20 = rki([20.0] * 7, SYSTEMS[1], at=[6])

    assert [8.102] == small.bound.tolist()
    assert [True] == small.alarm.tolist()
    np.testing.assert_allclose(large.bound, 21.0 + 2.0 * np.std([20, 21, 22] * 2, ddof=1))
    assert [30.017] == at_20.bound.tolist()


def test_the_bound_of_bayes_is_a_quantile_of_the_negative_binomial():
    counts = counts_of()

    found = bayes(counts, SHORT, alpha=0.01, frequency=12)

    offsets = SHORT.offsets(12)
    for t in (26, 60, 119):
        past = counts[t - offsets]
        n = len(past)
        assert stats.nbinom.ppf(0.99, past.sum() + 0.5, n / (n + 1)) == found.bound[t]


def test_a_missing_reference_count_is_left_out():
    counts = counts_of()
    counts[100] = np.nan

    found = bayes(counts, SYSTEMS[1], at=[104])

    past = counts[[98, 99, 101, 102, 103]]
    assert [5] == found.points.tolist()
    assert stats.nbinom.ppf(0.95, past.sum() + 0.5, 5 / 6) == found.bound[0]


@pytest.mark.parametrize("judge", [rki, bayes])
def test_a_history_that_is_short_or_unknown_gives_no_bound(judge):
    counts = counts_of()
    counts[60:66] = np.nan

    found = judge(counts, SYSTEMS[1])

    assert ["history_too_short"] * 6 == found.reasons[:6].tolist()
    assert "too_few_known" == found.reasons[66]
    assert np.isnan(found.bound[[5, 66]]).all()
    assert not found.alarm[[5, 60, 66]].any()
    assert not np.isnan(found.bound[6])


def test_the_cdc_compares_four_weeks_with_the_same_months_of_past_years():
    counts = counts_of(52 * 3 + 10)

    found = cdc(counts, b=2, alpha=0.05)

    t = 150
    months = [
        counts[t - 52 * year + shift - 3 : t - 52 * year + shift + 1].sum()
        for year in (1, 2)
        for shift in (-4, 0, 4)
    ]
    reach = stats.norm.ppf(0.975) * np.std(months, ddof=1) * np.sqrt(1 + 1 / 6)
    np.testing.assert_allclose(found.bound[t], np.mean(months) + reach)
    assert counts[t - 3 : t + 1].sum() == found.observed[t]
    assert 111 == np.isnan(found.bound).sum()


def test_the_cdc_leaves_out_months_with_a_missing_week_and_does_not_signal_in_one():
    counts = counts_of(200)
    counts[[95, 197]] = np.nan

    found = cdc(counts, b=1, at=[147, 199])

    assert [2, 3] == found.points.tolist()
    assert not found.alarm.any()
    assert np.isnan(found.observed[1])
    assert not np.isnan(found.bound).any()


def test_many_series_are_judged_as_each_is_alone():
    counts = np.stack([counts_of(seed=seed) for seed in range(3)])
    for judge in (lambda y: rki(y, SHORT), lambda y: bayes(y, SHORT), lambda y: cdc(y, b=1)):
        together = judge(counts)
        for row, series in enumerate(counts):
            np.testing.assert_array_equal(judge(series).bound, together.bound[row])


@pytest.mark.parametrize(
    ("monitor", "batch"),
    [
        (RkiMonitor(SHORT, frequency=12), lambda y: rki(y, SHORT, frequency=12)),
        (BayesMonitor(SHORT, frequency=12), lambda y: bayes(y, SHORT, frequency=12)),
        (CdcMonitor(b=1, m=2), lambda y: cdc(y, b=1, m=2)),
    ],
)
def test_a_monitor_keeps_what_its_bound_needs(monitor, batch):
    counts = counts_of(100)

    bounds = [(monitor.update(count), monitor.bound)[1] for count in counts]

    np.testing.assert_array_equal(bounds, batch(counts).bound)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rki([1.0], PastWindows(0, 6, current_year=False)), "holds no reference period"),
        (lambda: rki([1.0], PastWindows(1, 6, current_year=False), frequency=12), "w must be"),
        (lambda: bayes([1.0], alpha=0.0), "alpha must lie strictly between 0 and 1"),
        (lambda: bayes([-1.0]), "counts must be not negative"),
        (lambda: cdc([1.0], b=0), "b must be at least 1"),
        (lambda: cdc([1.0], m=7), "m must be 0 to 6"),
        (lambda: CdcMonitor().update(np.inf), "must be not negative and below"),
    ],
)
def test_input_that_does_not_fit_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
