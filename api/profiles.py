"""The listening profile of a unit, from its histories and through disclosure."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np

from api.histories import Reading
from streams.alerts import disclosure
from streams.evidence.listening import ASPECTS, Aspect, Series, listening_profile
from streams.facts.effects import UnitRecord
from streams.facts.periods import Grid
from streams.histories.series import Block
from streams.histories.views import SeriesView, series_id, view

Level = Literal["ward", "site", "provider"]


def listening(reading: Reading, unit: UnitRecord) -> list[dict[str, Any]]:
    """Who is heard at a unit, how safely and how soon answered; empty above providers."""
    if not unit.provider:
        return []
    block = reading.block(unit.provider)
    if block.slot(unit.code) is None:
        return []
    aspects = tuple(one for one in ASPECTS if one.indicator in block.catalogue)
    of_indicator = {one.indicator: one for one in aspects}

    def lookup(key: str) -> Series | None:
        seen = view(block, unit.code, key, of_indicator[key].grid)
        if seen is None or seen.periods.size == 0:
            return None
        if of_indicator[key].protected:
            return _protected(seen, block, internal=reading.internal)
        closed = int(np.searchsorted(seen.periods, seen.open_from))
        return seen.periods[:closed], seen.numerators[:closed], seen.denominators[:closed]

    standings = listening_profile(lookup, level=cast("Level", unit.kind), aspects=aspects)
    shown = disclosure.profile(standings)
    return [{**_about(block, unit, of_indicator[one["indicator"]]), **one} for one in shown]


def _about(block: Block, unit: UnitRecord, aspect: Aspect) -> dict[str, Any]:
    indicator = block.catalogue[aspect.indicator]
    return {
        "series": series_id(unit.code, indicator.key, aspect.grid),
        "feed": indicator.feed.topic,
        "indicator_name": indicator.name,
    }


def _protected(seen: SeriesView, block: Block, *, internal: bool) -> Series | None:
    """Whole months up to the calendar of the other feeds, whether a case came in them or not."""
    calendar = disclosure.calendar(block.watermarks)
    if calendar is None or seen.grid is not Grid.MONTH:
        return None
    end = disclosure.closed_month(calendar, internal=internal)
    first = int(seen.periods[0])
    if end <= first:
        return None
    periods = np.arange(first, end)
    above, below = np.zeros(end - first), np.zeros(end - first)
    held = seen.periods < end
    place = seen.periods[held] - first
    above[place] = np.nan_to_num(seen.numerators[held])
    below[place] = np.nan_to_num(seen.denominators[held])
    return periods, above, below
