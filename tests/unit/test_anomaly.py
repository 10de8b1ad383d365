from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.drift.anomaly import AnomalyMonitor, anomalies

NAN = math.nan


def steady(points=200, features=3):
    return np.random.default_rng(9).normal(size=(points, features))


def test_the_distance_is_mahalanobis_from_earlier_vectors():
    vectors = steady(12, 2)
    memory = 50
    path = anomalies(vectors, reference=memory)

    kept = 1 - 1 / memory
    expected = []
    for n in range(len(vectors)):
        # Weighted sums over the earlier vectors, and over the identities that stand for the rest.
        identities = 3.0 * (kept**n + (1 - kept) * sum(kept**i for i in range(n)))
        weights = [kept ** (n - 1 - i) for i in range(n)]
        moments = identities * np.eye(2)
        for weight, vector in zip(weights, vectors, strict=False):
            moments += weight * np.outer(vector, vector)
        expected.append(
            vectors[n] @ np.linalg.inv(moments / (identities + sum(weights))) @ vectors[n]
        )

    np.testing.assert_allclose(path.score, expected, rtol=1e-10)


@pytest.mark.parametrize("model", ["distance", "half_space_trees"])
def test_a_p_value_is_a_rank_among_earlier_scores(model):
    settings = {"reference": 30, "alpha": 0.1, "window": 20, "trees": 5}
    path = anomalies(steady(90), model=model, **settings)
    scores = path.score[~np.isnan(path.score)]
    expected = [NAN]
    for n in range(1, len(scores)):
        earlier = scores[max(0, n - 30) : n]
        expected.append((1 + (earlier >= scores[n]).sum()) / (len(earlier) + 1))

    np.testing.assert_allclose(path.p_value[~np.isnan(path.score)], expected)
    assert path.signals.tolist() == (path.p_value <= 0.1).astype(int).tolist()


@pytest.mark.parametrize("model", ["distance", "half_space_trees"])
def test_an_odd_week_is_found(model):
    vectors = steady()
    vectors[-1] = [5.0, -5.0, 5.0]

    assert anomalies(vectors, model=model).signals[-1] == 1


def test_residuals_that_move_together_make_their_parting_odd():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(150, 1))
    vectors = shared + 0.2 * rng.normal(size=(150, 2))
    vectors[-1] = [1.5, -1.5]

    assert anomalies(vectors).signals[-1] == 1


def test_trees_say_nothing_before_their_window_is_full():
    path = anomalies(steady(60), model="half_space_trees", window=40, trees=5)

    assert np.isnan(path.score[:40]).all()
    assert not np.isnan(path.score[40:]).any()


def test_steady_weeks_are_found_about_as_often_as_the_level_says():
    path = anomalies(steady(2000), alpha=0.05)

    assert 0.03 < path.signals[50:].mean() < 0.07


def test_a_missing_measure_makes_the_week_missing():
    vectors = steady(40)
    gappy = np.insert(vectors, 20, [0.5, NAN, 0.5], axis=0)
    whole, path = anomalies(vectors), anomalies(gappy)

    assert np.isnan(path.score[20])
    assert whole.score.tolist() == np.delete(path.score, 20).tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "forest"}, "model must be one of .* not 'forest'"),
        ({"alpha": 1.0}, "alpha must lie strictly between 0 and 1, not 1.0"),
        ({"reference": 20}, "reference must be at least 1 / alpha - 1, not 20"),
        ({"trees": 0}, "trees must be at least 1, not 0"),
        ({"span": 0.0}, "span must be positive and finite, not 0.0"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        AnomalyMonitor(**wrong)


@pytest.mark.parametrize("model", ["distance", "half_space_trees"])
@pytest.mark.parametrize("size", [1e15, 1e200])
def test_residuals_however_great_are_told_from_small_ones(model, size):
    monitor = AnomalyMonitor(alpha=0.05, reference=40, window=20, model=model)
    for vector in steady(60):
        monitor.update(vector)

    assert monitor.update([size, -size, size]) == 1
    # What is far out every week is usual in the end, and the monitor goes on.
    assert [monitor.update([size, -size, size]) for _ in range(40)][-20:] == [0] * 20


def test_residuals_that_are_great_from_the_first_week_on_leave_the_others_to_be_found():
    monitor = AnomalyMonitor(alpha=0.05, reference=40)
    for noise in steady(60):
        monitor.update([1e15, 1e15, noise[0]])

    assert monitor.update([1e15, 1e15, 9.0]) == 1
    assert monitor.update([1e15, -1e15, 0.0]) == 1


def test_bad_vectors_are_refused():
    monitor = AnomalyMonitor()
    monitor.update([0.1, 0.2])

    with pytest.raises(ValueError, match="there were 2 residuals before, not 3"):
        monitor.update([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="residuals must be finite or NaN"):
        monitor.update([0.1, math.inf])
    with pytest.raises(ValueError, match="residuals must be finite or NaN"):
        monitor.update([])
    with pytest.raises(ValueError, match=r"shape \(points, features\), not \(3,\)"):
        anomalies([1.0, 2.0, 3.0])
