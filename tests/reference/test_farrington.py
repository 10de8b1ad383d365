"""Parity with R surveillance 1.26.0: algo.farrington and farringtonFlexible.

The settings of each case were recovered from its name and its figures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_options import FarringtonOptions
from tests.reference.cases import by_case, column, file_beside, rows

AGONA, NEWPORT = "data_surv_agona.csv", "data_surv_newport_germany.csv"
ORIGINAL, NOUFAILY = FarringtonOptions.original, FarringtonOptions.noufaily
CASES = {
    "newport_default_delta": (NEWPORT, True, FarringtonOptions(b=4)),
    "newport_vignette_control1_1996": (
        NEWPORT,
        True,
        FarringtonOptions(b=4, weights_threshold=1.0),
    ),
    "newport_vignette_control2_noufaily_muan": (
        NEWPORT,
        True,
        NOUFAILY(b=4, threshold_method="muan"),
    ),
    "newport_noufaily_nbPlugin": (NEWPORT, True, NOUFAILY(b=4)),
    "newport_noreweight_delta_none": (
        NEWPORT,
        True,
        FarringtonOptions(b=4, reweight=False, trend=False, powertrans="none", alpha=0.01),
    ),
    "agona_default_b5": (AGONA, False, FarringtonOptions()),
    "agona_nbPlugin_b4_np10": (AGONA, False, NOUFAILY(b=4, alpha=0.01)),
    "agona_dates_nbPlugin_b4_np10": (AGONA, True, NOUFAILY(b=4, alpha=0.01)),
    "agona_b3_noweights_delta": (
        AGONA,
        False,
        FarringtonOptions(b=3, reweight=False, alpha=0.01),
    ),
}
COLUMNS = {
    "bound": "upperbound",
    "alarm": "alarm",
    "expected": "expected",
    "score": "score",
    "p_value": "pvalue",
    "mu0": "mu0",
    "phi": "phi",
    "trend": "trend",
}


def case_and_ours(name, **changes):
    """The rows of a case of the flexible method, and our bounds of the same periods."""
    data, dated, options = CASES[name]
    case = by_case(file_beside("surv_farringtonFlexible.csv"), "case")[(name,)]
    series = rows(file_beside(data))
    ours = farrington(
        column(series, "observed"),
        replace(options, **changes),
        dates=[row["date"] for row in series] if dated else None,
        at=column(case, "t").astype(int) - 1,
    )
    return case, ours


def test_every_case_of_the_flexible_method_is_compared():
    names = {name for (name,) in by_case(file_beside("surv_farringtonFlexible.csv"), "case")}

    assert names == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_column_agrees_with_the_package_in_its_compatible_mode(name):
    case, ours = case_and_ours(name, compat="surveillance")

    for field, theirs in COLUMNS.items():
        np.testing.assert_allclose(
            getattr(ours, field), column(case, theirs), rtol=1e-9, atol=1e-9, err_msg=field
        )


@pytest.mark.parametrize("name", [name for name in CASES if "nbPlugin" in name])
def test_the_published_method_of_2013_agrees_without_compatible_mode(name):
    """Its bound needs no standard error and its trend no test, so no defect can reach them."""
    case, ours = case_and_ours(name)

    for field, theirs in COLUMNS.items():
        if field != "score":  # the package's score takes log mu for mu
            np.testing.assert_allclose(
                getattr(ours, field), column(case, theirs), rtol=1e-9, atol=1e-9, err_msg=field
            )


@pytest.mark.parametrize("name", ["newport_noreweight_delta_none", "agona_b3_noweights_delta"])
def test_without_reweighting_only_a_dispersion_below_one_departs_from_the_package(name):
    case, ours = case_and_ours(name)
    above_one = ours.phi > 1.0

    assert above_one.sum() > len(case) // 2
    for field in ("bound", "alarm", "expected", "score", "p_value"):
        np.testing.assert_allclose(
            getattr(ours, field)[above_one],
            column(case, COLUMNS[field])[above_one],
            rtol=1e-9,
            atol=1e-9,
            err_msg=field,
        )
    for field in ("phi", "trend"):
        np.testing.assert_allclose(
            getattr(ours, field), column(case, COLUMNS[field]), rtol=1e-9, atol=1e-9
        )


def test_the_published_dispersion_changes_most_bounds_of_the_reweighted_default():
    """The package's dispersion moves bounds by up to 75 % and decides 31 of 104 trends."""
    case, ours = case_and_ours("newport_default_delta")
    theirs = column(case, "upperbound")

    assert np.isclose(np.nanmax(np.abs(ours.bound - theirs) / theirs), 0.7456, atol=1e-3)
    assert 31 == (np.isnan(ours.trend) != np.isnan(column(case, "trend"))).sum()


@pytest.mark.parametrize("compat", ["published", "surveillance"])
def test_the_method_of_1996_agrees_with_algo_farrington_on_agona(compat):
    case = rows(file_beside("surv_farrington1996_agona_b3.csv"))
    counts = column(rows(file_beside(AGONA)), "observed")
    options = ORIGINAL(b=3, two_sided_alpha=0.01, compat=compat)

    ours = farrington(counts, options, at=column(case, "t").astype(int) - 1)

    package = compat == "surveillance"
    bound = ours.bound if package else np.where(ours.reasons == "too_few_cases", 0.0, ours.bound)
    np.testing.assert_allclose(bound, column(case, "upperbound"), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(ours.alarm, column(case, "alarm"))
    np.testing.assert_array_equal(~np.isnan(ours.trend), column(case, "trend"))
