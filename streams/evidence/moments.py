"""The moment at which evidence crossed: which event of a day made the difference.

Histories keep counts by day. When a look within the week opens an alert, the facts
of that day are read in event-time order and the evidence is taken after each of
them; the alert begins with the first that suffices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from detectors.evidence.counts import FeedCounts
from detectors.evidence.explain import explain
from detectors.evidence.model import EvidenceModel
from streams.evidence.counted_once import counted_twice
from streams.facts.messages import Fact

if TYPE_CHECKING:
    from streams.catalogue.indicators import Catalogue

FactsOn = Callable[[str, int], Sequence[Fact]]
"""The facts of a unit and of those below it on a UTC day."""


def crossing(
    facts: Sequence[Fact],
    catalogue: Catalogue,
    counts: FeedCounts,
    unit: int,
    model: EvidenceModel,
    *,
    week: int,
    day: int,
    since: int,
    bar: float,
) -> int | None:
    """The time (ms since 1970) of the first fact after which the evidence passes the bar.

    Args:
        facts: those of the day, in any order.
        catalogue: says which feeds a fact counts for.
        counts: the block that was watched.
        unit: position of the unit in it.
        model: its model.
        week: column of the look.
        day: day of the look within the week.
        since: the first onset that counts.
        bar: log evidence that opens an alert within the week.

    Returns:
        None where the day's facts tell of no crossing.
    """
    if counts.daily is None:
        return None
    one = counts.select(np.array([unit])).until(week + 1)
    assert one.daily is not None  # noqa: S101 - a part of a block with days has days
    daily = one.daily.copy()
    positions = [catalogue.position(key) for key in model.feeds]
    told = daily[0, :, week, day].copy()
    daily[0, :, week, day] = 0
    partial = FeedCounts(one.counts, one.exposure, one.week0, daily, one.daily_feeds)
    for fact in sorted(facts, key=lambda fact: (fact.time, fact.key)):
        added = {addition.indicator for addition in catalogue.additions(fact)}
        changed = False
        for feed, position in enumerate(positions):
            if position not in added or daily[0, feed, week, day] >= told[feed]:
                continue
            # A part that another feed counts is in the day's facts but not in its count.
            if _told_twice(model.feeds[feed], added, catalogue, one, model):
                continue
            daily[0, feed, week, day] += 1
            changed = True
        if changed:
            found = explain(partial, 0, model, week=week, day=day, since=since)
            if found.log_evidence > bar:
                return fact.time
    return None


def _told_twice(
    feed: str, added: set[int], catalogue: Catalogue, counts: FeedCounts, model: EvidenceModel
) -> bool:
    return any(
        one.whole == feed
        and catalogue.position(one.part) in added
        and bool((counts.exposure[0, model.feeds.index(one.other)] > 0).any())
        for one in counted_twice(catalogue, model.feeds)
    )
