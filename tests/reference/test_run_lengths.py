"""Average run lengths to a false signal, against published and exactly computed values.

The four-rule values are simulations of the same rules (100,000 runs); CUSUM and EWMA are
Markov-chain values of the R package spc, which agree with Lucas & Crosier (1982) and
Lucas & Saccucci (1990).
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.bank import CUSUM_HIGH, CUSUM_LOW, EWMA_HIGH, EWMA_LOW, Bank
from detectors.charts.nhs_rules import (
    ABOVE_LIMIT,
    BELOW_LIMIT,
    SHIFT_HIGH,
    SHIFT_LOW,
    TREND_DOWN,
    TREND_UP,
    TWO_HIGH,
    TWO_LOW,
)

LIMITS = ABOVE_LIMIT | BELOW_LIMIT
TREND = TREND_UP | TREND_DOWN
TWO = TWO_HIGH | TWO_LOW
SHIFT = SHIFT_HIGH | SHIFT_LOW
CUSUM = CUSUM_HIGH | CUSUM_LOW
EWMA = EWMA_HIGH | EWMA_LOW


def run_length(bits, expected, **settings):
    """Mean time to the first of ``bits``, counting series cut short by time over events."""
    series = 4_000
    bank = Bank(np.zeros(series), np.ones(series), reset=False, **settings)
    rng = np.random.default_rng(20_240_229)
    waiting = np.ones(series, bool)
    steps = 0
    for _ in range(16):
        signals = bank.run(rng.normal(size=(int(expected // 4) + 1, series)))
        fired = np.maximum.accumulate((signals & bits) != 0, axis=0)
        steps += int((~fired)[:, waiting].sum()) + int((fired[-1] & waiting).sum())
        waiting &= ~fired[-1]
    return steps / int((~waiting).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "expected", "settings"),
    [
        (LIMITS, 370.4, {}),
        (SHIFT, 127.7, {}),
        (TREND, 2_883.0, {}),
        (TWO, 924.7, {"two_of_three": "plot_the_dots"}),
        (TWO, 820.7, {"two_of_three": "making_data_count_2023"}),
        (TWO, 516.0, {"two_of_three": "power_bi"}),
        (LIMITS | SHIFT, 95.9, {}),
        (LIMITS | SHIFT | TREND, 93.6, {}),
        (LIMITS | SHIFT | TREND | TWO, 86.3, {"two_of_three": "plot_the_dots"}),
        (LIMITS | SHIFT | TREND | TWO, 86.3, {"two_of_three": "making_data_count_2023"}),
        (LIMITS | SHIFT | TREND | TWO, 81.8, {"two_of_three": "power_bi"}),
        (CUSUM, 167.68, {"h": 4.0}),
        (CUSUM, 465.44, {"h": 5.0}),
        (EWMA, 370.4, {"weight": 0.1, "width": 2.7015}),
        (EWMA, 500.0, {"weight": 0.2, "width": 2.9622}),
    ],
)
def test_stable_data_is_flagged_as_rarely_as_published(bits, expected, settings):
    measured = run_length(bits, expected, **settings)

    # Four standard errors of a mean of 4,000 nearly exponential times.
    assert measured == pytest.approx(expected, rel=4 / np.sqrt(4_000))


@pytest.mark.slow
def test_a_shift_of_one_sigma_is_found_after_eight_points_by_a_cusum():
    series = 20_000
    bank = Bank(np.zeros(series), np.ones(series), h=4.0, reset=False)
    signals = bank.run(np.random.default_rng(7).normal(1.0, size=(200, series)))
    first = ((signals & CUSUM) != 0).argmax(axis=0) + 1

    assert first.mean() == pytest.approx(8.38, rel=0.02)
