from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.share_terms import CLIP, bounded, dispersion, log_bayes_factor
from detectors.single_series.shares import share_change, watch_shares

WATCH = {"budget1": 0.2, "budget2": 0.05, "per_year": WEEKS_PER_YEAR, "minimum": 26}


@pytest.mark.parametrize(
    ("successes", "reports", "changed", "since", "ratio"),
    [
        (5, 40, 2, 8, 2.0),
        (0, 10, 0, 3, 2.0),
        (50, 200, 20, 50, 1.5),
        (3, 5, 3, 3, 3.0),
        (100, 105, 20, 25, 1 / 3),
        (2, 500, 2, 20, 3.0),
    ],
)
def test_the_bayes_factor_is_the_integral_over_the_unknown_share(
    successes, reports, changed, since, ratio
):
    posterior = stats.beta(0.5 + successes, 0.5 + reports - successes)
    integral, _ = integrate.quad(
        lambda p: posterior.pdf(p) * (1 + (ratio - 1) * p) ** -since, 0, 1, limit=500
    )

    expected = changed * math.log(ratio) + math.log(integral)

    found = log_bayes_factor(0.5 + successes, 1 + reports - since, since, changed, math.log(ratio))
    assert found == pytest.approx(expected, abs=1e-3)


def test_no_reports_since_an_onset_say_nothing():
    assert log_bayes_factor(5.5, 41.0, 0.0, 0.0, math.log(2)) == 0.0


def test_a_share_that_doubles_its_odds_is_found_and_dated():
    y, n = made.shares(
        np.random.default_rng(1), series=20, periods=120, size=20, share=0.2, changed=80,
        odds_ratio=2.5,
    )  # fmt: skip

    found = watch_shares(y, n, concern="rise", **WATCH)

    first = {e.series: e for e in reversed(found) if e.opened >= 80}
    assert len(first) >= 18
    assert np.median([e.opened for e in first.values()]) <= 88
    assert abs(np.median([e.onset for e in first.values()]) - 80) <= 2


def test_an_improvement_is_told_apart_from_a_concern():
    harmed, reports = np.full(90, 6.0), np.full(90, 20.0)
    harmed[50:] = 1.0

    found = watch_shares(harmed, reports, concern="rise", improvement_budget=0.05, **WATCH)

    assert [(e.direction, e.way) for e in found] == [("improvement", "fall")]


def test_a_fall_is_the_concern_where_it_is_declared_so():
    answered, complaints = np.full(90, 9.0), np.full(90, 10.0)
    answered[60:] = 6.0

    (episode,) = watch_shares(answered, complaints, concern="fall", **WATCH)

    assert episode.direction == "concern"
    assert episode.opened - 60 <= 5


def test_the_same_change_told_by_the_rest_of_the_reports_gives_the_same_episodes():
    y, n = made.shares(
        np.random.default_rng(3), series=5, periods=110, size=15, share=0.3, changed=70,
        odds_ratio=2,
    )  # fmt: skip

    rise = watch_shares(y, n, concern="rise", **WATCH)
    mirror = watch_shares(n - y, n, concern="fall", **WATCH)

    assert [(e.series, e.opened, e.raised, e.onset) for e in rise] == [
        (e.series, e.opened, e.raised, e.onset) for e in mirror
    ]


def test_an_episode_subsides_when_the_share_is_back():
    harmed, reports = np.full(140, 4.0), np.full(140, 20.0)
    harmed[60:80] = 12.0

    (episode,) = watch_shares(harmed, reports, concern="rise", **WATCH)

    assert 60 <= episode.opened < 70
    assert 80 <= episode.subsided < 95
    assert episode.peak_log_evidence > episode.log_evidence


def test_nothing_is_said_before_the_minimum_of_observed_periods():
    harmed, reports = np.full(60, 1.0), np.full(60, 20.0)
    harmed[20:] = 15.0

    assert all(e.opened >= 26 for e in watch_shares(harmed, reports, concern="rise", **WATCH))
    reports[::2] = harmed[::2] = 0.0
    assert all(e.opened >= 52 for e in watch_shares(harmed, reports, concern="rise", **WATCH))


def test_one_extreme_period_alone_does_not_raise_an_alert():
    harmed, reports = np.tile([3.0, 4.0, 5.0, 4.0], 15), np.full(60, 20.0)
    harmed[45] = 20.0

    assert watch_shares(harmed, reports, concern="rise", **WATCH) == []


def test_a_numerator_counts_at_most_three_sd_from_expectation():
    harmed, reports = np.tile([3.0, 4.0, 5.0, 4.0], 10), np.full(40, 20.0)
    harmed[-1] = 20.0
    out = np.empty(40)

    bounded(harmed, reports, 0.03, 0.04, out)

    assert (out[:-1] == harmed[:-1]).all()
    assert 4 + CLIP < out[-1] < 12


def test_dispersion_is_found_in_long_series_and_guessed_in_short_ones():
    rng = np.random.default_rng(5)
    y, n = made.shares(rng, series=40, periods=300, size=30, share=0.2, overdispersion=0.08)

    estimates = [dispersion(y[s], n[s], 299, 0.03, 0.04) for s in range(40)]

    assert np.mean(estimates) == pytest.approx(0.08, abs=0.012)
    assert 0.03 <= dispersion(y[0], n[0], 5, 0.03, 0.04) <= 0.05


def test_more_reports_with_a_smaller_harm_share_speak_for_a_better_culture():
    better = share_change([5] * 30, [20] * 30, [3] * 10, [40] * 10, odds_ratio=0.6)
    same = share_change([5] * 30, [20] * 30, [10] * 10, [40] * 10, odds_ratio=0.6)

    assert better > 3
    assert same < -1


def test_totals_say_less_than_the_periods_they_were_added_from():
    by_period = share_change([5] * 30, [20] * 30, [3] * 10, [40] * 10, odds_ratio=0.6)
    totals = share_change(150, 600, 30, 400, odds_ratio=0.6)

    assert 0 < totals < by_period


@pytest.mark.parametrize(
    ("y", "n"), [([2.0], [1.0]), ([-1.0], [3.0]), ([math.nan], [3.0]), ([1.0, 2.0], [3.0])]
)
def test_what_cannot_be_a_share_is_refused(y, n):
    with pytest.raises(ValueError, match=r"share|numerators"):
        watch_shares(y, n, concern="rise", **WATCH)


@pytest.mark.parametrize("wrong", [{"budget1": 0.0}, {"budget2": 0.5}, {"per_year": 0.0}])
def test_budgets_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"budgets|per_year"):
        watch_shares([1.0], [2.0], concern="rise", **{**WATCH, **wrong})


def test_an_unknown_concern_is_refused():
    with pytest.raises(ValueError, match="concern must be one of"):
        watch_shares([1.0], [2.0], concern="up", **WATCH)


def test_an_odds_ratio_must_be_positive():
    with pytest.raises(ValueError, match="odds_ratio"):
        share_change(1, 2, 1, 2, odds_ratio=0)
