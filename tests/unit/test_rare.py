from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.rare import g_limits, geometric_quantile, t_limits

GAPS = np.array([3.0, 10.0, 0.0, 25.0, 7.0, 1.0, 14.0, 30.0])
EVERY = np.ones(8, bool)


def test_g_limits_come_from_the_mean_and_the_centre_line_is_the_median():
    limits = g_limits(GAPS, EVERY)
    mean = GAPS.mean()

    assert limits.mean[0] == np.median(GAPS)
    assert limits.upper[0] == pytest.approx(mean + 3 * np.sqrt(mean * (mean + 1)))
    assert limits.lower[0] == 0.0


@pytest.mark.parametrize("mean", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("chance", [0.00135, 0.25, 0.5, 0.99865])
def test_the_geometric_quantile_is_the_smallest_gap_that_reaches_the_chance(mean, chance):
    gap = geometric_quantile(mean, chance)
    stay = mean / (mean + 1)

    assert 1 - stay ** (gap + 1) >= chance - 1e-12
    assert gap == 0.0 or 1 - stay**gap < chance


def test_exact_g_limits_are_attained_with_the_stated_chance():
    limits = g_limits(GAPS, EVERY, exact=True)
    stay = GAPS.mean() / (GAPS.mean() + 1)

    assert stay ** (limits.upper[0] + 1) <= 0.00135
    assert limits.near_upper[0] < limits.upper[0]


def test_t_limits_are_those_of_the_transformed_gaps():
    limits, inner = t_limits(GAPS + 1, EVERY)

    assert limits.mean[0] == pytest.approx(inner.mean**3.6)
    assert limits.upper[0] == pytest.approx(inner.upper**3.6)
    assert limits.lower[0] == max(inner.lower, 0.0) ** 3.6


def test_no_gaps_give_no_limits():
    assert np.isnan(g_limits(GAPS, ~EVERY).upper).all()


def test_events_that_never_have_a_case_between_have_the_quantile_zero():
    assert geometric_quantile(0.0, 0.99865) == 0.0
