"""Peers side by side: which units a caller may compare, and what is told of them.

A key for some providers sees its own units by name. Those of others take part in the
centre and the limits, and are not shown: a point without a name still says what somebody's
ward is like, and its volume says whose it is. ``docs/decisions/0025-peers-are-limits.md``
has the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from api.auth import Caller
from api.places import Places
from api.problems import Problem
from api.service import Service
from streams.catalogue.indicators import Catalogue, Indicator
from streams.comparisons import sentences
from streams.comparisons.comparable import (
    NotComparableError,
    check_level,
    levels_of,
    measure,
    stand_in,
)
from streams.comparisons.judging import Comparison, Judged, compare
from streams.comparisons.reading import PeerReader
from streams.comparisons.spans import Span
from streams.comparisons.sums import UnitSum
from streams.facts.effects import UnitRecord
from streams.histories.slots import kind_of

FEWEST_OTHERS = 3
"""Other providers that have to take part before their limits are shown to one of them."""

FAR_APART = 10.0
"""From this phi on the differences between units, not chance, make the limits."""

_ORDER = {"much_higher": 0, "much_lower": 0, "higher": 1, "lower": 1, "within": 2}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be compared. None stands for what is usual."""

    indicator: str
    level: str | None = None
    unit: str | None = None
    mark: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A unit beside its peers, with the names that a reader knows it by."""

    judged: Judged
    name: str
    within: str | None
    marked: bool

    @property
    def full_name(self) -> str:
        """Wards of different hospitals share names."""
        return self.name if self.within is None else f"{self.name}, {self.within}"


@dataclass(frozen=True, slots=True)
class Peers:
    """A comparison as one caller may see it.

    ``shown`` are the caller's units, those beyond the limits first. ``providers`` counts
    the providers that take part, shown or not.
    """

    question: Question
    level: str
    span: Span
    comparison: Comparison
    shown: tuple[Named, ...]
    providers: int
    notes: tuple[str, ...]

    @property
    def indicator(self) -> Indicator:
        """What is compared."""
        return self.comparison.measure.indicator

    @property
    def marked(self) -> Named | None:
        """The unit that was asked for by name, where it takes part."""
        return next((one for one in self.shown if one.marked), None)

    @property
    def statement(self) -> str:
        """All of it in a sentence or two, counted over the units shown."""
        judged = [one.judged for one in self.shown if one.judged.state == "judged"]
        beyond = sum(one.beyond for one in judged)
        comparison = self.comparison
        widened = comparison.plot.overdispersed
        template = sentences.OVERVIEW_WIDENED if widened else sentences.OVERVIEW
        small = sum(one.judged.state == "too_small" for one in self.shown)
        are = "is" if small == 1 else "are"
        rest = sentences.SMALL_ONES.format(number=small, are=are) if small else ""
        told = template.format(
            units=f"{len(judged)} {self.level}{'' if len(judged) == 1 else 's'}",
            beyond=f"{beyond} lies" if beyond == 1 else f"{beyond or 'none'} lie",
            share=f"{comparison.beyond_by_nature * len(judged):.1g}",
        )
        return f"{told}{rest}"


def peers_link(catalogue: Catalogue, provider: str, unit: str, indicator: str) -> str | None:
    """Where a unit's page leads to its peers; None for what cannot be compared."""
    key = stand_in(catalogue, indicator)
    level = kind_of(provider, unit)
    if key is None or level not in levels_of(catalogue[key]):
        return None
    return f"/comparisons?{urlencode({'indicator': key, 'level': level, 'mark': unit})}"


class Comparer:
    """Comparisons as one caller sees them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reader = PeerReader(service.store, service.catalogue)

    def peers(self, question: Question, caller: Caller) -> Peers:
        """Units beside their peers.

        Raises:
            Problem: ``not-found`` for an indicator or unit that is not there, or not visible.
            NotComparableError: these cannot be compared.
        """
        catalogue = self._service.catalogue
        if question.indicator not in catalogue:
            raise Problem("not-found", "There is no such indicator in the catalogue.")
        indicator = catalogue[question.indicator]
        how = measure(catalogue, indicator)
        level = question.level or levels_of(indicator)[0]
        check_level(indicator, level)
        places = Places(self._service, caller, self._service.clock().date())
        if question.mark is not None:
            places.unit(question.mark)
        chosen = places.select(question.unit)
        numbers = self._reader.numbers(
            indicator,
            level,
            _pool(places, question.unit, caller),
            timed_by=caller.providers,
            since=question.since,
            until=question.until,
        )
        if numbers is None:
            raise NotComparableError(
                "too_few_units", "No period of this indicator has been closed here yet."
            )
        sums: Sequence[UnitSum] = [
            one for one in numbers.sums if chosen.units is None or one.unit in chosen.units
        ]
        sums, notes = _without_few_others(sums, caller, level)
        comparison = compare(sums, how, level)
        return Peers(
            question=question,
            level=level,
            span=numbers.span,
            comparison=comparison,
            shown=_named(comparison, caller, places, question.mark),
            providers=len({one.provider for one in sums}),
            notes=(*notes, *_notes(comparison, caller)),
        )


def _pool(places: Places, unit: str | None, caller: Caller) -> frozenset[str] | None:
    """The providers that take part; None for all.

    Others' numbers are in the limits of all peers, never in those of a part that the caller
    chooses: the difference of two parts would tell of who is in one of them only.
    """
    if unit is None:
        return None
    pool = places.providers_of(places.unit(unit))
    if caller.providers is not None and not pool <= caller.providers:
        raise NotComparableError(
            "scope",
            "This key does not cover all of that unit. It can compare units within its own "
            "organisations, or, without a unit, with all peers.",
        )
    return pool


def _without_few_others(
    sums: Sequence[UnitSum], caller: Caller, level: str
) -> tuple[Sequence[UnitSum], tuple[str, ...]]:
    """The units that take part: all, or the caller's own where others are too few."""
    own = [one for one in sums if caller.sees(one.provider)]
    if len(own) == len(sums):
        return own, ()
    if not own:
        raise NotComparableError("too_few_units", sentences.NONE_OF_OWN.format(kind=level))
    others = {one.provider for one in sums if not one.held_back} - {one.provider for one in own}
    if len(others) < FEWEST_OTHERS:
        return own, (sentences.OWN_ONLY.format(kind=level, fewest=FEWEST_OTHERS),)
    return sums, ()


def _named(
    comparison: Comparison, caller: Caller, places: Places, mark: str | None
) -> tuple[Named, ...]:
    """The units shown, those beyond the limits first, the farthest before others.

    The others stand by name: among them a rank would be chance.
    """
    units = {unit.code: unit for unit in places.units()}
    found = [
        _with_names(one, units, mark) for one in comparison.units if caller.sees(one.sums.provider)
    ]
    found.sort(key=_place)
    return tuple(found)


def _with_names(one: Judged, units: dict[str, UnitRecord], mark: str | None) -> Named:
    code = one.sums.unit
    unit = units.get(code)
    above = None if unit is None or unit.parent is None else units.get(unit.parent)
    if unit is None or unit.kind == "provider":
        above = None
    name = code if unit is None else unit.name
    return Named(one, name, None if above is None else above.name, code == mark)


def _place(one: Named) -> tuple[int, float, str, str]:
    judged = one.judged
    if judged.position is None or judged.z is None:
        group = 3 if judged.state == "too_small" else 4
        return group, 0.0, one.full_name.casefold(), judged.sums.unit
    group = _ORDER[judged.position]
    distance = -abs(judged.z) if group < 2 else 0.0
    return group, distance, one.full_name.casefold(), judged.sums.unit


def _times(phi: float) -> str:
    return f"{phi:.1f}" if phi < 100 else f"{phi:,.0f}"


def _notes(comparison: Comparison, caller: Caller) -> list[str]:
    """What has to be known to read the figures."""
    level, plot = comparison.level, comparison.plot
    found = [
        sentences.WIDENED.format(kind=level, phi=_times(plot.phi))
        if plot.overdispersed
        else sentences.PLAIN.format(kind=level)
    ]
    if plot.phi >= FAR_APART:
        found.append(sentences.FAR_APART)
    indicator = comparison.measure.indicator
    if indicator.direction == "neutral":
        found.append(sentences.NEUTRAL)
    held = comparison.count("held_back")
    if held:
        found.append(sentences.LEFT_OUT_HELD.format(number=held))
    if not all(caller.sees(one.sums.provider) for one in comparison.units):
        providers = {one.sums.provider for one in comparison.units}
        found.append(
            sentences.HIDDEN.format(
                kind=level, units=len(comparison.units), providers=len(providers)
            )
        )
    found.append(sentences.INFORMS)
    return found
