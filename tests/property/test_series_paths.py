"""Watching single series on gives, bit for bit, what watching from the start gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.single_series.counts import watch_counts
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.paths import SeriesPath
from detectors.single_series.shares import watch_shares
from detectors.single_series.silence import feed_outage, watch_silence
from detectors.single_series.trails import KEPT
from tests.property.test_single_series import (
    WATCH,
    measurement_block,
    report_block,
    share_block,
)

seeds = st.integers(0, 2**32 - 1)


def shares(block, **going):
    y, n = block
    return watch_shares(y, n, concern="rise", improvement_budget=4.0, **WATCH, **going)


def measurements(block, **going):
    return watch_measurements(block[0], concern="rise", improvement_budget=4.0, **WATCH, **going)


def silences(block, **going):
    return watch_silence(*block, **WATCH, **going)


def counts(block, **going):
    return watch_counts(*block, concern="rise", improvement_budget=4.0, **WATCH, **going)


def values_only(seed):
    return (measurement_block(seed),)


FORMS = [
    (share_block, shares),
    (values_only, measurements),
    (report_block, silences),
    (report_block, counts),
]


@pytest.mark.parametrize(("make", "watch"), FORMS)
@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_a_watch_that_goes_on_says_what_one_from_the_start_says(make, watch, seed):
    rng = np.random.default_rng(seed)
    block = tuple(np.array(part) for part in make(seed))
    path = SeriesPath()
    width = 10
    while width < 110:
        width = min(110, max(1, width + int(rng.integers(-2, 9))))
        if rng.random() < 0.4:
            # Together, so that a share stays one and a value its exposure's.
            series, period = rng.integers(0, 3), max(0, width - int(rng.choice([1, 2, KEPT, 30])))
            other = rng.integers(0, 110)
            for part in block:
                part[series, period] = part[series, other]
        seen = tuple(part[:, :width].copy() for part in block)

        assert watch(seen, path=path) == watch(seen)


@pytest.mark.parametrize(("make", "watch"), FORMS)
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_series_may_come_and_go_between_two_watches(make, watch, seed):
    rng = np.random.default_rng(seed)
    block = make(seed)
    path = SeriesPath()
    for width in (40, 41, 60, 60, 90, 110):
        chosen = rng.permutation(3)[: rng.integers(1, 4)]
        seen = tuple(part[chosen, :width] for part in block)

        assert watch(seen, path=path, keys=[f"W{one}" for one in chosen]) == watch(seen)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_a_feed_is_watched_on_as_it_is_watched_at_once(seed):
    totals = report_block(seed)[0][0]
    path = SeriesPath()

    for width in range(20, 110, 7):
        assert feed_outage(totals[:width], path=path, **WATCH) == feed_outage(
            totals[:width], **WATCH
        )


def test_a_path_says_how_much_of_a_history_it_knew():
    path = SeriesPath()
    x, m = np.full((2, 30), 3.0), np.ones((2, 30))
    watch_silence(x, m, path=path, keys=["a", "b"], **WATCH)
    later = np.full((3, 34), 3.0)
    later[1, 25] = 4.0

    watch_silence(later, np.ones((3, 34)), path=path, keys=["a", "b", "c"], **WATCH)

    assert path.unchanged.tolist() == [30, 25, 0]
