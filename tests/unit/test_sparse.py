from __future__ import annotations

import json

import numpy as np
import pytest

from detectors.charts.chart import chart
from detectors.charts.sparse import TAILS, is_sparse, predictive_limits
from detectors.charts.xmr import xmr_limits
from tests.reference.cases import HERE

SPARSE = [0, 0, 1, 0, 0, 2, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 1, 0, 0]
SIMULATED = {
    row["lam"]: row
    for row in json.loads((HERE / "mc_sparse_counts_xmr.json").read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (SPARSE, True),
        ([1, 1, 1], False),  # exactly one a period
        ([0.5, 0.25], False),  # measurements
        ([0, -1, 0], False),
        ([np.nan, np.nan], False),
        ([0, 0, np.nan, 2], True),
        ([], False),
    ],
)
def test_sparse_means_whole_counts_below_one_a_period(values, expected):
    assert expected == is_sparse(np.array(values, float))


def test_an_xmr_chart_of_sparse_counts_is_refused_and_a_count_chart_named():
    drawn = chart(SPARSE, kind="xmr", screen=False)

    assert (drawn.reason, drawn.suggested_kind) == ("sparse_counts", "c")
    assert np.isnan(drawn.upper).all()
    assert not drawn.special_cause.any()


def test_a_sparse_rate_is_pointed_to_a_u_chart():
    drawn = chart(SPARSE, kind="xmr", denominators=np.full(24, 300.0), per=1000)

    assert (drawn.reason, drawn.suggested_kind) == ("sparse_counts", "u")


@pytest.mark.parametrize("compat", ["plotthedots", "qicharts2", "qcc"])
def test_packages_that_chart_sparse_counts_are_followed_when_asked(compat):
    assert chart(SPARSE, kind="xmr", screen=False, compat=compat).reason == ""


def test_a_few_events_in_a_busy_series_are_no_reason_to_refuse():
    assert chart([4, 6, 5, 0, 7, 5, 6, 4], kind="xmr").reason == ""


def negative_binomial(k, shape, success):
    """P(Y <= k) for a shape of a half, straight from the recursion."""
    chance, total = success**shape, 0.0
    for i in range(k + 1):
        total += chance
        chance *= (shape + i) / (i + 1) * (1 - success)
    return total


def test_predictive_limits_are_the_quantiles_of_the_next_count():
    limits = predictive_limits(np.array(SPARSE, float), np.ones(24), np.ones(24, bool), rate=False)
    shape, success = 0.5 + sum(SPARSE), 24 / 25
    upper, near, centre = (int(line[0]) for line in (limits.upper, limits.near_upper, limits.mean))

    assert negative_binomial(upper, shape, success) >= 1 - TAILS[0]
    assert negative_binomial(upper - 1, shape, success) < 1 - TAILS[0]
    assert negative_binomial(near - 1, shape, success) < 1 - TAILS[1]
    assert centre == 0
    assert limits.lower[0] == 0.0


def test_a_baseline_of_ten_events_gives_the_known_quantile():
    # Gamma(10.5, 1) and one more period: negative binomial with shape 10.5, success 1/2.
    limits = predictive_limits(np.array([10.0]), np.ones(1), np.ones(1, bool), rate=False)

    assert negative_binomial(int(limits.upper[0]), 10.5, 0.5) >= 1 - TAILS[0]
    assert limits.lower[0] == pytest.approx(1.0, abs=1.0)


def test_empty_periods_make_no_shift_on_a_sparse_chart():
    drawn = chart([*SPARSE, *[0] * 12], kind="c")

    assert drawn.limits_by == "probability"
    assert not drawn.special_cause.any()
    assert chart([*SPARSE, *[0] * 12], kind="c", limits="three_sigma").special_cause.any()


def test_a_baseline_without_events_does_not_flag_the_first_one():
    assert chart([0] * 24 + [1], kind="c", fix_after=24).special_cause[-1] == 0
    assert chart([0] * 24 + [3], kind="c", fix_after=24).special_cause_names[-1] == "Above UCL"


def test_predictive_limits_of_a_rate_follow_the_exposure():
    exposure = np.array([100.0, 400.0, 0.0, np.nan] * 6)
    drawn = chart(SPARSE, kind="u", denominators=exposure, limits="probability")

    assert drawn.upper[1] < drawn.upper[0]
    assert np.isnan(drawn.upper[2:4]).all()


def test_plentiful_counts_keep_three_sigma():
    plain = chart([4, 6, 5, 3, 7, 5, 6, 4], kind="c")

    assert plain.limits_by == "three_sigma"
    assert plain.upper[0] == pytest.approx(5 + 3 * np.sqrt(5))


def later_flags(series, limits):
    """Share of the later points beyond the limits of each series' baseline."""
    lower, upper = np.array(limits).T[..., np.newaxis]
    return float(((series > upper) | (series < lower)).mean())


def xmr_as_simulated(counts, *, screen):
    """Limits as the simulation drew them: where no range is left they are the mean."""
    limits = xmr_limits(counts, screen=screen, keep_zero_range=True)
    return [limits.mean if np.isnan(one) else one for one in (limits.lower, limits.upper)]


def three_sigma(counts):
    mean = counts.mean()
    return mean - 3 * np.sqrt(mean), mean + 3 * np.sqrt(mean)


def predictive(counts):
    limits = predictive_limits(counts, np.ones(24), np.ones(24, bool), rate=False)
    return -1.0, limits.upper[0]


@pytest.mark.slow
@pytest.mark.parametrize("lam", sorted(SIMULATED))
def test_false_alarms_on_sparse_counts_are_as_frequent_as_simulated_elsewhere(lam):
    series = np.random.default_rng(20_261_123).poisson(lam, (4_000, 48)).astype(float)
    first, later = series[:, :24], series[:, 24:]
    unscreened = [xmr_as_simulated(one, screen=False) for one in first]
    screened = [xmr_as_simulated(one, screen=True) for one in first]
    without_range = np.mean([lower == upper for lower, upper in screened])
    expected, close = SIMULATED[lam], {"rel": 0.12, "abs": 0.002}
    for name, limits in (
        ("xmr_unscreened", unscreened),
        ("xmr_screened", screened),
        ("c_chart", [three_sigma(one) for one in first]),
    ):
        assert expected[f"{name}_fa_per_point"] == pytest.approx(
            later_flags(later, limits), **close
        ), name
    distinct = {one.sum(): predictive(one) for one in first}
    predicted = later_flags(later, [distinct[one.sum()] for one in first])

    assert expected["nb_predictive_upper_.00135_fa_per_point"] == pytest.approx(
        predicted, abs=0.0004
    )
    # The file counts collapses by screening alone apart from series without any event.
    assert expected["p_screen_zero"] + expected["p_amr0"] == pytest.approx(without_range, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("lam", "refused"), [(0.05, 1.0), (0.2, 1.0), (0.5, 0.99), (2.0, 0.0)])
def test_the_guard_refuses_what_the_simulation_shows_to_fail(lam, refused):
    series = np.random.default_rng(7).poisson(lam, (400, 24)).astype(float)
    drawn = [chart(one, kind="xmr") for one in series]
    guarded = [one.reason != "" and one.suggested_kind == "c" for one in drawn]

    assert np.mean(guarded) == pytest.approx(refused, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("lam", [0.05, 0.1, 0.2, 0.5])
def test_the_chart_it_names_flags_stable_sparse_series_rarely(lam):
    series = np.random.default_rng(11).poisson(lam, (400, 48)).astype(float)
    flagged = [chart(one, kind="c", fix_after=24).completing[24:] != 0 for one in series]

    assert np.mean(flagged) < 0.003
