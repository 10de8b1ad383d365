"""CUSUM, EWMA and VLAD equal qcc, spcadjust, cusum, vlad and surveillance point by point."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.sequential.categorical_cusum import (
    categorical_cusum,
    multinomial_ratio,
    proportional_odds,
    ratio_cusum,
)
from detectors.sequential.cusum_gaussian import gaussian_cusum
from detectors.sequential.cusum_recursion import FALL, RISE
from detectors.sequential.cusum_transformed import transformed_count_cusum
from detectors.sequential.ewma import ewma
from detectors.sequential.likelihood_cusum import negative_binomial_cusum, poisson_cusum
from detectors.sequential.likelihood_cusum_proportions import binomial_cusum
from detectors.sequential.likelihood_ratios import odds_ratio_of
from detectors.sequential.risk_adjusted_cusum import (
    RiskAdjustedCusum,
    risk_adjusted_cusum,
    risk_adjusted_weights,
)
from detectors.sequential.vlad import vlad
from tests.reference.cases import by_case, column, file_beside, rows

QCC = {
    # case: (kind, size of the subgroups, head start)
    "piston_ewma": ("ewma", 5, 0.0),
    "piston_ewma_new": ("ewma", 5, 0.0),
    "visc_ewma": ("ewma", 1, 0.0),
    "z_ewma": ("ewma", 1, 0.0),
    "piston_cusum": ("cusum", 5, 0.0),
    "piston_cusum_new": ("cusum", 5, 0.0),
    "z_cusum": ("cusum", 1, 0.0),
    "z_cusum_fir": ("cusum", 1, 2.5),
}


def qcc(name):
    case = by_case(file_beside("qcc_ewma_cusum_cases.csv"), "case")[(name,)]
    return {key: column(case, key) for key in case[0] if key not in {"case", "kind"}}


@pytest.mark.parametrize("name", [name for name, case in QCC.items() if case[0] == "cusum"])
def test_the_tabular_cusum_of_qcc(name):
    _, size, head_start = QCC[name]
    values = qcc(name)
    path = gaussian_cusum(
        values["stat"],
        sizes=size,
        mean=values["center"][0],
        sigma=values["sd"][0],
        k=values["lambda"][0] / 2.0,
        h=values["nsig"][0],
        head_start=head_start,
        compat="qcc",
    )

    assert path.upper == pytest.approx(values["v1"], abs=1e-9)
    assert path.lower == pytest.approx(values["v2"], abs=1e-9)
    assert ((path.signals > 0) == values["alarm"]).all()


@pytest.mark.parametrize("name", [name for name, case in QCC.items() if case[0] == "ewma"])
def test_the_ewma_of_qcc(name):
    _, size, _ = QCC[name]
    values = qcc(name)
    path = ewma(
        values["stat"],
        sizes=size,
        mean=values["center"][0],
        sigma=values["sd"][0],
        weight=values["lambda"][0],
        width=values["nsig"][0],
        reset=False,
    )

    assert path.average == pytest.approx(values["v1"], rel=1e-9)
    assert path.deviation == pytest.approx(values["v2"], rel=1e-9)
    assert path.lower == pytest.approx(values["lcl"], rel=1e-9)
    assert path.upper == pytest.approx(values["ucl"], rel=1e-9)
    assert ((path.signals > 0) == values["alarm"]).all()


def test_montgomerys_table_9_1_gives_the_statistics_of_his_tabular_cusum_and_ewma():
    x = column(rows(file_beside("montgomery_tbl_09.01.csv")), "x")
    cusum = gaussian_cusum(x, mean=10.0, sigma=1.0, k=0.5, h=5.0, reset=False)
    average = ewma(x, mean=10.0, sigma=1.0, weight=0.1, width=2.7, reset=False)

    # The statistics printed in Introduction to Statistical Quality Control, examples 9.1, 9.2.
    assert np.round(cusum.upper[[3, 28]], 2) == pytest.approx([1.16, 5.28])
    assert np.round(cusum.lower[[0, 1]], 2) == pytest.approx([0.05, 1.56])
    assert np.flatnonzero(cusum.signals).tolist() == [28, 29]
    assert np.round(average.average[:3], 4) == pytest.approx([9.945, 9.7495, 9.7036], abs=1e-4)
    assert np.round([average.lower[0], average.upper[0]], 2) == pytest.approx([9.73, 10.27])
    assert np.flatnonzero(average.signals).tolist() == [28, 29]


def test_the_bernoulli_cusum_of_2000_patients():
    case = rows(file_beside("bernoulli_cusum_cusumpkg.csv"))
    outcomes = np.array([row["y"] == "TRUE" for row in case], float)
    signal = column(case, "signal")
    # The limit is not in the file; it lies between 2.94 and 2.98, by the signals.
    path = binomial_cusum(outcomes, probability=0.05, rise=2.0, h=2.95, reset=False)

    assert path.upper == pytest.approx(column(case, "ct"), abs=1e-9)
    assert (path.signals == signal).all()


@pytest.mark.parametrize(
    ("name", "chart"),
    [
        ("lrcusum_pois_theta.4_c5", poisson_cusum),
        ("lrcusum_nb_theta.4_c5", negative_binomial_cusum),
    ],
)
def test_the_likelihood_cusums_of_surveillance(name, chart):
    case = by_case(file_beside("surv_glr_cases.csv"), "case")[(name,)]
    extra = {"dispersion": 0.2} if "nb" in name else {}
    path = chart(column(case, "x"), column(case, "mu0"), rise=np.exp(0.4), h=5.0, **extra)

    assert path.upper == pytest.approx(column(case, "stat"), rel=1e-9, abs=1e-9)
    assert (path.signals == column(case, "alarm")).all()


@pytest.mark.parametrize(
    ("name", "transformation"),
    [
        ("cusum_rossi_k1.04_h2.26", "rossi"),
        ("cusum_standard", "standard"),
        ("cusum_anscombe", "anscombe"),
    ],
)
def test_the_transformed_cusums_of_surveillance(name, transformation):
    case = by_case(file_beside("surv_misc_agona.csv"), "case")[(name,)]
    history = column(rows(file_beside("data_surv_agona.csv")), "observed")
    path = transformed_count_cusum(
        column(case, "observed"),
        expected=history[:199].mean(),
        transformation=transformation,
        compat="surveillance",
    )

    assert path.bound == pytest.approx(column(case, "upperbound"), rel=1e-9)
    assert (path.signals == column(case, "alarm")).all()


def test_the_categorical_cusum_of_meat_inspections():
    case = rows(file_beside("surv_catcusum_abattoir_or2_h3.csv"))
    y, n, before, after = (column(case, name) for name in ("y", "n", "pi0", "pi1"))
    counts = np.column_stack([n - y, y])
    pi0 = np.column_stack([1.0 - before, before])
    path = categorical_cusum(counts, pi0, proportional_odds(pi0, 2.0), h=3.0)

    assert proportional_odds(pi0, 2.0)[:, 1] == pytest.approx(after, rel=1e-12)
    assert path.upper == pytest.approx(column(case, "stat"), abs=1e-9)
    assert (path.signals == column(case, "alarm")).all()
    ratios = multinomial_ratio(counts, pi0, np.column_stack([1.0 - after, after]))
    assert ratio_cusum(ratios, h=3.0).upper == pytest.approx(path.upper, abs=1e-9)


def cardiac():
    return rows(file_beside("racusum_cardiac_spcadjust.csv"))


def test_the_risk_adjusted_cusum_and_the_vlad_of_cardiac_operations():
    case = cardiac()
    y, p = column(case, "y"), column(case, "p")
    path = risk_adjusted_cusum(y, p, rise=2.0, fall=0.5, h=4.5, h_low=4.0)
    free = risk_adjusted_cusum(y, p, rise=2.0, h=4.5, reset=False)

    assert risk_adjusted_weights(y, p, 2.0) == pytest.approx(column(case, "W_or2"), abs=1e-12)
    assert risk_adjusted_weights(y, p, 0.5) == pytest.approx(column(case, "W_or05"), abs=1e-12)
    assert path.upper == pytest.approx(column(case, "cusum_up_h4.5_reset"), abs=1e-9)
    assert path.lower == pytest.approx(column(case, "cusum_dn_h4_reset"), abs=1e-9)
    assert ((path.signals & RISE > 0) == column(case, "alarm_up")).all()
    assert ((path.signals & FALL > 0) == column(case, "alarm_dn")).all()
    assert free.upper == pytest.approx(column(case, "cusum_up_noreset"), abs=1e-9)
    assert vlad(y, p).difference == pytest.approx(column(case, "vlad"), abs=1e-9)


def test_the_stream_of_cardiac_operations_signals_once_at_the_3132nd():
    chart = RiskAdjustedCusum(rise=2.0, h=4.5)
    signals = [chart.update((float(row["y"]), float(row["p"]))) for row in cardiac()]

    assert np.flatnonzero(signals).tolist() == [3132 - 1]


def test_the_charts_of_each_surgeon():
    by_surgeon = by_case(file_beside("racusum_cardiac_spcadjust.csv"), "surgeon")
    for row in rows(file_beside("racusum_cardiac_by_surgeon.csv")):
        case = by_surgeon[(row["surgeon"],)]
        y, p = column(case, "y"), column(case, "p")
        alarms = risk_adjusted_cusum(y, p, rise=2.0, h=4.5).alarms + 1

        assert len(y) == int(row["n"])
        assert int(y.sum()) == int(row["deaths"])
        assert p.sum() == pytest.approx(float(row["exp"]), rel=1e-9)
        assert len(alarms) == int(row["alarms"])
        assert (str(alarms[0]) if len(alarms) else "NA") == row["first"]
        assert vlad(y, p).difference[-1] == pytest.approx(float(row["vlad_final"]), abs=1e-8)


def test_the_odds_ratio_of_the_abattoir_is_two():
    case = rows(file_beside("surv_catcusum_abattoir_or2_h3.csv"))

    assert odds_ratio_of(float(case[0]["pi0"]), float(case[0]["pi1"])) == pytest.approx(2.0)
