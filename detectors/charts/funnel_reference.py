"""Reference rates with dates: which rate was in force on a day.

A unit judged against itself only hides a failing that is as old as its record; a national or
peer rate does not. Such rates are revised, so each holds from a date until the next one, and
an evaluation of the past uses the rate that was in force then.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


class NoReferenceRateError(LookupError):
    """No reference rate was in force on the day asked for."""


@dataclass(frozen=True, slots=True)
class ReferenceRates:
    """Rates by the first day on which each is in force, in order of date.

    ``name`` says what is measured and where it comes from; ``until`` is the first day after the
    last rate, or None while it stands. Make one with ``reference_rates``, which checks it.
    """

    name: str
    since: tuple[dt.date, ...]
    rates: tuple[float, ...]
    until: dt.date | None = None

    def in_force(self, day: dt.date) -> float:
        """The rate in force on ``day``; ``NoReferenceRateError`` when there was none."""
        at = bisect_right(self.since, day) - 1
        if at < 0:
            raise NoReferenceRateError(f"{self.name}: no rate before {self.since[0]}, so not {day}")
        if self.until is not None and day >= self.until:
            raise NoReferenceRateError(f"{self.name}: no rate from {self.until} on, so not {day}")
        return self.rates[at]

    def revised(self, since: dt.date, rate: float) -> ReferenceRates:
        """The same rates with another in force from ``since`` on; the old ones keep their days.

        Raises ``ValueError`` when ``since`` is not later than the last revision.
        """
        return reference_rates(
            self.name, [*zip(self.since, self.rates, strict=True), (since, rate)]
        )


def reference_rates(
    name: str, rates: Iterable[tuple[dt.date, float]], *, until: dt.date | None = None
) -> ReferenceRates:
    """Reference rates from (first day, rate), in order of date.

    Raises ``ValueError`` when there is none, when dates do not rise, when a rate is not a
    positive number, or when ``until`` is not after the last date.
    """
    rows = tuple(rates)
    since = tuple(day for day, _ in rows)
    if not rows:
        raise ValueError(f"{name}: rates must hold at least one date and rate")
    if any(later <= earlier for earlier, later in itertools.pairwise(since)):
        raise ValueError(f"{name}: the dates of rates must rise: {[str(day) for day in since]}")
    for day, rate in rows:
        if not math.isfinite(rate) or rate <= 0.0:
            raise ValueError(f"{name}: the rate of {day} must be positive, not {rate}")
    if until is not None and until <= since[-1]:
        raise ValueError(f"{name}: until must be after {since[-1]}, not {until}")
    return ReferenceRates(name, since, tuple(float(rate) for _, rate in rows), until)
