"""Baselines of units that begin at different times."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import FeedCounts
from streams.backtests.baseline import baseline, first_judged, without_gaps


def block(starts: tuple[int, ...], periods: int = 20) -> FeedCounts:
    exposure = np.zeros((len(starts), 1, periods))
    for unit, start in enumerate(starts):
        exposure[unit, 0, start:] = 1.0
    return FeedCounts(np.cumsum(exposure, axis=2), exposure, 0)


def test_every_unit_has_its_own_first_periods():
    made = block((0, 6))
    ready = first_judged(made, 8)
    history = baseline(made, ready, 14)

    assert ready.tolist() == [8, 14]
    assert history.exposure[:, 0].sum(axis=1).tolist() == [8, 8]
    assert history.exposure[0, 0, 8:].sum() == 0


def test_a_baseline_that_ended_long_ago_is_simulated_from_without_the_time_between():
    made = block((0, 6))
    moved = without_gaps(baseline(made, first_judged(made, 8), 14))

    assert moved.exposure[:, 0].tolist() == [[0] * 6 + [1] * 8, [0] * 6 + [1] * 8]
    assert moved.counts[0, 0, 6:].tolist() == list(range(1, 9))


def test_units_that_begin_together_are_left_as_they_are():
    made = block((0, 0))
    history = baseline(made, first_judged(made, 8), 8)

    assert np.array_equal(without_gaps(history).exposure, history.exposure)
