"""Better reporting in a file of counts: what the production says of harm shares.

A file may carry the feed ``any_harm_share``: incidents with any harm as the count, those
whose harm is known as the exposure. It is not weighed with the counts; it says of an
alert on incidents whether people report more of what went right in time, by the same
odds as in production (``detectors.single_series.culture_watch``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.evidence.counts import F64, FeedCounts
from detectors.single_series.culture_watch import INCIDENTS, Finding, Unit, start_state, weigh
from streams.backtests.countsfile import Counts
from streams.backtests.watch import Alert, Segment
from streams.evidence.culture import ANY_HARM


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
    alerts: Iterable[Alert],
    segments: Sequence[Segment],
    shares: HarmShares,
    budgets: tuple[float, float],
) -> list[Alert]:
    """The alerts as they are told where harm is known, in their order by unit.

    A unit's concerns are decided anew from the first one over incidents on. A concern that
    later periods show to be better reporting stays, with that period.

    Args:
        alerts: those of the counts alone.
        segments: the time that was watched.
        shares: harm of the incidents.
        budgets: false alerts per unit and year of both levels.

    """
    by_unit: dict[int, list[Alert]] = {}
    kept = []
    for alert in alerts:
        if alert.direction == "concern":
            by_unit.setdefault(alert.unit, []).append(alert)
        else:
            kept.append(alert)
    told = [
        one
        for unit, mine in sorted(by_unit.items())
        for one in _told(unit, mine, segments, shares, budgets)
    ]
    return [*told, *kept]


def _told(
    unit: int,
    alerts: list[Alert],
    segments: Sequence[Segment],
    shares: HarmShares,
    budgets: tuple[float, float],
) -> list[Alert]:
    feeds = segments[0].model.feeds
    over = [alert for alert in alerts if INCIDENTS in [feeds[feed] for feed in alert.feeds]]
    if not over or not shares.graded[unit].any():
        return alerts
    first = min(alert.column for alert in over)
    before = [alert for alert in alerts if alert.column < first]
    state = start_state(
        max((alert.column for alert in before), default=-1),
        max((alert.raised_column for alert in before), default=-1),
    )
    findings: list[Finding] = []
    for segment in segments:
        if segment.end <= first:
            continue
        end, block, model = segment.end, segment.block, segment.model
        season = model.seasonal(block.week0, end)
        history = Unit(
            block.counts[unit, :, :end],
            block.exposure[unit, :, :end] * season,
            shares.harmed[unit, :end],
            shares.graded[unit, :end],
        )
        bars = (model.threshold(budgets[0]).close, model.threshold(budgets[1]).close)
        findings += weigh(
            history, model, bars, start=max(segment.start, first), end=end, state=state
        )
    return [*before, *(_in_episode(one, alerts) for one in _alerts(unit, findings))]


def _in_episode(alert: Alert, counted: Sequence[Alert]) -> Alert:
    """A concern in the episode that the counts alone were in at the time, else in its own."""
    opened = alert.column, -1
    if alert.direction == "concern":
        for one in counted:
            if one.episode <= alert.column and (one.subsided < 0 or alert.column <= one.subsided):
                opened = one.episode, one.subsided
    return replace(alert, episode=opened[0], subsided=opened[1])


def _alerts(unit: int, findings: Sequence[Finding]) -> Iterator[Alert]:
    """One alert a concern, with the level-2 finding before the next one."""
    current: Alert | None = None
    for one in sorted(findings, key=lambda finding: (finding.period, finding.kind)):
        if one.kind == "raised" and current is not None and current.raised_column < 0:
            current = replace(current, level=2, raised_column=one.period)
        elif one.kind == "explained" and current is not None:
            current = replace(current, withdrawn=one.period)
        elif one.kind in {"concern", "better"}:
            made = Alert(
                unit=unit,
                level=1,
                direction="concern" if one.kind == "concern" else "improvement",
                column=one.period,
                raised_column=-1,
                onset=one.onset,
                feeds=tuple(feed for feed, told in enumerate(one.feeds) if told),
                log_evidence=one.log_evidence,
                kind="quality" if one.kind == "concern" else "listening",
            )
            if one.kind == "better":
                yield made
                continue
            if current is not None:
                yield current
            current = made
    if current is not None:
        yield current
