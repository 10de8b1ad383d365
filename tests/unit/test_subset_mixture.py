from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.channel_rules import ChannelRule, mixture_product
from detectors.many_series.joint_ratios import (
    correlation_matrix,
    inverse_within,
    joint_log_ratios,
)
from detectors.many_series.subset_mixture import SubsetMixture
from detectors.many_series.subset_mixture_counts import CountSubsetMixture, normal_scores

TWO = {"shapes": (60.0, 20.0), "rates": (30.0, 30.0)}


def test_a_gaussian_rise_has_its_matched_filter_as_joint_ratio():
    z = np.random.default_rng(1).normal(size=(5, 3))
    effects = np.array([0.7, 0.5, 1.0])
    sigma = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.0]])
    joint = joint_log_ratios(
        z * effects - effects**2 / 2, z, z - effects, ((0,), (1, 2), (0, 1, 2)), sigma
    )
    filters = np.linalg.solve(sigma, effects)
    pair = np.linalg.solve(sigma[1:, 1:], effects[1:])

    np.testing.assert_allclose(joint[:, 2], z @ filters - effects @ filters / 2)
    np.testing.assert_allclose(joint[:, 1], z[:, 1:] @ pair - effects[1:] @ pair / 2)
    np.testing.assert_allclose(joint[:, 0], 0.7 * z[:, 0] - 0.245)


def test_a_missing_channel_is_left_out_of_its_subsets():
    mixture = {"channels": 2, "subsets": ((0,), (1,), (0, 1)), "floor": 0.3}
    parts = SubsetMixture(**mixture).watch([[1.0, math.nan], [1.0, 2.0]]).detections.parts
    alone = SubsetMixture(**mixture).watch([[1.0, 9.0]]).detections.parts

    assert parts[0, 0] == alone[0, 0] == parts[0, 2]
    assert -math.inf == parts[0, 1]
    assert parts[1, 1] > -math.inf


def test_the_subset_with_the_largest_share_explains_an_alarm():
    mixture = SubsetMixture(channels=3, subsets=((0,), (1,), (2,), (0, 1), (0, 1, 2)), floor=0.0)
    z = np.tile([1.2, 1.2, -0.3], (40, 1))
    alarms = [mixture.update(row) for row in z]

    assert 1 in alarms
    assert (0, 1) == mixture.subsets[mixture.explanation]


def test_correlation_below_the_floor_is_raised_to_it():
    raised = correlation_matrix([[1.0, -0.2], [-0.2, 1.0]], 2, 0.15)

    assert [[1.0, 0.15], [0.15, 1.0]] == raised.tolist()
    assert 0.4 == correlation_matrix(0.4, 3, 0.15)[0, 2]


def test_an_inverse_within_some_channels_leaves_the_others_alone():
    matrix = correlation_matrix(0.3, 4, 0.0)
    present = np.array([True, False, True, True])
    inverse = inverse_within(matrix, present)
    expected = np.eye(4)
    expected[np.ix_(present, present)] = np.linalg.inv(matrix[np.ix_(present, present)])

    np.testing.assert_allclose(inverse, expected, atol=1e-15)


def test_counts_that_rise_together_are_told_from_one_that_rises_alone():
    together, alone = CountSubsetMixture(**TWO), CountSubsetMixture(**TWO)

    assert 1 in [together.update([4.0, 2.0]) for _ in range(30)]
    assert (0, 1) == together.subsets[together.explanation]
    assert 1 in [alone.update([5.0, 0.0]) for _ in range(30)]
    assert (0,) == alone.subsets[alone.explanation]


def test_counts_keep_their_promise_when_nothing_changes():
    rng = np.random.default_rng(9)
    rates = rng.gamma(4.0, 0.5, (150, 1, 2))
    counts = rng.poisson(rates, (150, 150, 2)).astype(float)
    alarms = 0
    for unit in counts:
        shapes = tuple(4.0 + unit[:50].sum(axis=0))
        mixture = CountSubsetMixture(shapes=shapes, rates=(52.0, 52.0), threshold=50.0)
        alarms += mixture.watch(unit[50:]).detections.alarms.sum()

    assert 150 * 100 / alarms > 50.0


def test_correlated_counts_keep_their_promise():
    from scipy.stats import norm, poisson  # noqa: PLC0415 - slow to import

    rng = np.random.default_rng(10)
    z = math.sqrt(0.3) * rng.normal(size=(40_000, 1)) + math.sqrt(0.7) * rng.normal(
        size=(40_000, 4)
    )
    mixture = CountSubsetMixture(
        shapes=(1e6,) * 4, rates=(1e6,) * 4, correlation=0.3, prequential=False
    )
    alarms = mixture.watch(poisson.ppf(norm.cdf(z), 1.0)).detections.alarms.sum()

    assert 40_000 / alarms > 260.0


def test_normal_scores_of_large_counts_are_their_standard_scores():
    scores = normal_scores(np.array([10_000.0, 10_200.0]), np.full(2, 1e4), np.full(2, 1e-7))

    assert [0.0, 2.0] == pytest.approx(scores, abs=0.02)


def test_normal_scores_of_extreme_counts_stay_finite():
    scores = normal_scores(np.array([0.0, 1e6]), np.array([500.0, 1.0]), np.full(2, 0.01))

    assert [-8.0, 8.0] == scores.tolist()


def test_a_product_of_mixtures_is_one_when_no_channel_says_anything():
    assert 0.0 == pytest.approx(mixture_product([0.0, 0.0], share=0.5))
    assert math.isnan(mixture_product([math.nan, math.nan], share=0.5))
    assert math.log(1.5) == pytest.approx(mixture_product([math.log(2.0), math.nan], share=0.5))
    with pytest.raises(ValueError, match="share must"):
        mixture_product([0.0], share=0.0)


@pytest.mark.parametrize("rule", ["max", "sum", "cusum_cauchy", "stouffer", "fisher", "cauchy"])
def test_a_missing_channel_keeps_its_statistic(rule):
    settings = {"channels": 2, "rule": rule, "threshold": 1e6}
    gap, whole = ChannelRule(**settings), ChannelRule(**settings)
    gap.watch([[1.0, 2.0], [1.0, math.nan]])
    whole.watch([[1.0, 2.0]])

    assert gap._state[1] == whole._state[1]
    assert gap._state[0] != whole._state[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SubsetMixture(channels=0), "channels must"),
        (lambda: SubsetMixture(channels=2, subsets=((0, 2),)), "subsets must"),
        (lambda: SubsetMixture(channels=2, subsets=((0, 0),)), "subsets must"),
        (lambda: SubsetMixture(channels=2, weights=(1.0,)), "weights must"),
        (lambda: SubsetMixture(channels=2, effect=math.inf), "effect must"),
        (lambda: SubsetMixture(channels=2, floor=1.0), "floor must"),
        (lambda: SubsetMixture(channels=2, correlation=1.0), "positive definite"),
        (lambda: SubsetMixture(channels=2, correlation=1.5), "between -1 and 1"),
        (lambda: SubsetMixture(channels=2, correlation=((1.0,),)), "2 by 2"),
        (lambda: SubsetMixture(channels=2).update([1.0]), "scores must"),
        (lambda: CountSubsetMixture(shapes=(1.0,), rates=(1.0, 1.0)), "one for each channel"),
        (lambda: CountSubsetMixture(**TWO).update([1.0]), "counts must be of 2"),
        (lambda: CountSubsetMixture(**TWO).update([1.0, -1.0]), "not negative"),
        (lambda: ChannelRule(channels=0), "channels must"),
        (lambda: ChannelRule(channels=1, rule="min"), "rule must"),
        (lambda: ChannelRule(channels=1, threshold=0.0), "threshold must be positive"),
        (lambda: ChannelRule(channels=1, smoothing=0.0), "smoothing must"),
        (lambda: ChannelRule(channels=1).update([1.0, 2.0]), "scores must"),
    ],
)
def test_settings_and_values_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
