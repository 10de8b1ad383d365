"""The promise: at most B false alerts per unit and year, early against an oracle.

Everything a service would have to estimate is estimated here too: each fleet is
simulated from a truth that the fit does not see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.evidence.curves import count_alerts
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import (
    Fleet,
    draw_dispersions,
    draw_rates,
    oracle_cusum,
    oracle_scores,
    simulate,
    step_change,
)
from detectors.evidence.watch import watch

FEEDS = ("incidents", "complaints", "speakup", "falls")
HISTORY, FOLLOWED, CHANGE = 52, 104, 60
TRUTH = replace(
    EvidenceModel.plain(FEEDS, (6.0, 0.7, 0.3, 1.3), dispersion=0.03),
    season=np.tile([0.1, 0.05, 0.02, -0.02], (4, 1)),
    sigma2=0.01,
    rho=0.4,
)
SLOPE = 1.0  # of the log rate in the threshold, for the oracle's search


def fleet(
    units: int, seed: int, ratios: tuple[float, ...] | None = None, weeks: int = 156
) -> Fleet:
    rng = np.random.default_rng(seed)
    rates = draw_rates(TRUTH, units, rng)
    alpha = draw_dispersions(np.full((units, 4), 0.03), np.full((units, 4), 2e-4), rng)
    shape = (units, 4, weeks)
    factor = None if ratios is None else step_change(shape, np.array(ratios), CHANGE)
    return simulate(TRUTH, rates, alpha, np.ones(shape), week0=2700, rng=rng, factor=factor)


def calibrated(history: Fleet, units: int = 600) -> EvidenceModel:
    block = history.block.until(HISTORY)
    fit = fit_fleet(block, FEEDS, minimum_history=HISTORY)
    return calibrate(block, fit, units=units, within_week=False)


@pytest.mark.slow
def test_false_alerts_keep_to_their_budgets_on_fleets_of_unknown_parameters():
    """At 0.2 and 0.05: not above the budget within sampling error, and not far below it."""
    budgets = (0.2, 0.05)
    alerts, judged = np.zeros(2), 0
    for seed in range(8):
        seen = fleet(120, seed)
        model = calibrated(seen)
        bars = np.array([model.threshold(budget).close for budget in budgets])
        found, periods = count_alerts(seen.block, model, bars)
        alerts += found
        judged += periods
    years = judged / WEEKS_PER_YEAR
    for n, budget in zip(alerts, budgets, strict=True):
        lower = chi2.ppf(0.005, 2 * n) / 2 / years
        upper = chi2.ppf(0.995, 2 * n + 2) / 2 / years
        assert lower <= budget
        assert upper >= 0.5 * budget
        assert n / years <= 1.25 * budget


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ratios", "most"),
    [((1.5, 1.5, 1.5, 1.5), 1.7), ((1.3, 2.0, 2.0, 1.3), 1.7), ((1.5, 1.0, 1.0, 1.0), 2.1)],
)
def test_a_change_is_found_nearly_as_soon_as_by_one_who_knows_everything(
    ratios: tuple[float, ...], most: float
):
    """The oracle knows rates, dispersion, season, which feeds change and by how much."""
    quiet = fleet(300, 99)
    changed = fleet(150, 5, ratios, weeks=120)
    model = calibrated(changed)
    path = watch(changed.block, model, budget1=0.2, budget2=0.05)
    ours = [
        next((c.week - CHANGE + 1 for c in path.crossings(u) if c.week >= CHANGE), 99)
        for u in range(changed.block.units)
    ]
    bar = oracle_bar(quiet, np.array(ratios), 0.2)
    weeks = oracle_cusum(oracle_scores(changed, np.array(ratios)), bar, HISTORY)
    theirs = [next((w - CHANGE + 1 for w in found if w >= CHANGE), 99) for found in weeks]

    assert np.mean(np.minimum(ours, 60)) <= most * np.mean(np.minimum(theirs, 60))


def oracle_bar(quiet: Fleet, ratios: np.ndarray, budget: float) -> float:
    scores = oracle_scores(quiet, ratios)
    years = scores.shape[0] * FOLLOWED / WEEKS_PER_YEAR
    bar = 3.0
    for _ in range(6):
        alerts = sum(len(found) for found in oracle_cusum(scores, bar, HISTORY))
        bar += np.log((alerts + 0.5) / years / budget) / SLOPE
    return bar
