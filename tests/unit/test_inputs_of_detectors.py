"""What is not a row of numbers is refused in words, and never becomes a number nobody meant."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from detectors.charts.anhoej import run_tests
from detectors.charts.chart import chart
from detectors.charts.funnel import funnel
from detectors.charts.subgroups import subgroup_chart
from detectors.charts.xmr import xmr_limits
from detectors.charts.zone_rules import zone_signals
from detectors.conformance import subjects
from detectors.demands import numbers
from detectors.drift.anomaly import anomalies
from detectors.drift.bocpd import bocpd
from detectors.drift.bocpd_priors import Counts
from detectors.drift.monitors import monitor
from detectors.drift.supporting import standardised_residuals
from detectors.many_series.channel_rules import mixture_product
from detectors.many_series.count_ratios import count_ratios
from detectors.many_series.e_detectors import detect
from detectors.many_series.multiple_e_values import e_bh, e_d_bh, sets_over_time
from detectors.many_series.scan import scan
from detectors.many_series.scan_zones import natural_zones
from detectors.many_series.shrinkage import beta_binomial, gamma_poisson, normal
from detectors.sequential.categorical_cusum import categorical_cusum, ratio_cusum
from detectors.sequential.cusum_counts import count_cusum
from detectors.sequential.cusum_gaussian import gaussian_cusum
from detectors.sequential.cusum_transformed import transformed_count_cusum
from detectors.sequential.ewma import ewma
from detectors.sequential.glr import glr
from detectors.sequential.likelihood_cusum import negative_binomial_cusum, poisson_cusum
from detectors.sequential.likelihood_cusum_proportions import binomial_cusum
from detectors.sequential.maxsprt import binomial_maxsprt, poisson_maxsprt
from detectors.sequential.risk_adjusted_cusum import risk_adjusted_cusum
from detectors.sequential.sprt import sprt
from detectors.sequential.sprt_models import GaussianShift
from detectors.sequential.vlad import vlad
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.shares import watch_shares
from detectors.single_series.silence import feed_outage, watch_silence
from detectors.surveillance.ears import EarsMonitor, ears
from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_options import FarringtonOptions
from detectors.surveillance.historical import bayes, cdc, rki
from detectors.surveillance.outbreak_p import outbreak_p

BUDGETS = {"budget1": 0.2, "budget2": 0.05}
WEEKS = BUDGETS | {"per_year": 52.0, "minimum": 26}
MANY = 8

FUNCTIONS = {
    "chart": lambda x: chart(x, kind="xmr"),
    "denominators of a chart": lambda x: chart([1] * MANY, kind="u", denominators=x),
    "xmr_limits": xmr_limits,
    "run_tests": run_tests,
    "zone_signals": lambda x: zone_signals(x, 0.0, 1.0),
    "subgroup_chart": lambda x: subgroup_chart(np.reshape(x, (-1, 2)), kind="r"),
    "funnel": lambda x: funnel(x, [20.0] * MANY, kind="ratio"),
    "anomalies": lambda x: anomalies(np.reshape(x, (-1, 2))),
    "bocpd": lambda x: bocpd(x, Counts()),
    "monitor": monitor,
    "standardised_residuals": lambda x: standardised_residuals(x, 4),
    "mixture_product": lambda x: mixture_product(np.reshape(x, (-1, 2)), share=0.5),
    "count_ratios": lambda x: count_ratios(x, shape=2.0, rate=1.0),
    "exposures of count_ratios": lambda x: count_ratios(
        [1.0] * MANY, shape=2.0, rate=1.0, exposures=x
    ),
    "detect": detect,
    "e_bh": e_bh,
    "e_d_bh": lambda x: e_d_bh(x, alpha=0.1),
    "sets_over_time": lambda x: sets_over_time(np.reshape(x, (-1, 2))),
    "scan": lambda x: scan(
        np.reshape(x, (2, -1)), np.ones((2, MANY // 2)), zones=natural_zones(2),
        rng=np.random.default_rng(1), simulations=9,
    ),
    "gamma_poisson": gamma_poisson,
    "beta_binomial": lambda x: beta_binomial(x, 20.0),
    "normal": lambda x: normal(x, 1.0),
    "categorical_cusum": lambda x: categorical_cusum(
        np.reshape(x, (-1, 2)), (0.5, 0.5), (0.3, 0.7), h=4.0
    ),
    "ratio_cusum": lambda x: ratio_cusum(x, h=4.0),
    "count_cusum": count_cusum,
    "gaussian_cusum": gaussian_cusum,
    "transformed_count_cusum": transformed_count_cusum,
    "ewma": ewma,
    "glr": lambda x: glr(x, [2.0] * MANY),
    "poisson_cusum": poisson_cusum,
    "negative_binomial_cusum": negative_binomial_cusum,
    "binomial_cusum": lambda x: binomial_cusum(x, 20.0),
    "poisson_maxsprt": lambda x: poisson_maxsprt(np.reshape(x, (-1, 2)), horizon=10.0),
    "binomial_maxsprt": lambda x: binomial_maxsprt(np.reshape(x, (-1, 2)), trials=50, chance=0.1),
    "risk_adjusted_cusum": lambda x: risk_adjusted_cusum(x, [0.1] * MANY),
    "sprt": lambda x: sprt(x, GaussianShift()),
    "vlad": lambda x: vlad(x, [0.1] * MANY),
    "watch_gaps": lambda x: watch_gaps(x, **BUDGETS),
    "watch_measurements": lambda x: watch_measurements(x, concern="rise", **WEEKS),
    "watch_shares": lambda x: watch_shares(x, [20.0] * MANY, concern="rise", **WEEKS),
    "watch_silence": lambda x: watch_silence(x, [1.0] * MANY, **WEEKS),
    "feed_outage": lambda x: feed_outage(x, **WEEKS),
    "farrington": farrington,
    "ears": ears,
    "rki": rki,
    "bayes": bayes,
    "cdc": cdc,
    "outbreak_p": outbreak_p,
}  # fmt: skip

DAY = dt.date(2026, 3, 2)
NO_NUMBERS = {
    "days": np.array([DAY] * MANY, dtype="datetime64[D]"),
    "durations": np.array([1] * MANY, dtype="timedelta64[D]"),
    "complex numbers": np.ones(MANY, dtype=np.complex128),
    "dates": [DAY] * MANY,
    "words": ["three"] * MANY,
}


@pytest.mark.parametrize("what", NO_NUMBERS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_number_is_refused_with_a_value_error(function, what):
    with pytest.raises(ValueError, match=r"must be|could not convert"):
        FUNCTIONS[function](NO_NUMBERS[what])


@pytest.mark.parametrize("function", [chart, xmr_limits, run_tests, monitor, bocpd, farrington])
def test_more_dimensions_than_a_history_has_are_refused(function):
    settings = {chart: {"kind": "xmr"}, bocpd: {"prior": Counts()}}.get(function, {})

    with pytest.raises(ValueError, match=r"dimension|series|shape"):
        function(np.ones((2, 3, 4)), **settings)
    with pytest.raises(ValueError, match="must have shape"):
        watch_gaps(np.ones((2, 3, 4)), **BUDGETS)
    with pytest.raises(ValueError, match="one row of periods"):
        feed_outage(np.ones((3, 40)), **WEEKS)


def test_lists_tuples_and_narrow_types_give_the_limits_of_their_values():
    values = [3, 5, 4, 6, 2, 5, 7, 3]
    expected = xmr_limits(np.array(values, dtype=np.float64))

    for given in (values, tuple(values), np.array(values, np.int8), np.array(values, np.float32)):
        assert xmr_limits(given) == expected


def test_masked_values_and_none_are_missing():
    masked = np.ma.masked_array([3.0, 99.0, 4.0, 6.0, 2.0], mask=[0, 1, 0, 0, 0])
    with_none = [3.0, None, 4.0, 6.0, 2.0]

    np.testing.assert_array_equal(numbers("values", masked), [3.0, np.nan, 4.0, 6.0, 2.0])
    np.testing.assert_array_equal(numbers("values", with_none), [3.0, np.nan, 4.0, 6.0, 2.0])
    assert xmr_limits(masked).mean == xmr_limits(with_none).mean == 3.75


@pytest.mark.parametrize("options", [FarringtonOptions(), FarringtonOptions.noufaily()])
def test_counts_too_large_for_whole_floats_are_refused_and_a_thousand_million_is_judged(options):
    judged = farrington(np.full(350, 1e9), options, at=[349])

    assert judged.bound[0] > 1e9
    with pytest.raises(ValueError, match=r"below 2\^53"):
        farrington(np.full(350, 1e100), options, at=[349])
    with pytest.raises(ValueError, match=r"below 2\^53"):
        EarsMonitor().update(1e100)


@pytest.mark.parametrize("subject", subjects(), ids=lambda subject: subject.name)
def test_a_detector_refuses_what_is_no_observation_and_goes_on_as_before(subject):
    detector, other = subject.make(), subject.make()
    first, second, third = subject.observations()[:3]
    for observation in (first, second):
        assert np.array_equal(
            detector.update(observation), other.update(observation), equal_nan=True
        )
    for wrong in (DAY, 1.0 + 2.0j, {}, "three", np.ones((2, 2, 2))):
        with pytest.raises(ValueError):  # noqa: PT011 - each names what it takes
            detector.update(wrong)

    assert np.array_equal(detector.update(third), other.update(third), equal_nan=True)
