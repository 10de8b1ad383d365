from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.sequential.categorical_cusum import (
    CategoricalCusum,
    beta_binomial_ratio,
    categorical_cusum,
    multinomial_ratio,
    proportional_odds,
    ratio_cusum,
)
from detectors.sequential.cusum_counts import CountCusumChart, count_cusum
from detectors.sequential.cusum_gaussian import GaussianCusum, gaussian_cusum
from detectors.sequential.cusum_recursion import FALL, RISE, Side, SidesState, follow_sides
from detectors.sequential.cusum_transformed import (
    TRANSFORMATIONS,
    TransformedCountCusum,
    count_of,
    transformed_count_cusum,
    transformed_counts,
)
from detectors.sequential.ewma import Ewma, ewma
from detectors.sequential.likelihood_cusum import (
    NegativeBinomialCusum,
    PoissonCusum,
    negative_binomial_cusum,
    poisson_cusum,
)
from detectors.sequential.likelihood_cusum_proportions import BinomialCusum, binomial_cusum
from detectors.sequential.likelihood_ratios import (
    negative_binomial_ratio,
    odds_ratio_of,
    poisson_ratio,
    poisson_reference_value,
)
from detectors.sequential.risk_adjusted_cusum import (
    RiskAdjustedCusum,
    risk_adjusted_cusum,
    risk_adjusted_weights,
)
from detectors.sequential.vlad import Vlad, vlad

NAN = math.nan


def test_a_cusum_adds_up_what_exceeds_its_reference_value():
    path = gaussian_cusum([1.0, -0.5, 2.0, 0.0], k=0.5, h=5.0)

    assert path.upper == pytest.approx([0.5, 0.0, 1.5, 1.0])
    assert path.lower == pytest.approx([0.0, 0.0, 0.0, 0.0])


def test_a_cusum_reset_after_an_alarm_starts_from_zero_and_keeps_the_value_that_alarmed():
    path = gaussian_cusum([3.0, 3.0, 1.0], k=0.5, h=4.0)

    assert path.upper == pytest.approx([2.5, 5.0, 0.5])
    assert path.signals.tolist() == [0, RISE, 0]
    assert path.alarms.tolist() == [1]


def test_a_cusum_without_reset_goes_on_alarming():
    path = gaussian_cusum([3.0, 3.0, 1.0], k=0.5, h=4.0, reset=False)

    assert path.upper == pytest.approx([2.5, 5.0, 5.5])
    assert path.signals.tolist() == [0, RISE, RISE]


def test_a_head_start_is_that_of_both_sides_and_of_every_new_beginning():
    path = gaussian_cusum([0.0, 4.0, 0.0], k=0.5, h=4.0, head_start=2.0)

    assert path.upper == pytest.approx([1.5, 5.0, 1.5])
    assert path.lower == pytest.approx([1.5, 0.0, 0.0])
    assert path.signals.tolist() == [0, RISE, 0]


def test_a_value_at_the_limit_alarms_only_where_reaching_it_is_enough():
    exceeded = gaussian_cusum([1.5] * 4, k=0.5, h=2.0)
    reached = gaussian_cusum([1.5] * 4, k=0.5, h=2.0, alarm="reached")

    assert exceeded.signals.tolist() == [0, 0, RISE, 0]
    assert reached.signals.tolist() == [0, RISE, 0, RISE]


def test_tenths_that_add_up_to_the_limit_are_at_it_and_not_beyond():
    # In floating point 0.1 added three times is more than 0.3.
    path = follow_sides((Side(0.3), np.full(3, 0.1)), None)

    assert path.upper[-1] > 0.3
    assert path.signals.tolist() == [0, 0, 0]
    assert follow_sides((Side(0.3, alarm="reached"), np.full(3, 0.1)), None).alarms.tolist() == [2]


def test_a_larger_subgroup_weighs_by_the_root_of_its_size():
    one = gaussian_cusum([2.0, 2.0], h=50.0)
    four = gaussian_cusum([1.0, 1.0], sizes=[4.0, 4.0], h=50.0)

    assert four.upper == pytest.approx(one.upper)
    assert gaussian_cusum([1.0, 2.0], sizes=[4, 1], h=50.0).upper == pytest.approx(one.upper)


def test_the_stream_takes_subgroups_as_pairs():
    chart = GaussianCusum(mean=10.0, sigma=2.0, h=4.0)
    pairs = [(12.0, 4.0), (9.0, 1.0), (13.0, 5.0)]
    signals = [chart.update(each) for each in pairs]
    path = gaussian_cusum([12.0, 9.0, 13.0], sizes=[4.0, 1.0, 5.0], mean=10.0, sigma=2.0, h=4.0)

    assert signals == path.signals.tolist()
    assert (chart.upper, chart.lower) == (path.upper[-1], path.lower[-1])


def test_one_sided_charts_leave_the_other_side_out():
    rise = gaussian_cusum([-9.0, 0.0], direction="rise")
    fall = GaussianCusum(direction="fall")

    assert np.isnan(rise.lower).all()
    assert rise.signals.tolist() == [0, 0]
    assert fall.update(-9.0) == FALL
    assert math.isnan(fall.upper)


def test_the_chart_like_qcc_stores_falls_as_negative_and_never_resets():
    chart = GaussianCusum(h=1.0, compat="qcc")

    assert [chart.update(-2.0), chart.update(-2.0)] == [FALL, FALL]
    assert chart.lower == pytest.approx(-3.0)


def test_missing_values_leave_a_cusum_as_it_was():
    path = gaussian_cusum([2.0, NAN, 2.0], sizes=[1.0, 1.0, 1.0], k=0.5, h=9.0)

    assert path.upper == pytest.approx([1.5, 1.5, 3.0])
    assert gaussian_cusum([2.0, 5.0, 2.0], sizes=[1.0, NAN, 1.0], h=9.0).upper[-1] == 3.0
    assert gaussian_cusum([NAN, NAN]).signals.tolist() == [0, 0]


def test_an_empty_series_has_an_empty_path():
    assert gaussian_cusum([]).signals.shape == (0,)
    assert ewma([]).average.shape == (0,)
    assert vlad([], []).difference.shape == (0,)


def test_an_ewma_starts_at_its_target_with_exact_limits():
    path = ewma([12.0, 10.0], mean=10.0, sigma=1.0, weight=0.2, width=3.0)

    assert path.average == pytest.approx([10.4, 10.32])
    assert path.deviation == pytest.approx([0.2, math.sqrt(0.04 * (1 + 0.64))])
    assert path.upper == pytest.approx(10.0 + 3.0 * path.deviation)
    assert path.lower == pytest.approx(10.0 - 3.0 * path.deviation)


def test_fixed_limits_are_the_final_ones_from_the_first_point():
    path = ewma(np.zeros(3), sigma=2.0, weight=0.25, width=3.0, limits="fixed")

    assert path.upper == pytest.approx(3.0 * 2.0 * math.sqrt(0.25 / 1.75))


def test_exact_limits_settle_at_the_fixed_ones():
    exact = ewma(np.zeros(200), weight=0.1, sizes=4.0)
    fixed = ewma(np.zeros(200), weight=0.1, sizes=4.0, limits="fixed")

    assert exact.upper[-1] == pytest.approx(fixed.upper[-1])


def test_a_large_subgroup_narrows_the_exact_limits_by_the_recursion():
    path = ewma(np.zeros(2), sizes=[1.0, 100.0], weight=0.5, width=1.0)

    assert path.upper[1] ** 2 == pytest.approx(0.25 / 100.0 + 0.25 * 0.25)


def test_a_one_sided_ewma_does_not_go_below_its_target():
    path = ewma([-5.0, -5.0, 3.0], weight=0.5, width=2.0, direction="rise")

    assert path.average == pytest.approx([0.0, 0.0, 1.5])
    assert path.signals.tolist() == [0, 0, RISE]
    assert np.isnan(path.lower).all()
    assert ewma([5.0, -9.0], weight=0.5, width=2.0, direction="fall").signals.tolist() == [0, FALL]


def test_an_ewma_starts_afresh_after_an_alarm_unless_told_otherwise():
    again = ewma([9.0, 0.0, 0.0], weight=0.5, width=3.0)
    on = ewma([9.0, 0.0, 0.0], weight=0.5, width=3.0, reset=False)

    assert again.average == pytest.approx([4.5, 0.0, 0.0])
    assert again.deviation[1] == pytest.approx(0.5)
    assert on.average == pytest.approx([4.5, 2.25, 1.125])


def test_an_ewma_may_have_a_head_start():
    chart = Ewma(mean=10.0, sigma=2.0, weight=0.5, width=3.0, start=12.0)

    assert chart.average == 12.0
    assert chart.update((10.0, 4.0)) == 0
    assert chart.average == pytest.approx(11.0)


def test_the_stream_of_an_ewma_takes_subgroups_as_pairs():
    settings = {"weight": 0.3, "width": 1.5, "limits": "fixed", "alarm": "reached"}
    chart = Ewma(**settings)
    signals = [chart.update(each) for each in [(1.0, 4.0), (2.0, 1.0), (1.5, 9.0)]]

    assert signals == ewma([1.0, 2.0, 1.5], sizes=[4.0, 1.0, 9.0], **settings).signals.tolist()


def test_each_series_has_its_own_mean_and_spread():
    values = np.array([[11.0, 104.0], [12.0, 96.0]])
    cusum = gaussian_cusum(values, mean=[10.0, 100.0], sigma=[1.0, 4.0], h=9.0)
    average = ewma(values, mean=[10.0, 100.0], sigma=[1.0, 4.0])

    assert cusum.upper[0] == pytest.approx([0.5, 0.5])
    assert average.average[0] == pytest.approx([10.2, 100.8])


def test_exposure_multiplies_what_is_expected():
    path = poisson_cusum([4.0, 8.0], [1.0, 2.0], mean=3.0, rise=2.0, h=9.0)
    twice = poisson_cusum([4.0, 8.0], mean=3.0, rise=2.0, h=9.0)

    # 4 log 2 - 3 is below zero.
    assert path.upper == pytest.approx([0.0, 0.0])
    assert twice.upper == pytest.approx([0.0, 8.0 * math.log(2.0) - 3.0])


def test_no_exposure_and_no_count_are_no_evidence():
    assert float(poisson_ratio(0.0, 0.0, 2.0)) == 0.0
    assert float(negative_binomial_ratio(0.0, 0.0, 2.0, 0.3)) == 0.0
    assert binomial_cusum([0.0], [0.0], probability=0.1, h=1.0).upper[0] == 0.0


def test_falls_are_found_by_their_own_ratio():
    chart = PoissonCusum(mean=5.0, rise=None, fall=0.5, h=3.0)
    signals = [chart.update(count) for count in [5, 1, 0, 1, 0]]

    assert FALL in signals
    assert math.isnan(chart.upper)


def test_a_chart_in_counts_is_the_likelihood_chart_divided_by_the_log_ratio():
    counts = np.random.default_rng(4).poisson(3.0, 60)
    logs = poisson_cusum(counts, mean=3.0, rise=1.5, h=2.0)
    plain = count_cusum(
        counts, k=poisson_reference_value(3.0, 1.5), h=2.0 / math.log(1.5), alarm="exceeded"
    )

    assert plain.upper * math.log(1.5) == pytest.approx(logs.upper)
    assert (plain.signals == logs.signals).all()


def test_lucas_charts_alarm_when_they_reach_their_limit():
    chart = CountCusumChart(k=2.0, h=4.0, k_low=1.0, h_low=2.0, head_start_low=1.0)
    signals = [chart.update(count) for count in [4, 4, NAN, 0, 0]]

    assert signals == [0, RISE, 0, 0, FALL]
    assert (chart.upper, chart.lower) == (0.0, 2.0)


def test_overdispersion_makes_the_same_counts_weaker_evidence():
    counts = [9.0, 8.0, 10.0]
    poisson = poisson_cusum(counts, mean=4.0, h=99.0).upper[-1]
    wider = negative_binomial_cusum(counts, mean=4.0, dispersion=0.5, h=99.0).upper[-1]

    assert 0.0 < wider < poisson


def test_the_negative_binomial_chart_has_both_sides_and_exposure():
    chart = NegativeBinomialCusum(mean=2.0, dispersion=0.3, rise=2.0, fall=0.5, h=1.0)
    pairs = [(9.0, 2.0), (0.0, 2.0), (0.0, 3.0), (NAN, 1.0), (1.0, NAN)]
    signals = [chart.update(each) for each in pairs]
    path = chart.follow(*np.transpose(pairs))

    assert signals == path.signals.tolist()
    assert {RISE, FALL} & set(signals)


def test_single_outcomes_and_samples_of_one_are_the_same():
    outcomes = [0.0, 1.0, 1.0, 0.0]

    assert binomial_cusum(outcomes).upper.tolist() == binomial_cusum(outcomes, 1).upper.tolist()


def test_the_odds_ratio_of_two_probabilities():
    assert odds_ratio_of(0.05, 2 * 0.05 / 1.05) == pytest.approx(2.0)


def test_weights_for_doubled_odds_are_steiners():
    weights = risk_adjusted_weights([1.0, 0.0, NAN], [0.1, 0.1, 0.1], 2.0)

    assert weights[:2] == pytest.approx([math.log(2.0 / 1.1), -math.log(1.1)])
    assert math.isnan(weights[2])


def test_weights_against_another_null_are_differences():
    against_half = risk_adjusted_weights([1.0, 0.0], [0.2, 0.3], 2.0, 0.5)
    difference = risk_adjusted_weights([1.0, 0.0], [0.2, 0.3], 2.0) - risk_adjusted_weights(
        [1.0, 0.0], [0.2, 0.3], 0.5
    )

    assert against_half == pytest.approx(difference)


def test_a_certain_survivor_is_no_evidence():
    assert risk_adjusted_weights([0.0, 1.0], [0.0, 1.0], 2.0) == pytest.approx([0.0, 0.0])


def test_better_outcomes_raise_the_lower_chart():
    path = risk_adjusted_cusum(np.zeros(40), np.full(40, 0.2), fall=0.5, h=3.0, h_low=2.0)

    assert path.upper.max() == 0.0
    assert path.signals.max() == FALL


def test_a_patient_without_a_risk_is_missing():
    chart = RiskAdjustedCusum(h=1.0)

    assert chart.update((1.0, NAN)) == 0
    assert chart.update((NAN, 0.2)) == 0
    assert chart.upper == 0.0


def test_the_display_of_lives_counts_expected_less_observed_and_skips_the_missing():
    path = vlad([0.0, NAN, 1.0], [0.25, 0.5, 0.5])
    display = Vlad()
    said = [display.update(each) for each in [(0.0, 0.25), (NAN, 0.5), (1.0, 0.5)]]

    assert path.difference == pytest.approx([0.25, 0.25, -0.25])
    assert path.deviation == pytest.approx(np.sqrt([0.1875, 0.1875, 0.4375]))
    assert said[::2] == pytest.approx([0.25, -0.25])
    assert math.isnan(said[1])
    assert display.deviation == pytest.approx(path.deviation[-1])


def test_two_categories_are_the_binomial_chart():
    events, trials = np.array([3.0, 9.0, 4.0]), np.array([20.0, 30.0, 10.0])
    after = odds = 0.2 / 0.9
    counts = np.column_stack([trials - events, events])
    path = categorical_cusum(counts, [0.9, 0.1], [1.0 - after, after], h=9.0)
    ratio = odds_ratio_of(0.1, odds)

    assert path.upper == pytest.approx(
        binomial_cusum(events, trials, probability=0.1, rise=ratio, h=9.0).upper
    )


def test_ordered_categories_move_by_one_odds_ratio_at_every_cut():
    before = np.array([0.5, 0.3, 0.15, 0.05])
    after = proportional_odds(before, 2.0)
    above = [np.cumsum(each[::-1])[::-1][1:] for each in (before, after)]
    odds = [each / (1.0 - each) for each in above]

    assert after.sum() == pytest.approx(1.0)
    assert odds[1] / odds[0] == pytest.approx([2.0, 2.0, 2.0])


def test_probabilities_may_change_from_point_to_point():
    counts = np.array([[5.0, 1.0], [3.0, 3.0]])
    before = np.array([[0.9, 0.1], [0.8, 0.2]])
    after = proportional_odds(before, 3.0)

    assert multinomial_ratio(counts, before, after) == pytest.approx(
        [float(multinomial_ratio(*each)) for each in zip(counts, before, after, strict=True)]
    )


def test_a_category_that_is_missing_makes_the_point_missing():
    chart = CategoricalCusum(h=1.0)

    assert chart.update((NAN, 4.0)) == 0
    assert chart.statistic == 0.0


def test_the_beta_binomial_without_dispersion_is_the_binomial():
    nearly = float(beta_binomial_ratio(4.0, 20.0, 0.1, 0.2, 1e-7))
    exact = float(multinomial_ratio([16.0, 4.0], [0.9, 0.1], [0.8, 0.2]))

    assert nearly == pytest.approx(exact, rel=1e-4)
    assert abs(float(beta_binomial_ratio(8.0, 20.0, 0.1, 0.2, 0.2))) < abs(
        float(beta_binomial_ratio(8.0, 20.0, 0.1, 0.2, 0.01))
    )
    assert ratio_cusum([nearly, NAN], h=5.0).upper == pytest.approx([nearly, nearly])


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_a_transformed_count_is_found_again(transformation):
    counts = np.array([0.5, 3.0, 11.0])
    z = transformed_counts(counts, 4.0, transformation)

    assert count_of(z, 4.0, transformation) == pytest.approx(counts)
    assert float(count_of(-99.0, 4.0, transformation)) == 0.0


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_a_count_above_the_bound_alarms_and_one_below_does_not(transformation):
    for more in (-0.01, 0.01):
        chart = TransformedCountCusum(expected=4.0, transformation=transformation)
        chart.update(6.0)
        assert chart.update(chart.bound + more) == int(more > 0.0)


def test_the_bound_after_a_reset_is_that_of_a_new_chart():
    path = transformed_count_cusum([30.0, 3.0], expected=4.0, reset=True)

    assert path.alarms.tolist() == [0]
    assert path.bound[1] == path.bound[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianCusum(sigma=0.0), "sigma must be positive and finite, not 0.0"),
        (lambda: GaussianCusum(mean=NAN), "mean must be finite"),
        (lambda: GaussianCusum(k=-1.0), "k must be"),
        (lambda: GaussianCusum(h=0.0), "h must be positive"),
        (lambda: GaussianCusum(head_start=5.0), "head_start must be at least 0 and below h 5"),
        (lambda: GaussianCusum(alarm="over"), "alarm must be"),
        (lambda: GaussianCusum(direction="up"), "direction must be"),
        (lambda: GaussianCusum(compat="spc"), "compat must be"),
        (lambda: GaussianCusum(compat="qcc", reset=True), "reset must not"),
        (lambda: GaussianCusum().update(math.inf), "finite or NaN"),
        (lambda: GaussianCusum().update((1.0, 0.0)), "size must be positive, not 0"),
        (lambda: GaussianCusum().update((1.0, 2.0, 3.0)), "one or two numbers, not 3"),
        (lambda: gaussian_cusum([math.inf]), "values must be finite"),
        (lambda: gaussian_cusum([1.0], sizes=[-1.0]), "sizes must be positive"),
        (lambda: follow_sides(None, None), "at least one"),
        (lambda: SidesState(None, None), "at least one"),
        (lambda: Ewma(sigma=-1.0), "sigma must"),
        (lambda: Ewma(mean=NAN), "mean must be finite"),
        (lambda: Ewma(weight=0.0), "weight must"),
        (lambda: Ewma(width=0.0), "width must"),
        (lambda: Ewma(limits="wide"), "limits must"),
        (lambda: Ewma(alarm="over"), "alarm must"),
        (lambda: Ewma(direction="up"), "direction must"),
        (lambda: Ewma().update((1.0, -1.0)), "size must be positive"),
        (lambda: ewma([1.0], sizes=[0.0]), "sizes must"),
        (lambda: PoissonCusum(rise=None), "rise or fall"),
        (lambda: PoissonCusum(rise=1.0), "rise must be positive, finite and not 1"),
        (lambda: PoissonCusum(rise=0.5), "rise must be above 1"),
        (lambda: PoissonCusum(fall=2.0), "fall must be below 1"),
        (lambda: PoissonCusum(mean=-1.0), "mean must be"),
        (lambda: PoissonCusum().update(-1.0), "counts must not be negative, not -1"),
        (lambda: poisson_cusum([-1.0]), "counts must be"),
        (lambda: PoissonCusum().update((1.0, -1.0)), "exposure must not be negative"),
        (lambda: poisson_cusum([1.0], -1.0), "exposure must be"),
        (lambda: BinomialCusum().update(-1.0), "counts must not be negative"),
        (lambda: NegativeBinomialCusum(dispersion=0.0), "dispersion must be"),
        (lambda: negative_binomial_ratio(1.0, 1.0, 2.0, -1.0), "dispersion must be"),
        (lambda: BinomialCusum(probability=1.0), "probability must lie strictly"),
        (lambda: BinomialCusum().update((3.0, 2.0)), "counts must not exceed trials"),
        (lambda: CountCusumChart(k=None), "at least one"),
        (lambda: CountCusumChart(k=0.0), "k must be positive"),
        (lambda: CountCusumChart(k_low=-1.0), "k_low must be positive"),
        (lambda: CountCusumChart().update(-1.0), "count must not be negative"),
        (lambda: count_cusum([-1.0]), "counts must be"),
        (lambda: TransformedCountCusum(expected=0.0), "expected must be positive"),
        (lambda: TransformedCountCusum(k=-1.0), "k must be"),
        (lambda: TransformedCountCusum(compat="qcc"), "compat must be"),
        (lambda: TransformedCountCusum(transformation="log"), "transformation must be"),
        (lambda: count_of(1.0, 4.0, "log"), "transformation must be"),
        (lambda: transformed_counts(-1.0, 4.0, "rossi"), "counts must be"),
        (lambda: RiskAdjustedCusum(null_odds_ratio=0.0), "null_odds_ratio must be"),
        (lambda: RiskAdjustedCusum(rise=1.0), "rise must be above"),
        (lambda: RiskAdjustedCusum(fall=1.5), "fall must be below"),
        (lambda: RiskAdjustedCusum().update(1.0), "needs a risk"),
        (lambda: RiskAdjustedCusum().update((0.5, 0.1)), "outcomes must be 0 or 1"),
        (lambda: RiskAdjustedCusum().update((1.0, 1.5)), "risks must be from 0 to 1"),
        (lambda: RiskAdjustedCusum().update((1.0, 0.0)), "contradict"),
        (lambda: risk_adjusted_weights(1.0, 0.1, -2.0), "odds_ratio must be positive"),
        (lambda: CategoricalCusum(before=(1.0,), after=(1.0,)), "at least two categories"),
        (lambda: CategoricalCusum(before=(0.5, 0.6)), "before must be positive and sum to 1"),
        (lambda: CategoricalCusum().update((1.0, 2.0, 3.0)), "same categories"),
        (lambda: CategoricalCusum().update((-1.0, 2.0)), "counts must be"),
        (lambda: proportional_odds([0.5, 0.5], 0.0), "odds_ratio must be"),
        (lambda: beta_binomial_ratio(3.0, 2.0, 0.1, 0.2, 0.1), "counts must not exceed"),
        (lambda: beta_binomial_ratio(1.0, 2.0, 0.1, 0.2, 0.0), "dispersion must be"),
        (lambda: beta_binomial_ratio(1.0, 2.0, 0.0, 0.2, 0.1), "before must be inside"),
        (lambda: ratio_cusum([math.inf], h=1.0), "ratios must be finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
