"""The fit gives back what a simulated fleet was made with; calibration is repeatable."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from detectors.evidence.calibrate import calibrate, smooth_curve
from detectors.evidence.counts import FeedCounts
from detectors.evidence.curves import count_alerts
from detectors.evidence.fleet import fit_fleet, fit_week_shape
from detectors.evidence.model import EvidenceModel
from detectors.evidence.rates import rate_prior
from detectors.evidence.simulate import (
    Fleet,
    common_factor,
    draw_rates,
    oracle_cusum,
    oracle_scores,
    simulate,
    step_change,
)
from detectors.evidence.watch import watch
from streams.evidence.reference import CLASSES, InvalidReferenceError, Reference

FEEDS = ("incidents", "complaints", "falls")
SEASON = np.tile([0.12, 0.05, 0.03, -0.02], (3, 1))
TRUTH = replace(
    EvidenceModel.plain(FEEDS, (8.0, 1.0, 2.0), dispersion=0.04),
    season=SEASON,
    sigma2=0.015,
    rho=0.6,
)


def fleet(units: int = 400, weeks: int = 52, seed: int = 1, *, by_day: bool = False) -> Fleet:
    rng = np.random.default_rng(seed)
    rates = draw_rates(TRUTH, units, rng)
    alpha = np.full((units, 3), 0.04)
    exposure = np.ones((units, 3, weeks))
    return simulate(TRUTH, rates, alpha, exposure, week0=2700, rng=rng, by_day=by_day)


def test_the_fit_finds_what_the_fleet_was_made_with():
    model = fit_fleet(fleet().block, FEEDS).model

    np.testing.assert_allclose(model.season[:, :2], SEASON[:, :2], atol=0.03)
    np.testing.assert_allclose(model.dispersion, 0.04, atol=0.02)
    np.testing.assert_allclose(model.prior_a / model.prior_b, [8, 1, 2], rtol=0.12)
    np.testing.assert_allclose(model.prior_a, 4.0, rtol=0.35)
    assert model.sigma2 == pytest.approx(0.015, abs=0.004)
    assert model.rho == pytest.approx(0.6, abs=0.15)


def test_weeks_that_were_not_observed_change_no_estimate_of_a_rate():
    block = fleet(units=60).block
    exposure = block.exposure.copy()
    exposure[:, :, ::4] = 0.0
    garbage = np.where(exposure > 0, block.counts, 500.0)
    sparse = fit_fleet(FeedCounts(garbage, exposure, block.week0), FEEDS).model
    full = fit_fleet(block, FEEDS).model

    ratio = (sparse.prior_a / sparse.prior_b) / (full.prior_a / full.prior_b)
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


@pytest.mark.parametrize("units", [1, 2])
def test_a_fleet_of_one_or_two_units_can_be_fitted(units: int):
    fit = fit_fleet(fleet(units=units).block, FEEDS)

    assert np.isfinite(fit.model.prior_a).all()
    assert calibrate(fleet(units=units).block, fit, units=10, within_week=False).threshold(0.2)


def test_a_feed_without_any_event_gets_a_proper_prior():
    block = fleet(units=20).block
    counts = block.counts.copy()
    counts[:, 1] = 0.0
    model = fit_fleet(FeedCounts(counts, block.exposure, block.week0), FEEDS).model

    assert 0 < model.prior_a[1] / model.prior_b[1] < 0.01


def test_nothing_observed_is_nothing_to_fit():
    empty = np.zeros((2, 3, 10))
    with pytest.raises(ValueError, match="nothing to fit"):
        fit_fleet(FeedCounts(empty, empty, 0), FEEDS)


def test_the_prior_of_rates_needs_no_scale():
    rng = np.random.default_rng(4)
    mass = np.full((300, 1), 52.0)
    total = rng.poisson(rng.gamma(2.0, 3.0, (300, 1)) * mass).astype(float)
    a, b = rate_prior(total, mass)
    a10, b10 = rate_prior(total, 10 * mass)

    assert a[0] == pytest.approx(2.0, rel=0.25)
    assert a10[0] == a[0]
    assert b10[0] == pytest.approx(10 * b[0])


def test_the_shape_of_the_week_is_learned_from_the_days():
    counts = np.full((5, 1, 52), 7.0)
    daily = np.zeros((5, 1, 52, 7), dtype=np.uint16)
    daily[..., :5] = 1
    daily[..., 0] += 2
    shape = fit_week_shape(FeedCounts(counts, np.ones_like(counts), 0, daily))

    assert shape[0, 0] == pytest.approx(3 / 7, abs=0.05)
    assert shape[0, 4] > 0.95
    assert shape[0, 6] == 1.0


def test_the_common_effect_has_the_variance_and_memory_that_it_should():
    log = np.log(common_factor(400, 300, 0.02, 0.7, np.random.default_rng(0)))

    assert log.var() == pytest.approx(0.02, rel=0.1)
    memory = np.corrcoef(log[:, :-1].ravel(), log[:, 1:].ravel())[0, 1]
    assert memory == pytest.approx(0.7, abs=0.02)


def test_days_add_up_to_weeks():
    block = fleet(units=30, by_day=True).block

    np.testing.assert_array_equal(block.daily.sum(axis=3), block.counts)


def test_the_curve_counts_what_watching_counts():
    block = fleet(units=60, weeks=120, by_day=True).block
    model = fit_fleet(block.until(52), FEEDS).model
    rate = 1.0
    bars = model.threshold(rate, within_week=True)
    alerts, judged = count_alerts(block, model, np.array([bars.close]), within_week=True)
    path = watch(block, model, budget1=rate, budget2=rate / 2)

    assert judged == 60 * (120 - 26)
    assert alerts[0] == sum(c.level == 1 for u in range(60) for c in path.crossings(u))


def test_the_same_seed_gives_the_same_thresholds():
    block = fleet(units=40).block
    fit = fit_fleet(block, FEEDS)
    one = calibrate(block, fit, units=80, within_week=False)
    two = calibrate(block, fit, units=80, within_week=False)

    assert one.to_dict() == two.to_dict()


def test_thresholds_do_not_depend_on_how_many_threads_watch_the_simulated_fleets():
    block = fleet(units=20).block
    fit = fit_fleet(block, FEEDS)
    told: list[float] = []
    one = calibrate(block, fit, units=90, within_week=False, workers=1)
    many = calibrate(block, fit, units=90, within_week=False, workers=3, progress=told.append)

    assert one.to_dict() == many.to_dict()
    assert told == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_curve_with_few_alerts_still_falls():
    bars = np.arange(2.0, 8.0, 0.5)
    for alerts in (np.zeros(12), np.full(12, 30.0), np.arange(60.0, 0.0, -5.0)):
        rates = smooth_curve(bars, alerts, 100.0).rates
        assert all(later < earlier for earlier, later in pairwise(rates))


def test_the_oracle_sees_a_change_that_it_knows_within_weeks():
    rng = np.random.default_rng(2)
    ratios = np.array([2.0, 1.0, 2.0])
    factor = step_change((50, 3, 80), ratios, 60)
    changed = simulate(
        TRUTH, draw_rates(TRUTH, 50, rng), np.full((50, 3), 0.04), np.ones((50, 3, 80)),
        week0=2700, rng=rng, factor=factor,
    )  # fmt: skip
    alerts = oracle_cusum(oracle_scores(changed, ratios), 4.0, 40)
    found = [weeks[weeks >= 60] for weeks in alerts]

    assert np.median([weeks[0] - 59 if len(weeks) else 99 for weeks in found]) <= 4


def test_the_shipped_calibration_has_a_model_for_every_class():
    reference = Reference.shipped()

    assert tuple(reference.models) == CLASSES
    assert "simulated" in reference.origin
    for model in reference.models.values():
        for within in (False, True):
            level1 = model.threshold(0.2, within_week=within)
            level2 = model.threshold(0.05, within_week=within)
            assert 3 < level1.close < level1.look < 7
            assert level1.close < level2.close < 8
    assert Reference.from_dict(reference.to_dict()).to_dict() == reference.to_dict()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": "x"}'])
def test_a_file_that_is_no_calibration_is_refused_by_name(tmp_path, text: str):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InvalidReferenceError, match=r"r\.json"):
        Reference.load(path)
    with pytest.raises(InvalidReferenceError, match="no calibration"):
        Reference.find(str(tmp_path / "none"))
