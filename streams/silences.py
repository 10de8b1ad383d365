"""Units that used to report and stopped, and feeds that stopped as a whole.

Judged on closed weeks, over all units of a provider at once, within a small part of
the alert budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.evidence.episodes import SeriesEpisode
from detectors.evidence.paths import SeriesPath
from detectors.single_series.silence import explain_silence, feed_outage, watch_silence
from streams.feeds import Feed
from streams.findings import Signal, pack
from streams.indications import MINIMUM, differing, signal_of
from streams.periods import PER_YEAR, Grid
from streams.windows import reported, window

if TYPE_CHECKING:
    from streams.series import Block

# The first metric of a week closes it for all; the others' files may still be under way.
GRACE_WEEKS = {Feed.WARDMETRICS: 1}


class SilenceWatch:
    """Units that used to report and stopped, and feeds that stopped as a whole.

    A feed that stops at the provider is one finding about data; its units are not
    called silent for it. ``signals`` are those that stand, by unit.
    """

    def __init__(
        self, feed: Feed, levels: frozenset[str], *, budget1: float, budget2: float
    ) -> None:
        self.feed = feed
        self.levels = levels
        self.budgets = {"budget1": budget1, "budget2": budget2}
        self._seen: tuple[int | None, int] = (None, -1)
        self.signals: dict[str, list[Signal]] = {}
        self._outages, self._silences = SeriesPath(), SeriesPath()

    def evaluate(self, block: Block) -> set[str]:
        """Judge again if the feed changed or any feed closed a week."""
        closes = [block.closed(feed, Grid.WEEK) for feed in Feed]
        latest = max((week for week in closes if week is not None), default=None)
        closed = block.closed(self.feed, Grid.WEEK)
        position = len(block.catalogue.indicators) + int(self.feed)
        if closed is None or latest is None:
            return set()
        late = block.changed_before(Grid.WEEK, position, latest)
        if self._seen == (closed, latest) and not late:
            return set()
        self._seen = (closed, latest)
        before = self.signals
        self.signals = self._judge(block, position, closed, latest)
        return differing(before, self.signals)

    def _judge(
        self, block: Block, position: int, closed: int, latest: int
    ) -> dict[str, list[Signal]]:
        first = block.first_week(block.provider, self.feed)
        if first is None or latest <= first:
            return {}
        settings: dict[str, Any] = {
            **self.budgets,
            "per_year": PER_YEAR[Grid.WEEK],
            "minimum": MINIMUM[Grid.WEEK],
        }
        width = latest - first
        found: dict[str, list[Signal]] = {}
        total = block.slot(block.provider)
        assert total is not None  # noqa: S101 - a block always has its provider
        totals = window(block, Grid.WEEK, [total], position, first, width)[0, 0].astype(float)
        for episode in feed_outage(totals, path=self._outages, **settings):
            numbers = pack(explain_silence(totals, np.ones(width), episode))
            found.setdefault(block.provider, []).append(
                self._signal(block.provider, "data_quality", first, episode, numbers)
            )
        slots = reported(block, Grid.WEEK, block.of_levels(self.levels), position)
        width = closed - GRACE_WEEKS.get(self.feed, 0) - first
        if not slots or width <= 0:
            return found
        counts = window(block, Grid.WEEK, slots, position, first, width)[0].astype(float)
        # A unit is observed from its first fact, in weeks in which its feed was alive.
        observed = (np.cumsum(counts, axis=1) > 0) & (totals[:width] > 0)[None, :]
        exposure = observed.astype(float)
        units = [block.slots[slot].code for slot in slots]
        for episode in watch_silence(counts, exposure, path=self._silences, keys=units, **settings):
            unit = units[episode.series]
            row = episode.series
            numbers = pack(explain_silence(counts[row], exposure[row], episode))
            found.setdefault(unit, []).append(
                self._signal(unit, "silence", first, episode, numbers)
            )
        return found

    def _signal(
        self, unit: str, kind: str, first: int, episode: SeriesEpisode, numbers: bytes
    ) -> Signal:
        names = {
            Feed.INCIDENTS: "incident reports",
            Feed.COMPLAINTS: "complaints",
            Feed.SPEAKUP: "speaking-up reports",
            Feed.WARDMETRICS: "ward metrics",
        }
        return signal_of(
            episode,
            detector="evidence.silence" if kind == "silence" else "evidence.outage",
            unit=unit,
            kind=kind,
            grid=Grid.WEEK,
            first=first,
            feed=self.feed,
            domain="listening",
            key=self.feed.topic,
            text=names[self.feed],
            numbers=numbers,
        )
