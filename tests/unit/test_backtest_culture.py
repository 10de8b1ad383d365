"""Better reporting in a file of counts: decided by what was known at the time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from detectors.evidence.counts import FeedCounts
from detectors.evidence.model import EvidenceModel
from streams.backtests.countsfile import Counts
from streams.backtests.culture import HarmShares, set_aside, told_rightly
from streams.backtests.watch import Alert, Segment, watch_segments
from streams.facts.periods import Grid

WEEKS, AT = 120, 70
FEEDS = ("incidents", "complaints")
MODEL = EvidenceModel.plain(FEEDS, (10.0, 2.0))
BUDGETS = (0.2, 0.05)


def fleet(share: float, *, complaints: float = 2.0) -> tuple[FeedCounts, HarmShares]:
    """Two units; incidents of the first rise by half, their share with harm goes to ``share``."""
    counts = np.zeros((2, 2, WEEKS))
    counts[:, 0], counts[:, 1] = 10.0, 2.0
    counts[0, 0, AT:] = 15.0
    counts[0, 1, AT:] = complaints
    harmed = 0.4 * counts[:, 0]
    harmed[0, AT:] = share * 15.0
    return FeedCounts(counts, np.ones_like(counts), 0), HarmShares(harmed, counts[:, 0])


def segments(block: FeedCounts, *cuts: int) -> list[Segment]:
    edges = [0, *cuts, WEEKS]
    return [Segment(start, end, block, MODEL) for start, end in pairwise(edges)]


def told(share: float, *cuts: int, **options: float) -> list[Alert]:
    block, shares = fleet(share, **options)
    parts = segments(block, *cuts)
    return told_rightly(watch_segments(parts, BUDGETS), parts, shares, BUDGETS)


def test_more_reports_with_no_more_harm_are_an_improvement_in_listening():
    said = told(0.4 / 1.5)

    assert [(one.direction, one.kind, one.feeds) for one in said] == [
        ("improvement", "listening", (0,))
    ]
    assert abs(said[0].onset - AT) <= 3


def test_more_reports_with_as_much_harm_are_a_concern_that_stays():
    said = told(0.4)

    assert said
    assert all((one.direction, one.withdrawn) == ("concern", -1) for one in said)
    # However often it is told, it is the one episode that the counts are in.
    assert len({one.episode for one in said}) == 1
    assert said[0].episode <= said[0].column


def test_other_feeds_that_rise_by_themselves_are_a_concern_in_spite_of_better_reporting():
    concerns = [one for one in told(0.4 / 1.5, complaints=6.0) if one.direction == "concern"]

    assert concerns
    assert 1 in concerns[0].feeds


def test_a_change_of_model_on_the_way_loses_nothing():
    for share in (0.4, 0.4 / 1.5):
        assert told(share) == told(share, AT + 3, AT + 20)


def test_a_file_without_known_harm_keeps_its_alerts():
    block, shares = fleet(0.4)
    parts = segments(block)
    alerts = watch_segments(parts, BUDGETS)
    unknown = HarmShares(np.zeros_like(shares.harmed), np.zeros_like(shares.graded))

    assert alerts == told_rightly(alerts, parts, unknown, BUDGETS)


def test_harm_shares_are_set_aside_only_where_there_are_incidents():
    block, _ = fleet(0.1)
    names = tuple(str(column) for column in range(WEEKS))
    counts = Counts(
        units=("A", "B"), feeds=("any_harm_share", "incidents"), grid=Grid.WEEK, block=block,
        starts=names, ends=names, end_days=tuple(range(WEEKS)), changed_at=(None, None),
        knows_changes=False, rebases=((0, 1, 30),),
    )  # fmt: skip
    weighed, shares = set_aside(counts)

    assert weighed.feeds == ("incidents",)
    assert weighed.rebases == ((0, 0, 30),)
    assert shares is not None
    alone = Counts(**{**counts.__dict__, "feeds": ("any_harm_share", "falls")})
    assert set_aside(alone) == (alone, None)
