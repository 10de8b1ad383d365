from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.drift.bocpd import Bocpd, bocpd
from detectors.drift.bocpd_priors import Counts, Gaussian

NAN = math.nan
STEP = [0.2, -0.3, 0.1, -0.2] * 6 + [4.1, 3.8, 4.2, 3.9] * 6


def test_a_step_is_signalled_once_and_dated():
    path = bocpd(STEP, Gaussian())
    (at,) = np.flatnonzero(path.signals)

    assert 24 <= at <= 28
    assert path.run_length[-1] == 24


def test_the_start_of_a_series_is_no_change():
    path = bocpd([5.0] * 12, Gaussian())

    assert path.recent_change[0] == 1.0
    assert path.signals.tolist() == [0] * 12


def test_the_first_prediction_is_the_priors():
    gaussian = bocpd([0.0], Gaussian()).log_predictive[0]  # Student-t, 2 degrees, scale^2 2
    counts = bocpd([2], Counts(1.0, 1.0)).log_predictive[0]  # geometric with 1/2

    assert gaussian == pytest.approx(math.log(0.25))
    assert counts == pytest.approx(3 * math.log(0.5))


def test_exposure_scales_what_is_expected_of_a_count():
    by_exposure = bocpd([(20, 10.0)], Counts(2.0, 1.0)).log_predictive[0]
    by_rate = bocpd([20], Counts(2.0, 0.1)).log_predictive[0]

    assert by_exposure == pytest.approx(by_rate)


def test_counts_that_rise_are_signalled():
    counts = [4, 5, 3, 4, 6, 4, 3, 5, 4, 4, 5, 3, 14, 12, 15, 13, 14]
    path = bocpd(counts, Counts(4.0, 1.0))
    (at,) = np.flatnonzero(path.signals)

    assert 12 <= at <= 14


def test_the_probabilities_of_run_lengths_sum_to_one():
    detector = Bocpd(prune=1e-3)
    for value in STEP:
        detector.update(value)
    lengths, chances = detector.run_length_probabilities()

    assert chances.sum() == pytest.approx(1.0)
    assert len(set(lengths.tolist())) == len(lengths)
    assert chances[1:].min() >= 1e-3


def test_no_more_run_lengths_are_kept_than_allowed():
    detector = Bocpd(prune=0.0, most=12)
    for value in STEP:
        detector.update(value)
        lengths, chances = detector.run_length_probabilities()

        assert len(lengths) <= 12
        assert chances.sum() == pytest.approx(1.0)
    assert detector.run_length == 24


def test_a_value_that_nothing_explains_does_not_underflow():
    path = bocpd([0.0] * 30 + [1e6], Gaussian())

    assert np.isfinite(path.log_predictive).all()
    assert np.isfinite(path.recent_change).all()


def test_a_missing_observation_is_ignored():
    gappy = bocpd([0.1, NAN, 0.3], Gaussian())
    whole = bocpd([0.1, 0.3], Gaussian())

    assert whole.log_predictive.tolist() == gappy.log_predictive[[0, 2]].tolist()
    assert gappy.run_length.tolist() == [1, -1, 2]
    assert bocpd([(3, 1.0), (3, NAN)], Counts()).run_length.tolist() == [1, -1]


def test_an_empty_series_has_an_empty_path():
    assert bocpd([], Gaussian()).signals.tolist() == []


def test_forgetting_starts_anew():
    detector = Bocpd()
    first = [detector.update(value) for value in STEP]
    detector.reset()

    assert first == [detector.update(value) for value in STEP]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bocpd(expected_run=1.0), "expected_run must be finite and above 1, not 1.0"),
        (lambda: Bocpd(recent=0), r"recent must be at least 1, not 0"),
        (lambda: Bocpd(threshold=1.0), "threshold must lie strictly between 0 and 1, not 1.0"),
        (lambda: Bocpd(prune=0.5), "prune must lie in 0 to 0.1, not 0.5"),
        (lambda: Bocpd(most=5), r"most must be at least recent \+ 2, not 5"),
        (lambda: Gaussian(scale=0.0), "scale must be positive and finite, not 0.0"),
        (lambda: Gaussian(mean=math.inf), "mean must be finite, not inf"),
        (lambda: Counts(rate=-1.0), "rate must be positive and finite, not -1.0"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("prior", "observation", "message"),
    [
        (Gaussian(), math.inf, "observations must be finite or NaN"),
        (Gaussian(), (1.0, 2.0), "an observation is a value"),
        (Counts(), -1, "a count must not be negative, not -1.0"),
        (Counts(), (1, 0.0), "an exposure must be positive, not 0.0"),
    ],
)
def test_bad_observations_are_refused(prior, observation, message):
    with pytest.raises(ValueError, match=message):
        Bocpd(prior).update(observation)
