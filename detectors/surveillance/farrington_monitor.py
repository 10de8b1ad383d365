"""Farrington's method, one period at a time (``farrington``)."""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_kind
from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_bounds import FarringtonBounds
from detectors.surveillance.farrington_options import FLEXIBLE, FarringtonOptions
from detectors.surveillance.reference_periods import MONTHLY, WEEKLY
from detectors.surveillance.series import observation_of

LONGEST_YEAR = {MONTHLY: 12, WEEKLY: 53, 365: 366}
"""Periods by which the same day a year earlier can lie back, by frequency, with dates."""


class FarringtonMonitor:
    """Farrington's method over one series; keeps the years that the baseline needs.

    Until the history is long enough there is no bound and no signal. ``latest`` holds the
    bounds of the last period, with everything that ``farrington`` tells of it.

    Args:
        options: Settings of the method (``FarringtonOptions``).
        frequency: Periods in a year; 12, 52 or 365 with ``start``.
        start: First day of the first period, ISO. Years are then those of the calendar, and
            every period must be given, as NaN where it was not observed. None counts years
            in periods.

    Raises:
        ValueError: When the settings do not fit the frequency, or an observation is negative
            or infinite.

    Example:
        >>> monitor = FarringtonMonitor(FarringtonOptions(b=3, w=1), frequency=12)
        >>> signals = [monitor.update(y) for y in [5, 7, 6, 4] * 10 + [19]]
        >>> signals[-1], round(float(monitor.latest.bound), 1)
        (1, 9.8)

    Reference: see ``farrington``.
    """

    def __init__(
        self,
        options: FarringtonOptions = FLEXIBLE,
        *,
        frequency: int = WEEKLY,
        start: str | None = None,
    ) -> None:
        check_kind("options", options, FarringtonOptions)
        options.check_frequency(frequency)
        if start is not None and frequency not in LONGEST_YEAR:
            raise ValueError(f"frequency must be 12, 52 or 365 with a start, not {frequency}")
        self.options = options
        self.frequency = frequency
        self.start = start
        self.latest: FarringtonBounds | None = None
        year = frequency if start is None else LONGEST_YEAR[frequency]
        back = max(options.b * year + options.w, options.past_weeks)
        self._longest = max(back + 1, options.limit54[1])
        self._history: list[float] = []
        self._dropped = 0

    def update(self, observation: float) -> int:
        """Take the count of the next period (NaN if missing); 1 when it exceeds its bound."""
        self._history.append(observation_of(observation))
        if len(self._history) > self._longest:
            del self._history[0]
            self._dropped += 1
        last = len(self._history) - 1
        self.latest = farrington(
            self._history,
            self.options,
            frequency=self.frequency,
            dates=dates_from(self.start, self.frequency, self._dropped, last + 1),
            at=[last],
        )
        self.latest = self.latest.of_one_period()
        return int(self.latest.alarm)


def dates_from(start: str | None, frequency: int, skipped: int, periods: int) -> np.ndarray | None:
    """First days of ``periods`` periods that begin ``skipped`` periods after ``start``.

    Months begin on the day of the month of ``start``.
    """
    if start is None:
        return None
    day = np.datetime64(start, "D")
    steps = np.arange(skipped, skipped + periods)
    if frequency == MONTHLY:
        month = day.astype("datetime64[M]")
        return np.asarray((month + steps).astype("datetime64[D]") + (day - month))
    return np.asarray(day + steps * (7 if frequency == WEEKLY else 1))


_CHECKED = FarringtonOptions(b=3, w=1)


def _sample(rng: np.random.Generator) -> Floats:
    counts = rng.poisson(5.0, 72).astype(np.float64)
    counts[60::4] += 12.0
    return counts


def _latest(history: Floats) -> int:
    dates = dates_from("2015-01-01", MONTHLY, 0, len(history))
    found = farrington(history, _CHECKED, frequency=MONTHLY, dates=dates, at=[len(history) - 1])
    return int(found.alarm[0])


CONFORMANCE = (
    Subject(
        name="farrington",
        make=lambda: FarringtonMonitor(_CHECKED, frequency=MONTHLY, start="2015-01-01"),
        sample=_sample,
        latest=_latest,
        missing="breaks",
    ),
)
