"""Run lengths of charts whose state is one of finitely many: an absorbing Markov chain.

With Q the matrix of moves between the states in which no alarm has been given yet, the run
length N from state i has

    P(N > n) = (Q^n 1)_i,     E N = ((I - Q)^-1 1)_i,

and the chart's state after a long time without an alarm is distributed as the left
eigenvector of Q. A chart with a continuous statistic is brought into this form by cutting
its range into cells (D. Brook & D. A. Evans, "An approach to the probability distribution of
cusum run length", Biometrika 59, 1972), which is approximate: the error falls with the square
of the cell's width for smooth increments, and is large for counts whose increments are wider
than a cell. Counts have exact solutions of their own (``detectors.run_lengths.counts``). A CUSUM of
counts with a rational reference value lives on a lattice, where the chain is exact
(J. M. Lucas, "Counted data CUSUM's", Technometrics 27, 1985).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_choice, check_whole
from detectors.run_lengths.distributions import CountDistribution
from detectors.sequential.cusum_recursion import ALARMS, check_interval

MOST_STATES = 6_000


@dataclass(frozen=True, slots=True)
class AbsorbingChain:
    """A chart as a chain that ends with the first alarm.

    ``moves[i, j]`` is the probability of going from state i to state j without an alarm,
    shape (states, states); a row sums to one minus the probability of an alarm. ``start`` is
    the state before the first observation.
    """

    moves: Floats
    start: int = 0

    def means(self) -> Floats:
        """Average run length from every state, shape (states,); infinite if none ever ends."""
        return _solve(self.moves, np.ones(len(self.moves)))

    def mean(self) -> float:
        """Average run length from the start."""
        return float(self.means()[self.start])

    def standard_deviation(self) -> float:
        """Standard deviation of the run length from the start.

        From E N(N+1) = 2 (I - Q)^-1 E N.
        """
        first = self.means()
        second = 2.0 * _solve(self.moves, first) - first
        return math.sqrt(float(second[self.start] - first[self.start] ** 2))

    def survival(self, steps: int) -> Floats:
        """P(N > n) for n = 0 to ``steps``, shape (steps + 1,); ``ValueError`` below 0 steps."""
        check_whole("steps", steps, 0)
        row = np.zeros(len(self.moves))
        row[self.start] = 1.0
        chances = np.empty(steps + 1)
        for n in range(steps + 1):
            chances[n] = row.sum()
            row = row @ self.moves
        return chances


def leading_left_vector(moves: Floats) -> Floats:
    """Left eigenvector of the greatest eigenvalue, scaled to sum to one, shape (states,)."""
    values, vectors = np.linalg.eig(moves.T)
    leading = np.real(vectors[:, np.argmax(values.real)])
    return np.asarray(leading / leading.sum(), np.float64)


def _solve(moves: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(np.eye(len(moves)) - moves, right), np.float64)


def brook_evans_chain(
    distribution: Callable[[Floats], ArrayLike],
    h: float,
    states: int,
    *,
    head_start: float = 0.0,
) -> AbsorbingChain:
    """A one-sided CUSUM S = max(0, S + Y), alarm when S > h, in ``states`` cells.

    State 0 stands for S in (-inf, w/2), state i for S within w/2 of i w, with
    w = 2 h / (2 states - 1), as Brook & Evans lay them out.

    Args:
        distribution: The distribution function P(Y <= y) of one increment, over arrays.
        h: Decision interval, in the unit of the increments.
        states: Number of cells. The cost grows with its cube.
        head_start: Value of S before the first observation, from 0 to below ``h``.

    Raises ``ValueError`` for fewer than two states, ``h`` not positive, or a head start
    outside [0, h).
    """
    if not 2 <= states <= MOST_STATES:
        raise ValueError(f"states must be from 2 to {MOST_STATES}, not {states}")
    check_interval(h, head_start)
    width = 2.0 * h / (2 * states - 1)
    edges: Floats = (np.arange(-states + 1, states + 1, dtype=np.float64) - 0.5) * width
    below = np.asarray(distribution(edges), np.float64)
    i = np.arange(states)[:, np.newaxis]
    j = np.arange(states)[np.newaxis, :]
    at = j - i + states - 1
    moves = np.asarray(below[at + 1] - below[at], np.float64)
    moves[:, 0] = below[(at + 1)[:, 0]]
    return AbsorbingChain(moves, min(states - 1, int(head_start / width + 0.5)))


def lattice_chain(
    counts: CountDistribution,
    k: Fraction | float | str,
    h: Fraction | float | str,
    *,
    direction: str = "rise",
    alarm: str = "reached",
    head_start: Fraction | float | str = 0,
) -> AbsorbingChain:
    """The exact chain of S = max(0, S + x - k), or max(0, S + k - x) for a fall.

    With k, h and the head start multiples of 1/b, S is too, and the chain has h b states (one
    more when the alarm needs S > h). Decimals are taken as written: 4.4 is 22/5.

    Args:
        counts: Distribution of one count.
        k: Reference value, a rational number.
        h: Decision interval, a rational number.
        direction: ``"rise"`` or ``"fall"``.
        alarm: ``"reached"`` when S >= h alarms (Lucas), ``"exceeded"`` when S > h does.
        head_start: Value of S before the first observation, from 0 to below ``h``.

    Raises ``ValueError`` for values out of range or a lattice of too many states.
    """
    step, limit, first = (_fraction(value) for value in (k, h, head_start))
    check_choice("direction", direction, ("rise", "fall"))
    check_choice("alarm", alarm, ALARMS)
    if not (step > 0 and limit > 0 and 0 <= first < limit):
        raise ValueError(f"k and h must be positive and head_start in [0, h): {k}, {h}, {first}")
    per = math.lcm(step.denominator, first.denominator)
    reach = limit * per
    states = math.ceil(reach) if alarm == "reached" else math.floor(reach) + 1
    if states > MOST_STATES:
        raise ValueError(f"k = {k} and h = {h} need {states} states, more than {MOST_STATES}")
    sign = 1 if direction == "rise" else -1
    shift = int(step * per)
    largest = (states + shift) // per + 1
    probability, tail = counts.probabilities(largest)
    moves = np.zeros((states, states))
    i = np.arange(states)
    for x in range(largest + 1):
        j = np.maximum(0, i + sign * (x * per - shift))
        stays = j < states
        moves[i[stays], j[stays]] += probability[x]
    if direction == "fall":  # greater counts than the table holds return S to zero
        moves[:, 0] += tail[largest + 1]
    return AbsorbingChain(moves, int(first * per))


def _fraction(value: Fraction | float | str) -> Fraction:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"k, h and head_start must be finite, not {value}")
        return Fraction(repr(float(value)))
    return Fraction(value)
