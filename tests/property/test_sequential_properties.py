from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.run_lengths.counts import count_cusum_run_length
from detectors.run_lengths.distributions import (
    Binomial,
    NegativeBinomial,
    Poisson,
)
from detectors.run_lengths.gaussian import (
    gaussian_cusum_run_length,
    gaussian_cusum_two_sided_run_length,
)
from detectors.run_lengths.thresholds import gaussian_cusum_threshold_for
from detectors.sequential.categorical_cusum import beta_binomial_ratio, multinomial_ratio
from detectors.sequential.count_cusum_design import binomial_chart, poisson_chart
from detectors.sequential.cusum_gaussian import GaussianCusum, gaussian_cusum
from detectors.sequential.cusum_recursion import FALL, RISE
from detectors.sequential.ewma import Ewma, ewma
from detectors.sequential.likelihood_cusum import NegativeBinomialCusum, PoissonCusum
from detectors.sequential.likelihood_ratios import (
    binomial_ratio,
    negative_binomial_ratio,
    poisson_ratio,
)
from detectors.sequential.risk_adjusted_cusum import RiskAdjustedCusum, risk_adjusted_weights

unhurried = settings(deadline=None)  # the first example compiles

VALUES = st.lists(st.one_of(st.floats(-6.0, 6.0), st.just(math.nan)), min_size=1, max_size=40).map(
    np.array
)
SIZES = st.integers(1, 9)
RATIOS = st.sampled_from([0.3, 0.5, 0.8, 1.25, 2.0, 4.0])
HEAD_STARTS = st.sampled_from([0.0, 0.5, 1.9])


@unhurried
@given(
    values=VALUES,
    sizes=st.lists(SIZES, min_size=40, max_size=40),
    head_start=HEAD_STARTS,
    reset=st.booleans(),
    alarm=st.sampled_from(["exceeded", "reached"]),
    direction=st.sampled_from(["both", "rise", "fall"]),
)
def test_streams_say_what_whole_series_say(values, sizes, head_start, reset, alarm, direction):
    sizes = np.array(sizes[: len(values)], float)
    shared = {"mean": 0.5, "sigma": 1.5, "reset": reset, "alarm": alarm, "direction": direction}
    cusum = {**shared, "h": 2.0, "head_start": head_start}
    stream, average = GaussianCusum(**cusum), Ewma(**shared, width=2.0)
    pairs = np.column_stack([values, sizes])

    assert [stream.update(each) for each in pairs] == gaussian_cusum(
        values, sizes=sizes, **cusum
    ).signals.tolist()
    path = ewma(values, sizes=sizes, width=2.0, **shared)
    assert [average.update(each) for each in pairs] == path.signals.tolist()
    assert average.average == pytest.approx(path.average[-1], abs=1e-12)


@unhurried
@given(values=VALUES, reset=st.booleans())
def test_a_mirrored_series_swaps_the_sides(values, reset):
    path = gaussian_cusum(values, h=2.0, reset=reset)
    mirrored = gaussian_cusum(-values, h=2.0, reset=reset)

    assert mirrored.upper.tolist() == path.lower.tolist()
    assert ((mirrored.signals & RISE > 0) == (path.signals & FALL > 0)).all()


@unhurried
@given(values=VALUES)
def test_leaving_missing_values_out_changes_nothing(values):
    known = ~np.isnan(values)

    for chart in (gaussian_cusum, ewma):
        assert chart(values).signals[known].tolist() == chart(values[known]).signals.tolist()


@unhurried
@given(values=VALUES, scale=st.sampled_from([0.5, 2.0, 8.0]), shift=st.sampled_from([-4.0, 16.0]))
def test_the_unit_of_the_values_does_not_matter(values, scale, shift):
    plain = gaussian_cusum(values, h=2.0)
    other = gaussian_cusum(values * scale + shift, mean=shift, sigma=scale, h=2.0)

    assert other.upper == pytest.approx(plain.upper, abs=1e-9)


@unhurried
@given(values=st.lists(VALUES, min_size=2, max_size=4), reset=st.booleans())
def test_series_side_by_side_are_the_series_one_by_one(values, reset):
    length = min(len(each) for each in values)
    block = np.column_stack([each[:length] for each in values])

    for chart in (gaussian_cusum, ewma):
        together = chart(block, reset=reset).signals
        alone = [chart(column, reset=reset).signals for column in block.T]
        assert together.tolist() == np.column_stack(alone).tolist()


@unhurried
@given(
    sizes=st.lists(SIZES, min_size=1, max_size=20),
    weight=st.sampled_from([0.05, 0.2, 0.7, 1.0]),
)
def test_the_variance_of_an_ewma_is_the_sum_over_its_weights(sizes, weight):
    n = np.array(sizes, float)
    path = ewma(np.zeros(len(n)), sizes=n, weight=weight, width=1.0)
    ages = np.arange(len(n))[::-1]
    expected = (weight**2 * (1.0 - weight) ** (2 * ages) / n).sum()

    assert path.deviation[-1] ** 2 == pytest.approx(expected)


@unhurried
@given(ratio=RATIOS, mean=st.sampled_from([0.2, 3.0]), dispersion=st.sampled_from([0.05, 0.8]))
def test_a_likelihood_ratio_is_one_on_average_when_nothing_changed(ratio, mean, dispersion):
    x = np.arange(400)
    poisson, _ = Poisson(mean).probabilities(399)
    wider, _ = NegativeBinomial(mean, dispersion).probabilities(399)
    shares, _ = Binomial(12, 0.2).probabilities(12)
    y = np.arange(13)

    assert poisson @ np.exp(poisson_ratio(x, mean, ratio)) == pytest.approx(1.0)
    logs = negative_binomial_ratio(x, mean, ratio, dispersion)
    assert wider[wider > 0] @ np.exp(logs[wider > 0]) == pytest.approx(1.0, rel=1e-6)
    assert shares @ np.exp(binomial_ratio(y, 12, 0.2, ratio)) == pytest.approx(1.0)
    two = multinomial_ratio(np.column_stack([12 - y, y]), [0.8, 0.2], [0.7, 0.3])
    assert shares @ np.exp(two) == pytest.approx(1.0)
    weights = risk_adjusted_weights([0.0, 1.0], [0.2, 0.2], ratio)
    assert np.array([0.8, 0.2]) @ np.exp(weights) == pytest.approx(1.0)


@unhurried
@given(trials=st.integers(1, 30), dispersion=st.sampled_from([0.01, 0.5, 3.0]))
def test_a_beta_binomial_ratio_is_one_on_average_when_nothing_changed(trials, dispersion):
    y = np.arange(trials + 1.0)
    a, b = 0.1 / dispersion, 0.9 / dispersion
    chances = [
        math.comb(trials, int(k))
        * math.exp(
            math.lgamma(k + a)
            + math.lgamma(trials - k + b)
            - math.lgamma(trials + a + b)
            + math.lgamma(a + b)
            - math.lgamma(a)
            - math.lgamma(b)
        )
        for k in y
    ]
    ratios = np.exp(beta_binomial_ratio(y, trials, 0.1, 0.25, dispersion))

    assert np.dot(chances, ratios) == pytest.approx(1.0, rel=1e-6)


@unhurried
@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=40), ratio=RATIOS)
def test_a_ratio_and_its_inverse_cancel_when_the_means_are_swapped(counts, ratio):
    x = np.array(counts, float)

    there = poisson_ratio(x, 3.0, ratio)
    assert there == pytest.approx(-poisson_ratio(x, 3.0 * ratio, 1.0 / ratio))
    there = negative_binomial_ratio(x, 3.0, ratio, 0.4)
    assert there == pytest.approx(-negative_binomial_ratio(x, 3.0 * ratio, 1.0 / ratio, 0.4))


@unhurried
@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=30),
    exposures=st.lists(st.floats(0.1, 5.0), min_size=30, max_size=30),
)
def test_streams_of_counts_say_what_whole_series_say(counts, exposures):
    pairs = np.column_stack([counts, exposures[: len(counts)]]).astype(float)
    for chart in (
        PoissonCusum(mean=2.0, rise=1.5, fall=0.6, h=1.5),
        NegativeBinomialCusum(mean=2.0, dispersion=0.3, rise=2.0, fall=0.4, h=1.0),
    ):
        whole = chart.follow(pairs[:, 0], pairs[:, 1])
        assert [chart.update(each) for each in pairs] == whole.signals.tolist()
        assert (chart.upper, chart.lower) == (whole.upper[-1], whole.lower[-1])


@unhurried
@given(
    outcomes=st.lists(st.booleans(), min_size=1, max_size=60),
    risks=st.lists(st.floats(0.01, 0.99), min_size=60, max_size=60),
)
def test_streams_of_patients_say_what_whole_series_say(outcomes, risks):
    chart = RiskAdjustedCusum(fall=0.5, h=1.5, h_low=1.0, head_start=0.5)
    pairs = np.column_stack([outcomes, risks[: len(outcomes)]]).astype(float)
    whole = chart.follow(pairs[:, 0], pairs[:, 1])

    assert [chart.update(each) for each in pairs] == whole.signals.tolist()


@settings(max_examples=30, deadline=None)
@given(k=st.floats(0.1, 1.5), h=st.floats(0.5, 8.0), mean=st.floats(-0.5, 2.0))
def test_run_lengths_grow_with_the_threshold_and_fall_with_the_shift(k, h, mean):
    here = gaussian_cusum_run_length(k, h, mean=mean)

    assert gaussian_cusum_run_length(k, h * 1.1, mean=mean) > here
    assert gaussian_cusum_run_length(k, h, mean=mean + 0.1) < here
    assert gaussian_cusum_run_length(k, h, mean=mean, head_start=h / 2.0) < here
    assert gaussian_cusum_two_sided_run_length(k, h, mean=mean) < here * (1.0 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(arl=st.floats(20.0, 1e6), k=st.floats(0.2, 1.2), two_sided=st.booleans())
def test_a_threshold_gives_the_run_length_it_was_asked_for(arl, k, two_sided):
    solver = gaussian_cusum_two_sided_run_length if two_sided else gaussian_cusum_run_length
    h = gaussian_cusum_threshold_for(arl=arl, k=k, two_sided=two_sided)

    assert solver(k, h) == pytest.approx(arl, rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(ratio=st.floats(1.2, 4.0), h=st.floats(0.5, 5.0), mean=st.floats(0.1, 8.0))
def test_in_control_a_likelihood_chart_runs_at_least_e_to_the_threshold(ratio, h, mean):
    # Each new start alarms with chance at most e^-h (Lorden 1971).
    assert count_cusum_run_length(poisson_chart(mean, ratio, h), Poisson(mean)) >= math.exp(h)
    outcomes = binomial_chart(1, 0.1, ratio, h)
    assert count_cusum_run_length(outcomes, Binomial(1, 0.1)) >= math.exp(h)
