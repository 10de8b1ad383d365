from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.evidence.contamination import changed_units, without
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import draw_rates, simulate, step_change

FEEDS = ("incidents", "complaints", "speakup", "falls")
MODEL = EvidenceModel.plain(FEEDS, (8.0, 0.7, 0.15, 1.2), dispersion=0.03, strength=5.0)
WEEKS, HALF = 52, 26


def history(failing: int, seed: int, units: int = 120):
    rng = np.random.default_rng(seed)
    rates = draw_rates(MODEL, units, rng)
    shape = (units, len(FEEDS), WEEKS)
    factor = np.ones(shape)
    factor[:failing] = step_change((failing, len(FEEDS), WEEKS), np.full(4, 1.6), HALF)
    alpha = np.full(shape[:2], 0.03)
    return simulate(MODEL, rates, alpha, np.ones(shape), week0=2700, rng=rng, factor=factor).block


def test_units_that_began_to_fail_within_their_history_are_left_out():
    marked = changed_units(history(12, 1), MODEL)

    assert marked[:12].sum() >= 10
    assert marked[12:].sum() <= 1


def test_a_fleet_with_failing_units_is_fitted_like_one_without():
    clean = fit_fleet(history(0, 2), FEEDS).model
    failing = fit_fleet(history(12, 2), FEEDS).model

    assert abs(failing.sigma2 - clean.sigma2) < 0.004
    assert abs(failing.dispersion[0] - clean.dispersion[0]) < 0.01
    assert abs(failing.trend[0] - clean.trend[0]) < 0.02


def test_a_unit_left_out_keeps_its_own_rate():
    block = history(12, 3)
    fit = fit_fleet(block, FEEDS)
    rate = (fit.model.prior_a + fit.totals) / (fit.model.prior_b + fit.masses)

    assert (fit.masses[:12, 0] > 0.5 * WEEKS * 0.5).all()
    np.testing.assert_allclose(block.counts[:12, 0].mean(axis=1), rate[:12, 0], rtol=0.2)


def test_a_change_of_the_whole_fleet_leaves_nobody_out():
    assert not changed_units(history(120, 4), MODEL).any()


def test_what_is_left_out_counts_as_never_observed():
    block = history(1, 5, units=3)
    rest = without(block, np.array([True, False, False]))

    assert rest.exposure[0].sum() == 0.0
    assert (rest.exposure[1:] == block.exposure[1:]).all()


def test_a_growing_fleet_is_seen_to_grow_and_expected_to_go_on_for_a_year():
    rng = np.random.default_rng(6)
    units, years = 400, 2
    shape = (units, len(FEEDS), years * 52)
    grown = np.exp(0.1 * np.arange(shape[2]) / 52.0)
    block = simulate(
        MODEL, draw_rates(MODEL, units, rng), np.full(shape[:2], 0.03), np.ones(shape),
        week0=2700, rng=rng, factor=np.broadcast_to(grown, shape),
    ).block  # fmt: skip
    model = fit_fleet(block, FEEDS).model
    ahead = replace(model, season=np.zeros_like(model.season)).seasonal(2700 + 104, 156)

    assert 0.07 < model.trend[0] < 0.12
    assert ahead[0, 0] == 1.0
    assert ahead[0, 52] > 1.06
    assert ahead[0, 60] == ahead[0, 155]
