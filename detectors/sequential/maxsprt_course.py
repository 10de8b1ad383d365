"""The course of a maximised sequential test: sums, statistic and decision.

Shared by the Poisson and the binomial test of ``maxsprt``, where the method is described.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.demands import check_positive
from detectors.sequential.maxsprt_levels import binomial_llr, poisson_llr
from detectors.sequential.sprt_models import rows_of

SLACK = 1e-9  # relative rounding error allowed to a sum of expected counts at the end


@dataclass(frozen=True, slots=True)
class MaxSprtPath:
    """What a test says at each observation; arrays of shape (points,).

    ``statistic`` is the LLR, NaN where the observation is missing or the test is over; ``signals``
    is 1 at the observation that ends the test with a signal, else 0.
    """

    statistic: Floats
    signals: NDArray[np.int64]


@dataclass(slots=True)
class Course:
    """A test under way.

    ``end`` is the size (expected count or trials) at which it stops, ``chance`` the chance of an
    event in a trial, or None for Poisson counts. ``events`` and ``size`` are sums so far;
    ``decision`` is 1 after a signal, -1 at the end without one, 0 before.
    """

    end: float
    chance: float | None
    minimum: int
    critical: float
    events: float = 0.0
    size: float = 0.0
    statistic: float = 0.0
    decision: int = 0

    def add(self, events: float, size: float) -> int:
        """Add one period and give 1 when it brings the signal, else 0."""
        if self.decision:
            return 0
        if self.size + size > self.end * (1.0 + SLACK):
            self.decision = -1
            return 0
        self.events += events
        self.size += size
        self.statistic = self._judge(self.events, self.size)
        if self._beyond(self.events, self.size, self.statistic):
            self.decision = 1
            return 1
        if self.size >= self.end * (1.0 - SLACK):
            self.decision = -1
        return 0

    def follow(self, rows: Floats) -> MaxSprtPath:
        """The whole course of the same test over rows (events, size), from the start."""
        path = MaxSprtPath(np.full(len(rows), np.nan), np.zeros(len(rows), np.int64))
        known = np.flatnonzero(~np.isnan(rows).any(axis=1))
        sums = np.cumsum(rows[known], axis=0)
        # The first sum that reaches the end is still judged, sums beyond it are not.
        before = np.concatenate([[0.0], sums[:, 1]])[:-1]
        judged = (before < self.end * (1.0 - SLACK)) & (sums[:, 1] <= self.end * (1.0 + SLACK))
        for i, (events, size) in zip(known[judged].tolist(), sums[judged].tolist(), strict=True):
            path.statistic[i] = self._judge(events, size)
            if self._beyond(events, size, path.statistic[i]):
                path.signals[i] = 1
                break
        return path

    def _judge(self, events: float, size: float) -> float:
        if self.chance is None:
            return poisson_llr(events, size)
        return binomial_llr(events, size, self.chance)

    def _beyond(self, events: float, size: float, statistic: float) -> bool:
        mean = size if self.chance is None else size * self.chance
        return events >= self.minimum and events > mean and statistic >= self.critical


def critical_or(critical: float | None, compute: Callable[[], float]) -> float:
    """A critical value given beforehand, or else the computed one.

    Raises ``ValueError`` unless it is positive and finite.
    """
    if critical is None:
        return compute()
    check_positive("critical", critical)
    return critical


def periods(observations: ArrayLike) -> Floats:
    """Rows (events, expected events), shape (points, 2).

    Raises ``ValueError`` for events that are not whole or negative and negative expected ones.
    """
    rows = rows_of(observations, 2)
    _whole(rows[:, 0], "events")
    if (rows[:, 1] < 0).any():
        raise ValueError(f"an expected count must not be negative, not {np.nanmin(rows[:, 1])}")
    return rows


def draws(observations: ArrayLike) -> Floats:
    """Rows (events, trials), shape (points, 2).

    Raises ``ValueError`` for numbers not whole or negative, and more events than trials.
    """
    rows = rows_of(observations, 2)
    _whole(rows[:, 0], "events")
    _whole(rows[:, 1], "trials")
    over = rows[:, 0] > rows[:, 1]
    if over.any():
        raise ValueError(f"events must not exceed trials: {rows[over][0]}")
    return rows


def one_row(rows: Floats) -> tuple[float, float]:
    """The two numbers of a single observation; ``ValueError`` for none or several."""
    if len(rows) != 1:
        raise ValueError(f"an observation is one pair of numbers, not {len(rows)}")
    return float(rows[0, 0]), float(rows[0, 1])


def _whole(values: Floats, name: str) -> None:
    wrong = (values < 0) | (np.floor(values) < values)
    if wrong.any():
        raise ValueError(f"{name} must be whole numbers of zero or more, not {values[wrong][0]}")
