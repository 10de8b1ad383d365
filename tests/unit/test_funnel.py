from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.charts.funnel import Z95, Z998, funnel
from detectors.charts.funnel_scores import funnel_scores, overdispersion, trimmed, winsorised

DEATHS = np.array([41, 25, 24, 23, 25, 42, 24, 53, 26, 25, 58, 31.0])
OPERATIONS = np.array([143, 187, 323, 122, 164, 405, 239, 482, 195, 177, 581, 301.0])


def test_limits_narrow_with_the_denominator_and_close_on_the_target():
    plot = funnel(DEATHS, OPERATIONS, kind="proportion", adjustment="none")
    limits = plot.limits_at([10.0, 100.0, 1e4, 1e10])

    assert (np.diff(limits.upper998) < 0).all()
    assert (np.diff(limits.lower998) >= 0).all()
    assert plot.scores.target == pytest.approx(limits.upper95[-1], rel=1e-4)


def test_limits_of_a_proportion_stay_between_nothing_and_all():
    plot = funnel([1.0, 9.0], [10.0, 10.0], kind="proportion", target=0.02)
    low = plot.limits_at([1.0, 2.0])
    high = funnel([1.0, 9.0], [10.0, 10.0], kind="proportion", target=0.98).limits_at([1.0, 2.0])

    assert [0.0, 0.0] == low.lower95.tolist()
    assert [1.0, 1.0] == high.upper95.tolist()


def test_a_unit_on_the_limit_has_the_score_of_the_limit():
    plot = funnel(DEATHS, OPERATIONS, kind="proportion")
    at = plot.limits_at([200.0])
    unit = funnel_scores(at.upper998 * 200.0, [200.0], kind="proportion", target=plot.scores.target)

    assert Z998 == pytest.approx(
        (unit.transformed[0] - unit.centre) / math.sqrt(unit.errors[0] ** 2 + plot.tau2)
    )


@pytest.mark.parametrize(
    ("kind", "transform"), [("ratio", "log"), ("ratio", "root"), ("counts", "log")]
)
def test_limits_and_scores_of_a_unit_agree(kind, transform):
    observed, expected = np.array([30.0, 45.0, 60.0, 90.0]), np.array([33.0, 40.0, 66.0, 80.0])
    plot = funnel(observed, expected, kind=kind, transform=transform, adjustment="none")
    reach = {
        "log": lambda n: np.exp(plot.scores.centre + Z95 * plot._error_at(n)),
        "root": lambda n: (1.0 + Z95 * plot._error_at(n)) ** 2,
    }[transform]

    np.testing.assert_allclose(plot.limits().upper95, reach(expected))


def test_the_error_of_a_ratio_of_counts_counts_both():
    plot = funnel([50.0, 100.0], [100.0, 50.0], kind="counts", target=1.0)
    limit = plot.limits_at([100.0])
    package = funnel([50.0, 100.0], [100.0, 50.0], kind="counts", target=1.0, compat="FunnelPlotR")

    s = math.sqrt(2 * 100.0 / 100.5**2)
    assert math.exp(Z95 * math.sqrt(s**2 + plot.tau2)) == pytest.approx(limit.upper95[0])
    assert math.exp(Z95 * math.sqrt(0.05**2 + plot.tau2)) == pytest.approx(
        package.limits_at([100.0]).upper95[0]
    )


def test_plain_limits_of_a_ratio_are_exact_poisson_ones():
    from scipy.stats import chi2  # noqa: PLC0415 - slow to import

    plot = funnel([5.0], [5.0], kind="ratio")
    limits = plot.limits(adjusted=False)

    assert chi2.ppf(0.025, 10) / 10 == pytest.approx(limits.lower95[0])
    assert chi2.ppf(0.999, 12) / 10 == pytest.approx(limits.upper998[0])


def test_multiplicative_overdispersion_widens_every_limit_by_its_root():
    plain = funnel(DEATHS, OPERATIONS, kind="proportion", adjustment="none")
    wide = funnel(DEATHS, OPERATIONS, kind="proportion", adjustment="multiplicative")

    assert 0.0 == wide.tau2
    np.testing.assert_allclose(wide.adjusted_z, plain.scores.z / math.sqrt(wide.phi))


def test_units_that_vary_less_than_chance_are_not_narrowed():
    even = np.full(10, 50.0)
    plot = funnel(even, even * 4, kind="proportion", adjustment="multiplicative")

    assert 0.0 == pytest.approx(plot.phi)
    assert not plot.overdispersed
    assert plot.spread.tau2 == 0.0
    np.testing.assert_allclose(plot.adjusted_z, 0.0, atol=1e-12)


def test_a_missing_unit_and_one_without_opportunities_are_left_out():
    observed = np.append(DEATHS, [math.nan, 0.0])
    plot = funnel(observed, np.append(OPERATIONS, [50.0, 0.0]), kind="proportion")
    whole = funnel(DEATHS, OPERATIONS, kind="proportion")

    assert whole.phi == plot.phi
    assert whole.tau2 == plot.tau2
    assert np.isnan(plot.scores.z[-2:]).all()
    assert np.isnan(plot.limits().upper95[-2:]).all()
    assert not plot.outside()[-2:].any()
    np.testing.assert_array_equal(whole.outside(), plot.outside()[:-2])


def test_no_events_count_as_half_an_event_in_a_log():
    scores = funnel_scores([0.0, 8.0], [4.0, 8.0], kind="ratio")

    assert 2.0 * math.log(0.125) == pytest.approx(scores.z[0])


def test_nothing_known_gives_a_plot_without_limits():
    plot = funnel([math.nan], [math.nan], kind="proportion")

    assert math.isnan(plot.phi)
    assert plot.tau2 == 0.0
    assert not plot.outside().any()
    with pytest.raises(ValueError, match="no unit has a denominator"):
        plot.curves()


def test_one_unit_says_nothing_of_a_spread_between_units():
    assert 0.0 == funnel([90.0], [20.0], kind="ratio", treatment="winsorise").tau2


def test_curves_cover_the_units():
    curves = funnel(DEATHS, OPERATIONS, kind="proportion").curves(50)

    assert curves.denominators[0] < OPERATIONS.min()
    assert curves.denominators[-1] > OPERATIONS.max()
    assert (50,) == curves.upper998.shape


def test_a_smaller_share_treats_fewer_scores():
    scores = funnel_scores(DEATHS, OPERATIONS, kind="proportion")

    assert overdispersion(scores, share=0.05).altered.sum() < overdispersion(scores).altered.sum()


def test_tied_scores_are_trimmed_together():
    kept, left_out = trimmed(np.array([1.0, 1.0, 2.0, 3.0, 4.0]), 0.25)

    assert [False, False, False, False, True] == left_out.tolist()
    assert np.isnan(kept[left_out]).all()
    assert [True, True] == trimmed(np.array([1.0, 1.0, 2, 3, 4, 5, 6]), 0.25)[1][:2].tolist()


def test_winsorised_scores_move_to_the_quantiles_and_no_further():
    pulled, outside = winsorised(np.arange(11.0), 0.1)

    assert [1.0, 1.0, 2.0] == pulled[:3].tolist()
    assert [True, True, False] == outside[:3].tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: funnel([1.0], [-2.0], kind="ratio"), r"denominators must .* not -2\.0"),
        (lambda: funnel([math.inf], [2.0], kind="ratio"), "observed must be finite"),
        (lambda: funnel([1.0, 2.0], [2.0], kind="ratio"), "must be alike"),
        (lambda: funnel([3.0], [2.0], kind="proportion"), "must not exceed"),
        (lambda: funnel([1.0], [2.0], kind="rate"), "kind must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", target=0.5), "standardised ratio is 1"),
        (lambda: funnel([1.0], [2.0], kind="proportion", target=1.5), "target must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", transform="cube"), "transform must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", adjustment="some"), "adjustment must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", compat="other"), "compat must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", share=0.5), "share must"),
        (lambda: funnel([1.0], [2.0], kind="ratio", treatment="cut"), "treatment must"),
        (lambda: funnel([1.0], [2.0], kind="ratio").outside(99), "level must be one of 95, 998"),
        (lambda: funnel([1.0], [2.0], kind="ratio").curves(1), "points must"),
    ],
)
def test_input_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
