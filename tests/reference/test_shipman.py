"""Deaths certified by Dr Shipman against those expected: the published crossing years."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detectors.sequential.maxsprt import poisson_maxsprt
from detectors.sequential.sprt import Sprt, limits, sprt
from detectors.sequential.sprt_models import PoissonRisk
from tests.reference.cases import HERE, by_case, column

GROUPS = by_case(HERE / "shipman_sprt.csv", "group")
CROSSINGS = json.loads((HERE / "shipman_sprt_crossings.json").read_text(encoding="utf-8"))
DOUBLING = PoissonRisk(2.0)
NEVER = 1e-80  # so small an error that the test runs to the last year


def deaths(group):
    rows = GROUPS[(group,)]
    return np.column_stack([column(rows, "obs"), column(rows, "exp")])


@pytest.mark.parametrize("group", [group for (group,) in GROUPS])
@pytest.mark.parametrize(("lower", "name"), [("none", "sprt_llr_RR2"), ("hold", "cusum_RR2")])
def test_the_sums_of_every_year(group, lower, name):
    path = sprt(deaths(group), DOUBLING, alpha=NEVER, beta=1e-2, lower=lower)

    np.testing.assert_allclose(path.statistic, column(GROUPS[(group,)], name), rtol=1e-12)


@pytest.mark.parametrize("group", [group for (group,) in GROUPS])
def test_the_maximised_ratio_of_every_year(group):
    path = poisson_maxsprt(deaths(group), horizon=500.0, critical=1e3)

    expected = column(GROUPS[(group,)], "maxsprt_llr")
    np.testing.assert_allclose(path.statistic, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CROSSINGS)
def test_the_year_of_crossing(name):
    group, _, error = name.partition("_alpha")
    alpha = float(error)
    expected = CROSSINGS[name]
    years = column(GROUPS[(group,)], "year")

    assert limits(alpha, alpha)[1] == pytest.approx(expected["threshold"], rel=1e-12)
    for lower, key in (("none", "sprt_crossing_year"), ("hold", "cusum_same_threshold_year")):
        path = sprt(deaths(group), DOUBLING, alpha=alpha, beta=alpha, lower=lower)
        streaming = Sprt(DOUBLING, alpha=alpha, beta=alpha, lower=lower)
        signals = [streaming.update(row) for row in deaths(group)]

        assert expected[key] == years[np.argmax(path.signals)]
        assert expected[key] == years[np.argmax(signals)]


def test_the_page_on_change_points_tells_these_years():
    page = (HERE.parents[1] / "docs" / "methods-change-points.md").read_text(encoding="utf-8")
    told = [line.strip("|").split(" | ") for line in page.splitlines() if "65plus | " in line]
    assert len(told) == 6

    for group, lower, *years in told:
        for error, year in zip((1e-2, 1e-4, 1e-6), years, strict=True):
            key = "sprt_crossing_year" if lower == "none" else "cusum_same_threshold_year"
            assert CROSSINGS[f"{group.strip()}_alpha{error:g}"][key] == int(year)


def test_the_years_that_were_published():
    sprt_years = {name: crossing["sprt_crossing_year"] for name, crossing in CROSSINGS.items()}

    assert sprt_years == {
        "women65plus_alpha0.01": 1979,
        "women65plus_alpha0.0001": 1981,
        "women65plus_alpha1e-06": 1985,
        "men65plus_alpha0.01": 1995,
        "men65plus_alpha0.0001": 1996,
        "men65plus_alpha1e-06": 1996,
        "total65plus_alpha0.01": 1980,
        "total65plus_alpha0.0001": 1982,
        "total65plus_alpha1e-06": 1985,
    }
