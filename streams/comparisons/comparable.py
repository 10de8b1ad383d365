"""What can be compared between units, by which model, and in words why not.

A comparison judges how far a unit lies from its peers against what chance gives a unit of
its size. So it needs a count and what the count is out of:

* **proportion**: so many of so many (shares and proportions);
* **ratio**: events against those expected at the peers' rate (rates, and counts whose
  catalogue entry names the exposure they are set against).

A measurement has no such size, and a bare count says more of how large a ward is than of
its care.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streams.alerts.disclosure import is_protected
from streams.catalogue.indicators import Catalogue, Indicator

Model = Literal["proportion", "ratio"]
Reason = Literal[
    "measurement",
    "time_between_events",
    "no_denominator",
    "level",
    "window",
    "scope",
    "too_few_units",
    "too_small",
]
LEVELS = ("ward", "site", "provider")
"""From the smallest on."""

EXPOSURE = 1000.0
"""A count with an exposure is shown for so many of it, as the rates of the catalogue are."""


class NotComparableError(Exception):
    """These cannot be compared; the message says why and what can be.

    Args:
        reason: which of the reasons it is.
        sentence: for people.
        instead: keys of indicators that can be compared.
        levels: levels at which this indicator can be.
    """

    def __init__(
        self,
        reason: Reason,
        sentence: str,
        *,
        instead: tuple[str, ...] = (),
        levels: tuple[str, ...] = (),
    ) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.instead = instead
        self.levels = levels


@dataclass(frozen=True, slots=True)
class Measure:
    """How an indicator is compared: its model, and how its values are written.

    ``per`` multiplies numerator over denominator; ``unit`` names the result,
    ``volume`` the denominator.
    """

    indicator: Indicator
    model: Model
    per: float
    unit: str
    volume: str


def measure(catalogue: Catalogue, indicator: Indicator) -> Measure:
    """How an indicator is compared.

    Raises:
        NotComparableError: it cannot be.
    """
    kind = indicator.kind
    joined = None if indicator.denominator is None else catalogue[indicator.denominator]
    if kind in {"share", "proportion"}:
        volume = "cases" if joined is None else joined.unit
        return Measure(indicator, "proportion", indicator.per, indicator.unit, volume)
    if kind == "rate":
        volume = _exposure(indicator) if joined is None else joined.unit
        return Measure(indicator, "ratio", indicator.per, indicator.unit, volume)
    if kind == "count" and joined is not None:
        unit = f"{indicator.unit} per {EXPOSURE:,.0f} {joined.unit}"
        return Measure(indicator, "ratio", EXPOSURE, unit, joined.unit)
    rates = tuple(one.key for one in catalogue.indicators if one.numerator == indicator.key)
    if kind == "measurement":
        raise NotComparableError(
            "measurement",
            "This is a measurement. It has no numerator and denominator that say how much of it "
            "chance explains, so that its units cannot be compared; each is watched against its "
            "own past.",
        )
    if kind == "gap":
        raise NotComparableError(
            "time_between_events",
            "The time between rare events is read against a unit's own past. Rates and shares "
            "can be compared.",
        )
    raise NotComparableError(
        "no_denominator",
        "This is a count without a denominator: a large unit has more of everything. "
        + (
            f"Compare {_named(catalogue, rates)} instead."
            if rates
            else "Rates and shares can be compared."
        ),
        instead=rates,
    )


def _exposure(indicator: Indicator) -> str:
    """``per 10,000 risk days`` counts risk days."""
    _, _, words = indicator.unit.partition("per ")
    number, _, rest = words.partition(" ")
    return rest if number.replace(",", "").isdigit() and rest else "denominator"


def _named(catalogue: Catalogue, keys: tuple[str, ...]) -> str:
    return ", ".join(f"{catalogue[key].name} ({key})" for key in keys)


def levels_of(indicator: Indicator) -> tuple[str, ...]:
    """The levels at which an indicator can be compared, the smallest first.

    Speaking up is never shown below site, whatever a catalogue says.
    """
    protected = is_protected(indicator.feed)
    return tuple(
        level
        for level in LEVELS
        if level in indicator.levels and not (protected and level == "ward")
    )


def check_level(indicator: Indicator, level: str) -> None:
    """See that an indicator can be compared at a level.

    Raises:
        NotComparableError: it cannot.
    """
    levels = levels_of(indicator)
    if level not in levels:
        why = (
            "Speaking up is never shown below site"
            if is_protected(indicator.feed)
            else f"There are no numbers by {level} of this indicator"
        )
        raise NotComparableError(
            "level", f"{why}. It can be compared by {' or '.join(levels)}.", levels=levels
        )


def comparable(catalogue: Catalogue) -> list[Measure]:
    """Everything of a catalogue that can be compared, in its order."""
    found = []
    for indicator in catalogue.indicators:
        try:
            found.append(measure(catalogue, indicator))
        except NotComparableError:
            continue
    return found


def stand_in(catalogue: Catalogue, key: str) -> str | None:
    """The indicator by which one is compared with peers: itself, a rate of it, or None."""
    try:
        measure(catalogue, catalogue[key])
    except NotComparableError as error:
        return error.instead[0] if error.instead else None
    return key
