"""Bayesian online change points in the flow of the Nile, as two independent codes have them."""

from __future__ import annotations

import numpy as np

from detectors.drift.bocpd import Bocpd, bocpd
from detectors.drift.bocpd_priors import Gaussian
from detectors.drift.supporting import standardised_residuals
from tests.reference.cases import HERE, column, rows

CASE = rows(HERE / "bocpd_nile_studentt_lam100.csv")
NILE = rows(HERE / "data_nile.csv")
UNPRUNED = {"prune": 0.0, "most": 10_000, "expected_run": 100.0, "recent": 4}  # P(r < 5)


def test_the_posterior_of_every_year():
    path = bocpd(column(CASE, "z"), Gaussian(), **UNPRUNED)

    assert column(CASE, "map_run_length").tolist() == path.run_length.tolist()
    for ours, theirs in (
        (path.recent_change, "p_r_lt5"),
        (path.expected_run_length, "exp_run_length"),
        (path.log_predictive, "log_pred"),
    ):
        np.testing.assert_allclose(ours, column(CASE, theirs), rtol=1e-10, atol=1e-12)


def test_the_chance_of_a_new_run_is_the_hazard_whatever_happens():
    detector = Bocpd(**UNPRUNED)
    for z, expected in zip(column(CASE, "z"), column(CASE, "p_r0"), strict=True):
        detector.update(z)
        lengths, chances = detector.run_length_probabilities()

        assert lengths[0] == 0
        np.testing.assert_allclose(chances[0], expected, rtol=1e-12)


def test_pruning_changes_nothing_that_matters():
    whole = bocpd(column(CASE, "z"), Gaussian(), **UNPRUNED)
    pruned = bocpd(column(CASE, "z"), Gaussian(), recent=4)

    assert whole.run_length.tolist() == pruned.run_length.tolist()
    np.testing.assert_allclose(pruned.recent_change, whole.recent_change, atol=1e-5)


def test_the_series_is_the_flow_standardised_by_its_first_twenty_years():
    residuals = standardised_residuals(column(NILE, "flow"), 20)

    np.testing.assert_allclose(residuals, column(CASE, "z"), rtol=1e-12, atol=1e-12)


def test_the_change_of_1898_is_signalled_in_1902():
    year = column(NILE, "year")
    path = bocpd(column(CASE, "z"), Gaussian())
    (at,) = np.flatnonzero(path.signals)

    assert year[at] == 1902
    assert year[at - path.run_length[at]] == 1898  # the last year of the old run
