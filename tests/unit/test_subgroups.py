from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.control_constants import c4, d2, d3
from detectors.charts.subgroups import subgroup_chart

NAN = float("nan")
SAMPLES = [[9.0, 11.0, 10.0], [10.0, 13.0, 10.0], [8.0, 9.0, 10.0], [12.0, 11.0, 10.0]]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # Montgomery, appendix VI: d2, d3, c4.
        (2, (1.128, 0.853, 0.7979)),
        (5, (2.326, 0.864, 0.9400)),
        (10, (3.078, 0.797, 0.9727)),
        (25, (3.931, 0.708, 0.9896)),
    ],
)
def test_the_computed_constants_agree_with_the_printed_ones(size, expected):
    assert (round(d2(size), 3), round(d3(size), 3), round(c4(size), 4)) == expected


def test_for_two_values_the_constants_are_known_exactly():
    assert d2(2) == pytest.approx(2 / np.sqrt(np.pi), rel=1e-12)
    assert d3(2) == pytest.approx(np.sqrt(2 - 4 / np.pi), rel=1e-11)
    assert c4(2) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-12)


def test_constants_hold_for_large_samples():
    # Three figures of d2 from the tables of Harter (1960).
    assert d2(100) == pytest.approx(5.015, abs=5e-4)
    assert c4(10_000) == pytest.approx(1 - 1 / 4e4, rel=1e-8)


@pytest.mark.parametrize("constant", [d2, d3, c4])
def test_a_single_value_has_no_spread(constant):
    with pytest.raises(ValueError, match="at least 2, not 1"):
        constant(1)


def test_ranges_set_the_limits_of_means_and_of_ranges():
    sigma = np.mean([2.0, 3.0, 2.0, 2.0]) / d2(3)
    means, ranges = subgroup_chart(SAMPLES, kind="xbar"), subgroup_chart(SAMPLES, kind="r")

    assert means.value.tolist() == [10.0, 11.0, 9.0, 11.0]
    assert means.upper[0] == pytest.approx(np.mean(SAMPLES) + 3 * sigma / np.sqrt(3))
    assert ranges.mean[0] == pytest.approx(2.25)
    assert ranges.upper[0] == pytest.approx(2.25 * (1 + 3 * d3(3) / d2(3)))
    assert ranges.lower[0] == 0.0


def test_deviations_set_the_limits_of_s_charts():
    drawn = subgroup_chart(SAMPLES, kind="s")
    mean = np.std(SAMPLES, axis=1, ddof=1).mean()

    assert drawn.mean[0] == pytest.approx(mean)
    assert drawn.upper[0] == pytest.approx(mean * (1 + 3 * np.sqrt(1 - c4(3) ** 2) / c4(3)))


def test_samples_of_unequal_size_have_limits_of_their_own():
    drawn = subgroup_chart([*SAMPLES, [10.0, 11.0, NAN]], kind="xbar", spread="pooled")

    assert drawn.size.tolist() == [3, 3, 3, 3, 2]
    assert drawn.upper[4] > drawn.upper[0]


@pytest.mark.parametrize("spread", ["weighted_ranges", "weighted_deviations"])
def test_weights_change_nothing_where_samples_are_of_equal_size(spread):
    plain = subgroup_chart(SAMPLES, kind="xbar", spread=spread.removeprefix("weighted_"))
    weighted = subgroup_chart(SAMPLES, kind="xbar", spread=spread)
    larger = [*SAMPLES, [10.0, NAN, NAN], [10.0, 19.0, NAN]]

    np.testing.assert_allclose(plain.upper, weighted.upper)
    assert (
        subgroup_chart(larger, kind="xbar", spread=spread).process_sigma[0]
        < subgroup_chart(larger, kind="xbar", spread=spread[9:]).process_sigma[0]
    )


def test_a_sample_of_one_has_a_mean_but_no_range():
    drawn = subgroup_chart([*SAMPLES, [10.0, NAN, NAN]], kind="r")

    assert np.isnan(drawn.value[4])
    assert np.isnan(drawn.upper[4])
    assert subgroup_chart([*SAMPLES, [10.0, NAN, NAN]], kind="xbar").value[4] == 10.0


def test_a_missing_sample_is_missing_and_breaks_patterns():
    drawn = subgroup_chart([*SAMPLES, [NAN] * 3, [19.0, 20.0, 21.0]], kind="xbar", fix_after=4)

    assert np.isnan(drawn.value[4])
    assert drawn.signals().tolist() == [0, 0, 0, 0, 0, 1]
    assert drawn.signals("nelson").tolist() == [0, 0, 0, 0, 0, 1]


def test_without_a_sample_of_two_there_are_no_limits():
    assert np.isnan(subgroup_chart([[1.0], [2.0]], kind="xbar").upper).all()
    assert np.isnan(subgroup_chart([[NAN, NAN]], kind="xbar").mean).all()
    assert len(subgroup_chart(np.empty((0, 3)), kind="s").mean) == 0


def test_excluded_samples_shape_no_limits_but_are_judged():
    drawn = subgroup_chart([*SAMPLES, [90.0, 91.0, 92.0]], kind="xbar", exclude=[4])

    assert drawn.mean[0] == pytest.approx(np.mean(SAMPLES))
    assert drawn.signals()[4] == 1


def test_the_packages_constants_are_there_for_who_asks():
    samples = [[1.0, 2.0, 4.0, 3.0, 2.0], [2.0, 3.0, 3.0, 5.0, 1.0]]
    exact = subgroup_chart(samples, kind="xbar").process_sigma[0]
    rounded = subgroup_chart(samples, kind="xbar", compat="qcc").process_sigma[0]
    pooled = subgroup_chart(samples, kind="xbar", spread="pooled", compat="qcc").process_sigma[0]

    assert rounded == pytest.approx(exact * d2(5) / 2.326, rel=1e-12)
    assert pooled == pytest.approx(np.sqrt(np.var(samples, axis=1, ddof=1).mean()) / c4(9))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "median"}, "kind must be one of xbar, r, s, not 'median'"),
        ({"spread": "mad"}, "spread must be one of"),
        ({"compat": "minitab"}, "compat must be one of published, qcc"),
        ({"samples": [1.0, 2.0]}, "two dimensions"),
        ({"samples": [[1.0, float("inf")]]}, "finite"),
        ({"fix_after": 0}, "fix_after must be at least 1, not 0"),
        ({"exclude": [7]}, "exclude 7 is outside the 4 samples"),
    ],
)
def test_bad_input_is_refused_with_a_clear_error(given, message):
    with pytest.raises(ValueError, match=message):
        subgroup_chart(**{"samples": SAMPLES, "kind": "xbar", **given})
