"""The numbers of many providers side by side, read from the store.

A provider's histories are loaded for the span that is asked for, summed and let go; the
sums are kept until the provider's data change. Nothing is written and nothing is shared
with the evaluation: a comparison is a view, on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from streams.alerts.disclosure import is_protected
from streams.catalogue.indicators import Catalogue, Indicator
from streams.comparisons.comparable import NotComparableError
from streams.comparisons.spans import Span, chosen_span, closed_period, protected_span
from streams.comparisons.sums import UnitSum, protected_sums, unit_sums
from streams.facts.effects import ProviderRecord
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, month_of_day
from streams.histories.series import Block
from streams.store import Store

_KEPT = 2048
# Earlier than any week that has a fact.
_EVER = -100_000

Key = tuple[str, str, str, Span]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The sums of all units of a level over one span."""

    span: Span
    sums: tuple[UnitSum, ...]


class PeerReader:
    """Reads what comparisons rest on.

    Args:
        store: where tallies are read.
        catalogue: the indicators.
        kept: how many sums (of a provider, indicator, level and span) are remembered.
    """

    def __init__(self, store: Store, catalogue: Catalogue, *, kept: int = _KEPT) -> None:
        self._store = store
        self._catalogue = catalogue
        self._room = kept
        self._kept: OrderedDict[Key, tuple[object, list[UnitSum]]] = OrderedDict()
        self._lock = threading.Lock()

    def numbers(
        self,
        indicator: Indicator,
        level: str,
        providers: frozenset[str] | None = None,
        *,
        timed_by: frozenset[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Numbers | None:
        """The sums of the units of some providers, by provider and in the order of their units.

        A metric may be sent by week, month or quarter; the grid on which most units have
        numbers is taken, the catalogue's own before others.

        Args:
            indicator: what is counted.
            level: ``ward``, ``site`` or ``provider``.
            providers: whose units; None for all.
            timed_by: the providers whose closed periods end the span; None for all of them.
            since: the span begins with or after it.
            until: the span ends with or before it.

        Returns:
            None where none of these providers has closed a period.

        Raises:
            NotComparableError: the window holds no whole period, or may not be chosen.
        """
        held = [
            record
            for record in self._store.providers()
            if providers is None or record.provider in providers
        ]
        timing = [one for one in held if timed_by is None or one.provider in timed_by]
        spans, refusal = _spans(timing, indicator, since, until)
        versions = self._versions(one.provider for one in held)
        best: Numbers | None = None
        for span in spans:
            found: list[UnitSum] = []
            for record in held:
                found += self._sums(record, versions.get(record.provider), indicator, level, span)
            if best is None or len(found) > len(best.sums):
                best = Numbers(span, tuple(found))
        if refusal is not None and (best is None or not best.sums):
            raise refusal
        return best

    def _versions(self, providers: Iterable[str]) -> dict[str, object]:
        """What has arrived of each provider: sums are as good as it is the same."""
        found: dict[str, list[object]] = {}
        for row in self._store.feeds(list(providers)):
            found.setdefault(row.provider, []).append(row)
        return {provider: tuple(rows) for provider, rows in found.items()}

    def _sums(
        self, record: ProviderRecord, arrived: object, indicator: Indicator, level: str, span: Span
    ) -> list[UnitSum]:
        version = (record, arrived)
        key = (record.provider, indicator.key, level, span)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(key)
                return kept[1]
        # Two readers may both load; both are right.
        found = self._loaded(record, indicator, level, span)
        with self._lock:
            self._kept[key] = (version, found)
            self._kept.move_to_end(key)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return found

    def _loaded(
        self, record: ProviderRecord, indicator: Indicator, level: str, span: Span
    ) -> list[UnitSum]:
        provider = record.provider
        if is_protected(indicator.feed):
            block = Block.load(self._store, self._catalogue, provider)
            return protected_sums(block, indicator, level, span)
        closed = closed_period(indicator.feed, span.grid, record.watermarks[indicator.feed])
        if closed is None or closed <= span.first:
            return []
        return unit_sums(self._block(record, indicator, span), indicator, level, span, closed)

    def _block(self, record: ProviderRecord, indicator: Indicator, span: Span) -> Block:
        if record.catalogue != self._catalogue.digest:
            return Block.load(self._store, self._catalogue, record.provider)
        tallies = self._store.tallies(record.provider, within=needed(indicator, span))
        block = Block(self._catalogue, record.provider)
        block.restore(tallies, self._wanted(indicator))
        return block

    def _wanted(self, indicator: Indicator) -> npt.NDArray[np.bool_]:
        """The cells of an indicator's sums: its own, its denominator's, its feed's activity."""
        catalogue = self._catalogue
        wanted = np.zeros(len(catalogue.indicators) + len(Feed), dtype=np.bool_)
        wanted[catalogue.position(indicator.numerator or indicator.key)] = True
        if indicator.denominator is not None:
            wanted[catalogue.position(indicator.denominator)] = True
        wanted[len(catalogue.indicators) + int(indicator.feed)] = True
        return wanted


def _spans(
    timing: list[ProviderRecord],
    indicator: Indicator,
    since: datetime | None,
    until: datetime | None,
) -> tuple[list[Span], NotComparableError | None]:
    """The spans that an indicator's numbers may be given for, the preferred one first.

    With them the reason why another grid has none: a window of a month has no quarter in
    it, but it may have weeks.
    """
    if is_protected(indicator.feed):
        span = protected_span(timing, since, until)
        return [] if span is None else [span], None
    grids = [indicator.grid]
    if indicator.feed is Feed.WARDMETRICS:
        grids += [grid for grid in (Grid.WEEK, Grid.MONTH, Grid.QUARTER) if grid not in grids]
    found = []
    refusal: NotComparableError | None = None
    for grid in grids:
        try:
            span = chosen_span(timing, indicator.feed, grid, since, until)
        except NotComparableError as error:
            refusal = refusal or error
            continue
        if span is not None:
            found.append(span)
    return found, refusal


def needed(indicator: Indicator, span: Span) -> dict[Grid, tuple[int, int]]:
    """The stored periods that the sums of an indicator over a span are made of, by grid."""
    found = {span.grid: (span.first, span.end)}
    if indicator.denominator is not None:
        # A week without an activity of its own has its days' share of the month's.
        months = [month_of_day(first_day(span.grid, at)) for at in (span.first, span.end)]
        found.setdefault(Grid.MONTH, (months[0], months[1] + 1))
        if indicator.feed is not Feed.WARDMETRICS:
            # A unit counts from its first report on, which may be long ago.
            week = (first_day(span.grid, span.end) + 3) // 7 + 1
            found[Grid.WEEK] = (_EVER, week)
    return found
