from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.attribute import attribute_limits

EVERY = np.ones(4, bool)
COUNTS = np.array([10.0, 12.0, 8.0, 20.0])
BELOW = np.array([100.0, 100.0, 50.0, 400.0])


def test_the_centre_is_the_ratio_of_the_sums():
    fitted = attribute_limits("p", COUNTS, BELOW, EVERY)

    assert fitted.limits.mean[0] == 50.0 / 650.0


def test_limits_are_closer_where_the_denominator_is_larger():
    upper = attribute_limits("u", COUNTS, BELOW, EVERY).limits.upper

    assert upper[3] < upper[0] < upper[2]
    assert upper[0] == pytest.approx(50 / 650 + 3 * np.sqrt(50 / 650 / 100))


def test_limits_stay_within_what_a_proportion_can_be():
    many = attribute_limits("p", np.array([9.0, 10.0, 9.0, 10.0]), np.full(4, 10.0), EVERY)
    few = attribute_limits("p", np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 10.0), EVERY)

    assert (many.limits.upper == 1.0).all()
    assert (few.limits.lower == 0.0).all()


def test_laney_widens_limits_by_the_spread_between_points():
    plain = attribute_limits("u", COUNTS * 100, BELOW * 100, EVERY)
    laney = attribute_limits("u", COUNTS * 100, BELOW * 100, EVERY, laney=True)
    reach = plain.limits.upper - plain.limits.mean

    assert plain.sigma_z == laney.sigma_z > 1.2
    np.testing.assert_allclose(laney.limits.upper - laney.limits.mean, reach * plain.sigma_z)


def test_laney_narrows_limits_when_points_vary_less_than_chance():
    counts, below = np.array([10.0, 10.1, 10.0, 10.1]), np.full(4, 100.0)
    laney = attribute_limits("u", counts, below, EVERY, laney=True)

    assert laney.sigma_z < 1.0
    assert laney.limits.upper[0] < attribute_limits("u", counts, below, EVERY).limits.upper[0]


def test_a_point_without_a_denominator_has_no_limits_and_no_influence():
    below = BELOW.copy()
    below[2] = 0.0
    fitted = attribute_limits("u", COUNTS, below, EVERY)

    assert fitted.limits.mean[0] == 42.0 / 600.0
    assert np.isnan(fitted.limits.upper[2])


def test_without_a_base_there_are_no_limits():
    assert np.isnan(attribute_limits("c", COUNTS, np.ones(4), ~EVERY).limits.mean).all()
