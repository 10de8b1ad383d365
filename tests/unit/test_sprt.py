from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.sequential.sprt import Sprt, limits, sprt
from detectors.sequential.sprt_models import BinomialShift, GaussianShift, OddsRatio, PoissonRisk

NAN = math.nan
STEP = GaussianShift(0.0, 2.0, 1.0)  # l = 2 (x - 1)


def test_the_limits_are_walds():
    low, high = limits(0.05, 0.1)

    assert low == pytest.approx(math.log(0.1 / 0.95))
    assert high == pytest.approx(math.log(0.9 / 0.05))


@pytest.mark.parametrize(
    ("model", "row", "expected"),
    [
        (PoissonRisk(2.0), (5, 3.0), 5 * math.log(2) - 3),
        (PoissonRisk(0.5), (1, 3.0), math.log(0.5) + 1.5),
        (BinomialShift(0.1, 0.3), (2, 5), 2 * math.log(3) + 3 * math.log(0.7 / 0.9)),
        (OddsRatio(2.0), (1, 0.2), math.log(2) - math.log(1.2)),
        (OddsRatio(2.0), (0, 0.2), -math.log(1.2)),
        (GaussianShift(1.0, 3.0, 2.0), 4.0, 2 * (4 - 2) / 4),
    ],
)
def test_the_ratio_of_one_observation(model, row, expected):
    path = sprt([row], model, alpha=1e-9, beta=1e-9)

    assert path.statistic.tolist() == pytest.approx([expected])


def test_a_test_is_over_at_its_upper_limit():
    path = sprt([2, 2, 2, 2], STEP, alpha=0.05, beta=0.05)  # the limit is 2.94

    assert path.signals.tolist() == [0, 1, 0, 0]
    np.testing.assert_equal(path.statistic, [2.0, 4.0, NAN, NAN])


def test_a_test_accepts_the_null_at_its_lower_limit():
    test = Sprt(STEP, alpha=0.05, beta=0.05)

    assert [test.update(x) for x in (0, 0, 9, 9)] == [0, -1, 0, 0]
    assert test.decision == -1


def test_a_limit_that_is_just_reached_counts():
    assert sprt([3.0], GaussianShift(0.0, 2.0), alpha=0.5 / math.e**4, beta=0.5).signals[0] == 1


def test_a_resetting_test_starts_again_after_accepting_the_null():
    path = sprt([0, 0, 2, 2], STEP, alpha=0.05, beta=0.05, lower="restart")

    assert path.signals.tolist() == [0, -1, 0, 1]
    assert path.statistic.tolist() == [-2.0, -4.0, 2.0, 4.0]


def test_a_held_test_builds_up_no_credit():
    free = sprt([0, 0, 0, 2, 2], STEP, alpha=0.05, beta=0.05, lower="none")
    held = sprt([0, 0, 0, 2, 2], STEP, alpha=0.05, beta=0.05, lower="hold")

    assert free.statistic.tolist() == [-2.0, -4.0, -6.0, -4.0, -2.0]
    assert held.statistic.tolist() == [0.0, 0.0, 0.0, 2.0, 4.0]
    assert held.signals.tolist() == [0, 0, 0, 0, 1]


def test_a_restarting_test_signals_again():
    path = sprt([3, 3, 3], STEP, alpha=0.05, beta=0.05, upper="restart")

    assert path.signals.tolist() == [1, 1, 1]


def test_a_missing_observation_is_ignored():
    whole = sprt([(3, 2.0), (4, 2.0)], PoissonRisk())
    gappy = sprt([(3, 2.0), (NAN, 2.0), (4, NAN), (4, 2.0)], PoissonRisk())

    assert whole.statistic.tolist() == gappy.statistic[[0, 3]].tolist()
    assert np.isnan(gappy.statistic[1:3]).all()


def test_an_empty_history_has_an_empty_path():
    assert sprt(np.empty((0, 2)), PoissonRisk()).signals.tolist() == []


def test_the_chance_of_a_false_signal_is_at_most_about_alpha():
    rng = np.random.default_rng(5)
    ends = [
        sprt(rng.normal(size=400), STEP, alpha=0.05, beta=0.05).signals.sum() for _ in range(400)
    ]

    assert ends.count(1) / 400 < 0.06
    assert ends.count(1) + ends.count(-1) == 400


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": 0.0}, "alpha and beta must be positive"),
        ({"alpha": 0.6, "beta": 0.5}, "sum below 1, not 0.6, 0.5"),
        ({"lower": "floor"}, "lower must be one of .* not 'floor'"),
        ({"upper": "hold"}, "upper must be one of .* not 'hold'"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sprt(**wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoissonRisk(1.0), "ratio must be positive, finite and not 1, not 1.0"),
        (lambda: OddsRatio(-2.0), "ratio must be positive"),
        (lambda: BinomialShift(0.0, 0.2), "null must lie strictly between 0 and 1, not 0.0"),
        (lambda: BinomialShift(0.2, 0.2), "alternative must differ from null"),
        (lambda: GaussianShift(sigma=0.0), "sigma must be positive"),
        (lambda: GaussianShift(1.0, 1.0), "alternative must differ from null"),
    ],
)
def test_bad_hypotheses_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("model", "observation", "message"),
    [
        (PoissonRisk(), (-1, 2.0), "observed count must not be negative, not -1"),
        (PoissonRisk(), (1, -2.0), "expected count must not be negative"),
        (PoissonRisk(), (1, 2.0, 3.0), "an observation has 2 numbers"),
        (PoissonRisk(), (1, math.inf), "finite or NaN"),
        (BinomialShift(), (3, 2), "trials must not be fewer than events"),
        (OddsRatio(), (0.5, 0.2), "an outcome must be 0 or 1, not 0.5"),
        (OddsRatio(), (1, 1.2), "a risk must lie in 0 to 1, not 1.2"),
    ],
)
def test_bad_observations_are_refused(model, observation, message):
    with pytest.raises(ValueError, match=message):
        Sprt(model).update(observation)
