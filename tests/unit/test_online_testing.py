from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.level_sequences import dependent, listed, logarithmic, power
from detectors.many_series.lord_recent import RecentLord
from detectors.many_series.online_fdr import Addis, AlphaInvesting, Lord, Saffron
from detectors.many_series.online_spending import (
    AddisSpending,
    AlphaSpending,
    ELond,
    Lond,
    OnlineFallback,
)

ALL = [
    Lord,
    Saffron,
    Addis,
    AlphaInvesting,
    RecentLord,
    Lond,
    AlphaSpending,
    OnlineFallback,
    AddisSpending,
]


def test_the_sequences_share_out_one_budget():
    assert 1.0 == pytest.approx(power(2.0).shares(20_000).sum(), abs=1e-4)
    assert logarithmic().shares(5_000).sum() < 1.0
    j = np.arange(1, 5_001)
    assert (dependent().shares(5_000) * (1.0 + np.log(j))).sum() < 1.0
    assert 0.4374901658 == pytest.approx(power(1.6).shares(1)[0], abs=1e-6)


def test_a_listed_sequence_ends_with_nothing():
    spending = AlphaSpending(alpha=0.1, gamma=listed((0.5, 0.25)))

    assert [0.05, 0.025, 0.0] == pytest.approx(spending.decide([0.4] * 3).levels)


@pytest.mark.parametrize("shares", [(), (-0.1,), (0.9, 0.2), (math.nan,)])
def test_a_listed_sequence_must_be_shares_of_one(shares):
    with pytest.raises(ValueError, match="shares must"):
        listed(shares)


@pytest.mark.parametrize("exponent", [1.0, math.nan, math.inf])
def test_a_power_must_have_a_sum(exponent):
    with pytest.raises(ValueError, match="exponent must"):
        power(exponent)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_a_p_value_outside_zero_to_one_is_refused(make):
    with pytest.raises(ValueError, match=r"p_values must lie between 0 and 1, not 1\.5"):
        make().update(1.5)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_rate_must_be_a_probability(make, alpha):
    with pytest.raises(ValueError, match="alpha must"):
        make(alpha=alpha)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_the_level_of_the_last_test_is_told(make):
    procedure = make()
    procedure.update(0.4)

    assert procedure.level == make().decide([0.4]).levels[0]


def test_lord_2_pays_every_discovery_alike():
    gamma = logarithmic().shares(3)
    levels = Lord(version="2").decide([0.0, 0.0, 0.5]).levels

    assert 0.005 * gamma[2] + 0.045 * (gamma[1] + gamma[0]) == pytest.approx(levels[2])


def test_lord_1_starts_afresh_at_each_discovery():
    gamma = logarithmic().shares(4)
    levels = RecentLord(version="1").decide([0.0, 0.5, 0.0, 0.5]).levels
    expected = [0.005 * gamma[0], 0.045 * gamma[0], 0.045 * gamma[1], 0.045 * gamma[0]]

    assert expected == pytest.approx(levels)


def test_lord_for_dependent_p_values_never_starts_its_sequence_afresh():
    xi = dependent().shares(3) * 0.05 / 0.045
    levels = RecentLord(version="dependent").decide([0.0, 0.5, 0.5]).levels
    wealth = 0.005 - xi[0] * 0.005 + 0.045

    assert [xi[0] * 0.005, xi[1] * wealth, xi[2] * wealth] == pytest.approx(levels)


def test_the_package_pays_a_discovery_of_lord_3_two_tests_late_and_one_for_nothing():
    p = [0.5, 0.5, 0.0, 0.5]
    gamma = logarithmic().shares(4)
    published = RecentLord().decide(p).levels
    package = RecentLord(compat="onlineFDR").decide(p).levels
    spent = 0.005 * gamma[:3].sum()

    assert gamma[0] * (0.005 - spent + 0.045) == pytest.approx(published[3])
    # The start, counted as a discovery, was paid at the second test; that of the third is not yet.
    assert gamma[0] * (0.005 - spent + 0.045) == pytest.approx(package[3])
    assert gamma[0] * (0.005 - spent) < package[3]


def test_lond_gains_by_discoveries_as_far_as_dependence_allows():
    gamma = 0.05 * logarithmic().shares(2)

    assert 2 * gamma[1] == pytest.approx(Lond().decide([0.0, 0.5]).levels[1])
    positive, arbitrary = Lond(dependence="positive"), Lond(dependence="arbitrary")
    assert gamma[1] == pytest.approx(positive.decide([0.0, 0.5]).levels[1])
    assert 2 * gamma[1] / 1.5 == pytest.approx(arbitrary.decide([0.0, 0.5]).levels[1])


def test_e_lond_finds_an_e_value_of_one_over_its_level():
    level = 0.05 * logarithmic().shares(1)[0]

    assert 1 == ELond().update(1.0000001 / level)
    assert 0 == ELond().update(0.9999999 / level)
    assert 0 == ELond().update(0.0)
    with pytest.raises(ValueError, match=r"e-values must not be negative, not -1\.0"):
        ELond().update(-1.0)


def test_forgetting_old_discoveries_lowers_levels_only():
    p = np.random.default_rng(1).random(200)
    p[::3] = 0.0
    short = Lord(memory=5).decide(p).levels
    whole = Lord().decide(p).levels

    assert (short <= whole).all()
    assert short[-1] < whole[-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lord(version="4"), "version must"),
        (lambda: Lord(wealth=0.06), "wealth must lie between 0 and 0.05, not 0.06"),
        (lambda: Lord(version="2", wealth=0.02, payout=0.04), "payout must"),
        (lambda: Lord(discard=0.0), "discard must"),
        (lambda: Lord(memory=0), "memory must"),
        (lambda: Saffron(candidate=1.0), "candidate must"),
        (lambda: Addis(candidate=0.5, discard=0.5), "candidate and discard"),
        (lambda: AddisSpending(candidate=0.6), "candidate and discard"),
        (lambda: RecentLord(version="2"), "version must"),
        (lambda: RecentLord(compat="other"), "compat must"),
        (lambda: RecentLord(payout=0.05), "payout must"),
        (lambda: RecentLord(version="dependent", wealth=0.03, payout=0.01), "exceed the payout"),
        (lambda: Lond(dependence="some"), "dependence must"),
        (lambda: Lord().decide([[0.1]]), "one row of tests"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
