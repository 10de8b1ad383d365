from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.run_lengths.chains import (
    AbsorbingChain,
    brook_evans_chain,
    lattice_chain,
)
from detectors.run_lengths.counts import (
    count_cusum_run_length,
    count_cusum_two_sided_run_length,
    passage_from,
)
from detectors.run_lengths.distributions import (
    Binomial,
    NegativeBinomial,
    Poisson,
)
from detectors.run_lengths.ewma import ewma_run_length
from detectors.run_lengths.gaussian import (
    gaussian_cusum_run_length,
    gaussian_cusum_steady_state_delay,
    gaussian_cusum_two_sided_run_length,
    normal_below,
)
from detectors.run_lengths.mixtures import (
    mixture_cusum_run_length,
    risk_adjusted_increments,
)
from detectors.run_lengths.p_values import (
    cusum_p_value_bound,
    cusum_steady_state_p_value,
    exact_cusum_steady_state_p_value,
)
from detectors.run_lengths.rules import (
    ONE_BEYOND_THREE,
    WECO,
    RunsRule,
    runs_rules_chain,
    weco_run_length,
)
from detectors.run_lengths.simulated import simulated_run_length
from detectors.run_lengths.thresholds import (
    count_cusum_threshold_for,
    ewma_threshold_for,
    gaussian_cusum_threshold_for,
    least_threshold_for,
    mixture_cusum_threshold_for,
    poisson_cusum_threshold_for,
    threshold_for,
)
from detectors.sequential.count_cusum_design import (
    CountCusum,
    binomial_chart,
    negative_binomial_chart,
    poisson_chart,
)
from detectors.sequential.likelihood_ratios import poisson_reference_value


def geometric(chance):
    return AbsorbingChain(np.array([[1.0 - chance]]))


def test_a_chain_of_one_state_runs_geometrically_long():
    chain = geometric(0.25)

    assert chain.mean() == pytest.approx(4.0)
    assert chain.standard_deviation() == pytest.approx(math.sqrt(12.0))
    assert chain.survival(3) == pytest.approx([1.0, 0.75, 0.75**2, 0.75**3])


def test_the_markov_chain_of_a_gaussian_cusum_approaches_the_integral_equation():
    exact = gaussian_cusum_run_length(0.5, 4.0)
    errors = [
        brook_evans_chain(lambda y: normal_below(y + 0.5), 4.0, states).mean() / exact - 1.0
        for states in (25, 50, 100)
    ]

    assert abs(errors[0]) < 0.02
    assert abs(errors[1]) < 0.3 * abs(errors[0])
    assert abs(errors[2]) < 0.3 * abs(errors[1])


def test_a_chain_may_start_from_a_head_start():
    chain = brook_evans_chain(lambda y: normal_below(y + 0.5), 4.0, 400, head_start=2.0)

    exact = gaussian_cusum_run_length(0.5, 4.0, head_start=2.0)

    assert chain.mean() == pytest.approx(exact, rel=2e-3)


def test_a_one_sided_run_is_twice_as_long_as_one_of_two_equal_sides_in_control():
    one = gaussian_cusum_run_length(0.5, 5.0)

    assert gaussian_cusum_two_sided_run_length(0.5, 5.0) == pytest.approx(one / 2.0)


def test_a_run_of_billions_of_points_keeps_its_precision():
    # In units of exp(2 k h) run lengths of a Gaussian CUSUM settle to a constant.
    ratios = [gaussian_cusum_run_length(1.0, h) / math.exp(2.0 * h) for h in (12.0, 14.0, 16.0)]

    assert ratios[1] == pytest.approx(ratios[0], rel=1e-8)
    assert ratios[2] == pytest.approx(ratios[1], rel=1e-8)


def test_a_head_start_shortens_runs_more_when_the_process_is_off():
    in_control = gaussian_cusum_run_length(0.5, 5.0, head_start=2.5) / 930.887
    off = gaussian_cusum_run_length(0.5, 5.0, mean=1.0, head_start=2.5) / 10.376

    assert 0.9 < in_control < 1.0
    assert off < 0.65


def test_the_delay_after_a_quiet_time_is_shorter_than_from_zero():
    zero = gaussian_cusum_run_length(0.5, 4.0, mean=1.0)
    conditional = gaussian_cusum_steady_state_delay(0.5, 4.0, mean=1.0)
    restarting = gaussian_cusum_steady_state_delay(0.5, 4.0, mean=1.0, conditional=False)

    assert conditional < restarting < zero


def test_sides_that_could_alarm_together_have_no_formula():
    with pytest.raises(ValueError, match=r"h 4\.0 and h_low 6\.0"):
        gaussian_cusum_two_sided_run_length(0.5, 4.0, h_low=6.0)
    with pytest.raises(ValueError, match=r"head starts 3\.5 and 3\.5"):
        gaussian_cusum_two_sided_run_length(0.25, 4.0, head_start=3.5)


def test_an_ewma_of_weight_one_is_a_shewhart_chart():
    expected = 1.0 / (2.0 * float(normal_below(-3.0)))

    assert ewma_run_length(1.0, 3.0) == pytest.approx(expected)
    assert ewma_run_length(1.0, 3.0, limits="exact") == pytest.approx(expected)
    assert ewma_run_length(1.0, 3.0, two_sided=False) == pytest.approx(2.0 * expected)
    assert weco_run_length([1]) == pytest.approx(expected)


def test_the_one_sided_ewma_agrees_with_simulation():
    weight, reach = 0.2, 2.4 * math.sqrt(0.2 / 1.8)
    rng = np.random.default_rng(1)
    average, lengths = np.zeros(4_000), np.zeros(4_000)
    alive = np.ones(4_000, bool)
    for _ in range(4_000):
        lengths += alive
        average = np.maximum(0.0, (1.0 - weight) * average + weight * rng.normal(size=4_000))
        alive &= average <= reach
        if not alive.any():
            break
    error = lengths.std() / math.sqrt(4_000)

    assert abs(ewma_run_length(weight, 2.4, two_sided=False) - lengths.mean()) < 4.0 * error


def test_exact_limits_make_runs_shorter_than_fixed_ones():
    for mean in (0.0, 1.0):
        exact = ewma_run_length(0.1, 2.7, mean=mean, limits="exact")
        assert exact < ewma_run_length(0.1, 2.7, mean=mean)


def test_a_runs_rule_forgets_points_that_cannot_matter_any_more():
    assert len(runs_rules_chain([RunsRule(8, 8, 0.0, math.inf)]).moves) == 15
    assert len(runs_rules_chain([ONE_BEYOND_THREE]).moves) == 1


def test_a_run_of_eight_on_a_side_takes_as_long_as_heads_or_tails_do():
    chain = runs_rules_chain([WECO[4]])

    assert chain.mean() == pytest.approx(2.0**8 - 1.0)


def test_rules_of_one_side_run_longer_than_those_of_both():
    both = runs_rules_chain([WECO[1], WECO[2]]).mean()

    assert runs_rules_chain([WECO[1], WECO[2]], two_sided=False).mean() > 1.9 * both


@pytest.mark.parametrize(
    ("chart", "counts", "k", "alarm"),
    [
        (CountCusum(1.0, 1.3, 4.4), Poisson(1.1), "1.3", "exceeded"),
        (CountCusum(1.0, 1.3, 4.4, "reached"), Poisson(1.1), "1.3", "reached"),
        (CountCusum(1.0, 1.3, 4.4, "reached", 2.2), NegativeBinomial(1.1, 0.4), "1.3", "reached"),
        (CountCusum(-1.0, -0.9, 3.0, "reached"), Poisson(1.2), "0.9", "reached"),
        (CountCusum(-1.0, -0.9, 3.0, "exceeded", 1.5), Binomial(9, 0.2), "0.9", "exceeded"),
        (CountCusum(1.0, 0.25, 3.0), Binomial(1, 0.2), "0.25", "exceeded"),
    ],
)
def test_passages_and_the_lattice_chain_agree(chart, counts, k, alarm):
    lattice = lattice_chain(
        counts,
        k,
        chart.h,
        alarm=alarm,
        direction="rise" if chart.slope > 0 else "fall",
        head_start=chart.head_start,
    )

    assert count_cusum_run_length(chart, counts) == pytest.approx(lattice.mean(), rel=1e-9)


def test_very_rare_falls_keep_their_precision():
    mean, k, h = 40.0, 20, 19.5
    chances = [math.exp(x * math.log(mean) - mean - math.lgamma(x + 1)) for x in range(60)]
    alarm, under_way, length = 0.0, {0: 1.0}, 0.0
    for _ in range(60):
        length += sum(under_way.values())
        later: dict[int, float] = {}
        for statistic, mass in under_way.items():
            for x, chance in enumerate(chances):
                value = statistic + k - x
                if value > h:
                    alarm += mass * chance
                elif value > 0:
                    later[value] = later.get(value, 0.0) + mass * chance
        under_way = later
    chart = CountCusum(-1.0, -float(k), h)

    assert alarm < 1e-13
    assert count_cusum_run_length(chart, Poisson(mean)) == pytest.approx(length / alarm, rel=1e-9)


def test_a_chart_in_logarithms_is_the_chart_in_counts():
    logs = poisson_chart(2.0, 1.5, 3.0)
    counts = CountCusum(1.0, poisson_reference_value(2.0, 1.5), 3.0 / math.log(1.5))

    assert count_cusum_run_length(logs, Poisson(2.0)) == pytest.approx(
        count_cusum_run_length(counts, Poisson(2.0))
    )


def test_a_negative_binomial_chart_without_dispersion_is_a_poisson_chart():
    nearly = count_cusum_run_length(
        negative_binomial_chart(2.0, 1e-7, 1.5, 3.0), NegativeBinomial(2.0, 1e-7)
    )

    poisson = count_cusum_run_length(poisson_chart(2.0, 1.5, 3.0), Poisson(2.0))

    assert nearly == pytest.approx(poisson, rel=1e-4)


def test_a_chart_of_rare_outcomes_is_followed_through_long_passages():
    chart = binomial_chart(1, 0.001, 2.0, 2.0)
    values = np.array([-chart.intercept, chart.slope - chart.intercept])
    grid = mixture_cusum_run_length(values, [0.999, 0.001], 2.0, cells=800)

    assert count_cusum_run_length(chart, Binomial(1, 0.001)) == pytest.approx(grid, rel=0.02)


def test_two_sides_of_counts_alarm_sooner_than_either():
    rise = CountCusum(1.0, 2.5, 6.0, "reached")
    fall = CountCusum(-1.0, -1.5, 6.0, "reached")
    both = count_cusum_two_sided_run_length(rise, fall, Poisson(2.0))
    one, other = (count_cusum_run_length(side, Poisson(2.0)) for side in (rise, fall))

    assert 1.0 / both == pytest.approx(1.0 / one + 1.0 / other)


def test_the_mixture_of_one_kind_of_patient_is_a_bernoulli_chart():
    values, chances = risk_adjusted_increments([0.1], [1.0], odds_ratio=2.0)
    exact = count_cusum_run_length(binomial_chart(1, 0.1, 2.0, 3.0), Binomial(1, 0.1))

    assert mixture_cusum_run_length(values, chances, 3.0, cells=800) == pytest.approx(
        exact, rel=0.01
    )


def test_worse_surgery_shortens_runs_of_the_risk_adjusted_chart():
    risks, shares = [0.02, 0.1, 0.3], [0.5, 0.3, 0.2]
    lengths = [
        mixture_cusum_run_length(
            *risk_adjusted_increments(risks, shares, true_odds_ratio=ratio), 3.0, cells=300
        )
        for ratio in (0.8, 1.0, 2.0)
    ]

    assert lengths == sorted(lengths, reverse=True)


def test_a_chart_that_cannot_rise_never_alarms():
    assert mixture_cusum_run_length([-0.5, -1.0], [0.5, 0.5], 2.0) == math.inf


def test_simulation_gives_its_error_and_the_same_answer_again():
    def increments(generator, points, runs):
        return generator.normal(size=(points, runs)) - 0.5

    first = simulated_run_length(increments, 3.0, runs=4_000, seed=2)
    exact = gaussian_cusum_run_length(0.5, 3.0)

    assert first == simulated_run_length(increments, 3.0, runs=4_000, seed=2)
    assert abs(first.mean - exact) < 4.0 * first.standard_error
    assert first.standard_error == pytest.approx(exact / math.sqrt(4_000), rel=0.15)


def test_simulation_of_two_sides_ends_with_the_first_of_them():
    def increments(generator, points, runs):
        z = generator.normal(size=(points, runs))
        return np.stack([z - 0.5, -z - 0.5])

    simulated = simulated_run_length(increments, (3.0, 3.0), runs=4_000, seed=3, head_start=1.5)
    exact = gaussian_cusum_two_sided_run_length(0.5, 3.0, head_start=1.5)

    assert abs(simulated.mean - exact) < 4.0 * simulated.standard_error


def test_simulation_gives_up_on_runs_that_are_too_long():
    with pytest.raises(ValueError, match="10 of 10 runs exceed longest 1000"):
        simulated_run_length(
            lambda _, points, runs: np.full((points, runs), -1.0), 3.0, runs=10, longest=1_000
        )


@pytest.mark.parametrize("two_sided", [True, False])
def test_the_threshold_of_a_gaussian_cusum_gives_its_run_length_back(two_sided):
    solver = gaussian_cusum_two_sided_run_length if two_sided else gaussian_cusum_run_length
    h = gaussian_cusum_threshold_for(arl=740.0, k=0.4, two_sided=two_sided)

    assert solver(0.4, h) == pytest.approx(740.0, rel=1e-8)


def test_a_threshold_may_include_a_head_start_in_proportion():
    h = gaussian_cusum_threshold_for(arl=370.0, k=0.5, head_start_share=0.5)

    assert gaussian_cusum_two_sided_run_length(0.5, h, head_start=h / 2.0) == pytest.approx(370.0)


def test_the_threshold_of_an_ewma_gives_its_run_length_back():
    width = ewma_threshold_for(arl=200.0, weight=0.15, two_sided=False)

    assert ewma_run_length(0.15, width, two_sided=False) == pytest.approx(200.0, rel=1e-8)


@pytest.mark.parametrize("alarm", ["exceeded", "reached"])
def test_the_least_threshold_of_a_count_chart_keeps_the_run_length_and_less_does_not(alarm):
    chart = CountCusum(1.0, 1.25, 4.0, alarm)
    h = count_cusum_threshold_for(chart, Poisson(1.0), arl=370.0)

    assert h == pytest.approx(7.5, abs=1e-7)
    assert count_cusum_run_length(CountCusum(1.0, 1.25, h, alarm), Poisson(1.0)) >= 370.0
    less = CountCusum(1.0, 1.25, h - 1e-6, alarm)
    assert count_cusum_run_length(less, Poisson(1.0)) < 370.0


def test_the_lattice_threshold_takes_decimals_as_written():
    assert str(poisson_cusum_threshold_for(0.5, 0.7, arl=500.0)) == "57/10"
    assert poisson_cusum_threshold_for(0.5, "0.7", arl=500.0) == poisson_cusum_threshold_for(
        0.5, 0.7, arl=500.0
    )


def test_the_threshold_of_a_risk_adjusted_chart_gives_its_run_length_back():
    mixture = risk_adjusted_increments([0.05, 0.2], [0.6, 0.4])
    h = mixture_cusum_threshold_for(*mixture, arl=400.0, cells=200)

    assert mixture_cusum_run_length(*mixture, h, cells=200) == pytest.approx(400.0, rel=1e-6)


def test_the_p_value_is_below_its_bound_and_one_at_zero():
    s = np.array([0.0, 0.5, 3.0, np.nan])
    values = cusum_steady_state_p_value(s, 0.5)

    assert values[0] == 1.0
    assert (values[1:3] < cusum_p_value_bound(s)[1:3]).all()
    assert np.isnan(values[3])


def test_the_overshoot_is_that_of_spitzers_formula():
    theta = 0.5
    n = np.arange(1, 4_000)
    terms = normal_below(-theta * np.sqrt(n) / 2.0) / n
    expected = 2.0 / theta**2 * math.exp(-2.0 * float(terms.sum()))

    assert exact_cusum_steady_state_p_value(12.0, theta) * math.exp(12.0) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_cusum_run_length(-0.1, 4.0), "k must be"),
        (lambda: gaussian_cusum_run_length(0.5, 0.0), "h must be"),
        (lambda: gaussian_cusum_run_length(0.5, 4.0, head_start=4.0), "head_start must be"),
        (lambda: gaussian_cusum_run_length(0.5, 4.0, mean=math.nan), "mean must be"),
        (lambda: ewma_run_length(0.0, 3.0), "weight must be"),
        (lambda: ewma_run_length(0.2, -1.0), "width must be"),
        (lambda: ewma_run_length(0.2, 3.0, mean=math.inf), "mean must be finite"),
        (lambda: ewma_run_length(0.2, 3.0, limits="wide"), "limits must be"),
        (lambda: ewma_run_length(0.2, 3.0, start=-1.0, two_sided=False), "start must not"),
        (lambda: ewma_run_length(1e-5, 3.0), "too small"),
        (lambda: weco_run_length([1, 5]), r"not \[5\]"),
        (lambda: weco_run_length([]), "at least one rule"),
        (lambda: runs_rules_chain([ONE_BEYOND_THREE], mean=math.nan), "mean must be"),
        (lambda: RunsRule(3, 2, 0.0, 1.0), "3 of 2"),
        (lambda: RunsRule(1, 2, 1.0, 1.0), "low must be below"),
        (lambda: CountCusum(0.0, 1.0, 4.0), "slope must"),
        (lambda: CountCusum(1.0, -1.0, 4.0), "intercept must"),
        (lambda: CountCusum(1.0, 1.0, math.inf), "h must"),
        (lambda: CountCusum(1.0, 1.0, 4.0, "above"), "alarm must"),
        (lambda: CountCusum(1.0, 1.0, 4.0, "reached", 4.0), "head_start must"),
        (lambda: passage_from(CountCusum(1.0, 1.0, 1e6), Poisson(1.0), 0.0), "too many"),
        (
            lambda: count_cusum_two_sided_run_length(
                CountCusum(0.5, 1.0, 4.0), CountCusum(-1.0, -1.0, 4.0), Poisson(1.0)
            ),
            "slopes must be 1 and -1",
        ),
        (lambda: Poisson(0.0), "mean must be"),
        (lambda: NegativeBinomial(1.0, 0.0), "dispersion"),
        (lambda: Binomial(0, 0.5), "trials must be"),
        (lambda: Binomial(1, 1.0), "probability must lie"),
        (lambda: brook_evans_chain(normal_below, 4.0, 1), "states must be"),
        (lambda: brook_evans_chain(normal_below, -4.0, 10), "h must be"),
        (lambda: brook_evans_chain(normal_below, 4.0, 10, head_start=5.0), "head_start must"),
        (lambda: lattice_chain(Poisson(1.0), 1.25, 4.0, direction="up"), "direction must"),
        (lambda: lattice_chain(Poisson(1.0), 1.25, 4.0, alarm="over"), "alarm must"),
        (lambda: lattice_chain(Poisson(1.0), 1.25, 0.0), "k and h must"),
        (lambda: lattice_chain(Poisson(1.0), math.nan, 4.0), "finite"),
        (lambda: lattice_chain(Poisson(1.0), 1.2345678, 4.0), "states, more than"),
        (lambda: geometric(0.5).survival(-1), "steps must"),
        (lambda: mixture_cusum_run_length([0.1], [0.5, 0.5], 1.0), "one shape"),
        (lambda: mixture_cusum_run_length([math.nan], [1.0], 1.0), "finite"),
        (lambda: mixture_cusum_run_length([0.1], [0.9], 1.0), "sum to 1"),
        (lambda: mixture_cusum_run_length([0.1], [1.0], 0.0), "h must"),
        (lambda: mixture_cusum_run_length([0.1], [1.0], 1.0, head_start=1.0), "head_start"),
        (lambda: mixture_cusum_run_length([0.1], [1.0], 1.0, cells=1), "cells must"),
        (lambda: risk_adjusted_increments([0.1], [0.5, 0.5]), "one shape"),
        (lambda: risk_adjusted_increments([1.0], [1.0]), "risks must"),
        (lambda: risk_adjusted_increments([0.1], [1.0], odds_ratio=0.0), "odds_ratio must"),
        (lambda: simulated_run_length(np.zeros, 3.0, runs=1), "runs must"),
        (lambda: simulated_run_length(np.zeros, 3.0, alarm="over"), "alarm must"),
        (lambda: simulated_run_length(np.zeros, 3.0, head_start=3.0), "h must be"),
        (lambda: threshold_for(lambda h: 1.0 + h, arl=1.0), "arl must"),
        (lambda: threshold_for(lambda h: 2.0 + 0.0 * h, arl=5.0), "no threshold up to"),
        (lambda: threshold_for(lambda h: 9.0 + h, arl=5.0), "every threshold"),
        (lambda: least_threshold_for(lambda h: 2.0 + 0.0 * h, arl=5.0), "no threshold"),
        (lambda: gaussian_cusum_threshold_for(arl=100.0, head_start_share=1.0), "head_start_share"),
        (lambda: cusum_p_value_bound([-1.0]), "statistic must"),
        (lambda: cusum_steady_state_p_value(1.0, 0.0), "theta must"),
        (lambda: exact_cusum_steady_state_p_value(0.0, 1.0), "statistic must"),
        (lambda: exact_cusum_steady_state_p_value(1.0, 0.01), "theta must"),
    ],
)
def test_a_parameter_out_of_range_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
