from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.e_detectors import (
    EDetector,
    MixtureEDetector,
    detect,
)


def by_the_book(e, form):
    m, values = 0.0, []
    for one in e:
        m = ((m + 1.0) if form == "sr" else max(m, 1.0)) * one
        values.append(m)
    return values


@pytest.mark.parametrize("form", ["sr", "cusum"])
def test_evidence_follows_its_recursion(form):
    e = np.exp(np.random.default_rng(2).normal(size=30) * 0.3)

    np.testing.assert_allclose(
        np.exp(detect(e, form=form, threshold=1e9).evidence), by_the_book(e, form)
    )


def test_an_alarm_starts_the_evidence_afresh():
    found = detect([10.0, 10.0, 2.0], threshold=100.0)

    assert [False, True, False] == found.alarms.tolist()
    assert [10.0, 110.0, 2.0] == pytest.approx(np.exp(found.evidence))


def test_evidence_equal_to_the_threshold_alarms():
    assert detect([20.0], threshold=20.0).alarms[0]


def test_a_mixture_is_the_weighted_mean_of_its_parts():
    e = np.exp(np.random.default_rng(3).normal(size=(20, 2)) * 0.3)
    parts = [by_the_book(column, "sr") for column in e.T]
    mixed = detect(e, weights=(0.25, 0.75), threshold=1e9)

    np.testing.assert_allclose(
        np.exp(mixed.evidence), 0.25 * np.array(parts[0]) + 0.75 * np.array(parts[1])
    )


def test_an_e_value_of_zero_wipes_the_evidence_out():
    found = detect([5.0, 0.0, 3.0], threshold=1e9)

    assert -math.inf == found.evidence[1]
    assert 3.0 == pytest.approx(math.exp(found.evidence[2]))


def test_evidence_neither_overflows_nor_vanishes():
    huge = detect(np.full(2_000, 700.0), logarithmic=True, form="cusum", threshold=1e308)
    small = detect(np.full(2_000, -700.0), logarithmic=True, threshold=2.0)

    assert np.isfinite(huge.evidence).all()
    assert -700.0 == pytest.approx(small.evidence[-1])


def test_a_missing_alternative_waits_while_the_others_go_on():
    whole = detect([[2.0, 3.0], [2.0, 3.0]], weights=(0.5, 0.5), threshold=1e9)
    gap = detect([[2.0, 3.0], [math.nan, 3.0]], weights=(0.5, 0.5), threshold=1e9)

    assert whole.parts[0, 0] == gap.parts[1, 0]
    assert whole.parts[1, 1] == gap.parts[1, 1]


def test_updates_tell_the_evidence_before_the_restart():
    detector = MixtureEDetector(weights=(1.0,), threshold=20.0)

    assert 1 == detector.update([25.0])
    assert 25.0 == pytest.approx(math.exp(detector.evidence))
    assert 0 == detector.update([math.nan])
    assert 25.0 == pytest.approx(math.exp(detector.evidence))


def test_false_alarms_come_no_more_often_than_the_threshold_promises():
    z = np.random.default_rng(5).normal(size=100_000)
    for form in ("sr", "cusum"):
        found = detect(0.7 * z - 0.245, logarithmic=True, threshold=50.0, form=form)

        assert 100_000 / found.alarms.sum() > 50.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EDetector(threshold=1.0), r"threshold must .* not 1\.0"),
        (lambda: EDetector(form="best"), "form must"),
        (lambda: EDetector().update(-1.0), "not negative"),
        (lambda: EDetector().update(math.inf), "finite"),
        (lambda: MixtureEDetector(weights=(0.7, 0.7)), "weights must"),
        (lambda: MixtureEDetector(weights=()), "weights must"),
        (lambda: MixtureEDetector(weights=(0.5, 0.5)).update([1.0]), "2 columns"),
    ],
)
def test_settings_and_values_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
