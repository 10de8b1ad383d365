"""Better reporting in a file of counts: what the production says of harm shares.

A file may carry the feed ``any_harm_share``: incidents with any harm as the count, those
whose harm is known as the exposure. It is not weighed with the counts; it says of an
alert on incidents whether people report more of what went right in time. The rule and
its figures are those of ``streams.culture``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.single_series.shares import share_change
from streams.backtests.countsfile import Counts
from streams.backtests.watch import Alert
from streams.counting import RISE
from streams.culture import ANY_HARM, ENOUGH, SAFER_ODDS

INCIDENTS = "incidents"
# A concern is asked about again for as long; later a new alert would say it.
_ASKED_AGAIN = 52


@dataclass(frozen=True, eq=False)
class HarmShares:
    """Incidents with harm and those of known harm, ``F64[U, T]`` each."""

    harmed: F64
    graded: F64


def set_aside(counts: Counts) -> tuple[Counts, HarmShares | None]:
    """The counts that are weighed, and the harm shares where the file has them."""
    if ANY_HARM not in counts.feeds or INCIDENTS not in counts.feeds:
        return counts, None
    share = counts.feeds.index(ANY_HARM)
    kept = [feed for feed in range(len(counts.feeds)) if feed != share]
    block = counts.block
    weighed = replace(
        counts,
        feeds=tuple(counts.feeds[feed] for feed in kept),
        block=FeedCounts(block.counts[:, kept], block.exposure[:, kept], block.week0),
        rebases=tuple(
            (unit, kept.index(feed), column)
            for unit, feed, column in counts.rebases
            if feed != share
        ),
    )
    graded = block.exposure[:, share]
    return weighed, HarmShares(np.minimum(block.counts[:, share], graded), graded)


def told_rightly(
    alerts: Iterable[Alert], block: FeedCounts, model: EvidenceModel, shares: HarmShares
) -> list[Alert]:
    """Each alert, or the better reporting that it is instead, by what was known then.

    A concern that later periods show to be better reporting stays, with that period.
    """
    return [_told(alert, block, model, shares) for alert in alerts]


def _told(alert: Alert, block: FeedCounts, model: EvidenceModel, shares: HarmShares) -> Alert:
    names = [model.feeds[feed] for feed in alert.feeds]
    if alert.direction != "concern" or INCIDENTS not in names:
        return alert
    for column in range(alert.column, min(block.periods, alert.column + _ASKED_AGAIN)):
        if not _better_reporting(alert, block, model, shares, column):
            continue
        if column > alert.column:
            return replace(alert, withdrawn=column)
        incidents = model.feeds.index(INCIDENTS)
        return replace(alert, direction="improvement", kind="listening", feeds=(incidents,))
    return alert


def _better_reporting(
    alert: Alert, block: FeedCounts, model: EvidenceModel, shares: HarmShares, column: int
) -> bool:
    """Whether less harm says more than the other feeds' own rise, by the end of a column."""
    harmed, graded = shares.harmed[alert.unit], shares.graded[alert.unit]
    before, since = slice(0, alert.onset), slice(alert.onset, column + 1)
    if graded[before].sum() <= 0 or graded[since].sum() <= 0:
        return False
    safer = share_change(
        harmed[before], graded[before], harmed[since], graded[since], odds_ratio=SAFER_ODDS
    )
    worse = sum(
        _borne_out(alert, block, model, feed, column)
        for feed in alert.feeds
        if model.feeds[feed] != INCIDENTS
    )
    return bool(safer > ENOUGH + max(0.0, worse))


def _borne_out(
    alert: Alert, block: FeedCounts, model: EvidenceModel, feed: int, column: int
) -> float:
    """Log Bayes factor of a rise by half of one feed since the onset (``CountWatch``)."""
    events, mass = block.counts[alert.unit, feed], block.exposure[alert.unit, feed]
    before, since = slice(0, alert.onset), slice(alert.onset, column + 1)
    seen = float(model.prior_a[feed] + events[before].sum())
    span = float(model.prior_b[feed] + mass[before].sum())
    after, length = float(events[since].sum()), float(mass[since].sum())
    spread = math.log1p((RISE - 1.0) * length / (span + length))
    return after * math.log(RISE) - (seen + after) * spread
