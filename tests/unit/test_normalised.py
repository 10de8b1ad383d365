from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.chart import chart

COUNTS = np.array([50.0, 60.0, 45.0, 130.0, 52.0, 58.0, 49.0, 61.0])
BELOW = np.array([100.0, 110.0, 90.0, 250.0, 104.0, 120.0, 95.0, 125.0])


def test_the_limits_follow_the_formula():
    drawn = chart(COUNTS, kind="i_prime", denominators=BELOW, screen=False)
    ratio = COUNTS / BELOW
    spread = np.sqrt(np.pi / 2) * abs(np.diff(ratio)) / np.sqrt(1 / BELOW[1:] + 1 / BELOW[:-1])

    assert drawn.mean[0] == pytest.approx(COUNTS.sum() / BELOW.sum())
    np.testing.assert_allclose(drawn.sigma, spread.mean() / np.sqrt(BELOW))
    np.testing.assert_allclose(drawn.upper, drawn.mean + 3 * drawn.sigma)
    np.testing.assert_allclose(drawn.near_lower, drawn.mean - 2 * drawn.sigma)


def test_with_equal_denominators_it_is_an_xmr_chart_with_the_constant_unrounded():
    same = np.full(8, 100.0)
    normalised = chart(COUNTS, kind="i_prime", denominators=same, screen=False)
    plain = chart(COUNTS, kind="xmr", denominators=same, screen=False)
    reach = (plain.upper - plain.mean) / 2.66 * 3 * np.sqrt(np.pi) / 2

    np.testing.assert_allclose(normalised.upper, plain.mean + reach)


def test_unlike_p_and_u_charts_it_takes_values_of_any_size_and_sign():
    drawn = chart(-COUNTS, kind="i_prime", denominators=BELOW / 10)

    assert drawn.mean[0] < -1.0
    assert drawn.reason == ""


def test_screening_leaves_out_an_unusual_difference_once():
    counts = COUNTS.copy()
    counts[-1] *= 4
    wide = chart(counts, kind="i_prime", denominators=BELOW, screen=False)
    narrow = chart(counts, kind="i_prime", denominators=BELOW)

    assert narrow.sigma[0] < wide.sigma[0]
    assert narrow.mean[0] == wide.mean[0]


def test_a_point_without_a_denominator_removes_both_differences():
    below = BELOW.copy()
    below[3] = 0.0
    drawn = chart(COUNTS, kind="i_prime", denominators=below, screen=False)
    halves = [
        chart(COUNTS[part], kind="i_prime", denominators=BELOW[part], screen=False).sigma[0]
        for part in (slice(0, 3), slice(4, 8))
    ]

    assert np.isnan(drawn.upper[3])
    assert drawn.sigma[0] == pytest.approx(
        (2 * halves[0] * np.sqrt(BELOW[0]) + 3 * halves[1] * np.sqrt(BELOW[4]))
        / 5
        / np.sqrt(BELOW[0])
    )


def test_a_fixed_baseline_sets_the_spread_unless_the_package_is_asked_for():
    counts = np.concatenate([COUNTS, COUNTS[::-1] * 3])
    below = np.concatenate([BELOW, BELOW[::-1]])
    fixed = chart(counts, kind="i_prime", denominators=below, fix_after=8)
    package = chart(counts, kind="i_prime", denominators=below, fix_after=8, compat="qicharts2")
    first = chart(COUNTS, kind="i_prime", denominators=BELOW)

    np.testing.assert_allclose(fixed.upper[:8], first.upper)
    assert package.sigma[0] > fixed.sigma[0]


def test_a_constant_ratio_has_no_limits_and_one_point_is_too_few():
    constant = chart([1, 2, 3], kind="i_prime", denominators=[10, 20, 30])

    assert constant.reason == "zero_moving_range"
    assert np.isnan(constant.upper).all()
    assert chart([1], kind="i_prime", denominators=[10]).reason == "too_few_points"
