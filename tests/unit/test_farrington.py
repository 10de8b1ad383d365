from __future__ import annotations

import numpy as np
import pytest

from detectors.surveillance.count_tails import (
    _halved_quantiles,
    quantiles,
    stepped_quantiles,
)
from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_bounds import TREND_NOTES
from detectors.surveillance.farrington_monitor import FarringtonMonitor, dates_from
from detectors.surveillance.farrington_options import FarringtonOptions
from detectors.surveillance.reference_periods import (
    NO_BASELINE,
    Calendar,
    baseline,
    planned_runs,
)

MONTHS = FarringtonOptions(b=3, w=1)


def weeks(start, periods):
    return np.datetime64(start) + 7 * np.arange(periods)


def months(periods, mean=6.0, seed=1):
    return np.random.default_rng(seed).poisson(mean, periods).astype(float)


def test_a_week_is_compared_with_the_same_weekday_nearest_to_its_date_a_year_ago():
    days = weeks("2009-06-04", 210)
    position = int(np.flatnonzero(days == np.datetime64("2013-06-06"))[0])

    references = Calendar(210, dates=days).references(position, 3)

    expected = ["2013-06-06", "2012-06-07", "2011-06-09", "2010-06-03"]
    assert expected == [str(day) for day in days[references]]


def test_a_day_is_compared_with_its_date_a_year_ago_and_29_february_with_1_march():
    days = np.datetime64("2022-01-01") + np.arange(800)
    position = int(np.flatnonzero(days == np.datetime64("2024-02-29"))[0])

    references = Calendar(800, frequency=365, dates=days).references(position, 2)

    expected = ["2024-02-29", "2023-03-01", "2022-03-01"]
    assert expected == [str(day) for day in days[references]]


def test_a_month_is_compared_with_the_same_month_and_its_trend_counts_days():
    days = np.array(["2020-01-15", "2020-02-15", "2020-03-15"], "datetime64[D]")
    calendar = Calendar(3, frequency=12, dates=days)

    assert [2, -10] == calendar.references(2, 1).tolist()
    np.testing.assert_allclose(calendar.times(), [0.0, 1.0, (31 + 29) / 31])


def test_a_baseline_of_windows_holds_as_many_points_as_the_windows_are_wide():
    base = baseline(Calendar(300), 299, b=5, w=3, no_periods=1, past_weeks_not_included=3)

    assert 35 == len(base.index)
    assert [36, 42] == base.index[[0, 6]].tolist()


def test_the_seasons_between_two_windows_differ_by_at_most_one_period():
    base = baseline(Calendar(300), 299, b=2, w=3, no_periods=10, past_weeks_not_included=26)
    first_year = base.level[base.index < 299 - 52 - 3]

    assert [5, 5, 5, 5, 5, 5, 5, 5, 5, 7] == sorted(np.bincount(first_year).tolist())
    assert 9 == base.level[0]
    assert base.index.max() == 299 - 27


def test_a_history_that_misses_one_period_of_the_oldest_window_gives_no_baseline():
    settings = {"b": 2, "w": 3, "no_periods": 1, "past_weeks_not_included": 3}

    assert baseline(Calendar(200), 106, **settings) is NO_BASELINE
    assert 14 == len(baseline(Calendar(200), 107, **settings).index)


def test_runs_break_where_the_season_changes_and_where_a_gap_is():
    base = baseline(Calendar(120), 119, b=1, w=1, no_periods=2, past_weeks_not_included=10)

    bounds, runs, used = planned_runs([base, NO_BASELINE], np.arange(120.0))

    assert [0, 2, 2] == bounds.tolist()
    assert [[66, 69], [69, 109], [1, 0], [1, 0]] == runs.tolist()
    assert len(base.index) == len(used)


def test_a_short_history_gives_no_bound_and_says_so():
    found = farrington(months(60), MONTHS, frequency=12)

    assert np.isnan(found.bound[:37]).all()
    assert {"history_too_short"} == set(found.reasons[:37])
    assert not found.alarm[:37].any()
    assert not np.isnan(found.bound[37:]).any()


def test_few_recent_cases_withhold_the_bound_and_the_signal():
    counts = np.tile([0.0, 0.0, 1.0], 20)
    counts[[56, 59]] = 0.0, 4.0

    withheld = farrington(counts, MONTHS, frequency=12, at=[59])
    options = FarringtonOptions(b=3, w=1, limit54=(4, 4))
    judged = farrington(counts, options, frequency=12, at=[59])

    assert ["too_few_cases"] == withheld.reasons.tolist()
    assert [False] == withheld.alarm.tolist()
    assert [True] == judged.alarm.tolist()


def test_a_missing_count_informs_nothing_and_is_no_signal_but_has_a_bound():
    counts = months(60, mean=20.0)
    counts[[10, 59]] = np.nan

    found = farrington(counts, MONTHS, frequency=12, at=[59])

    assert [False] == found.alarm.tolist()
    assert found.bound[0] > 20.0
    assert np.isnan(found.p_value[0])
    assert np.isnan(found.score[0])


def test_a_baseline_without_known_points_of_the_season_gives_no_bound():
    counts = months(60)
    counts[:50] = np.nan

    found = farrington(counts, MONTHS, frequency=12, at=[59])

    assert ["too_few_known"] == found.reasons.tolist()
    assert np.isnan(found.bound[0])


@pytest.mark.parametrize("options", [MONTHS, FarringtonOptions.noufaily(b=4)])
def test_an_outbreak_after_years_without_a_case_is_a_signal(options):
    counts = np.zeros(600)
    counts[-1] = 6.0

    found = farrington(counts, options, at=[599])

    assert [True] == found.alarm.tolist()
    assert found.bound[0] < 1.0
    assert found.p_value[0] < 1e-6


def test_a_fit_that_cannot_converge_for_want_of_cases_is_given_up_in_compatible_mode():
    """R stops after 25 steps, each of which divides the expected count by e."""
    counts = np.zeros(600)
    counts[-1] = 6.0
    options = FarringtonOptions.noufaily(b=5, compat="surveillance")

    found = farrington(counts, options, at=[599])

    assert ["not_converged"] == found.reasons.tolist()


def test_past_outbreaks_count_less():
    counts = months(60, mean=10.0)
    counts[59 - 24] = 60.0

    original, plain = (FarringtonOptions.original(b=4, w=1, reweight=r) for r in (True, False))

    weighted = farrington(counts, original, frequency=12, at=[59])
    plain = farrington(counts, plain, frequency=12, at=[59])

    assert [1] == weighted.lighter.tolist()
    assert [0] == plain.lighter.tolist()
    assert weighted.bound[0] < 0.7 * plain.bound[0]


def test_a_trend_is_kept_when_it_is_significant_and_does_not_extrapolate():
    decline = np.round(100.0 * np.exp(-0.02 * np.arange(60)))
    notes = [
        TREND_NOTES[int(farrington(y, o, frequency=12, at=[59]).trend_note[0])]
        for y, o in (
            (decline, MONTHS),
            (decline[::-1].copy(), MONTHS),
            (months(60), FarringtonOptions(b=3, w=1, p_threshold_trend=0.0)),
            (decline, FarringtonOptions(b=2, w=1)),
        )
    ]

    assert ["kept", "extrapolates", "not_significant", "not_asked"] == notes


def test_a_rise_in_the_population_raises_the_bound():
    counts = months(60, mean=10.0)
    people = np.full(60, 1000.0)
    people[-1] = 2000.0

    found = farrington(counts, MONTHS, frequency=12, at=[59], populations=people)
    same = farrington(counts, MONTHS, frequency=12, at=[59])
    people[-1] = np.nan
    unknown = farrington(counts, MONTHS, frequency=12, at=[59], populations=people)

    np.testing.assert_allclose(found.expected, 2.0 * same.expected)
    assert ["population_missing"] == unknown.reasons.tolist()


def test_results_have_the_shape_of_the_counts():
    counts = np.stack([months(60, seed=seed) for seed in range(3)])

    assert (3, 60) == farrington(counts, MONTHS, frequency=12).bound.shape
    assert (60,) == farrington(counts[0], MONTHS, frequency=12).bound.shape
    assert (3, 2) == farrington(counts, MONTHS, frequency=12, at=[50, 59]).alarm.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"b": 0}, "b must be at least 1, not 0"),
        ({"w": -1}, "w must be at least 0"),
        ({"alpha": 1.0}, "alpha must lie strictly between 0 and 1"),
        ({"powertrans": "1/3"}, "powertrans must be one of"),
        ({"threshold_method": "nb"}, "threshold_method must be one of"),
        ({"compat": "R"}, "compat must be one of"),
        ({"limit54": (5, 0)}, "limit54 must be at least"),
        ({"no_periods": 0}, "no_periods must be at least 1"),
        ({"p_threshold_trend": 2.0}, "p_threshold_trend must be 0 to 1"),
        ({"weights_threshold": float("nan")}, "weights_threshold must not be negative"),
        ({"past_weeks_not_included": -1}, "past_weeks_not_included must be at least 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        FarringtonOptions(**settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": [1.0, -1.0]}, "counts must be not negative"),
        ({"counts": [1.0, np.inf]}, "counts must be not negative and below"),
        ({"counts": np.ones((2, 2, 2))}, "counts must have shape"),
        ({"at": [60]}, "at must hold positions from 0 to 59"),
        ({"frequency": 3, "options": FarringtonOptions(b=3, w=2)}, "w must be 0 to 1"),
        ({"populations": np.zeros(60)}, "populations must be positive"),
        ({"populations": np.ones(3)}, "populations must have shape"),
        ({"dates": weeks("2020-01-06", 59)}, "dates must have shape"),
        ({"dates": weeks("2020-01-06", 60), "frequency": 13}, "frequency must be 12, 52 or 365"),
        ({"dates": weeks("2020-01-06", 60), "frequency": 365}, "dates must follow one another"),
        ({"options": FarringtonOptions(b=3, w=1, no_periods=11), "frequency": 12}, "no_periods"),
    ],
)
def test_input_that_does_not_fit_is_refused_by_name(arguments, message):
    arguments = {"counts": months(60), "options": MONTHS, **arguments}

    with pytest.raises(ValueError, match=message):
        farrington(**arguments)


def test_a_monitor_gives_what_a_whole_series_gives_after_it_has_forgotten_its_start():
    counts = months(90, mean=8.0)
    counts[80] = 30.0
    days = dates_from("2015-03-01", 12, 0, 90)
    monitor = FarringtonMonitor(MONTHS, frequency=12, start="2015-03-01")

    signals = [monitor.update(count) for count in counts]

    whole = farrington(counts, MONTHS, frequency=12, dates=days)
    assert whole.alarm.astype(int).tolist() == signals
    assert 1 == signals[80]
    np.testing.assert_allclose(monitor.latest.bound, whole.bound[-1], rtol=1e-9)


def test_a_monitor_of_weeks_with_dates_keeps_enough_history():
    counts = np.random.default_rng(3).poisson(9.0, 150).astype(float)
    options = FarringtonOptions(b=1, w=3)
    monitor = FarringtonMonitor(options, start="2019-12-30")

    bounds = [(monitor.update(count), float(monitor.latest.bound))[1] for count in counts]

    whole = farrington(counts, options, dates=weeks("2019-12-30", 150))
    np.testing.assert_allclose(bounds, whole.bound, rtol=1e-9)


def test_a_monitor_refuses_what_is_no_count():
    with pytest.raises(ValueError, match="not negative"):
        FarringtonMonitor().update(-1.0)
    with pytest.raises(ValueError, match="frequency must be 12, 52 or 365"):
        FarringtonMonitor(frequency=13, start="2020-01-01")


def test_quantiles_by_stepping_and_by_halving_are_the_same():
    rng = np.random.default_rng(1)
    means, phis = rng.lognormal(5.0, 2.0, 200), 1.0 + rng.lognormal(1.0, 1.5, 200)
    phis[:50] = 1.0

    for chance in (0.5, 0.95, 0.995):
        stepped = stepped_quantiles(chance, means, phis)

        assert stepped.tolist() == _halved_quantiles(chance, means, phis).tolist()


def test_a_bound_beyond_any_count_is_found_at_once():
    bounds = quantiles(0.95, np.array([1e12, 1e300]), np.array([1.0, 5.0]))

    assert bounds == pytest.approx([1e12, 1e300], rel=1e-5)
