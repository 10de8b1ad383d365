from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.count_ratios import CountEDetector, count_ratios


def negative_binomial(x, mean, dispersion):
    from scipy.stats import nbinom  # noqa: PLC0415 - slow to import

    size = 1.0 / dispersion
    return nbinom.logpmf(x, size, size / (size + mean))


@pytest.mark.parametrize("exposure", [0.5, 1.0, 3.0])
def test_a_ratio_is_that_of_the_two_predictive_distributions(exposure):
    counts = np.array([0.0, 1.0, 2.0, 9.0])
    found = count_ratios(
        counts, shape=4.0, rate=2.0, exposures=exposure, risks=(1.5, 0.5), prequential=False
    )
    mean = 2.0 * exposure
    for j, r in enumerate((1.5, 0.5)):
        expected = negative_binomial(counts, r * mean, 0.25) - negative_binomial(counts, mean, 0.25)

        np.testing.assert_allclose(found.log_ratios[:, j], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_a_ratio_has_expectation_one_under_its_own_predictive(dispersion):
    counts = np.arange(400.0)
    found = count_ratios(
        counts, shape=4.0, rate=2.0, dispersion=dispersion, risks=(1.5, 3.0), prequential=False
    )
    chances = np.exp(negative_binomial(counts, 2.0, found.dispersions[0]))

    assert [1.0, 1.0] == pytest.approx(chances @ np.exp(found.log_ratios), rel=1e-6)


def test_a_baseline_learns_what_it_has_seen():
    found = count_ratios([3.0, 5.0], shape=2.0, rate=1.0, exposures=[1.0, 2.0])

    assert (10.0, 4.0) == found.baseline
    assert [2.0, 2.0 * 5.0 / 2.0] == pytest.approx(found.means)


def test_a_noisy_week_teaches_less():
    found = count_ratios([4.0], shape=8.0, rate=2.0, dispersion=0.25)

    assert (8.0 + 4.0 / 2.0, 2.0 + 1.0 / 2.0) == pytest.approx(found.baseline)


def test_a_missing_week_teaches_nothing():
    found = count_ratios([3.0, math.nan], shape=2.0, rate=1.0)

    assert (5.0, 2.0) == found.baseline
    assert np.isnan(found.log_ratios[1]).all()


def test_a_rise_alarms_and_the_same_fall_does_not():
    rise, fall = np.full(30, 6.0), np.zeros(30)
    detector = {"shape": 60.0, "rate": 20.0}

    assert CountEDetector(**detector).watch(rise).alarms.any()
    assert not CountEDetector(**detector).watch(fall).alarms.any()
    assert CountEDetector(**detector, risks=(0.5,)).watch(fall).alarms.any()


def test_exposure_explains_a_rise():
    detector = CountEDetector(shape=60.0, rate=20.0)

    assert not any(detector.update(6.0, exposure=2.0) for _ in range(30))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": 0.0}, "shape must"),
        ({"rate": math.inf}, "rate must"),
        ({"risks": (1.0,)}, "risks must"),
        ({"risks": ()}, "risks must"),
        ({"dispersion": -0.1}, "dispersion must"),
        ({"weights": (1.0,)}, "weights must be one for each of 3"),
        ({"threshold": 0.5}, "threshold must"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CountEDetector(**{"shape": 1.0, "rate": 1.0, **settings})


def test_counts_and_exposures_that_make_no_sense_are_refused():
    detector = CountEDetector(shape=1.0, rate=1.0)
    with pytest.raises(ValueError, match="counts must"):
        detector.update(-1.0)
    with pytest.raises(ValueError, match="exposures must be positive"):
        detector.update(1.0, exposure=0.0)
