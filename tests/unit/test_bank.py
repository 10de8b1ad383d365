from __future__ import annotations

import numpy as np
import pytest

from detectors.bank import (
    CUSUM_HIGH,
    CUSUM_LOW,
    EWMA_HIGH,
    EWMA_LOW,
    Bank,
)
from detectors.charts.nhs_rules import ABOVE_LIMIT, BELOW_LIMIT, Limits, find_signals
from detectors.sequential.cusum_gaussian import gaussian_cusum


def zeros(series=1, **settings):
    return Bank(np.zeros(series), np.ones(series), **settings)


def test_the_cusum_is_pages_recursion():
    bank = zeros(k=0.5, h=100.0)
    up = down = 0.0
    for z in [0.3, 1.2, -0.7, 2.0, -3.0, 0.9]:
        bank.update([z])
        up, down = max(0.0, up + z - 0.5), max(0.0, down - z - 0.5)

    assert bank.cusum.ravel().tolist() == [up, down]


def test_the_ewma_is_robertss_recursion():
    bank = zeros(weight=0.3, width=100.0)
    average = 0.0
    for z in [0.3, 1.2, -0.7, 2.0]:
        bank.update([z])
        average = 0.3 * z + 0.7 * average

    assert bank.ewma.tolist() == pytest.approx([average])


def test_a_signal_needs_strictly_more_than_the_decision_interval():
    at, beyond = zeros(k=0.0, h=2.0, width=9.0), zeros(k=0.0, h=2.0, width=9.0)

    assert at.run([[1.0], [1.0]])[-1, 0] == 0
    assert beyond.run([[1.0], [1.01]])[-1, 0] == CUSUM_HIGH


def test_a_tie_is_a_tie_whatever_rounding_makes_of_it():
    """Five times 1.1 less 0.5 is 3; 10.3 lies on the limit 10 + 3 * 0.1."""
    fives = Bank([0.0], [1.0], k=0.5, h=3.0).run(np.full((5, 1), 1.1))
    on_the_limit = Bank([10.0], [0.1], h=100.0).update([10.3])

    assert 0 == (fives & CUSUM_HIGH).sum()
    assert 0 == gaussian_cusum(np.full(5, 1.1), k=0.5, h=3.0).signals.sum()
    assert 0 == on_the_limit[0] & ABOVE_LIMIT


def test_a_reset_makes_the_next_signal_a_new_one():
    steady = np.full((9, 1), 1.5)
    renewed, lasting = zeros(h=2.5, width=9.0), zeros(h=2.5, width=9.0, reset=False)

    assert np.flatnonzero(renewed.run(steady)[:6, 0] & CUSUM_HIGH).tolist() == [2, 5]
    assert np.flatnonzero(lasting.run(steady)[:6, 0] & CUSUM_HIGH).tolist() == [2, 3, 4, 5]


def test_both_directions_are_watched():
    fall = zeros(h=2.0, width=1.5).run(np.full((4, 1), -3.5))[:, 0]

    assert fall[0] & BELOW_LIMIT
    assert np.bitwise_or.reduce(fall) & CUSUM_LOW
    assert np.bitwise_or.reduce(fall) & EWMA_LOW
    assert not np.bitwise_or.reduce(fall) & (CUSUM_HIGH | EWMA_HIGH | ABOVE_LIMIT)


@pytest.mark.parametrize("variant", ["plot_the_dots", "making_data_count_2023", "power_bi"])
def test_the_bank_and_the_chart_see_the_same_rules(variant):
    rng = np.random.default_rng(5)
    values = np.round(rng.normal(0.3, 1.3, (300, 40)), 1)
    values[rng.random(values.shape) < 0.03] = np.nan
    bits = zeros(40, two_of_three=variant).run(values) & 0xFF
    lines = Limits(*(np.full(300, at) for at in (0.0, -3.0, 3.0, -2.0, 2.0)))
    for series in range(40):
        expected = find_signals(values[:, series].copy(), lines, two_of_three=variant).completing

        assert bits[:, series].tolist() == expected.tolist()


def test_series_do_not_touch_each_other():
    rng = np.random.default_rng(6)
    values = rng.normal(0.5, 1.5, (60, 2_100))  # more than two chunks
    together = zeros(2_100).run(values)
    for series in (0, 1_023, 1_024, 2_099):
        alone = zeros(1).run(values[:, series : series + 1])

        assert together[:, series].tolist() == alone[:, 0].tolist()


def test_a_missing_value_leaves_the_sums_as_they_are():
    bank = zeros(h=100.0, width=100.0)
    bank.run([[1.0], [2.0]])
    before = bank.cusum, bank.ewma

    for missing in (np.nan, np.inf, -np.inf):
        assert bank.update([missing]).tolist() == [0]
    np.testing.assert_array_equal(bank.cusum, before[0])
    np.testing.assert_array_equal(bank.ewma, before[1])


def test_a_series_without_spread_is_never_judged():
    bank = Bank([4.0, 4.0], [0.0, 1.0])

    assert bank.update([99.0, 99.0])[0] == 0
    assert bank.update([99.0, 99.0])[1] != 0


def test_the_state_is_small():
    bank = zeros(1_000)
    state = sum(array.nbytes for array in vars(bank).values() if isinstance(array, np.ndarray))

    assert state / 1_000 < 100


def test_senseless_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match="one entry per series"):
        Bank([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="weight in"):
        zeros(weight=0.0)
    with pytest.raises(ValueError, match="h and width positive"):
        zeros(h=-1.0)
    with pytest.raises(ValueError, match=r"shape \(steps, 2\)"):
        zeros(2).run([[1.0, 2.0, 3.0]])
