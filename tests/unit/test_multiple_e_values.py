from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.multiple_e_values import (
    StreamBank,
    e_bh,
    e_d_bh,
    e_d_bonferroni,
    sets_over_time,
)


def by_the_book(e, alpha):
    """Every k tried; the largest set that supports itself."""
    order = np.argsort(e)[::-1]
    best = 0
    for k in range(1, len(e) + 1):
        if e[order[k - 1]] >= len(e) / (alpha * k):
            best = k
    chosen = np.zeros(len(e), bool)
    chosen[order[:best]] = True
    return chosen


def test_e_bh_rejects_the_largest_set_that_supports_itself():
    rng = np.random.default_rng(4)
    for _ in range(50):
        e = np.exp(rng.normal(3.0, 2.0, 12))

        np.testing.assert_array_equal(by_the_book(e, 0.1), e_bh(e, alpha=0.1))


def test_e_bh_is_benjamini_hochberg_on_inverse_e_values():
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to import

    e = np.exp(np.random.default_rng(6).normal(2.0, 2.0, 40)).clip(1.0)

    np.testing.assert_array_equal(false_discovery_control(1 / e) <= 0.05, e_bh(e, alpha=0.05))


def test_several_streams_together_pass_where_none_would_alone():
    log_m = np.log([39.0, 39.0, 39.0, 0.1])

    assert [False] * 4 == e_d_bonferroni(log_m, alpha=0.05).tolist()
    assert [True, True, True, False] == e_d_bh(log_m, alpha=0.05).tolist()


def test_a_missing_e_value_is_no_hypothesis():
    assert [True, False] == e_bh([21.0, math.nan], alpha=0.05).tolist()
    assert [False, False] == e_bh([21.0, 1.0], alpha=0.05).tolist()
    assert [] == e_bh([], alpha=0.05).tolist()


def test_a_stream_stays_in_the_set_while_its_evidence_supports_it():
    e = np.ones((3, 2))
    e[1, 0], e[2, 0] = 1e3, 1e-6

    assert [[0, 0], [1, 0], [0, 0]] == sets_over_time(e, alpha=0.01).tolist()


def test_evidence_without_end_does_not_start_afresh():
    bank = StreamBank(streams=1, alpha=0.05)
    marks = [bank.update([1e300])[0] for _ in range(5)]

    assert [1] * 5 == marks


def test_a_missing_stream_keeps_its_evidence():
    bank = StreamBank(streams=2, alpha=0.05, form="cusum")
    bank.update([8.0, 2.0])
    bank.update([math.nan, 2.0])

    assert [8.0, 4.0] == pytest.approx(np.exp(bank.log_evidence))


def test_false_alarms_over_patience_stay_within_alpha():
    z = np.random.default_rng(8).normal(size=(300, 20, 50))
    false = [
        sets_over_time(np.exp(0.7 * record - 0.245), alpha=0.05, rule="e-d-Bonferroni")[-1].sum()
        for record in np.moveaxis(z, 1, 0)
    ]

    assert np.mean(false) <= 0.05 * 300


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: e_bh([1.0], alpha=1.0), "alpha must"),
        (lambda: e_bh([-1.0]), "not negative"),
        (lambda: e_d_bh([math.nan], alpha=0.1), "none of them missing"),
        (lambda: e_d_bh([1.0], alpha=0.0), "alpha must be positive"),
        (lambda: StreamBank(streams=0), "streams must"),
        (lambda: StreamBank(streams=1, rule="BH"), "rule must"),
        (lambda: StreamBank(streams=1, form="best"), "form must"),
        (lambda: StreamBank(streams=2).update([1.0]), r"shape \(2,\)"),
        (lambda: StreamBank(streams=1).update([math.inf]), "finite"),
        (lambda: sets_over_time([1.0]), "periods, streams"),
    ],
)
def test_settings_and_values_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
