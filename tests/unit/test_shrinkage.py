"""Levels of units shrunken towards their peers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.many_series.shrinkage import beta_binomial, gamma_poisson, normal

COUNTS = [5.0, 1.0, 5.0, 14.0, 3.0, 19.0, 1.0, 1.0, 4.0, 22.0]
YEARS = [94.3, 15.7, 62.9, 126.0, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5]
EVENTS, TRIALS = [3.0, 9.0, 2.0, 14.0, 6.0], [40.0, 35.0, 12.0, 30.0, 44.0]


def test_the_law_of_rates_is_the_one_under_which_the_counts_are_likeliest():
    a, b = gamma_poisson(COUNTS, YEARS).law

    def likelihood(a, b):
        return stats.nbinom.logpmf(COUNTS, a, b / (b + np.array(YEARS))).sum()

    around = [likelihood(a * f, b * g) for f in (0.99, 1, 1.01) for g in (0.99, 1, 1.01)]
    assert max(around) == likelihood(a, b)


def test_a_rate_is_the_mean_of_the_law_given_the_unit_s_own_count():
    found = gamma_poisson(COUNTS, YEARS, coverage=0.5)
    a, b = found.law
    given = stats.gamma(a + np.array(COUNTS), scale=1.0 / (b + np.array(YEARS)))

    np.testing.assert_allclose(found.level, given.mean(), rtol=1e-12)
    np.testing.assert_allclose([found.lower, found.upper], given.ppf([[0.25], [0.75]]), rtol=1e-9)
    pooled = found.weight * np.array(COUNTS) / YEARS + (1.0 - found.weight) * a / b
    np.testing.assert_allclose(found.level, pooled, rtol=1e-12)


def test_the_law_of_proportions_is_the_one_under_which_the_events_are_likeliest():
    found = beta_binomial(EVENTS, TRIALS, coverage=0.8)
    a, b = found.law
    given = stats.beta(a + np.array(EVENTS), b + np.array(TRIALS) - EVENTS)

    def likelihood(a, b):
        return stats.betabinom.logpmf(EVENTS, TRIALS, a, b).sum()

    around = [likelihood(a * f, b * g) for f in (0.99, 1, 1.01) for g in (0.99, 1, 1.01)]
    assert max(around) == likelihood(a, b)
    np.testing.assert_allclose(found.level, given.mean(), rtol=1e-12)
    np.testing.assert_allclose([found.lower, found.upper], given.ppf([[0.1], [0.9]]), rtol=1e-9)


def test_means_of_equal_precision_are_pulled_in_by_the_share_that_chance_explains():
    """The squares about 4 add up to 20; 20 / (1 + tau^2) = 3 gives tau^2 = 17 / 3."""
    found = normal([1.0, 3.0, 5.0, 7.0, np.nan], 1.0)

    np.testing.assert_allclose(found.law, (4.0, 17.0 / 3.0), rtol=1e-12)
    np.testing.assert_allclose(found.level, [1.45, 3.15, 4.85, 6.55, 4.0], rtol=1e-12)
    np.testing.assert_allclose(found.weight, [0.85, 0.85, 0.85, 0.85, 0.0], rtol=1e-12)
    np.testing.assert_allclose(found.upper[0] - found.level[0], 1.644854 * 0.85**0.5, rtol=1e-6)


def test_means_that_differ_no_more_than_by_chance_become_one():
    found = normal([1.0, 1.5, 0.5], [1.0, 2.0, 4.0])

    assert found.law[1] == 0.0
    assert np.ptp(found.level) == 0.0


@pytest.mark.parametrize("shrink", [gamma_poisson, beta_binomial])
def test_units_that_are_all_alike_take_the_level_of_all(shrink):
    found = shrink([4.0, 4.0, 4.0], [20.0, 20.0, 20.0])

    np.testing.assert_allclose(found.level, 0.2, rtol=1e-4)
    assert (found.weight < 1e-4).all()


@pytest.mark.parametrize("shrink", [gamma_poisson, beta_binomial])
def test_a_unit_without_a_record_has_the_level_of_its_peers(shrink):
    found = shrink([4.0, 9.0, np.nan, 0.0], [20.0, 20.0, 20.0, 0.0])

    assert [0.0, 0.0] == found.weight[2:].tolist()
    assert found.level[2] == found.level[3]
    assert found.level[0] < found.level[2] < found.level[1]


def test_without_a_single_event_all_share_half_a_one():
    rates, shares = gamma_poisson([0.0, 0.0], [1.0, 3.0]), beta_binomial([0.0, 0.0], [1.0, 3.0])

    np.testing.assert_allclose(rates.level, [0.5 / 5.0, 0.5 / 7.0], rtol=1e-12)
    np.testing.assert_allclose(shares.level, [0.5 / 6.0, 0.5 / 8.0], rtol=1e-12)
    np.testing.assert_allclose(beta_binomial([1.0, 3.0], [1.0, 3.0]).level, [5.5 / 6, 7.5 / 8])


@pytest.mark.parametrize(
    ("shrink", "first", "second", "says"),
    [
        (gamma_poisson, [1.0], [1.0], "at least two units"),
        (gamma_poisson, [-1.0, 2.0], [1.0, 1.0], "not negative"),
        (gamma_poisson, [1.0, 2.0], [0.0, 1.0], "nothing to count in"),
        (gamma_poisson, [1.0, 2.0], [1.0, 1.0, 1.0], "one row each"),
        (beta_binomial, [3.0, 1.0], [2.0, 2.0], "must not exceed"),
        (normal, [1.0, 2.0], [0.0, 1.0], "errors positive"),
        (normal, [1.0, np.nan], [1.0, 1.0], "at least two units"),
    ],
)
def test_records_that_cannot_be_are_refused(shrink, first, second, says):
    with pytest.raises(ValueError, match=says):
        shrink(first, second)


@pytest.mark.parametrize("coverage", [0.0, 1.0, float("nan")])
def test_a_coverage_must_be_a_share(coverage):
    with pytest.raises(ValueError, match="coverage"):
        normal([1.0, 2.0], 1.0, coverage=coverage)
