from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.drift.error_monitors import Ddm, Eddm, Fhddm, HddmA, HddmW
from detectors.drift.kswin import Kswin
from detectors.drift.supporting import findings

KINDS = [Ddm, Eddm, HddmA, HddmW, Fhddm]


def outcomes(before, after):
    rng = np.random.default_rng(6)
    return (rng.random(300) < np.repeat([before, after], [150, 150])).astype(float)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_more_errors_are_found_after_they_began(kind):
    found = findings(outcomes(0.05, 0.8), [kind()])

    assert found[0].index >= 150
    assert found[0].detector == kind.name


@pytest.mark.parametrize("kind", [Ddm, HddmA, HddmW, Fhddm], ids=lambda kind: kind.name)
def test_fewer_errors_are_no_drift(kind):
    assert findings(outcomes(0.8, 0.05), [kind()]) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_missing_outcome_is_skipped(kind):
    errors = outcomes(0.05, 0.8)
    expected = [finding.index + 1 for finding in findings(errors, [kind()])]

    assert expected == [
        finding.index for finding in findings(np.insert(errors, 20, math.nan), [kind()])
    ]


def test_a_warning_comes_before_drift():
    ddm = Ddm()
    found, warned = [], []
    for i, error in enumerate(outcomes(0.05, 0.4)):
        found += [i] * ddm.update(error)
        warned += [i] * ddm.warning

    assert min(warned) < min(found)


def test_a_short_window_is_a_setting_only_where_there_is_one():
    assert "short_window_size" not in Fhddm().parameters
    assert Fhddm(short_window_size=20).parameters["short_window_size"] == 20


def test_an_outcome_is_0_or_1():
    with pytest.raises(ValueError, match=r"an outcome must be 0 or 1, or NaN .*, not 0.5"):
        Ddm().update(0.5)


def test_kswin_finds_a_shift_and_not_the_same_twice():
    residuals = np.random.default_rng(3).normal(size=110)
    residuals[70:] += 3.0
    found = findings(residuals, [Kswin()])

    assert len(found) == 1
    assert 70 <= found[0].index <= 95
    assert found[0].parameters == {
        "alpha": 0.0005,
        "window_size": 60,
        "stat_size": 20,
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": 0.0}, "alpha must lie strictly between 0 and 1, not 0.0"),
        ({"stat_size": 1}, "stat_size must be at least 2, not 1"),
        ({"window_size": 30}, "window_size must be at least twice stat_size, not 30"),
    ],
)
def test_bad_settings_of_kswin_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Kswin(**wrong)
