"""Further counts of harm in the joint watch: what a house may add, and to which units.

The four feeds are watched together. What a house counts besides, ward by ward and week by
week, hears more there than by itself (docs/methods.md section 9). Each class of units takes
in what enough of its units report; the notes say what became of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.evidence.counts import FeedCounts
from streams.alerts.disclosure import is_protected
from streams.catalogue.indicators import Catalogue, Indicator
from streams.evidence.count_arrays import by_day
from streams.evidence.counted_once import conflict, counted_twice
from streams.evidence.reference import Reference
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.histories.series import Block

FEWEST_UNITS = 5
FEWEST_WEEKS = 26
FEWEST_EVENTS = 20  # in a class: fewer tell no rate
MOST_FEEDS = 8  # the ways of failing were looked at for up to eight


class AdditionError(ValueError):
    """An indicator that the joint watch cannot take in; the message says which and why."""


def check(catalogue: Catalogue, reference: Reference, keys: Sequence[str]) -> tuple[str, ...]:
    """The counts that can be added to the joint watch, each named once.

    Raises:
        AdditionError: one that cannot; the message gives the reason.

    """
    wanted = tuple(dict.fromkeys(keys))
    for key in wanted:
        problem = _problem(catalogue, reference, key)
        if problem is not None:
            raise AdditionError(f"{key} cannot be added to the joint watch: {problem}")
    for level, model in reference.models.items() if wanted else ():
        feeds = (*model.feeds, *(key for key in wanted if key not in model.feeds))
        _together(catalogue, level, feeds, wanted)
    return wanted


def _problem(catalogue: Catalogue, reference: Reference, key: str) -> str | None:
    """Why an indicator cannot be weighed with the feeds of a unit, or None."""
    if key not in catalogue:
        return "the catalogue has no such indicator"
    indicator = catalogue[key]
    held = {level for level, model in reference.models.items() if key in model.feeds}
    counted = indicator.kind == "count" or (indicator.kind == "rate" and _by_count(indicator))
    checks = (
        (
            is_protected(indicator.feed),
            "speaking up is protected, and weighed as a whole or not at all",
        ),
        (indicator.numerator is not None, f"it is made of {indicator.numerator}; add that"),
        (not counted, f"it is a {indicator.kind}, not a count"),
        (indicator.levels <= held, f"{reference.version} weighs it at every level already"),
        # Only the incidents as a whole are weighed against better reporting.
        (indicator.direction != "down", "by its direction more of it is not worse care"),
    )
    found = next((message for wrong, message in checks if wrong), None)
    return found or _not_by_week(catalogue, indicator)


def _by_count(indicator: Indicator) -> bool:
    """Whether a rate is told as a count out of a denominator and judged by that count."""
    return indicator.evidence == "counts"


def _not_by_week(catalogue: Catalogue, indicator: Indicator) -> str | None:
    """Why an indicator's numbers are no events of a week, or None."""
    if indicator.feed is Feed.WARDMETRICS:
        rule = catalogue.metrics[indicator.metric or indicator.key]
        return None if rule.whole else "its numbers need not be whole, so it counts no events"
    if indicator.grid is not Grid.WEEK:
        return f"it is kept by {indicator.grid.name.lower()}"
    if not by_day(indicator):
        return "it is not kept by day; give it `daily = true` in the indicator file"
    return None


def _together(
    catalogue: Catalogue, level: str, feeds: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """Refuse feeds that cannot be weighed beside one another at a level."""
    pair = conflict(catalogue, feeds)
    if pair is not None and not set(wanted).isdisjoint(pair):
        # The one that was asked for is named first.
        first, second = sorted(pair, key=lambda key: key not in wanted)
        raise AdditionError(
            f"{first} cannot be added to the joint watch: it counts events that {second} counts"
        )
    for one in counted_twice(catalogue, feeds):
        if one.other in wanted and not by_day(catalogue[one.part]):
            raise AdditionError(
                f"{one.other} cannot be added to the joint watch: {one.part}, which {one.whole}"
                " would lose to it, is not kept by day; give it `daily = true` in the"
                " indicator file"
            )
    if len(feeds) > MOST_FEEDS:
        raise AdditionError(
            f"{len(feeds)} feeds at the level {level} are too many to weigh together;"
            f" {MOST_FEEDS} are the most"
        )


@dataclass(frozen=True, slots=True)
class Additions:
    """What one class of units takes in, and what of the rest, in words."""

    keys: tuple[str, ...]
    notes: tuple[str, ...]


def of_class(
    history: FeedCounts, feeds: Sequence[str], keys: Sequence[str],
    *, catalogue: Catalogue, level: str, blocks: Sequence[Block],
) -> Additions:  # fmt: skip
    """Which counts enough units of a class reported by week.

    Args:
        history: the counts of the class, of ``feeds``.
        feeds: those of the class's model, then the counts that are asked for.
        keys: the counts that are asked for.
        catalogue: the indicators.
        level: ward, site or provider.
        blocks: all providers, to tell who reports by month.

    """
    taken, notes = [], []
    for key in keys:
        place = list(feeds).index(key)
        weeks = (history.exposure[:, place] > 0).sum(axis=1)
        units = int((weeks >= FEWEST_WEEKS).sum())
        seen = np.where(history.exposure[:, place] > 0, history.counts[:, place], 0.0)
        events = int(seen.sum())
        if level not in catalogue[key].levels:
            notes.append(f"{key} not added: it is not kept by {level}")
        elif units < FEWEST_UNITS:
            notes.append(f"{key} not added: {_too_few(blocks, level, key, catalogue, units)}")
        elif events < FEWEST_EVENTS:
            notes.append(
                f"{key} not added: only {events} in all by week, {FEWEST_EVENTS} are needed"
            )
        else:
            taken.append(key)
            notes.append(f"{key} added: {units} units reported it by week")
    return Additions(tuple(taken), tuple(notes))


def _too_few(
    blocks: Sequence[Block], level: str, key: str, catalogue: Catalogue, units: int
) -> str:
    """Why too few units of a level report a count by week."""
    position = catalogue.position(key)
    told = {
        grid: sum(
            int(
                (
                    block.columns[grid].table[block.of_levels(frozenset({level})), position] >= 0
                ).sum()
            )
            for block in blocks
            if block.columns[grid].rows
        )
        for grid in (Grid.WEEK, Grid.MONTH)
    }
    if not told[Grid.WEEK] and told[Grid.MONTH]:
        return f"reported by month only ({told[Grid.MONTH]} units)"
    if not told[Grid.WEEK]:
        return "nobody reports it"
    return f"only {units} units with {FEWEST_WEEKS} weeks of it, {FEWEST_UNITS} are needed"
