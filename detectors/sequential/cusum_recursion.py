"""The one recursion of every CUSUM, over one series or many, and what it leaves behind.

    S_t = max(0, S_{t-1} + y_t),     alarm when S_t > h (or S_t >= h)

The families differ in the increment y only: a Gaussian point less its reference value, a log
likelihood ratio of counts, of outcomes given patients' risks, or of categories. A chart for
falls is the same recursion on mirrored increments, and its statistic is positive too.

Equality of a statistic with its limit is judged within ``TIE``: for counts both often lie on
the same lattice, where 0.1 added ten times should be 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Bits, Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, check_positive, numbers

TIE = 1e-9
RISE, FALL = 1, 2
"""Bits of a signal: the upper side alarmed, the lower side alarmed."""

ALARMS = ("exceeded", "reached")
DIRECTIONS = {"both": 0, "rise": 1, "fall": -1}
"""Which changes a chart looks for, and the sign of each."""


@compiled
def beyond(statistic: float, h: float, reached: int) -> bool:
    """Whether a statistic alarms: above ``h``, or at it when reaching is enough."""
    return statistic >= h - TIE if reached else statistic > h + TIE


@compiled
def _follow(
    increments: Floats,
    statistic: Floats,
    h: float,
    restart: float,
    reached: int,
    reset: int,
    path: Floats,
    alarms: NDArray[np.bool_],
) -> None:
    """Advance ``statistic`` (series,) over ``increments`` (points, series), NaN being no point."""
    points, series = increments.shape
    for t in range(points):
        for s in range(series):
            y = increments[t, s]
            alarm = False
            value = statistic[s]
            if not np.isnan(y):
                value = max(0.0, value + y)
                alarm = beyond(value, h, reached)
            path[t, s] = value
            alarms[t, s] = alarm
            statistic[s] = restart if alarm and reset else value


def check_interval(h: float, head_start: float) -> None:
    """Raise ``ValueError`` unless ``h`` is positive and the head start from 0 to below it."""
    check_positive("h", h)
    if not 0.0 <= head_start < h:
        raise ValueError(f"head_start must be at least 0 and below h {h}, not {head_start}")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a chart: where it alarms and what happens then.

    Args:
        h: Decision interval, positive.
        head_start: Value before the first point and, with ``reset``, after an alarm; from 0
            to below ``h`` (fast initial response).
        reset: Start afresh after an alarm; otherwise the chart goes on from where it is.
        alarm: ``"exceeded"`` when S > h alarms, ``"reached"`` when S >= h does.

    Raises ``ValueError`` for values out of range.
    """

    h: float
    head_start: float = 0.0
    reset: bool = True
    alarm: str = "exceeded"

    def __post_init__(self) -> None:
        check_interval(self.h, self.head_start)
        check_choice("alarm", self.alarm, ALARMS)

    def step(self, statistic: float, increment: float) -> tuple[float, bool]:
        """The statistic at the next point, as it stood when judged, and whether it alarms."""
        # ``beyond`` without the call of a kernel, which takes longer than all else here.
        value = max(0.0, statistic + increment)
        limit = self.h - TIE if self.alarm == "reached" else self.h + TIE
        return value, value >= limit if self.alarm == "reached" else value > limit

    def after(self, statistic: float, *, alarm: bool) -> float:
        """The statistic that the next point meets."""
        return self.head_start if alarm and self.reset else statistic

    def follow(self, increments: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Statistics and alarms of increments of shape (points,) or (points, series).

        The statistic at an alarm is the one before the reset; at a missing increment (NaN)
        it is the one carried over, and there is no alarm.
        """
        block = np.ascontiguousarray(increments, np.float64)
        columns = block if block.ndim == 2 else block.reshape(block.size, 1)
        path = np.empty_like(columns)
        alarms = np.empty(columns.shape, np.bool_)
        state = np.full(columns.shape[1], float(self.head_start))
        _follow(
            columns,
            state,
            float(self.h),
            float(self.head_start),
            int(self.alarm == "reached"),
            int(self.reset),
            path,
            alarms,
        )
        return path.reshape(block.shape), alarms.reshape(block.shape)


@dataclass(frozen=True, slots=True)
class CusumPath:
    """What a chart said, point by point; arrays of the observations' shape.

    ``upper`` and ``lower`` are the statistics as judged, before any reset (``lower`` is
    positive, unless a compatible mode says otherwise); a side that is not watched is NaN.
    ``signals`` holds the bits ``RISE`` and ``FALL``.
    """

    upper: Floats
    lower: Floats
    signals: Bits

    @property
    def alarms(self) -> NDArray[np.intp]:
        """Positions (from 0) of the points with a signal, for a single series."""
        return np.flatnonzero(self.signals)


def follow_sides(rise: tuple[Side, Floats] | None, fall: tuple[Side, Floats] | None) -> CusumPath:
    """The path of a chart of one or two sides, each with its increments.

    Raises ``ValueError`` when neither side is given.
    """
    if rise is None and fall is None:
        raise ValueError("at least one of the sides must be watched")
    shape = (rise or fall)[1].shape  # type: ignore[index] # one of them is not None
    nothing = np.full(shape, np.nan)
    upper, up = rise[0].follow(rise[1]) if rise else (nothing, np.zeros(shape, np.bool_))
    lower, down = fall[0].follow(fall[1]) if fall else (nothing, np.zeros(shape, np.bool_))
    signals = (RISE * up + FALL * down).astype(np.uint8)
    return CusumPath(upper, lower, signals)


class SidesState:
    """The two statistics of a streaming chart.

    Args:
        rise: The upper side, if watched.
        fall: The lower side, if watched.
    """

    __slots__ = ("_next_fall", "_next_rise", "fall", "lower", "rise", "upper")

    def __init__(self, rise: Side | None, fall: Side | None) -> None:
        if rise is None and fall is None:
            raise ValueError("at least one of the sides must be watched")
        self.rise = rise
        self.fall = fall
        self.upper = self._next_rise = rise.head_start if rise else math.nan
        self.lower = self._next_fall = fall.head_start if fall else math.nan

    def advance(self, up: float, down: float) -> int:
        """Take the increments of both sides (NaN: no observation) and give the signal bits.

        ``upper`` and ``lower`` then hold the statistics as judged, before any reset.
        """
        signal = 0
        if self.rise is not None:
            self.upper, self._next_rise, alarm = _next(self.rise, self._next_rise, up)
            signal |= RISE * alarm
        if self.fall is not None:
            self.lower, self._next_fall, alarm = _next(self.fall, self._next_fall, down)
            signal |= FALL * alarm
        return signal


class TwoSidedCusum:
    """What every streaming chart with a side for rises and one for falls shows of itself.

    Missing observations are passed over by all of them.
    """

    _state: SidesState

    @property
    def upper(self) -> float:
        """Statistic for rises at the last point, before any reset; NaN if not watched."""
        return self._state.upper

    @property
    def lower(self) -> float:
        """Statistic for falls at the last point, before any reset; NaN if not watched."""
        return self._state.lower


def _next(side: Side, statistic: float, increment: float) -> tuple[float, float, bool]:
    if math.isnan(increment):
        return statistic, statistic, False
    value, alarm = side.step(statistic, increment)
    return value, side.after(value, alarm=alarm), alarm


def pair(observation: ArrayLike | float, second: float = 1.0) -> tuple[float, float]:
    """An observation given as one number, or with a second one (a size, exposure or risk).

    Raises ``ValueError`` for more than two numbers and for infinite ones.
    """
    if isinstance(observation, int | float):
        first = float(observation)
    else:
        given = numbers("an observation", observation).ravel().tolist()
        if len(given) not in {1, 2}:
            raise ValueError(f"an observation has one or two numbers, not {len(given)}")
        first = given[0]
        second = given[1] if len(given) == 2 else second
    if math.isinf(first) or math.isinf(second):
        raise ValueError(f"an observation must be finite or NaN (missing), not {observation!r}")
    return first, second


def check_scale(mean: ArrayLike, sigma: ArrayLike) -> None:
    """Raise ``ValueError`` unless every mean is finite and every sigma positive and finite."""
    if not np.isfinite(np.asarray(mean, np.float64)).all():
        raise ValueError(f"mean must be finite, not {mean!r}")
    spread = np.asarray(sigma, np.float64)
    if not ((spread > 0.0) & np.isfinite(spread)).all():
        raise ValueError(f"sigma must be positive and finite, not {sigma!r}")


def finite_or_missing(name: str, values: ArrayLike) -> Floats:
    """The values as floats. Raises ``ValueError`` naming the parameter for an infinite one."""
    array = numbers(name, values)
    if np.isinf(array).any():
        raise ValueError(f"{name} must be finite or NaN (missing)")
    return array
