"""Anhøj's two run tests: an unusually long run, unusually few crossings.

Points on the centre line are *dropped* from the sequence, unlike in the NHS rules, where they
break a run; n counts what is left ("useful observations"). Both limits follow n:

    longest run  > round(log2 n) + 3              (Schilling: about 1 in 20 random series)
    crossings    < 5 % quantile of Binomial(n - 1, 1/2)

round is to the nearest, exact halves to the even number. The centre is the median for a run
chart, or a chart's centre line. Together the tests find 4 to 9 % of random series of 12 to 60
points unusual; they judge a whole series, so under continuous watching with a growing n they
signal sooner or later, like every test that is repeated.

Sources: J. Anhøj & A. V. Olesen, "Run charts revisited", PLoS ONE 9 (2014); J. Anhøj,
"Diagnostic value of run chart analysis", PLoS ONE 10 (2015); M. F. Schilling, "The surprising
predictability of long runs", Mathematics Magazine 85 (2012); Z. Chen, "A note on the runs
test", Model Assisted Statistics and Applications 5 (2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_finite, check_whole, number, numbers

LONG_RUN, FEW_CROSSINGS = 1, 2


def longest_run_limit(useful: int) -> int:
    """Longest run still usual among ``useful`` points; ``ValueError`` below one point."""
    check_whole("useful", useful, 1)
    return round(math.log2(useful)) + 3


@lru_cache(maxsize=4096)
def crossings_limit(useful: int) -> int:
    """Fewest crossings still usual among ``useful`` points; ``ValueError`` below one point.

    The smallest k with P(Binomial(useful - 1, 1/2) <= k) >= 0.05.
    """
    check_whole("useful", useful, 1)
    from scipy.special import bdtr  # noqa: PLC0415 - scipy is slow to import

    steps = useful - 1
    low, high = 0, steps
    while low < high:
        middle = (low + high) // 2
        if bdtr(middle, steps, 0.5) >= 0.05:
            high = middle
        else:
            low = middle + 1
    return low


@dataclass(frozen=True, slots=True)
class RunTests:
    """The outcome for one series; without a useful point every number is 0 and nothing signals.

    Args:
        useful: Known points that are not on the centre line.
        longest_run: Most successive useful points on one side.
        longest_run_limit: The most that is usual.
        crossings: Changes of side.
        crossings_limit: The fewest that are usual.
    """

    useful: int
    longest_run: int
    longest_run_limit: int
    crossings: int
    crossings_limit: int

    @property
    def bits(self) -> int:
        """``LONG_RUN`` and ``FEW_CROSSINGS`` as far as they hold."""
        long = LONG_RUN * int(self.longest_run > self.longest_run_limit)
        return long + FEW_CROSSINGS * int(self.crossings < self.crossings_limit)

    @property
    def signal(self) -> bool:
        """Whether either test finds the series unusual."""
        return self.bits != 0


def _outcome(useful: int, longest_run: int, crossings: int) -> RunTests:
    if not useful:
        return RunTests(0, 0, 0, 0, 0)
    return RunTests(
        useful, longest_run, longest_run_limit(useful), crossings, crossings_limit(useful)
    )


def run_tests(values: ArrayLike, centre: ArrayLike | None = None) -> RunTests:
    """Both tests on one series.

    Args:
        values: Shape (points,); NaN or None is missing and left out.
        centre: Centre line, one number or one per point; by default the median of the values.

    Raises:
        ValueError: for more than one dimension, or a centre that is infinite or of another shape.

    Example:
        >>> run_tests([5, 6, 5, 7, 6, 5, 9, 9, 8, 9, 8, 9, 9, 8], centre=6.5).longest_run
        8
    """
    series = numbers("values", values).copy()
    if series.ndim != 1 or np.isinf(series).any():
        raise ValueError("values must be one series, finite or missing")
    known = series[~np.isnan(series)]
    if centre is None:
        line: Floats = np.array(np.median(known) if len(known) else np.nan)
    else:
        line = np.array(centre, dtype=np.float64)
    if np.isinf(line).any():
        raise ValueError("centre must be finite, or NaN where a point has none")
    if line.ndim and line.shape != series.shape:
        raise ValueError(f"{len(series)} values but a centre of shape {line.shape}")
    sides = np.sign(series - line)
    sides = sides[(sides != 0) & ~np.isnan(sides)]
    if not len(sides):
        return _outcome(0, 0, 0)
    turns = np.flatnonzero(np.diff(sides) != 0) + 1
    runs = np.diff(np.concatenate([[0], turns, [len(sides)]]))
    return _outcome(len(sides), int(runs.max()), len(turns))


class RunTestMonitor:
    """Both tests about a fixed centre line, one value at a time, in four numbers of state.

    A missing value, or one on the centre line, changes nothing. The signal is the state of
    the tests over all values so far, at every known value, so it can also come to an end.

    Args:
        centre: The centre line, such as the median of a baseline. One that is off the middle
            of the data makes long runs by itself.

    Example:
        >>> monitor = RunTestMonitor(centre=6.5)
        >>> [monitor.update(y) for y in [5, 6, 5, 8, 8, 9, 8, 7, 9, 8]][-1]  # both tests
        3

    Reference: see the module.
    """

    def __init__(self, *, centre: float) -> None:
        check_finite("centre", centre)
        self.centre = centre
        self._side = 0
        self._run = 0
        self._useful = 0
        self._longest = 0
        self._crossings = 0

    def update(self, value: float) -> int:
        """Take the next value (NaN if missing) and give the bits of the tests that hold.

        Raises ``ValueError`` for an infinite value.
        """
        value = number("a value", value)
        if math.isinf(value):
            raise ValueError("a value must be finite or NaN (missing)")
        if math.isnan(value):
            return 0
        side = int(value > self.centre) - int(value < self.centre)
        if side:
            self._crossings += int(self._side == -side)
            self._run = self._run + 1 if side == self._side else 1
            self._side = side
            self._useful += 1
            self._longest = max(self._longest, self._run)
        return self.outcome.bits

    @property
    def outcome(self) -> RunTests:
        """The tests over all values so far."""
        return _outcome(self._useful, self._longest, self._crossings)


def _sample(rng: np.random.Generator) -> Floats:
    values = np.round(rng.normal(10.0, 2.0, 80), 1)
    values[40:] += 2.5
    return values


def _latest(history: Floats) -> int:
    return 0 if np.isnan(history[-1]) else run_tests(history, 10.0).bits


CONFORMANCE = (
    Subject(
        name="anhoej",
        make=lambda: RunTestMonitor(centre=10.0),
        sample=_sample,
        latest=_latest,
        missing="ignored",
    ),
)
