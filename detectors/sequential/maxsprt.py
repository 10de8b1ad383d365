"""Maximised sequential probability ratio tests (MaxSPRT) of counts, with a declared horizon.

Wald's test needs the size of the rise in advance. Its maximised form asks at each look for the
relative risk above one that explains best what was seen since the start, and compares

    LLR = c log(c / mu) - (c - mu)                                  c events, mu expected, c > mu
    LLR = y log(y / (n p)) + (n - y) log((n - y) / (n (1 - p)))     y events in n trials, y > n p

with a critical value. That value is computed exactly (``maxsprt_levels``) so that a test that
watches all the time signals by chance with probability alpha up to its horizon. Looking less often
only lowers that chance.

A MaxSPRT is a test with an end, not a chart: the horizon (the expected number of events, or the
number of trials, at which it stops without a signal) is declared in advance, it is spent once, and
neither the horizon nor ``minimum`` may be changed on the way. Use it to follow up one question,
for example whether falls rose after a ward moved; for watching without end use a GLR chart or a
CUSUM. ``minimum`` events keep one or two early ones from signalling, and lower the critical value.

Source: M. Kulldorff, R. L. Davis, M. Kolczak, E. Lewis, T. Lieu & R. Platt, "A maximized
sequential probability ratio test for drug and vaccine safety surveillance", Sequential Analysis
30 (2011).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_whole
from detectors.sequential.maxsprt_course import (
    Course,
    MaxSprtPath,
    critical_or,
    draws,
    one_row,
    periods,
)
from detectors.sequential.maxsprt_levels import (
    binomial_critical_value,
    check_alpha,
    check_horizon,
    check_trials,
    poisson_critical_value,
)


class PoissonMaxSprt:
    """MaxSPRT of counts against expected counts, one observation at a time.

    An observation is a pair (events, expected events) of one period; one with a NaN is missing
    and ignored. Once the test is over later observations change nothing. A period that would
    carry the expected count beyond the horizon is not judged: the test ended before it.

    Args:
        horizon: Expected number of events at which the test ends.
        alpha: Chance of a signal up to then where the risk is not raised.
        minimum: Fewest events that may signal.
        critical: Critical value of the LLR; None computes it from the other three.

    Attributes:
        critical_value: What the LLR is compared with.
        course: Sums, statistic and decision so far (``maxsprt_course.Course``).

    Example:
        >>> test = PoissonMaxSprt(horizon=10.0)
        >>> round(test.critical_value, 6)
        3.467952
        >>> [test.update((events, 1.0)) for events in (1, 2, 4, 5, 3)]
        [0, 0, 0, 1, 0]

    Reference: Kulldorff et al. 2011, see the module.
    """

    def __init__(
        self,
        *,
        horizon: float = 50.0,
        alpha: float = 0.05,
        minimum: int = 1,
        critical: float | None = None,
    ) -> None:
        check_horizon(horizon)
        check_alpha(alpha)
        check_whole("minimum", minimum, 1)
        self.horizon = horizon
        self.alpha = alpha
        self.minimum = minimum
        self.critical = critical
        self.critical_value = critical_or(
            critical, lambda: poisson_critical_value(horizon, alpha=alpha, minimum=minimum)
        )
        self.course = Course(horizon, None, minimum, self.critical_value)

    def update(self, observation: ArrayLike) -> int:
        """Take the next (events, expected) and give 1 when the test ends with a signal, else 0.

        Raises ``ValueError`` for events that are no whole number of zero or more, and for a
        negative expected count.
        """
        events, expected = one_row(periods(observation))
        if math.isnan(events) or math.isnan(expected):
            return 0
        return self.course.add(events, expected)


class BinomialMaxSprt:
    """MaxSPRT of events in trials, one observation at a time.

    An observation is a pair (events, trials) of one period, with the same rules as for
    ``PoissonMaxSprt``.

    Args:
        trials: Number of trials at which the test ends.
        chance: Chance of an event in a trial where the risk is not raised. In a comparison with
            z matched controls to a case it is 1 / (1 + z).
        alpha: Chance of a signal up to the end where the risk is not raised (at most: the test
            is discrete).
        minimum: Fewest events that may signal.
        critical: Critical value of the LLR; None computes it from the others.

    Attributes:
        critical_value: What the LLR is compared with.
        course: Sums, statistic and decision so far (``maxsprt_course.Course``).

    Example:
        >>> test = BinomialMaxSprt(trials=50, chance=0.2)
        >>> [test.update((events, 5)) for events in (1, 2, 4, 5, 3)]
        [0, 0, 0, 1, 0]

    Reference: Kulldorff et al. 2011, see the module.
    """

    def __init__(
        self,
        *,
        trials: int = 200,
        chance: float = 0.1,
        alpha: float = 0.05,
        minimum: int = 1,
        critical: float | None = None,
    ) -> None:
        check_trials(trials, chance)
        check_alpha(alpha)
        check_whole("minimum", minimum, 1)
        self.trials = trials
        self.chance = chance
        self.alpha = alpha
        self.minimum = minimum
        self.critical = critical
        self.critical_value = critical_or(
            critical,
            lambda: binomial_critical_value(trials, chance, alpha=alpha, minimum=minimum),
        )
        self.course = Course(float(trials), chance, minimum, self.critical_value)

    def update(self, observation: ArrayLike) -> int:
        """Take the next (events, trials) and give 1 when the test ends with a signal, else 0.

        Raises ``ValueError`` for numbers that are not whole or negative, and for more events
        than trials.
        """
        events, tried = one_row(draws(observation))
        if math.isnan(events) or math.isnan(tried):
            return 0
        return self.course.add(events, tried)


def poisson_maxsprt(
    observations: ArrayLike,
    *,
    horizon: float,
    alpha: float = 0.05,
    minimum: int = 1,
    critical: float | None = None,
) -> MaxSprtPath:
    """The Poisson test of a whole history of rows (events, expected).

    Settings and errors as for ``PoissonMaxSprt``.
    """
    test = PoissonMaxSprt(horizon=horizon, alpha=alpha, minimum=minimum, critical=critical)
    return test.course.follow(periods(observations))


def binomial_maxsprt(
    observations: ArrayLike,
    *,
    trials: int,
    chance: float,
    alpha: float = 0.05,
    minimum: int = 1,
    critical: float | None = None,
) -> MaxSprtPath:
    """The binomial test of a whole history of rows (events, trials).

    Settings and errors as for ``BinomialMaxSprt``.
    """
    test = BinomialMaxSprt(
        trials=trials, chance=chance, alpha=alpha, minimum=minimum, critical=critical
    )
    return test.course.follow(draws(observations))


def _periods_sample(rng: np.random.Generator) -> Floats:
    return np.column_stack([rng.poisson(2.0, 30), np.full(30, 1.0)]).astype(np.float64)


def _draws_sample(rng: np.random.Generator) -> Floats:
    return np.column_stack([rng.binomial(8, 0.25, 30), np.full(30, 8)]).astype(np.float64)


CONFORMANCE = (
    Subject(
        name="maxsprt_poisson",
        make=PoissonMaxSprt,
        sample=_periods_sample,
        latest=lambda history: int(poisson_maxsprt(history, horizon=50.0).signals[-1]),
        missing="ignored",
    ),
    Subject(
        name="maxsprt_binomial",
        make=BinomialMaxSprt,
        sample=_draws_sample,
        latest=lambda history: int(binomial_maxsprt(history, trials=200, chance=0.1).signals[-1]),
        missing="ignored",
    ),
)
