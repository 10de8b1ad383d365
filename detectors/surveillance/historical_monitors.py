"""RKI, Bayes and the CDC's historical limits, one period at a time (``historical``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_inside, check_kind
from detectors.surveillance.historical import (
    SYSTEMS,
    WEEKS_OF_A_MONTH,
    HistoricalBounds,
    PastWindows,
    bayes,
    cdc,
    month_offsets,
    rki,
)
from detectors.surveillance.reference_periods import WEEKLY
from detectors.surveillance.series import observation_of


class _Past:
    """The counts that the bound of the latest period needs, and that bound."""

    def _keep(self, longest: int) -> None:
        self._longest = longest
        self._history: list[float] = []
        self.bound = float("nan")

    def _add(self, observation: float) -> None:
        self._history.append(observation_of(observation))
        del self._history[: -self._longest]

    def _signal(self, found: HistoricalBounds) -> int:
        self.bound = float(found.bound[0])
        return int(found.alarm[0])


class RkiMonitor(_Past):
    """RKI over one series.

    Args:
        windows: Reference periods; more give a steadier bound, fewer follow a level sooner.
        frequency: Periods in a year.

    Example:
        >>> monitor = RkiMonitor(SYSTEMS[1])
        >>> [monitor.update(y) for y in [1, 0, 2, 1, 1, 0, 8]]
        [0, 0, 0, 0, 0, 0, 1]

    Reference: Höhle 2007, see ``historical``.
    """

    def __init__(self, windows: PastWindows = SYSTEMS[3], *, frequency: int = WEEKLY) -> None:
        check_kind("windows", windows, PastWindows)
        self._keep(int(windows.offsets(frequency).max()) + 1)
        self.windows = windows
        self.frequency = frequency

    def update(self, observation: float) -> int:
        """Take the count of the next period (NaN if missing); 1 when it exceeds its bound."""
        self._add(observation)
        last = [len(self._history) - 1]
        return self._signal(rki(self._history, self.windows, frequency=self.frequency, at=last))


class BayesMonitor(_Past):
    """Bayes over one series.

    Args:
        windows: Reference periods; more give a steadier bound, fewer follow a level sooner.
        alpha: Chance of a signal were all counts Poisson of one mean.
        frequency: Periods in a year.

    Example:
        >>> monitor = BayesMonitor()
        >>> [monitor.update(y) for y in [1, 0, 2, 1, 1, 0, 4]]
        [0, 0, 0, 0, 0, 0, 1]

    Reference: Höhle 2007, see ``historical``.
    """

    def __init__(
        self,
        windows: PastWindows = SYSTEMS[1],
        *,
        alpha: float = 0.05,
        frequency: int = WEEKLY,
    ) -> None:
        check_kind("windows", windows, PastWindows)
        check_inside("alpha", alpha)
        self._keep(int(windows.offsets(frequency).max()) + 1)
        self.windows = windows
        self.alpha = alpha
        self.frequency = frequency

    def update(self, observation: float) -> int:
        """Take the count of the next period (NaN if missing); 1 when it exceeds its bound."""
        self._add(observation)
        found = bayes(
            self._history,
            self.windows,
            alpha=self.alpha,
            frequency=self.frequency,
            at=[len(self._history) - 1],
        )
        return self._signal(found)


class CdcMonitor(_Past):
    """The CDC's historical limits over one weekly series.

    Args:
        b: Years back.
        m: Months of 4 weeks on both sides of the same one.
        alpha: Two-sided chance of a value beyond the limits. Smaller is rarer.

    Example:
        >>> monitor = CdcMonitor(b=1)
        >>> signals = [monitor.update(y) for y in [1, 2, 0, 1, 3] * 12 + [20]]
        >>> signals[-1], round(monitor.bound, 1)
        (1, 8.3)

    Reference: Stroup et al. 1989, see ``historical``.
    """

    def __init__(self, *, b: int = 5, m: int = 1, alpha: float = 0.025) -> None:
        check_inside("alpha", alpha)
        self._keep(int(month_offsets(b, m).max()) + WEEKS_OF_A_MONTH)
        self.b = b
        self.m = m
        self.alpha = alpha

    def update(self, observation: float) -> int:
        """Take the count of the next week (NaN if missing); 1 when its 4 weeks exceed theirs."""
        self._add(observation)
        last = [len(self._history) - 1]
        return self._signal(cdc(self._history, b=self.b, m=self.m, alpha=self.alpha, at=last))


def _sample(rng: np.random.Generator) -> Floats:
    counts = rng.poisson(3.0, 90).astype(np.float64)
    counts[70:74] += 15.0
    return counts


def _latest(batch: Callable[..., HistoricalBounds], **settings: Any) -> Callable[[Floats], int]:  # noqa: ANN401 - of any of them
    def latest(history: Floats) -> int:
        return int(batch(history, **settings, at=[len(history) - 1]).alarm[0])

    return latest


_SHORT = PastWindows(2, 2, current_year=True)

CONFORMANCE = (
    Subject(
        name="rki",
        make=lambda: RkiMonitor(_SHORT, frequency=12),
        sample=_sample,
        latest=_latest(rki, windows=_SHORT, frequency=12),
    ),
    Subject(
        name="bayes_surveillance",
        make=lambda: BayesMonitor(_SHORT, frequency=12),
        sample=_sample,
        latest=_latest(bayes, windows=_SHORT, frequency=12),
    ),
    Subject(
        name="cdc_historical_limits",
        make=lambda: CdcMonitor(b=1),
        sample=_sample,
        latest=_latest(cdc, b=1),
    ),
)
