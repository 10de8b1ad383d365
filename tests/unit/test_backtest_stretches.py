"""Declared new beginnings: what may be looked at, and when again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detectors.evidence.counts import FeedCounts
from streams.backtests.countsfile import read_counts
from streams.backtests.stretches import Stretch, boundaries, learnt_until, seen_at, stretches

BLOCK = FeedCounts(np.ones((2, 2, 12)), np.ones((2, 2, 12)), 0)


def test_a_series_rests_from_its_new_beginning_until_it_has_a_baseline():
    found = stretches(BLOCK, ((0, 1, 4),), needed=5)

    assert found == [Stretch(unit=0, feed=1, begin=4, ripe=9, end=12)]
    assert boundaries(found, 12) == {4, 9}
    assert seen_at(BLOCK, found, 3) is BLOCK
    assert not seen_at(BLOCK, found, 4).exposure[0, 1].any()
    assert seen_at(BLOCK, found, 9).exposure[0, 1].tolist() == [0] * 4 + [1] * 8
    assert seen_at(BLOCK, found, 9).exposure[1].all()


def test_a_second_beginning_ends_the_first_one_even_before_it_was_ripe():
    found = stretches(BLOCK, ((1, 0, 2), (1, 0, 4)), needed=5)

    assert [(one.begin, one.end) for one in found] == [(2, 4), (4, 12)]
    assert boundaries(found, 12) == {2, 4, 9}
    assert seen_at(BLOCK, found, 11).exposure[1, 0].sum() == 8


def test_the_baseline_of_a_series_that_began_anew_is_its_own():
    found = stretches(BLOCK, ((0, 1, 4),), needed=5)
    until = learnt_until(found, np.array([5, 5]), feeds=2, column=9)

    assert until.tolist() == [[5, 9], [5, 5]]
    assert learnt_until(found, np.array([5, 5]), feeds=2, column=8).tolist() == [[5, 5], [5, 5]]


def test_a_file_declares_new_beginnings_by_the_day(tmp_path: Path):
    path = tmp_path / "c.csv"
    rows = [
        "A,falls,2024-01-01,2024-01-08,3,",
        "A,falls,2024-01-08,2024-01-15,3,2024-01-10",
        "A,x,2024-01-15,2024-01-22,3,2024-01-15",
        "B,x,2024-01-15,2024-01-22,3,2031-01-01",
    ]
    head = "unit,feed,period_start,period_end,count,rebased_at"
    path.write_text("\n".join([head, *rows]) + "\n")

    assert read_counts(path).rebases == ((0, 0, 1), (0, 1, 2))
