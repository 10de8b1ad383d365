"""GLR and likelihood-ratio charts of the R package surveillance, and where the paper differs."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.sequential.glr import GlrChart, glr
from tests.reference.cases import by_case, column, file_beside

CASES = {
    "glrpois_c5": {},
    "glrpois_window_M26_c5": {"window": 26},
    "glrpois_dec": {"direction": "fall", "threshold": 3.0},
    "glrpois_epi": {"change": "epidemic"},
    "glrnb_alpha.2_c5": {"dispersion": 0.2},
    "lrcusum_pois_theta.4_c5": {"shift": 0.4},
    "lrcusum_nb_theta.4_c5": {"shift": 0.4, "dispersion": 0.2},
}
# The package's departures from the paper touch these cases only.
DEPARTING = {"glrpois_window_M26_c5", "glrpois_dec", "glrpois_epi"}


def case(name):
    rows = by_case(file_beside("surv_glr_cases.csv"), "case")[(name,)]
    return {key: column(rows, key) for key in ("x", "mu0", "stat", "alarm")}


def settings(name):
    return {"threshold": 5.0, "window": None} | CASES[name]


@pytest.mark.parametrize("name", CASES)
def test_the_chart_is_that_of_surveillance(name):
    expected = case(name)
    path = glr(expected["x"], expected["mu0"], compat="surveillance", **settings(name))

    np.testing.assert_allclose(path.statistic, expected["stat"], rtol=1e-9, atol=1e-12)
    assert expected["alarm"].tolist() == np.abs(path.signals).tolist()


@pytest.mark.parametrize("name", CASES)
def test_the_streaming_chart_gives_the_same_statistics(name):
    expected = case(name)
    chart = GlrChart(compat="surveillance", **settings(name))
    found = []
    for count, mean, alarm in zip(expected["x"], expected["mu0"], expected["alarm"], strict=True):
        assert alarm == abs(chart.update((count, mean)))
        found.append(chart.statistic)

    np.testing.assert_allclose(found, expected["stat"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(CASES) - DEPARTING))
def test_without_a_departure_the_published_chart_is_the_same(name):
    expected = case(name)
    path = glr(expected["x"], expected["mu0"], **settings(name))

    np.testing.assert_allclose(path.statistic, expected["stat"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(DEPARTING))
def test_where_surveillance_departs_the_published_statistic_is_larger(name):
    expected = case(name)
    path = glr(expected["x"], expected["mu0"], **settings(name))
    first = int(np.flatnonzero(path.signals)[0])  # afterwards the charts restart apart

    assert (path.statistic[: first + 1] >= expected["stat"][: first + 1] - 1e-12).all()
    assert not np.allclose(path.statistic, expected["stat"])


def test_every_case_of_the_file_is_compared():
    assert {(name,) for name in CASES} == set(by_case(file_beside("surv_glr_cases.csv"), "case"))
