"""Units that used to report and stopped, and feeds that stopped as a whole.

Judged on closed weeks, over all units of a provider at once, within a small part of
the alert budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from detectors.single_series.episodes import SeriesEpisode
from detectors.single_series.paths import SeriesPath
from detectors.single_series.silence import explain_silence, feed_outage, watch_silence
from streams.evidence.findings import Signal, pack
from streams.evidence.indications import MINIMUM, differing, signal_of
from streams.evidence.statements import REPORTS
from streams.facts.feeds import Feed
from streams.facts.periods import PER_YEAR, Grid
from streams.histories.windows import reported, window

if TYPE_CHECKING:
    from streams.histories.series import Block

F64 = npt.NDArray[np.float64]

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
        self.signals: dict[str, list[Signal]] = {}
        self._latest: int | None = None
        self._closed: int | None = None
        self._stopped: list[Signal] = []
        self._silent: list[Signal] = []
        self._outages, self._silences = SeriesPath(), SeriesPath()

    def evaluate(self, block: Block) -> set[str]:
        """Judge again what changed, or what a week that was closed adds to."""
        closes = [block.closed(feed, Grid.WEEK) for feed in Feed]
        latest = max((week for week in closes if week is not None), default=None)
        closed = block.closed(self.feed, Grid.WEEK)
        first = block.first_week(block.provider, self.feed)
        if closed is None or latest is None or first is None:
            before, self.signals, self._stopped, self._silent = self.signals, {}, [], []
            self._latest = self._closed = None
            return set(before)
        position = len(block.catalogue.indicators) + int(self.feed)
        stopped, silent = self._stopped, self._silent
        # The feed as a whole is judged by any feed's clock, its units by its own.
        if self._latest != latest or block.changed_before(Grid.WEEK, position, latest):
            self._stopped = self._outage(block, position, first, latest - first)
            self._latest = latest
        if self._closed != closed or block.changed_before(Grid.WEEK, position, closed):
            width = closed - GRACE_WEEKS.get(self.feed, 0) - first
            self._silent = self._quiet(block, position, first, width)
            self._closed = closed
        if (stopped, silent) == (self._stopped, self._silent):
            return set()
        before, self.signals = self.signals, {}
        for signal in (*self._stopped, *self._silent):
            self.signals.setdefault(signal.unit, []).append(signal)
        return differing(before, self.signals)

    def _settings(self) -> dict[str, Any]:
        return {
            **self.budgets,
            "per_year": PER_YEAR[Grid.WEEK],
            "minimum": MINIMUM[Grid.WEEK],
        }

    def _outage(self, block: Block, position: int, first: int, width: int) -> list[Signal]:
        """The feed as a whole: whether it stopped at the provider."""
        if width <= MINIMUM[Grid.WEEK]:
            return []
        totals = _totals(block, position, first, width)
        return [
            self._signal(
                block.provider, "data_quality", first, episode,
                pack(explain_silence(totals, np.ones(width), episode)),
            )
            for episode in feed_outage(totals, path=self._outages, **self._settings())
        ]  # fmt: skip

    def _quiet(self, block: Block, position: int, first: int, width: int) -> list[Signal]:
        """Units that used to report and stopped while their feed went on."""
        if width <= MINIMUM[Grid.WEEK]:
            return []
        slots = reported(block, Grid.WEEK, block.of_levels(self.levels), position)
        if not slots:
            return []
        totals = _totals(block, position, first, width)
        counts = window(block, Grid.WEEK, slots, position, first, width)[0].astype(float)
        # A unit is observed from its first fact, in weeks in which its feed was alive.
        observed = (np.cumsum(counts, axis=1) > 0) & (totals > 0)[None, :]
        exposure = observed.astype(float)
        units = block.codes(slots)
        found = watch_silence(counts, exposure, path=self._silences, keys=units, **self._settings())
        return [
            self._signal(
                units[one.series], "silence", first, one,
                pack(explain_silence(counts[one.series], exposure[one.series], one)),
            )
            for one in found
        ]  # fmt: skip

    def _signal(
        self, unit: str, kind: str, first: int, episode: SeriesEpisode, numbers: bytes
    ) -> Signal:
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
            text=REPORTS[self.feed.topic],
            numbers=numbers,
        )


def _totals(block: Block, position: int, first: int, width: int) -> F64:
    """The facts of a feed at the provider by week."""
    total = block.slot(block.provider)
    assert total is not None  # noqa: S101 - a block always has its provider
    totals: F64 = window(block, Grid.WEEK, [total], position, first, width)[0, 0].astype(float)
    return totals
