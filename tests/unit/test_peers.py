from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom

from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.peers import FACTORS, compare_with_peers
from detectors.evidence.simulate import draw_rates, simulate

FEEDS = ("incidents", "complaints", "speakup", "falls")
MODEL = EvidenceModel.plain(FEEDS, (8.0, 0.7, 0.15, 1.2), dispersion=0.03, strength=5.0)
WEEKS = 52


def history(units: int, failing: int, factor: float, seed: int):
    rng = np.random.default_rng(seed)
    rates = draw_rates(MODEL, units, rng)
    rates[:failing] *= factor
    exposure = np.ones((units, len(FEEDS), WEEKS))
    alpha = np.full((units, len(FEEDS)), 0.03)
    return simulate(MODEL, rates, alpha, exposure, week0=2700, rng=rng).block


def test_one_feed_and_one_factor_is_the_ratio_of_two_negative_binomials():
    alone = EvidenceModel.plain(("infections",), (2.0,), strength=3.0)
    total, mass = np.array([[170.0]]), np.array([[52.0]])
    ordinary = nbinom.logpmf(170, 3.0, 1.5 / (1.5 + 52.0))
    shares = [nbinom.logpmf(170, 3.0, 1.5 / r / (1.5 / r + 52.0)) - ordinary for r in FACTORS]
    expected = np.log(np.sum(alone.patterns.weight * np.exp(shares)))

    assert compare_with_peers(total, mass, alone).log_evidence[0] == pytest.approx(expected)


def test_ordinary_units_are_rarely_called_unlike_their_peers():
    called = 0
    for seed in range(10):
        fit = fit_fleet(history(200, 0, 1.0, seed), FEEDS)
        called += int(compare_with_peers(fit.totals, fit.masses, fit.model).unusual(0.01).sum())

    assert called <= 0.01 * 2000 + 3 * np.sqrt(0.01 * 2000)


def test_units_that_failed_through_all_their_history_stand_out():
    fit = fit_fleet(history(200, 10, 3.0, 7), FEEDS)
    found = compare_with_peers(fit.totals, fit.masses, fit.model)

    assert found.unusual()[:10].sum() >= 6
    assert found.unusual()[10:].sum() <= 1
    assert found.probability[:10].mean() > 0.5
    assert np.median(found.ratio[:10]) > 2.0


def test_a_feed_that_was_never_observed_says_nothing():
    totals, masses = np.array([[900.0, 40.0, 8.0, 0.0]]), np.array([[52.0, 52.0, 52.0, 0.0]])
    with_it = compare_with_peers(totals, masses, MODEL)

    assert with_it.ratio[0, 3] == pytest.approx(1.0)


def test_wrong_shapes_and_shares_are_told():
    with pytest.raises(ValueError, match="totals and masses"):
        compare_with_peers(np.ones((3, 2)), np.ones((3, 2)), MODEL)
    with pytest.raises(ValueError, match="false_share"):
        compare_with_peers(np.ones((3, 4)), np.ones((3, 4)), MODEL).unusual(0.0)
