"""Resuming a watch anywhere equals running it from the start."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.evidence.counts import FeedCounts
from detectors.evidence.crossings import Episode, WatchPath
from detectors.evidence.kept import KEPT, KeptPath
from detectors.evidence.model import EvidenceModel
from detectors.evidence.watch import FIRST_ROWS, watch

FEEDS = ("incidents", "complaints", "falls")
RATES = (4.0, 0.8, 1.5)
MODEL = replace(
    EvidenceModel.plain(FEEDS, RATES, improvable=(False, True, True)), minimum_history=8
)


def fleet(seed: int, units: int = 3, weeks: int = 45) -> FeedCounts:
    """Counts by day that change in the middle, with some weeks missing."""
    rng = np.random.default_rng(seed)
    factor = np.ones((units, 1, weeks))
    factor[0, :, 20:33] = 2.5
    factor[1, :, 24:] = 0.2
    mean = np.array(RATES)[None, :, None] * factor / 7
    daily = rng.poisson(np.repeat(mean[..., None], 7, axis=3)).astype(np.uint16)
    exposure = rng.choice([0.0, 0.9, 1.0, 1.1], p=[0.05, 0.2, 0.6, 0.15], size=daily.shape[:3])
    return FeedCounts(daily.sum(axis=3).astype(float), exposure, 2000, daily)


def run(block: FeedCounts, **options: object) -> WatchPath:
    return watch(block, MODEL, budget1=2.0, budget2=0.5, **options)


def assert_same(one: WatchPath, other: WatchPath) -> None:
    """All that both know is the same, and both know what is needed to go on."""
    assert one.closed.tolist() == other.closed.tolist()
    assert one.used.tolist() == other.used.tolist()
    for unit in range(len(one.closed)):
        begin = int(max(one.oldest[unit], other.oldest[unit]))
        end = int(one.closed[unit]) + 1
        assert begin < end
        np.testing.assert_array_equal(
            one.states[unit, :, begin:end], other.states[unit, :, begin:end]
        )
        for way in range(2):
            n = one.used[unit, way]
            np.testing.assert_array_equal(one.rows[unit, way, :n], other.rows[unit, way, :n])
        assert said(one, unit) == said(other, unit)


def said(path: WatchPath, unit: int) -> list[Episode]:
    """Episodes, without the peak, which rests on closes that are not kept."""
    return [replace(episode, peak_log_evidence=0.0) for episode in path.episodes(unit)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), steps=st.lists(st.integers(1, 45), min_size=1, max_size=5))
def test_growing_week_by_week_equals_one_run(seed: int, steps: list[int]) -> None:
    block = fleet(seed)
    path = None
    for closed in sorted(steps):
        width = min(closed + 1, block.periods)
        path = run(block.until(width), path=path, closed=np.full(3, closed))

        assert_same(path, run(block.until(width), closed=np.full(3, closed)))


def test_many_alerts_are_logged_once_each() -> None:
    block = fleet(1)
    path = run(block)
    for unit in range(3):
        alone = run(block.select(np.array([unit])))
        assert path.crossings(unit) == alone.crossings(0)
    assert path.rows.shape[2] > FIRST_ROWS


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 50),
    week=st.integers(0, 44),
    unit=st.integers(0, 2),
    feed=st.integers(0, 2),
    more=st.integers(0, 12),
)
def test_a_correction_of_any_week_equals_a_run_on_the_corrected_facts(
    seed: int, week: int, unit: int, feed: int, more: int
) -> None:
    before = fleet(seed)
    path = run(before)
    held = [path.states.copy(), path.rows.copy()]
    kept = KeptPath.of(path)
    again = [kept.states.copy(), dict(kept.rows)]
    daily = before.daily.copy()
    daily[unit, feed, week, 3] = more
    after = FeedCounts(daily.sum(axis=3).astype(float), before.exposure, 2000, daily)
    dirty = np.full(3, 45)
    dirty[unit] = week

    resumed = run(after, path=path, dirty_from=dirty)

    assert_same(resumed, run(after))
    assert_same(run(after, path=kept, dirty_from=dirty), run(after))
    np.testing.assert_array_equal(held[0], path.states)
    np.testing.assert_array_equal(held[1], path.rows)
    np.testing.assert_array_equal(again[0], kept.states)
    assert again[1].keys() == kept.rows.keys()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 50),
    steps=st.lists(st.integers(-8, 8), min_size=1, max_size=12),
    chance=st.randoms(use_true_random=False),
)
def test_what_is_kept_of_a_path_goes_on_and_back_like_the_whole_path(
    seed: int, steps: list[int], chance: random.Random
) -> None:
    block = fleet(seed)
    closed = 20
    kept = KeptPath.of(run(block.until(closed + 1), closed=np.full(3, closed)))
    daily = block.daily.copy()
    for step in steps:
        closed = min(44, max(2, closed + step))
        dirty = np.full(3, 45)
        if chance.random() < 0.5:
            unit, week = chance.randrange(3), max(0, closed - chance.choice([1, 3, KEPT, 30]))
            daily[unit, 0, week, 2] = chance.randrange(9)
            dirty[unit] = week
        after = FeedCounts(daily.sum(axis=3).astype(float), block.exposure, 2000, daily)
        after = after.until(closed + 1)
        watched = run(after, path=kept, dirty_from=dirty, closed=np.full(3, closed))
        kept.renew(watched, np.arange(3))
        whole = run(after, closed=np.full(3, closed))

        assert_same(watched, whole)
        assert_same(kept.path(closed + 1), whole)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 50), week=st.integers(10, 44))
def test_what_has_been_said_does_not_depend_on_what_comes_later(seed: int, week: int) -> None:
    block = fleet(seed)
    whole = run(block)
    part = run(block.until(week))
    for unit in range(3):
        said = [c for c in whole.crossings(unit) if c.week < week]
        assert said == part.crossings(unit)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 50), week=st.integers(10, 44), day=st.integers(0, 6))
def test_an_open_week_says_what_the_closed_week_says_of_the_same_days(
    seed: int, week: int, day: int
) -> None:
    block = fleet(seed)
    daily = block.daily[:, :, : week + 1].copy()
    daily[:, :, week, day + 1 :] = 0
    live = FeedCounts(
        daily.sum(axis=3).astype(float), block.exposure[:, :, : week + 1], 2000, daily
    )
    opened = run(live, closed=np.full(3, week))
    closed = run(block.until(week + 1))
    for unit in range(3):
        seen = [c for c in closed.crossings(unit) if (c.week, c.day) <= (week, day)]
        assert seen == opened.crossings(unit)
