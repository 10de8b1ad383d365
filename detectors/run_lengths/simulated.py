"""Run lengths by simulation, with their standard error, for charts no solver covers.

Many runs go forward side by side; a run that has alarmed leaves, and all runs are followed to
their end, so the mean is unbiased. The standard error is that of a mean of independent run
lengths; to halve it takes four times the runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, check_whole
from detectors.sequential.cusum_recursion import ALARMS, beyond

Increments = Callable[[np.random.Generator, int, int], Floats]
_BLOCK = 128  # points drawn for every run at once


@dataclass(frozen=True, slots=True)
class SimulatedRunLength:
    """Mean run length in points, its standard error, and the number of runs behind it."""

    mean: float
    standard_error: float
    runs: int


@compiled
def _advance(
    increments: Floats, statistic: Floats, h: Floats, reached: int, taken: NDArray[np.int64]
) -> None:
    sides, steps, runs = increments.shape
    for r in range(runs):
        taken[r] = -1
        for t in range(steps):
            alarm = False
            for s in range(sides):
                value = max(0.0, statistic[s, r] + increments[s, t, r])
                statistic[s, r] = value
                alarm = alarm or beyond(value, h[s], reached)
            if alarm:
                taken[r] = t + 1
                break


def simulated_run_length(
    increments: Increments,
    h: float | tuple[float, ...],
    *,
    runs: int = 10_000,
    seed: int = 0,
    head_start: float = 0.0,
    alarm: str = "exceeded",
    longest: int = 10_000_000,
) -> SimulatedRunLength:
    """Simulate CUSUMs S = max(0, S + Y) until the first alarm of any side.

    Args:
        increments: Draws Y: called with a generator, a number of points and a number of runs,
            it gives shape (points, runs), or (sides, points, runs) for several sides.
        h: Decision interval, or one for each side.
        runs: Number of runs.
        seed: Seed of the generator; the same seed gives the same answer.
        head_start: Start of every side.
        alarm: ``"exceeded"`` when S > h alarms, ``"reached"`` when S >= h does.
        longest: Points after which a run that has not alarmed is an error.

    Raises ``ValueError`` for values out of range and for runs longer than ``longest``.
    """
    check_whole("runs", runs, 2)
    check_choice("alarm", alarm, ALARMS)
    limits = np.atleast_1d(np.asarray(h, np.float64))
    if not ((limits > 0.0) & (limits > head_start) & np.isfinite(limits)).all():
        raise ValueError(f"h must be positive, finite and above head_start {head_start}, not {h}")
    generator = np.random.default_rng(seed)
    statistic = np.full((len(limits), runs), float(head_start))
    lengths: list[NDArray[np.int64]] = []
    passed = 0
    while statistic.shape[1]:
        if passed >= longest:
            raise ValueError(f"{statistic.shape[1]} of {runs} runs exceed longest {longest}")
        alive = statistic.shape[1]
        drawn = np.asarray(increments(generator, _BLOCK, alive), np.float64)
        block = drawn.reshape((len(limits), _BLOCK, alive))
        taken = np.empty(alive, np.int64)
        _advance(block, statistic, limits, int(alarm == "reached"), taken)
        lengths.append(passed + taken[taken > 0])
        statistic = np.ascontiguousarray(statistic[:, taken < 0])
        passed += _BLOCK
    every = np.concatenate(lengths)
    error = float(every.std(ddof=1)) / math.sqrt(runs)
    return SimulatedRunLength(float(every.mean()), error, runs)
