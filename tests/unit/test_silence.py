from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.count_terms import burstiness, gap_chance, log_bayes_factor
from detectors.single_series.silence import comparable_exposure, feed_outage, watch_silence

WATCH = {"budget1": 0.2, "budget2": 0.05, "per_year": WEEKS_PER_YEAR, "minimum": 26}


def test_the_bayes_factor_is_the_ratio_of_gamma_poisson_marginals():
    a, b, before, since, x0, x1, r = 2.0, 0.5, 30.0, 5.0, 90.0, 4.0, 0.25

    # Marginal of totals, up to what both hypotheses share: Gamma(a + x) / (b + M)^(a + x).
    changed = x1 * math.log(r) - (a + x0 + x1) * math.log(b + before + r * since)
    unchanged = -(a + x0 + x1) * math.log(b + before + since)

    found = log_bayes_factor(a + x0 + x1, b + before + since, x1, since, r)
    assert found == pytest.approx(changed - unchanged)


def test_a_ward_that_stops_reporting_is_found_within_weeks():
    x = made.reports(
        np.random.default_rng(1), series=20, periods=100, rate=3, changed=70, rate_ratio=0.0
    )

    found = watch_silence(x, np.ones_like(x), **WATCH)

    first = {e.series: e.opened for e in reversed(found) if e.opened >= 70}
    assert len(first) >= 18
    assert np.median(list(first.values())) <= 74


def test_a_unit_that_seldom_reports_is_not_called_silent_for_a_quiet_month():
    x = np.zeros(80)
    x[::5] = 1.0
    x[60:66] = 0.0

    assert watch_silence(x, np.ones(80), **WATCH) == []


def test_silence_subsides_when_reports_come_again():
    x = np.tile([2.0, 4.0, 3.0], 40)
    x[60:80] = 0.0

    (episode,) = watch_silence(x, np.ones(120), **WATCH)

    assert 80 <= episode.subsided <= 84


def test_reports_in_bursts_are_forgiven_longer_gaps():
    steady = np.tile([2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 12)
    bursts = np.tile([12.0, 0.0, 0.0, 0.0, 0.0, 0.0], 12)
    ones = np.ones(72)

    assert burstiness(bursts, ones, 71, 0.15, 0.2) > burstiness(steady, ones, 71, 0.15, 0.2) + 1
    assert watch_silence(bursts, ones, **WATCH) == []


def test_a_feed_that_stops_is_one_finding_and_no_silent_wards():
    wards = made.reports(np.random.default_rng(3), series=40, periods=100, rate=2)
    wards[:, 70:78] = 0.0
    total = wards.sum(axis=0)

    exposure = comparable_exposure(wards, np.ones_like(wards), total)

    (outage,) = feed_outage(total, **WATCH)
    assert outage.opened == 70
    assert outage.subsided == 78
    assert watch_silence(wards, np.ones_like(wards), **WATCH) != []
    assert [e for e in watch_silence(wards, exposure, **WATCH) if 70 <= e.opened < 80] == []


def test_a_ward_that_goes_quiet_alone_is_still_found():
    wards = made.reports(np.random.default_rng(3), series=40, periods=100, rate=2)
    wards[7, 70:] = 0.0

    exposure = comparable_exposure(wards, np.ones_like(wards), wards.sum(axis=0))
    found = watch_silence(wards, exposure, **WATCH)

    assert 70 <= min(e.opened for e in found if e.series == 7) <= 77


def test_the_only_unit_of_a_feed_is_compared_with_itself():
    ward = np.tile([2.0, 4.0, 3.0], 30)[None, :]

    assert (comparable_exposure(ward, np.ones_like(ward), ward[0]) == 1.0).all()


def test_a_feed_that_is_lower_for_good_becomes_the_usual():
    wards = np.tile([4.0, 6.0, 5.0, 5.0], (10, 40))
    wards[1:, 60:] *= 0.4

    exposure = comparable_exposure(wards, np.ones_like(wards), wards.sum(axis=0))

    assert (exposure[0, 60:75] < 0.5).all()
    assert (exposure[0, 120:] == 1.0).all()


def test_the_chance_of_a_gap_is_that_of_the_predictive_distribution():
    rng = np.random.default_rng(9)
    rates = rng.gamma(20.0, 1 / 10.0, 200_000)

    assert gap_chance(20.0, 10.0, 1.5) == pytest.approx(np.exp(-1.5 * rates).mean(), rel=0.01)


def test_an_unobserved_stretch_is_no_silence():
    x = np.tile([2.0, 4.0, 3.0], 30)
    exposure = np.ones(90)
    x[50:60] = exposure[50:60] = 0.0

    assert watch_silence(x, exposure, **WATCH) == []


@pytest.mark.parametrize(
    ("counts", "exposure"), [([-1.0], [1.0]), ([1.0], [math.nan]), ([1.0, 2.0], [1.0])]
)
def test_what_cannot_be_reports_is_refused(counts, exposure):
    with pytest.raises(ValueError, match="counts"):
        watch_silence(counts, exposure, **WATCH)


def test_totals_must_be_as_long_as_the_counts():
    with pytest.raises(ValueError, match="totals"):
        comparable_exposure(np.ones((2, 5)), np.ones((2, 5)), np.ones(4))
