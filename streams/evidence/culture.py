"""Telling an improving reporting culture from a deterioration.

More reports are not worse care. A concern over counts in which incidents have a part is
told only when better reporting does not explain it: more incidents with as many events
with harm as before (``detectors.single_series.reporting_culture``). The question is
asked of the look that raised the concern, and again of every close after it, so a concern
may be told later, be told as better reporting instead, or not at all. The answer is a
function of the facts, asked anew with every evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.explain import explain
from detectors.evidence.looks import CLOSE
from detectors.single_series.culture_watch import (
    INCIDENTS,
    Finding,
    Unit,
    odds_at,
    start_state,
    told_state,
    weigh,
)
from streams.catalogue.contributions import MILLION
from streams.evidence.findings import Signal, opened, pack, raising
from streams.evidence.statements import BETTER_REPORTING
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, period_of_day
from streams.histories.windows import window

if TYPE_CHECKING:
    from streams.evidence.counting import CountWatch
    from streams.histories.series import Block

ANY_HARM = "any_harm_share"


def told_rightly(block: Block, counts: CountWatch, signal: Signal) -> list[Signal]:
    """What is told of a signal: itself, a later one, better reporting, or nothing yet."""
    told = {series["indicator"] for series in signal.series}
    if signal.direction != "concern" or INCIDENTS not in told:
        return [signal]
    case = _case(block, counts, signal)
    return [signal] if case is None else case.told()


@dataclass(frozen=True, eq=False)
class _Case:
    """A signal with the history of its unit.

    ``row`` is the unit's place in ``arrays``, whose closed weeks ``unit`` holds; ``week``,
    ``day`` and ``since`` are the look that raised the signal and the first onset that
    counted, ``seen`` the history as it stood at that look, exposures not yet times season.
    """

    block: Block
    counts: CountWatch
    signal: Signal
    arrays: FeedCounts
    row: int
    unit: Unit
    week: int
    day: int
    since: int
    seen: Unit

    def told(self) -> list[Signal]:
        model, closed = self.counts.model, self.arrays.periods
        level1 = model.threshold(self.counts.budget1, within_week=True)
        level2 = model.threshold(self.counts.budget2, within_week=True)
        bar1 = level1.close if self.day == CLOSE else level1.look
        bar2 = level2.close if self.day == CLOSE else level2.look
        odds = self._odds(bar1)
        current = None
        state, start = start_state(self.since - 1, self.since - 1), self.week
        if odds > bar1:
            current = replace(self.signal, level=1, raised=None)
            if odds > bar2:
                current = self._raised(current, self.week)
            state = told_state(self.week, self.since - 1)
        findings = weigh(
            self.unit, model, (level1.close, level2.close), start=start, end=self._end(closed),
            state=state,
        )  # fmt: skip
        return self._signals(current, findings)

    def _signals(self, current: Signal | None, findings: Sequence[Finding]) -> list[Signal]:
        found = []
        for one in findings:
            if one.kind == "better":
                found.append(self._better(one, self._ending(one.period)))
            elif one.kind == "explained" and current is not None:
                found.append(self._better(one, current.opened))
                current = None
            elif one.kind in {"concern", "raised"} and current is None:
                current = self._concern(one)
            if one.kind == "raised" and current is not None and current.raised is None:
                current = self._raised(current, one.period)
        return found if current is None else [*found, current]

    def _odds(self, bar: float) -> float:
        width = self.seen.counts.shape[1]
        season = self.counts.model.seasonal(self.arrays.week0, width)
        looked = replace(self.seen, expected=self.seen.expected * season)
        closed = min(width if self.day == CLOSE else width - 1, self.arrays.periods)
        return odds_at(looked, self.counts.model, bar, since=self.since, closed=closed)

    def _end(self, closed: int) -> int:
        """The column after the last close that belongs to the signal."""
        if self.signal.subsided is None:
            return closed
        return min(closed, period_of_day(Grid.WEEK, self.signal.subsided) - self.arrays.week0)

    def _ending(self, column: int) -> int:
        return first_day(Grid.WEEK, self.arrays.week0 + column + 1)

    def _raised(self, current: Signal, column: int) -> Signal:
        """The signal at level 2: from the evidence's own look where that is no later."""
        day = self._ending(column)
        if self.signal.raised is not None and self.signal.raised <= day:
            day = max(self.signal.raised, current.opened)
        return replace(current, level=2, raised=day)

    def _concern(self, finding: Finding) -> Signal:
        """The signal as a close tells it that comes after the look which raised it."""
        catalogue = self.block.catalogue
        feeds = tuple(
            key for key, told in zip(self.counts.model.feeds, finding.feeds, strict=True) if told
        )
        known = [key for key in feeds if key in catalogue]
        return replace(
            self.signal,
            opened=self._ending(finding.period),
            moment=None,
            raised=None,
            level=1,
            onset=first_day(Grid.WEEK, self.arrays.week0 + finding.onset),
            feeds=tuple(catalogue[key].feed.topic for key in known),
            domains=tuple(catalogue[key].domain for key in known),
            series=raising(self.signal.unit, known, Grid.WEEK),
            words={"feeds": feeds},
            explanation=self._explained(finding),
        )

    def _better(self, finding: Finding, day: int) -> Signal:
        return replace(
            self.signal,
            kind="listening",
            direction="improvement",
            opened=day,
            moment=self.signal.moment if day == self.signal.opened else None,
            raised=None,
            level=1,
            onset=first_day(Grid.WEEK, self.arrays.week0 + finding.onset),
            feeds=(Feed.INCIDENTS.topic,),
            domains=("listening",),
            words={"text": BETTER_REPORTING},
            explanation=self._explained(finding),
        )

    def _explained(self, finding: Finding) -> bytes:
        explanation = explain(
            self.arrays, self.row, self.counts.model, week=finding.period, since=self.since
        )
        return pack({**explanation.to_dict(), "evidence_added": []})


def _case(block: Block, counts: CountWatch, signal: Signal) -> _Case | None:
    """The signal's case; None where no harm of any incident is known."""
    held, slot = counts.evaluated(block), block.slot(signal.unit)
    if held is None or slot is None or ANY_HARM not in block.catalogue:
        return None
    codes, arrays = held
    row, looked = codes.index(signal.unit), opened(signal.explanation)
    closed, width = arrays.periods, int(looked["week"]) + 1
    harmed, graded = _harm(block, slot, arrays.week0, max(closed, width))
    if not graded.any():
        return None
    season = counts.model.seasonal(arrays.week0, closed)
    data = looked["data"]
    seen, exposure = np.array(data["counts"], np.float64), np.array(data["exposure"], np.float64)
    return _Case(
        block=block,
        counts=counts,
        signal=signal,
        arrays=arrays,
        row=row,
        unit=Unit(
            arrays.counts[row], arrays.exposure[row] * season, harmed[:closed], graded[:closed]
        ),
        week=width - 1,
        day=int(looked["day"]),
        since=int(looked["since"]),
        seen=Unit(seen, exposure, harmed[:width], graded[:width]),
    )


def _harm(block: Block, slot: int, week0: int, weeks: int) -> tuple[F64, F64]:
    """Incidents with harm and incidents whose harm is known, by week."""
    position = block.catalogue.position(ANY_HARM)
    cells = window(block, Grid.WEEK, [slot], position, week0, weeks)[:, 0]
    graded = cells[2] / MILLION
    return np.minimum(cells[1] / MILLION, graded), graded
