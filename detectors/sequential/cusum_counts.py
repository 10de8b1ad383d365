"""Lucas's CUSUM of counts, in counts: x - k added up, for rises and falls.

    S+ = max(0, S+ + x - k),      S- = max(0, S- + k_low - x),      alarm when S >= h

With k = (mu1 - mu0) / (log mu1 - log mu0) it is the likelihood chart of a rise of the mean
from mu0 to mu1 divided by log(mu1 / mu0) (``likelihood_ratios.poisson_reference_value``), kept
in a unit that people can add up by hand. Its tables are for S >= h; other programs take
S > h, which for whole counts is a different chart (``alarm``).

Source: J. M. Lucas, "Counted data CUSUM's", Technometrics 27 (1985).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_positive
from detectors.sequential.cusum_recursion import (
    CusumPath,
    Side,
    SidesState,
    TwoSidedCusum,
    follow_sides,
    pair,
)
from detectors.sequential.likelihood_ratios import check_counts


class CountCusumChart(TwoSidedCusum):
    """CUSUM of counts about reference values; missing counts are passed over.

    Args:
        k: Reference value for rises, between the mean in control and the one to find; or
            ``None`` not to look for rises.
        h: Decision interval for rises, in counts.
        k_low: Reference value for falls, below the mean in control; or ``None``.
        h_low: Decision interval for falls, ``h`` unless given.
        head_start: Start of the upper side, from 0 to below ``h``; h / 2 is usual.
        head_start_low: Start of the lower side, from 0 to below ``h_low``.
        reset: Start afresh after an alarm.
        alarm: ``"reached"`` for S >= h, as Lucas has it, or ``"exceeded"`` for S > h.

    Example:
        >>> chart = CountCusumChart(k=2.0, h=5.0)
        >>> [chart.update(x) for x in [1, 2, 4, 5, 0, 3]]
        [0, 0, 0, 1, 0, 0]

    Reference: Lucas 1985, see the module.
    """

    def __init__(
        self,
        *,
        k: float | None = 1.5,
        h: float = 5.0,
        k_low: float | None = None,
        h_low: float | None = None,
        head_start: float = 0.0,
        head_start_low: float = 0.0,
        reset: bool = True,
        alarm: str = "reached",
    ) -> None:
        self.k = k
        self.h = h
        self.k_low = k_low
        self.h_low = h_low
        self.head_start = head_start
        self.head_start_low = head_start_low
        self.reset = reset
        self.alarm = alarm
        for name, value in (("k", k), ("k_low", k_low)):
            if value is not None:
                check_positive(name, value)
        low = Side(h if h_low is None else h_low, head_start_low, reset, alarm)
        self._rise = None if k is None else Side(h, head_start, reset, alarm)
        self._fall = None if k_low is None else low
        self._state = SidesState(self._rise, self._fall)

    def update(self, count: float) -> int:
        """Take a count (NaN if missing) and give the bits of the sides that alarm.

        Raises ``ValueError`` for a negative or infinite count.
        """
        x, _ = pair(count)
        if x < 0.0:
            raise ValueError(f"count must not be negative, not {x}")
        up = math.nan if self.k is None else x - self.k
        down = math.nan if self.k_low is None else self.k_low - x
        return self._state.advance(up, down)

    def follow(self, counts: ArrayLike) -> CusumPath:
        """The chart of whole series, shape (points,) or (points, series), from its start.

        Raises ``ValueError`` as ``update`` does.
        """
        x = check_counts("counts", counts)
        return follow_sides(
            None if self._rise is None or self.k is None else (self._rise, x - self.k),
            None if self._fall is None or self.k_low is None else (self._fall, self.k_low - x),
        )


def count_cusum(counts: ArrayLike, **settings: object) -> CusumPath:
    """Lucas's CUSUM of whole series, shape (points,) or (points, series).

    ``settings`` are those of ``CountCusumChart``.
    """
    return CountCusumChart(**settings).follow(counts)  # type: ignore[arg-type] # checked there


def _make() -> CountCusumChart:
    return CountCusumChart(k=2.6, h=5.0, k_low=1.2, h_low=4.0, head_start=2.5)


def _sample(rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.poisson(np.repeat([2.0, 0.5, 4.0], 30)).astype(np.float64)
    return drawn


CONFORMANCE = (
    Subject(
        name="count_cusum",
        make=_make,
        sample=_sample,
        latest=lambda history: int(_make().follow(history).signals[-1]),
        missing="ignored",
    ),
)
