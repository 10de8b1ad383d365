"""Exact run lengths of Shewhart charts with runs rules, by the chain of Champ & Woodall.

A rule T(k, m, a, b) signals when k of the last m standardised points lie between a and b.
The chart's state is what the rules still remember of the last points; points are independent
N(mu, 1). States are found from an empty history by trying every zone, and a point that can no
longer take part in a signal is forgotten, which keeps them few (C. W. Champ & W. H. Woodall,
"Exact results for Shewhart control charts with supplementary runs rules", Technometrics 29,
1987).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detectors.demands import check_finite
from detectors.run_lengths.chains import MOST_STATES, AbsorbingChain
from detectors.run_lengths.gaussian import normal_below


@dataclass(frozen=True, slots=True)
class RunsRule:
    """Signal when ``count`` of the last ``window`` points lie in (``low``, ``high``).

    The zone is in standard deviations from the target and on one side only; ``mirrored``
    gives the rule of the other side. Raises ``ValueError`` unless
    1 <= count <= window and low < high.
    """

    count: int
    window: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 1 <= self.count <= self.window:
            raise ValueError(f"count must be from 1 to window, not {self.count} of {self.window}")
        if not self.low < self.high:
            raise ValueError(f"low must be below high, not {self.low} and {self.high}")

    @property
    def mirrored(self) -> RunsRule:
        """The same rule below the target."""
        return RunsRule(self.count, self.window, -self.high, -self.low)

    def remember(self, history: int, *, inside: bool) -> tuple[int, bool]:
        """The history after one more point, and whether the rule signals.

        Bit i of a history is set when the point i + 1 steps ago was inside.
        """
        points = (history << 1) | int(inside)
        points &= (1 << self.window) - 1
        signals = inside and points.bit_count() >= self.count
        for age in range(self.window - 1, -1, -1):
            # The point stays in sight for window - 1 - age more points.
            newer = points & ((1 << (age + 1)) - 1)
            hopeless = newer.bit_count() + self.window - 1 - age < self.count
            if points >> age & 1 and (hopeless or age == self.window - 1):
                points &= ~(1 << age)
        return points, signals


ONE_BEYOND_THREE = RunsRule(1, 1, 3.0, math.inf)
TWO_OF_THREE_BEYOND_TWO = RunsRule(2, 3, 2.0, math.inf)
FOUR_OF_FIVE_BEYOND_ONE = RunsRule(4, 5, 1.0, math.inf)
EIGHT_ON_A_SIDE = RunsRule(8, 8, 0.0, math.inf)
WECO = {
    1: ONE_BEYOND_THREE,
    2: TWO_OF_THREE_BEYOND_TWO,
    3: FOUR_OF_FIVE_BEYOND_ONE,
    4: EIGHT_ON_A_SIDE,
}
"""The Western Electric rules by their numbers (Statistical Quality Control Handbook, 1956)."""


def runs_rules_chain(
    rules: Sequence[RunsRule], *, mean: float = 0.0, two_sided: bool = True
) -> AbsorbingChain:
    """The chain of a chart that signals by any of the rules.

    Args:
        rules: Rules above the target.
        mean: Mean of the points in standard deviations from the target.
        two_sided: Also apply each rule mirrored to the other side.

    Raises ``ValueError`` without rules, for a mean that is not finite, or when the rules
    need too many states.
    """
    if not rules:
        raise ValueError("rules must hold at least one rule")
    check_finite("mean", mean)
    every = [*rules, *(rule.mirrored for rule in rules)] if two_sided else list(rules)
    zones = _zones(every, mean)
    empty = (0,) * len(every)
    numbers = {empty: 0}
    waiting = [empty]
    moves: list[tuple[int, int, float]] = []
    while waiting:
        state = waiting.pop()
        for inside, chance in zones:
            after = [
                rule.remember(history, inside=bool(part))
                for rule, history, part in zip(every, state, inside, strict=True)
            ]
            if any(signals for _, signals in after):
                continue
            following = tuple(history for history, _ in after)
            if following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
                if len(numbers) > MOST_STATES:
                    raise ValueError(f"rules need more than {MOST_STATES} states")
            moves.append((numbers[state], numbers[following], chance))
    matrix = np.zeros((len(numbers), len(numbers)))
    for i, j, chance in moves:
        matrix[i, j] += chance
    return AbsorbingChain(matrix)


def _zones(rules: Sequence[RunsRule], mean: float) -> list[tuple[tuple[bool, ...], float]]:
    """The parts of the line between the rules' borders: which rules they meet, how likely."""
    borders = sorted({border for rule in rules for border in (rule.low, rule.high)})
    edges = sorted({-math.inf, *borders, math.inf})
    zones = []
    for low, high in pairwise(edges):
        # Differences of lower or upper tails, whichever are small, lose no precision.
        if low - mean > 0.0:
            chance = float(normal_below(mean - low) - normal_below(mean - high))
        else:
            chance = float(normal_below(high - mean) - normal_below(low - mean))
        zones.append((tuple(rule.low <= low and high <= rule.high for rule in rules), chance))
    return zones


def weco_run_length(rules: Iterable[int], *, mean: float = 0.0) -> float:
    """Average run length of a Shewhart chart with Western Electric rules on both sides.

    ``rules`` are numbers from 1 (a point beyond three sigma) to 4 (eight on one side). Raises
    ``ValueError`` for others.

    Example:
        >>> round(weco_run_length([1, 2, 3, 4]), 2)
        91.75
    """
    numbers = sorted(set(rules))
    unknown = [number for number in numbers if number not in WECO]
    if unknown:
        raise ValueError(f"rules must be numbers from 1 to 4, not {unknown}")
    return runs_rules_chain([WECO[number] for number in numbers], mean=mean).mean()
