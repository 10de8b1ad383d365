from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.drift.monitors import Adwin, PageHinkley, monitor
from detectors.drift.supporting import findings, standardised_residuals


def shifted(size=2.0):
    residuals = np.random.default_rng(3).normal(size=80)
    residuals[40:] += size
    return residuals


def test_a_shift_is_found_by_all_monitors_after_it_happened():
    residuals = np.random.default_rng(3).normal(size=140)
    residuals[100:] += 2.0
    found = monitor(residuals)

    assert {finding.detector for finding in found} == {"adwin", "page_hinkley", "kswin"}
    assert min(finding.index for finding in found) >= 100
    assert [finding.index for finding in found] == sorted(finding.index for finding in found)


def test_a_finding_says_with_which_parameters():
    found = findings(shifted(), [PageHinkley(threshold=12.0)])[0]

    assert found.detector == "page_hinkley"
    assert found.parameters == {
        "min_instances": 12,
        "delta": 0.25,
        "threshold": 12.0,
        "alpha": 1 - 0.0001,
        "mode": "both",
    }


def test_the_same_residuals_give_the_same_findings_again():
    residuals = np.random.default_rng(8).normal(np.repeat([0.0, 1.5, 0.0], 70))

    assert monitor(residuals) == monitor(residuals)


def test_steady_residuals_give_no_finding():
    assert monitor(np.random.default_rng(4).normal(size=100)) == []


def test_a_missing_residual_is_skipped_and_still_counts_as_a_position():
    residuals = shifted()
    gappy = np.insert(residuals, 10, math.nan)
    expected = [finding.index + 1 for finding in monitor(residuals)]

    assert [finding.index for finding in monitor(gappy)] == expected


def test_residuals_are_standardised_by_the_baseline_alone():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    residuals = standardised_residuals(values, 4)

    assert residuals[:4].mean() == pytest.approx(0.0)
    assert residuals[:4].std(ddof=1) == pytest.approx(1.0)
    assert residuals[4] == pytest.approx((100.0 - 2.5) / np.std([1, 2, 3, 4], ddof=1))


@pytest.mark.parametrize("baseline", [[0.1] * 6, [0.3, math.nan, math.nan], [math.nan] * 3])
def test_without_spread_in_the_baseline_there_are_no_residuals_and_no_findings(baseline):
    residuals = standardised_residuals([*baseline, 9.0, 9.5], len(baseline))

    assert np.isnan(residuals).all()
    assert monitor(residuals) == []


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="finite"):
        standardised_residuals([1.0, math.inf], 2)
    with pytest.raises(ValueError, match="baseline"):
        standardised_residuals([1.0, 2.0], 1)
    with pytest.raises(ValueError, match="finite"):
        Adwin().update(math.inf)
