from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.sequential.glr import GlrChart, glr


def test_the_statistic_is_the_best_window_and_size():
    path = glr([2, 6, 4], 2.0, threshold=50.0)

    assert path.statistic.tolist() == pytest.approx(
        [0.0, 6 * math.log(3) - 4, 10 * math.log(2.5) - 6]
    )
    assert path.length.tolist() == [0, 1, 2]
    assert path.effect.tolist() == pytest.approx([0.0, math.log(3), math.log(2.5)])


def test_season_and_exposure_come_with_each_count():
    path = glr([4, 9], [4.0, 3.0], threshold=50.0)

    assert path.effect[1] == pytest.approx(math.log(3))
    assert path.length[1] == 1


def test_a_run_of_zeros_is_evidence_of_a_fall():
    path = glr([0, 0, 0], 2.0, direction="fall", threshold=6.0)

    assert path.statistic.tolist() == [2.0, 4.0, 6.0]
    assert path.signals.tolist() == [0, 0, -1]
    assert path.effect[-1] == -math.inf
    assert (
        glr([0, 0, 0], 2.0, direction="fall", compat="surveillance").statistic.tolist() == [0] * 3
    )


def test_zeros_under_extra_dispersion_are_weaker_evidence_of_a_fall():
    path = glr([0, 0, 0], 2.0, direction="fall", dispersion=0.5, threshold=50.0)

    assert path.statistic.tolist() == pytest.approx([math.log(2) * 2 * n for n in (1, 2, 3)])


def test_equal_means_give_the_negative_binomial_the_ratio_of_sums():
    path = glr([9, 11, 7], 3.0, dispersion=0.3, threshold=50.0)

    assert path.effect[-1] == pytest.approx(math.log(3))


def test_a_small_dispersion_is_almost_poisson():
    counts = np.random.default_rng(2).poisson(4.0, 60)
    poisson = glr(counts, 3.0, threshold=60.0).statistic
    nearly = glr(counts, 3.0, threshold=60.0, dispersion=1e-9).statistic

    np.testing.assert_allclose(nearly, poisson, rtol=1e-5, atol=1e-7)


def test_both_directions_give_the_stronger_one_with_its_sign():
    counts = [2, 2, 9, 9, 2, 2, 0, 0, 0, 0, 0]
    path = glr(counts, 2.0, direction="both", threshold=8.0)

    assert path.signals.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, -1, 0]


def test_the_chart_starts_afresh_after_a_signal():
    chart = GlrChart(threshold=3.0)

    assert [chart.update((count, 2.0)) for count in (9, 2, 2)] == [1, 0, 0]
    assert chart.statistic == 0.0


def test_the_statistic_of_a_signal_can_be_read_after_it():
    chart = GlrChart(threshold=3.0)
    chart.update((9, 2.0))

    assert chart.statistic == pytest.approx(9 * math.log(4.5) - 7)


def test_a_window_forgets_what_is_older():
    counts = [12, 2, 2, 2, 2]
    unlimited = glr(counts, 2.0, window=None, threshold=90.0)
    limited = glr(counts, 2.0, window=2, threshold=90.0)

    assert unlimited.length.tolist() == [1, 2, 3, 4, 5]
    assert limited.length.tolist() == [1, 2, 3, 0, 0]


def test_a_minimum_asks_for_a_change_that_lasted():
    path = glr([20, 2, 6], 2.0, minimum=2, threshold=90.0)

    assert path.length.tolist() == [0, 2, 3]


def test_limited_poisson_windows_of_surveillance_hold_one_observation_more():
    ours = glr([2, 6, 2], 2.0, minimum=2, window=9)
    theirs = glr([2, 6, 2], 2.0, minimum=1, window=9, compat="surveillance")

    assert ours.statistic.tolist() == theirs.statistic.tolist()


def test_unlimited_poisson_windows_of_surveillance_only_wait_for_the_minimum():
    waiting = glr([6, 6, 6], 2.0, minimum=2, window=None, threshold=90, compat="surveillance")
    published = glr([6, 6, 6], 2.0, minimum=1, window=None, threshold=90)

    assert waiting.statistic.tolist() == [0.0, *published.statistic[1:]]


def test_a_known_shift_is_a_cusum_of_log_likelihood_ratios():
    path = glr([2, 6, 1, 0], 2.0, shift=math.log(2), threshold=50.0)
    steps = [x * math.log(2) - 2.0 for x in (2, 6, 1, 0)]

    assert path.statistic.tolist() == pytest.approx(
        [0.0, steps[1], steps[1] + steps[2], max(0.0, sum(steps[1:]))]
    )


def test_an_epidemic_feeds_on_the_count_before():
    path = glr([2, 1, 5], 2.0, change="epidemic", threshold=90.0)

    assert path.effect[2] == pytest.approx(3.0)  # 2 + 3 * 1 explains 5
    assert path.length[2] == 1


def test_a_missing_observation_is_skipped():
    counts = np.array([2.0, 5.0, math.nan, 6.0, 4.0])
    means = np.array([2.0, 2.0, 2.0, math.nan, 2.0])
    path = glr(counts, means, threshold=50.0)

    assert np.isnan(path.statistic).tolist() == [False, False, True, True, False]
    assert (
        path.statistic[[0, 1, 4]].tolist() == glr([2, 5, 4], 2.0, threshold=50).statistic.tolist()
    )
    assert path.signals.tolist() == [0] * 5


def test_an_empty_series_has_an_empty_path():
    assert glr([], []).statistic.tolist() == []


def test_a_huge_outlier_is_fitted():
    path = glr([100_000.0], 0.01, dispersion=2.0)

    assert path.effect[0] == pytest.approx(math.log(1e7))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold": 0.0}, "threshold must be positive and finite, not 0.0"),
        ({"minimum": 0}, "minimum must be at least 1, not 0"),
        ({"window": 2, "minimum": 3}, r"window must be at least minimum \(3\), not 2"),
        ({"dispersion": -0.1}, "dispersion must be finite and not negative, not -0.1"),
        ({"direction": "up"}, "direction must be one of .*, not 'up'"),
        ({"change": "step"}, "change must be one of .*, not 'step'"),
        ({"compat": "R"}, "compat must be one of published, surveillance, not 'R'"),
        ({"change": "epidemic", "dispersion": 0.1}, "rises of Poisson counts"),
        ({"shift": -0.4}, "shift must be a rise, not -0.4"),
        ({"shift": 0.4, "direction": "both"}, "a known shift has one direction"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        GlrChart(**wrong)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ((-1.0, 2.0), "a count must be finite and not negative, not -1.0"),
        ((math.inf, 2.0), "a count must be finite"),
        ((1.0, 0.0), "an in-control mean must be finite and positive, not 0.0"),
        ((1.0,), "an observation is a pair"),
    ],
)
def test_bad_observations_are_refused(observation, message):
    with pytest.raises(ValueError, match=message):
        GlrChart().update(observation)


def test_series_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="series of one length"):
        glr([1, 2, 3], [1.0, 2.0])
