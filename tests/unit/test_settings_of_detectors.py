"""A setting that cannot be is refused by name, at once, and not found out by silence."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from detectors.bank import Bank
from detectors.charts.anhoej import run_tests
from detectors.charts.chart import chart
from detectors.charts.monitor import ChartMonitor
from detectors.charts.rebases import Rebase
from detectors.charts.subgroups import subgroup_chart
from detectors.charts.xmr import XmrMonitor
from detectors.drift.anomaly import AnomalyMonitor
from detectors.drift.bocpd import Bocpd
from detectors.drift.error_monitors import Ddm, Eddm, Fhddm, HddmA, HddmW
from detectors.drift.kswin import Kswin
from detectors.drift.monitors import Adwin, PageHinkley
from detectors.evidence.calibrate import calibrate
from detectors.evidence.explain import explain
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.reporting_delay import nowcast
from detectors.evidence.watch import watch
from detectors.many_series.channel_rules import ChannelRule
from detectors.many_series.multiple_e_values import StreamBank
from detectors.many_series.scan import scan
from detectors.many_series.scan_zones import natural_zones
from detectors.many_series.subset_mixture import SubsetMixture
from detectors.run_lengths.distributions import Binomial
from detectors.sequential.cusum_gaussian import GaussianCusum
from detectors.sequential.cusum_transformed import TransformedCountCusum
from detectors.sequential.glr import GlrChart
from detectors.sequential.likelihood_cusum import NegativeBinomialCusum, PoissonCusum
from detectors.sequential.likelihood_cusum_proportions import BinomialCusum
from detectors.sequential.maxsprt import BinomialMaxSprt, PoissonMaxSprt
from detectors.sequential.maxsprt_levels import binomial_critical_value, poisson_critical_value
from detectors.sequential.sprt import Sprt, sprt
from detectors.sequential.sprt_models import GaussianShift, PoissonRisk
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.shares import share_change, watch_shares
from detectors.single_series.silence import watch_silence
from detectors.surveillance.ears import EarsMonitor
from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_monitor import FarringtonMonitor
from detectors.surveillance.farrington_options import FarringtonOptions
from detectors.surveillance.historical import PastWindows, bayes, cdc, rki
from detectors.surveillance.historical_monitors import BayesMonitor, RkiMonitor

NAN, INF = math.nan, math.inf
POINTS = [3.0, 4.0, 5.0, 2.0, 6.0]
BUDGETS = {"budget1": 0.2, "budget2": 0.05}
WEEKS = BUDGETS | {"per_year": 52.0, "minimum": 2}
DAY = dt.date(2026, 4, 1)

WRONG = [
    (chart, {"values": POINTS, "kind": "xmr"}, "fix_after", [0, 2.5, NAN]),
    (chart, {"values": POINTS, "kind": "xmr"}, "minimum_points", [0, 2.5, NAN]),
    (chart, {"values": POINTS, "kind": "xmr"}, "target", [NAN, INF]),
    (ChartMonitor, {"kind": "c"}, "baseline", [1, 2.5, NAN, INF]),
    (XmrMonitor, {}, "baseline", [1, 2.5, NAN, INF]),
    (XmrMonitor, {}, "shift_points", [1, 2.5, NAN]),
    (run_tests, {"values": POINTS}, "centre", [INF]),
    (subgroup_chart, {"samples": [[1.0, 2.0]], "kind": "r"}, "fix_after", [0, 1.5]),
    (Rebase, {"position": 3, "reason": "merged", "date": DAY}, "person", ["", None, 3]),
    (GaussianCusum, {}, "sigma", [-1.0, 0.0, NAN]),
    (PoissonCusum, {}, "mean", [-1.0, NAN, INF]),
    (NegativeBinomialCusum, {}, "mean", [NAN]),
    (BinomialCusum, {}, "probability", [0.0, 1.0, 1.5, NAN]),
    (TransformedCountCusum, {}, "expected", [0.0, NAN]),
    (GlrChart, {}, "minimum", [0, 2.5, NAN]),
    (GlrChart, {}, "window", [0, 2.5, NAN, INF]),
    (GlrChart, {}, "shift", [INF, NAN, -0.4]),
    (GlrChart, {"direction": "both"}, "shift", [0.4]),
    (GaussianShift, {}, "alternative", [NAN, INF]),
    (PoissonMaxSprt, {"critical": 3.0}, "horizon", [-1.0, 0.0, NAN, INF, 1e9]),
    (PoissonMaxSprt, {"critical": 3.0}, "minimum", [0, 1.5]),
    (PoissonMaxSprt, {}, "critical", [0.0, NAN, INF]),
    (BinomialMaxSprt, {"critical": 3.0}, "trials", [0, 1.5, 10**9]),
    (BinomialMaxSprt, {"critical": 3.0}, "chance", [0.0, 1.0, NAN]),
    (BinomialMaxSprt, {"critical": 3.0}, "alpha", [0.0, 1.0, NAN]),
    (poisson_critical_value, {}, "horizon", [1e9, NAN]),
    (binomial_critical_value, {"chance": 0.1}, "trials", [10**9, 2.5]),
    (Binomial, {"probability": 0.1}, "trials", [0, 2.5, INF]),
    (EarsMonitor, {}, "baseline", [2, 7.5, NAN]),
    (EarsMonitor, {}, "min_sigma", [-1.0, INF]),
    (FarringtonOptions, {}, "b", [0, 2.5, INF]),
    (FarringtonOptions, {}, "no_periods", [0, 2.5]),
    (FarringtonOptions, {}, "past_weeks_not_included", [-1, NAN]),
    (bayes, {"counts": POINTS}, "frequency", [0, NAN, INF]),
    (cdc, {"counts": POINTS}, "m", [-1, 2.5]),
    (Bocpd, {}, "recent", [0, 2.5, NAN]),
    (Bocpd, {}, "most", [2, INF]),
    (Kswin, {}, "stat_size", [1, 2.5]),
    (AnomalyMonitor, {}, "window", [0, 2.5]),
    (AnomalyMonitor, {}, "reference", [1, 200.5]),
    (Adwin, {}, "delta", [0.0, 1.0, NAN]),
    (Adwin, {}, "max_buckets", [-1, 0, 2.5]),
    (PageHinkley, {}, "threshold", [0.0, -1.0, NAN]),
    (PageHinkley, {}, "mode", ["sideways"]),
    (Ddm, {}, "drift_threshold", [-1.0, NAN]),
    (Eddm, {}, "beta", [0.0, 0.99, NAN]),
    (HddmA, {}, "drift_confidence", [0.0, 1.0, NAN]),
    (HddmW, {}, "lambda_val", [0.0, NAN]),
    (Fhddm, {}, "sliding_window_size", [0, 2.5]),
    (Fhddm, {}, "confidence_level", [0.0, NAN]),
    (ChannelRule, {"channels": 2}, "effect", [0.0, INF]),
    (StreamBank, {}, "streams", [0, 2.5]),
    (SubsetMixture, {"channels": 2}, "effect", [0.0, NAN]),
    (natural_zones, {"units": 3}, "share", [0.0, 1.5, NAN]),
    (nowcast, {"completeness": 0.5, "exposure": 1.0, "prior_a": 1.0, "prior_b": 1.0},
     "recorded", [-1, 0.5, NAN]),
    (nowcast, {"recorded": 1, "completeness": 0.5, "prior_a": 1.0, "prior_b": 1.0},
     "exposure", [NAN, INF]),
    (Bank, {"mean": [0.0], "sigma": [1.0]}, "h", [0.0, NAN, INF]),
    (watch_gaps, {"gaps": [5.0] * 9} | BUDGETS, "minimum", [0, 2.5, "x"]),
    (watch_gaps, {"gaps": [5.0] * 9} | BUDGETS, "resolution", [0.0, NAN]),
    (watch_gaps, {"gaps": [5.0] * 9} | BUDGETS, "per_year", [0.0, NAN, INF]),
    (watch_shares, {"numerators": [1.0], "denominators": [2.0], "concern": "rise"} | WEEKS,
     "discount", [NAN, INF]),
    (watch_silence, {"counts": [1.0], "exposure": [1.0]} | WEEKS, "minimum", [0, NAN]),
    (watch_measurements, {"values": POINTS, "concern": "rise"} | WEEKS, "per_year", [0.0, NAN]),
]  # fmt: skip
CASES = [
    pytest.param(made, given | {name: value}, name, id=f"{made.__name__}-{name}-{value}")
    for made, given, name, values in WRONG
    for value in values
]


@pytest.mark.parametrize(("made", "given", "name"), CASES)
def test_a_setting_that_cannot_be_is_refused_and_named(made, given, name):
    with pytest.raises(ValueError, match=name):
        made(**given)


@pytest.mark.parametrize("name", ["odds_ratio", "overdispersion"])
def test_a_change_of_shares_takes_no_settings_without_a_number(name):
    given = {"odds_ratio": 2.0} | {name: NAN}

    with pytest.raises(ValueError, match=name):
        share_change(3.0, 10.0, 5.0, 10.0, **given)


def test_windows_that_are_not_whole_are_refused_when_they_are_used():
    with pytest.raises(ValueError, match="w must be a whole number"):
        bayes(POINTS, PastWindows(1, 2.5, current_year=True))


def test_a_scan_needs_a_generator_of_its_own():
    with pytest.raises(TypeError, match="rng"):
        scan([[1.0, 2.0]], [[1.0, 2.0]], zones=((0,),), rng=None)


@pytest.mark.parametrize("given", ["poisson", None, 2.0, PoissonRisk])
def test_what_is_no_model_is_refused_as_one(given):
    for test in (Sprt, lambda model: sprt([[3, 2.0]], model)):
        with pytest.raises(TypeError, match="model must be of kind LikelihoodRatio, not"):
            test(given)
    with pytest.raises(TypeError, match="prior must be of kind Gaussian or Counts, not"):
        Bocpd(given)


@pytest.mark.parametrize("given", ["noufaily", None, 2.0])
def test_what_are_no_options_or_windows_are_refused_as_such(given):
    for call in (lambda options: farrington(POINTS, options=options), FarringtonMonitor):
        with pytest.raises(TypeError, match="options must be of kind FarringtonOptions, not"):
            call(given)
    past = (
        lambda windows: rki(POINTS, windows),
        lambda windows: bayes(POINTS, windows),
        RkiMonitor,
        BayesMonitor,
    )
    for call in past:
        with pytest.raises(TypeError, match="windows must be of kind PastWindows, not"):
            call(given)


def test_rows_where_a_block_of_counts_is_wanted_are_refused_as_such():
    for call in (
        lambda rows: fit_fleet(rows, ["falls"]),
        lambda rows: watch(rows, None, budget1=0.2, budget2=0.05),
        lambda rows: explain(rows, 0, None, week=3),
        lambda rows: calibrate(rows, None),
    ):
        with pytest.raises(TypeError, match="must be of kind FeedCounts, not"):
            call([[1.0, 2.0]])


def test_a_model_of_ones_own_is_taken():
    class Doubled:
        width = 1

        def ratios(self, rows):
            return 2.0 * rows[:, 0]

    assert sprt([0.5, math.nan], Doubled()).statistic[0] == 1.0


@pytest.mark.parametrize("given", [[], [[1.0, 2.0], [3.0, 4.0]]])
def test_a_sequential_test_takes_one_observation_at_a_time(given):
    with pytest.raises(ValueError, match="observation"):
        PoissonMaxSprt(horizon=10.0, critical=3.0).update(np.array(given))


@pytest.mark.parametrize("kind", ["xmr", "c", "g", "t"])
@pytest.mark.parametrize("value", [1e308, INF])
def test_a_value_too_large_to_square_is_refused_before_it_overflows(kind, value):
    with pytest.raises(ValueError, match="at most 1e\\+100"):
        chart([value, 1.0, value], kind=kind)
    with pytest.raises(ValueError, match="at most 1e\\+100"):
        ChartMonitor(kind=kind).update(value)
    with pytest.raises(ValueError, match="at most 1e\\+100"):
        XmrMonitor().update(value)
