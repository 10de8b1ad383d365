"""Better reporting in a file of counts: decided by what was known at the time."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import FeedCounts
from detectors.evidence.fleet import fit_fleet
from streams.backtests.countsfile import Counts
from streams.backtests.culture import HarmShares, set_aside, told_rightly
from streams.backtests.watch import Alert
from streams.periods import Grid

WEEKS, AT = 80, 60
ALERT = Alert(
    unit=0, level=1, direction="concern", column=69, raised_column=-1, onset=AT,
    feeds=(0,), log_evidence=6.0,
)  # fmt: skip


def fleet(share: float, *, complaints: float = 1.0) -> tuple[FeedCounts, HarmShares]:
    """Two units; incidents of the first rise by half, their share with harm goes to ``share``."""
    counts = np.zeros((2, 2, WEEKS))
    counts[:, 0], counts[:, 1] = 20.0, 2.0
    counts[0, 0, AT:] = 30.0
    counts[0, 1, AT:] = 2.0 * complaints
    harmed = 0.3 * counts[:, 0]
    harmed[0, AT:] = share * 30.0
    return FeedCounts(counts, np.ones_like(counts), 0), HarmShares(harmed, counts[:, 0])


def told(share: float, alert: Alert = ALERT, **options: float) -> Alert:
    block, shares = fleet(share, **options)
    model = fit_fleet(block.until(52), ("incidents", "complaints")).model
    return told_rightly([alert], block, model, shares)[0]


def test_more_reports_with_less_harm_are_an_improvement_in_listening():
    said = told(0.12)

    assert (said.direction, said.kind, said.feeds) == ("improvement", "listening", (0,))


def test_more_reports_with_as_much_harm_stay_a_concern():
    assert told(0.3) == ALERT


def test_other_feeds_that_rise_by_themselves_outweigh_a_falling_share():
    both = Alert(**{**ALERT.__dict__, "feeds": (0, 1)})

    assert told(0.2, both, complaints=4.0).direction == "concern"


def test_a_concern_that_later_weeks_explain_stays_with_the_week_that_explained_it():
    early = Alert(**{**ALERT.__dict__, "column": AT})
    said = told(0.2, early)

    assert said.direction == "concern"
    assert AT < said.withdrawn < WEEKS


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
