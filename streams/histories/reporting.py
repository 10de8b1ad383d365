"""How much of the newest periods has been reported so far, and what they may come to.

The law of delays is one for a provider's whole feed: what is learnt from thousands of
reports is applied to the few of a ward. Periods are then as complete as the mean share of
their days. This is a view for readers; limits, rules, evidence and alerts do not use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from detectors.evidence.reporting_delay import FEWEST, LONGEST, ReportingDelay, nowcast
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.periods import first_day
from streams.histories.points import Expected

if TYPE_CHECKING:
    from streams.histories.views import SeriesView

COMPLETE: Final = 0.95
"""The share from which on a period is taken as reported."""
COVERAGE: Final = 0.8
"""Of the interval around what a period may come to."""
UNTOLD: Final = "its reports do not say when they were recorded"
TOO_FEW: Final = "too few of its reports of the last year say when they were recorded"

_LEVEL_PERIODS = 26  # complete periods that the level of a series is taken from
_FEWEST_PERIODS = 4
_I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FeedDelay:
    """What a feed's reports say about their own delay.

    Args:
        law: share recorded by the days since an event.
        as_of: up to when the feed is known, in milliseconds since 1970 UTC.
        facts: how many facts the law rests on.

    """

    law: ReportingDelay
    as_of: int
    facts: int

    @classmethod
    def learn(cls, days: _I64, delays: _I64, counts: _I64, as_of: int) -> FeedDelay:
        """Learn from facts that were recorded up to ``as_of``.

        Args:
            days: the UTC day of the facts' own time, in groups.
            delays: whole UTC days from there to their record; those below 0 or beyond the
                longest delay allowed are left out.
            counts: how many facts each group has.
            as_of: milliseconds since 1970 UTC, none of the records is later.

        """
        keep = (delays >= 0) & (delays <= LONGEST)
        days, delays, counts = days[keep], delays[keep], counts[keep]
        ages = as_of // MS_PER_DAY - days
        law = ReportingDelay.fit(np.repeat(delays, counts), np.repeat(ages, counts))
        return cls(law, as_of, int(counts.sum()))

    @property
    def reason(self) -> str | None:
        """Why the law is not to be shown or used, in words, or None."""
        if self.facts >= FEWEST:
            return None
        return TOO_FEW if self.facts else UNTOLD

    @property
    def median(self) -> int:
        """Days within which half of all reports are recorded."""
        return int(np.searchsorted(self.law.recorded, 0.5))

    def within(self, days: int) -> float:
        """Share of all reports that are recorded within so many days."""
        return float(self.law.share(days))

    def shares(self, view: SeriesView) -> list[float | None]:
        """The reported share of each period that is likely incomplete, None for the others.

        What is left are the newest periods, without a gap. Of a metric that one unit
        states by itself nothing is incomplete: it is there or missing.
        """
        found: list[float | None] = [None] * len(view.periods)
        if self.reason is not None or not _in_parts(view):
            return found
        for at in range(len(found) - 1, -1, -1):
            share = round(self._share(view, at), 2)
            if share >= COMPLETE:
                break
            found[at] = share
        return found

    def _share(self, view: SeriesView, at: int) -> float:
        start, end = (first_day(view.grid, int(view.periods[at]) + step) for step in (0, 1))
        today = self.as_of // MS_PER_DAY
        if view.indicator.feed is Feed.WARDMETRICS:
            # Statements are dated by the end of the period they speak for.
            return float(self.law.share(today - end))
        return self.law.completeness(today - np.arange(start, end))

    def expected(
        self, view: SeriesView, shares: list[float | None], *, begins: int = 0
    ) -> list[Expected | None]:
        """What each incomplete period may come to: an 80 % interval, or None where it is not said.

        It is said of counts of events, and of their rates where the exposure is known, once
        the period is over. A share or a measurement is as high or low before all is reported
        as afterwards, as far as the delay does not depend on it. What a period that is not
        over may come to would be a forecast.

        Args:
            view: the series.
            shares: as ``shares`` gives them.
            begins: position of the first period of its present level.

        """
        found: list[Expected | None] = [None] * len(shares)
        kind = view.indicator.kind
        if kind not in {"count", "rate"} or view.indicator.feed is Feed.WARDMETRICS:
            return found
        exposures = view.denominators if kind == "rate" else np.ones(len(shares))
        complete = next((at for at, share in enumerate(shares) if share is not None), len(shares))
        first = max(begins, complete - _LEVEL_PERIODS)
        level = _level(view.numerators[first:complete], exposures[first:complete])
        if level is None:
            return found
        for at in range(complete, len(shares)):
            over = first_day(view.grid, int(view.periods[at]) + 1) <= self.as_of // MS_PER_DAY
            number, exposure = float(view.numerators[at]), float(exposures[at])
            if not over or not exposure > 0 or not number >= 0:
                continue
            told = nowcast(
                round(number), self._share(view, at), exposure, *level, coverage=COVERAGE
            )
            scale = view.indicator.per / exposure
            found[at] = Expected(told.mean * scale, told.lower * scale, told.upper * scale)
        return found


def _in_parts(view: SeriesView) -> bool:
    """Whether the periods of a series are reported bit by bit."""
    if view.indicator.feed is not Feed.WARDMETRICS:
        return True
    stated = view.facts[view.facts > 0]
    return bool(stated.size) and float(np.median(stated)) > 1


def _level(
    numbers: npt.NDArray[np.float64], exposures: npt.NDArray[np.float64]
) -> tuple[float, float] | None:
    """Shape and rate of the Gamma law of a period's rate, or None with too short a history.

    By moments (D. Clayton and J. Kaldor, Biometrics 43 (1987) 671): the mean rate with half an
    event added, the variance between periods beyond Poisson's, and that of the mean itself.
    """
    use = np.isfinite(numbers) & (exposures > 0)
    numbers, exposures = numbers[use], exposures[use]
    if numbers.size < _FEWEST_PERIODS:
        return None
    total = float(numbers.sum()) + 0.5
    mean = total / float(exposures.sum())
    expected = mean * exposures
    beyond = float(((numbers - expected) ** 2 - expected).sum() / (expected**2).sum())
    shape = 1.0 / (max(0.0, beyond) + 1.0 / total)
    return shape, shape / mean
