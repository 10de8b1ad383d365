"""Units whose baseline is already unlike their peers'."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import FeedCounts
from detectors.evidence.fleet import fit_fleet
from streams.backtests.peers import unlike_peers


def test_a_unit_that_was_high_all_along_is_told_once_with_its_feeds():
    rng = np.random.default_rng(5)
    counts = rng.poisson(4.0, size=(40, 2, 60)).astype(float)
    counts[7, 1] = rng.poisson(12.0, size=60)
    block = FeedCounts(counts, np.ones_like(counts), 0)
    stages = [
        (column, block.until(column), fit_fleet(block.until(column), ("a", "b")).model)
        for column in (30, 60)
    ]
    found = list(unlike_peers(stages, np.full(40, 30)))

    assert [(one.unit, one.column) for one in found] == [(7, 30)]
    assert [feed for feed, _ in found[0].feeds] == [1]
    assert 2.0 < found[0].feeds[0][1] < 3.5


def test_a_unit_is_compared_when_it_has_its_baseline():
    rng = np.random.default_rng(5)
    counts = rng.poisson(4.0, size=(40, 1, 60)).astype(float)
    counts[7] = rng.poisson(16.0, size=60)
    block = FeedCounts(counts, np.ones_like(counts), 0)
    stages = [
        (column, block.until(column), fit_fleet(block.until(column), ("a",)).model)
        for column in (30, 60)
    ]
    ready = np.full(40, 30)
    ready[7] = 45

    assert [one.column for one in unlike_peers(stages, ready)] == [60]
