"""Budgets are kept on simulated stable series, with everything estimated from them.

Level 1 must be within its budget as found; level 2, with a fifth of the alerts, within
its lower 95 % limit. The cases are the hardest of bench/listening.py that a real unit can be.
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.counts import watch_counts
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.shares import watch_shares
from detectors.single_series.silence import watch_silence

SERIES, BASELINE, PERIODS = 600, 26, 130
YEARS = SERIES * (PERIODS - BASELINE) / WEEKS_PER_YEAR
SIZE = {"series": SERIES, "periods": PERIODS}
BUDGETS = {"budget1": 0.2, "budget2": 0.05}
WATCH = {**BUDGETS, "per_year": WEEKS_PER_YEAR, "minimum": BASELINE}


def assert_kept(found, years=YEARS):
    used = made.achieved(found, years, **BUDGETS)
    assert used.level1 <= 1, used
    assert used.limits2[0] < 1, used
    # And is not kept by saying nothing at all.
    assert used.level1 > 0.02, used


@pytest.mark.parametrize(
    ("concern", "size", "share", "rho"),
    [
        ("rise", 4, 0.2, 0.0),
        ("rise", 4, 0.2, 0.1),
        ("rise", 20, 0.05, 0.05),
        ("rise", 80, 0.2, 0.05),
        ("fall", 4, 0.2, 0.1),
        ("fall", 20, 0.9, 0.05),
    ],
)
def test_shares_keep_their_budget_with_unknown_share_and_dispersion(concern, size, share, rho):
    y, n = made.shares(
        np.random.default_rng(31), **SIZE, size=size, share=share, overdispersion=rho
    )

    assert_kept(watch_shares(y, n, concern=concern, **WATCH))


@pytest.mark.parametrize(
    "nature",
    [
        {},
        {"autocorrelation": 0.3},
        {"autocorrelation": 0.6},
        {"season": 1.0},
        {"autocorrelation": 0.3, "tails": 3.0},
    ],
)
def test_measurements_keep_their_budget_with_unknown_level_spread_season_and_memory(nature):
    x = made.measurements(np.random.default_rng(32), **SIZE, **nature)

    assert_kept(watch_measurements(x, concern="rise", **WATCH))


@pytest.mark.parametrize(("rate", "alpha"), [(0.3, 0.0), (1.0, 0.3), (3.0, 0.6), (10.0, 0.1)])
def test_silence_keeps_its_budget_with_unknown_rate_and_dispersion(rate, alpha):
    x = made.reports(np.random.default_rng(33), **SIZE, rate=rate, dispersion=alpha)

    assert_kept(watch_silence(x, np.ones_like(x), **WATCH))


@pytest.mark.parametrize(("rate", "alpha"), [(0.3, 0.1), (1.0, 0.6), (3.0, 0.6), (30.0, 0.3)])
def test_counts_keep_their_budget_by_month_with_unknown_rate_and_dispersion(rate, alpha):
    size = {"series": SERIES, "periods": 12 + 60}
    x = made.reports(np.random.default_rng(36), **size, rate=rate, dispersion=alpha)

    found = watch_counts(x, np.ones_like(x), concern="rise", per_year=12.0, minimum=12, **BUDGETS)

    assert_kept(found, SERIES * 5.0)


@pytest.mark.parametrize("shape", [0.7, 1.0, 1.3])
def test_gaps_keep_their_budget_with_unknown_rate_and_shape(shape):
    g = made.gaps(np.random.default_rng(34), series=SERIES, events=80, mean=30, shape=shape)

    found = watch_gaps(g, minimum=12, **BUDGETS)

    assert_kept(found, g[:, 12:].sum() / 365.25)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "share", "rho"), [(20, 0.05, 0.05), (20, 0.2, 0.1)])
def test_small_budgets_are_kept_by_overdispersed_shares_too(size, share, rho):
    y, n = made.shares(
        np.random.default_rng(35), series=5000, periods=PERIODS, size=size, share=share,
        overdispersion=rho,
    )  # fmt: skip
    small = {"budget1": 0.005, "budget2": 0.00125}

    found = watch_shares(y, n, concern="rise", **{**WATCH, **small})

    used = made.achieved(found, 5000 * (PERIODS - BASELINE) / WEEKS_PER_YEAR, **small)
    assert used.limits1[0] < 1
    assert used.limits2[0] < 1
