"""Run lengths and thresholds equal those of the R package spc and of published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.run_lengths.chains import lattice_chain
from detectors.run_lengths.counts import count_cusum_run_length
from detectors.run_lengths.distributions import NegativeBinomial, Poisson
from detectors.run_lengths.ewma import ewma_run_length
from detectors.run_lengths.gaussian import (
    gaussian_cusum_run_length,
    gaussian_cusum_steady_state_delay,
    gaussian_cusum_two_sided_run_length,
)
from detectors.run_lengths.mixtures import (
    mixture_cusum_run_length,
    risk_adjusted_increments,
)
from detectors.run_lengths.p_values import (
    cusum_steady_state_p_value,
    exact_cusum_steady_state_p_value,
)
from detectors.run_lengths.rules import weco_run_length
from detectors.run_lengths.simulated import simulated_run_length
from detectors.run_lengths.thresholds import (
    ewma_threshold_for,
    gaussian_cusum_threshold_for,
    poisson_cusum_threshold_for,
)
from detectors.sequential.count_cusum_design import CountCusum, negative_binomial_chart
from tests.reference.cases import HERE, by_case, column, file_beside, rows

NORMAL = by_case(HERE / "spc_arl_normal.csv", "family", "quantity")
POISSON = rows(HERE / "poisson_cusum_arl_spc.csv")
LIMITS = {"fix": "fixed", "vacl": "exact"}


def cusum(p):
    solver = {"one": gaussian_cusum_run_length, "two": gaussian_cusum_two_sided_run_length}
    return solver[p["sided"]](
        float(p["k"]), float(p["h"]), mean=float(p["mu"]), head_start=float(p["hs"])
    )


def cusum_threshold(p):
    return gaussian_cusum_threshold_for(
        arl=float(p["ARL0"]), k=float(p["k"]), two_sided=p["sided"] == "two"
    )


def cusum_delay(p):
    return gaussian_cusum_steady_state_delay(float(p["k"]), float(p["h"]), mean=float(p["mu"]))


def ewma(p):
    return ewma_run_length(
        float(p["lambda"]), float(p["L"]), mean=float(p["mu"]), limits=LIMITS[p["limits"]]
    )


def ewma_threshold(p):
    return ewma_threshold_for(
        arl=float(p["ARL0"]), weight=float(p["lambda"]), limits=LIMITS[p["limits"]]
    )


def runs_rules(p):
    return weco_run_length([int(digit) for digit in p["type"]], mean=float(p["mu"]))


SOLVERS = {
    ("cusum_gauss", "ARL0state"): cusum,
    ("cusum_gauss_fir", "ARL"): cusum,
    ("cusum_gauss", "h_for_ARL0"): cusum_threshold,
    ("cusum_gauss", "steady_state_ARL (D)"): cusum_delay,
    ("ewma_gauss", "ARL"): ewma,
    ("ewma_gauss", "L_for_ARL0"): ewma_threshold,
    ("shewhart_rules_WECO", "ARL"): runs_rules,
}


def test_every_kind_of_case_has_a_solver_and_there_are_480_cases():
    assert set(NORMAL) == set(SOLVERS)
    assert sum(len(case) for case in NORMAL.values()) == 480


@pytest.mark.parametrize("kind", sorted(SOLVERS), ids="-".join)
def test_run_lengths_of_gaussian_charts_are_those_of_spc(kind):
    case = NORMAL[kind]
    parameters = [dict(part.split("=") for part in row["params"].split(";")) for row in case]
    measured = [SOLVERS[kind](p) for p in parameters]

    assert measured == pytest.approx(column(case, "value"), rel=1e-7)


@pytest.mark.parametrize(
    "row", POISSON, ids=lambda row: f"mean{row['mu0']}-ratio{row['RR']}-arl{row['target']}"
)
def test_run_lengths_of_poisson_cusums_are_those_of_spc(row):
    mean, ratio, k, h = (float(row[name]) for name in ("mu0", "RR", "k_used", "h"))
    chart = CountCusum(slope=1.0, intercept=k, h=h)
    expected = (float(row["ARL0"]), float(row["ARL1"]))

    for mu, value in zip((mean, mean * ratio), expected, strict=True):
        assert count_cusum_run_length(chart, Poisson(mu)) == pytest.approx(value, rel=1e-9)
        lattice = lattice_chain(Poisson(mu), row["k_used"], row["h"], alarm="exceeded")
        assert lattice.mean() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    "row", POISSON, ids=lambda row: f"mean{row['mu0']}-ratio{row['RR']}-arl{row['target']}"
)
def test_the_least_threshold_on_the_lattice_is_the_one_of_the_table(row):
    h = poisson_cusum_threshold_for(float(row["mu0"]), row["k_used"], arl=float(row["target"]))

    assert float(h) == pytest.approx(float(row["h"]), abs=1e-12)


@pytest.mark.parametrize(
    ("slope", "head_start", "published"),
    [(1.0, 0.0, 438), (1.0, 5.0, 333), (-1.0, 0.0, 437), (-1.0, 5.0, 318)],
    ids=["upper", "upper-FIR", "lower", "lower-FIR"],
)
def test_lucas_1985_tables_2_to_5_are_reproduced(slope, head_start, published):
    chart = CountCusum(slope, 0.25 * slope, 10.0, "reached", head_start)

    assert round(count_cusum_run_length(chart, Poisson(0.25))) == published


@pytest.mark.parametrize(
    ("mean", "head_start", "published"),
    [(1.88, 0.0, 37.20), (1.88, 3.0, 29.19), (3.2, 0.0, 5.49), (3.2, 3.0, 3.33)],
)
def test_lawsons_example_of_a_poisson_cusum_is_reproduced(mean, head_start, published):
    chart = CountCusum(1.0, 2.0, 6.0, "reached", head_start)

    assert count_cusum_run_length(chart, Poisson(mean)) == pytest.approx(published, abs=5e-3)


@pytest.mark.parametrize(
    ("rules", "published"),
    [([1, 2, 3], 132.89), ([1, 2, 4], 122.05), ([1, 3, 4], 105.78), ([1, 2, 3, 4], 91.75)],
)
def test_champ_and_woodall_1987_are_reproduced(rules, published):
    assert round(weco_run_length(rules), 2) == published


@pytest.mark.parametrize(
    "row",
    rows(HERE / "cusum_steady_state_pvalue.csv"),
    ids=lambda row: f"theta{row['theta']}-s{row['s']}",
)
def test_the_steady_state_p_value_is_that_of_the_formula_and_of_the_simulation(row):
    theta, s = float(row["theta"]), float(row["s"])
    formula = float(cusum_steady_state_p_value(s, theta))
    exact = exact_cusum_steady_state_p_value(s, theta)
    simulated = float(row["P_S_ge_s_sim"])

    assert formula == pytest.approx(float(row["approx_exp(-s-0.583theta)"]), abs=5.1e-7)
    # A visit beyond s lasts about 8 / theta^2 of the 2e7 simulated points: three standard errors.
    error = math.sqrt(8.0 / theta**2 / (2e7 * exact))
    assert exact == pytest.approx(simulated, rel=3.0 * error)
    assert formula == pytest.approx(exact, rel=0.06 if s < 1 else 0.01)


NEGATIVE_BINOMIAL = {
    # (mean, dispersion, h): exact, by passages; checked below by simulation.
    (2.0, 0.1, 5.0): 1041.14463355,
    (10.0, 0.1, 3.0): 113.78750023,
    (10.0, 0.5, 4.0): 478.58951629,
}


def exact_negative_binomial(mean, dispersion, h):
    chart = negative_binomial_chart(mean, dispersion, 2.0, h)
    return count_cusum_run_length(chart, NegativeBinomial(mean, dispersion))


@pytest.mark.slow
@pytest.mark.parametrize(("design", "expected"), NEGATIVE_BINOMIAL.items())
def test_run_lengths_of_negative_binomial_charts_agree_with_simulation(design, expected):
    mean, dispersion, h = design
    chart = negative_binomial_chart(mean, dispersion, 2.0, h)
    counts = NegativeBinomial(mean, dispersion)

    def increments(generator, points, runs):
        return chart.slope * counts.draw(generator, (points, runs)) - chart.intercept

    simulated = simulated_run_length(increments, h, runs=40_000, seed=11)

    assert exact_negative_binomial(*design) == pytest.approx(expected, rel=1e-9)
    assert simulated.standard_error < 0.006 * simulated.mean
    assert abs(simulated.mean - expected) < 4.0 * simulated.standard_error


def test_a_coarse_grid_is_up_to_eighteen_per_cent_off_for_negative_binomial_counts():
    table = rows(file_beside("negbin_lrcusum_arl_surveillance.csv"))
    errors = {"20": [], "100": []}
    for row in table:
        exact = exact_negative_binomial(float(row["mu0"]), float(row["alpha"]), float(row["h"]))
        errors[row["g"]].append(float(row["ARL0"]) / exact - 1.0)

    assert 0.15 < np.max(np.abs(errors["20"])) < 0.19
    assert np.max(np.abs(errors["100"])) < 0.07


def test_the_run_length_over_a_mix_of_cardiac_patients_is_the_published_one():
    mix = rows(file_beside("racusum_pmix_phaseI.csv"))
    shares = column(mix, "weight")
    increments, chances = risk_adjusted_increments(column(mix, "p"), shares / shares.sum())
    lengths = [mixture_cusum_run_length(increments, chances, 4.5, cells=c) for c in (500, 1000)]

    # 7,838 by another grid; ours converges from below, to about 7,847.
    assert lengths == pytest.approx([7_838.0, 7_838.0], rel=0.002)
    assert abs(lengths[1] - 7_847.0) < abs(lengths[0] - 7_847.0)
