"""Scores, overdispersion and limits of funnel plots as FunnelPlotR 0.6.0 gives them."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.funnel import funnel
from tests.reference.cases import HERE, by_case, column, file_beside, rows

SETTINGS = {
    "bristol_PR": {"kind": "proportion", "adjustment": "none"},
    "bristol_PR_SHMI_adj": {"kind": "proportion"},
    "bristol_SR_SHMI_adj": {"kind": "ratio", "compat": "FunnelPlotR"},
    "bristol_SR_CQC_adj": {"kind": "ratio", "transform": "root", "compat": "FunnelPlotR"},
    "bowel_PR_adj": {"kind": "proportion"},
    "bowel_PR_unadj": {"kind": "proportion", "adjustment": "none"},
}


def cases():
    return by_case(file_beside("funnelplotr_cases.csv"), "case")


def plot_of(name, case):
    denominators = column(case, "denominator")
    if name == "bristol_SR_SHMI_adj":
        # The file holds the rounded expected deaths, but ratios of the unrounded ones.
        data = {row["Hospital"]: row["exp"] for row in rows(HERE / "data_bristol_1991_95.csv")}
        denominators = [float(data[row["group"]]) for row in case]
    return funnel(column(case, "numerator"), denominators, **SETTINGS[name])


def close(expected, actual):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_scores_as_funnel_plot_r(name):
    case = cases()[(name,)]
    plot = plot_of(name, case)

    close(column(case, "rr"), plot.scores.ratios)
    close(column(case, "Y"), plot.scores.transformed)
    close(column(case, "target_transformed"), np.full(len(case), plot.scores.centre))
    close(column(case, "Uzscore"), plot.scores.z)
    close(column(case, "s"), plot.scores.errors)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_overdispersion_as_funnel_plot_r(name):
    case = cases()[(name,)]
    plot = plot_of(name, case)
    mark = "truncated" if name == "bristol_SR_SHMI_adj" else "winsorised"

    close(column(case, "Wuzscore"), plot.spread.treated)
    np.testing.assert_array_equal(column(case, mark) == 1, plot.spread.altered)
    close(column(case, "tau2")[0], plot.tau2)
    # The package writes 0 for phi when no adjustment is asked for.
    if plot.adjustment != "none":
        close(column(case, "phi")[0], plot.phi)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_limits_as_funnel_plot_r(name):
    case = cases()[(name,)]
    plot = plot_of(name, case)
    for prefix, limits in (("OD", plot.limits()), ("", plot.limits(adjusted=False))):
        close(column(case, f"{prefix}95LCL" if prefix else "LCL95"), limits.lower95)
        close(column(case, f"{prefix}95UCL" if prefix else "UCL95"), limits.upper95)
        close(column(case, f"{prefix}99LCL" if prefix else "LCL99"), limits.lower998)
        close(column(case, f"{prefix}99UCL" if prefix else "UCL99"), limits.upper998)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name.startswith("bristol")])
def test_the_same_units_outside_as_funnel_plot_r(name):
    case = cases()[(name,)]

    np.testing.assert_array_equal(column(case, "outlier") == 1, plot_of(name, case).outside())


def test_every_case_of_the_file_is_compared():
    assert {name for (name,) in cases()} == set(SETTINGS)


def test_the_bowel_cancer_file_is_the_input_of_its_cases():
    case = cases()[("bowel_PR_adj",)]
    data = {row["g"].strip(): row for row in rows(file_beside("data_bowel_cancer.csv"))}

    assert {row["group"] for row in case} == set(data)
    assert {row["group"]: float(row["numerator"]) for row in case} == {
        name: float(row["n"]) for name, row in data.items()
    }


def bristol(**settings):
    data = rows(HERE / "data_bristol_1991_95.csv")
    names = [row["Hospital"] for row in data]
    denominators = "Operations" if settings["kind"] == "proportion" else "exp"
    return names, funnel(column(data, "Deaths"), column(data, denominators), **settings)


@pytest.mark.parametrize(
    ("settings", "tau2"),
    [
        ({"kind": "proportion"}, 0.000651),
        ({"kind": "ratio"}, 0.00557),
        ({"kind": "ratio", "transform": "root"}, 0.00370),
    ],
)
def test_bristol_alone_lies_outside_by_every_published_method(settings, tau2):
    names, plot = bristol(**settings)

    assert tau2 == pytest.approx(plot.tau2, rel=0.01)
    assert ["Bristol"] == [names[i] for i in np.flatnonzero(plot.outside())]


def test_limits_that_are_not_squared_flag_two_more_units():
    names, plot = bristol(kind="ratio", transform="root", compat="FunnelPlotR")

    assert 3 == plot.outside().sum()
    assert "Bristol" in {names[i] for i in np.flatnonzero(plot.outside())}
