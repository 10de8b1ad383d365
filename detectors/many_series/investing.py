"""The one formula behind LORD++, SAFFRON, ADDIS and kin: discoveries earn, tests spend.

A clock ticks at p-values in (above, upto]. With U ticks of the
clock so far, u_j at the j-th discovery and gamma a sequence of ``level_sequences``, the level of
the next test is

    level = min(cap, scale (w gamma(U + 1) + (payout - w) gamma(U - u_1 + 1)
                            + payout sum_{j >= 2} gamma(U - u_j + 1)))

Written with clocks, the procedures' counts of candidates and selected tests since each discovery
become differences of two readings, and a discovery needs no other memory. Discoveries at one
reading are kept together; of more readings than there is room for, the oldest is forgotten, which
can only lower later levels.

Sources: see ``online_fdr``.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from detectors.arrays import Booleans, Floats, Ints
from detectors.compiled import compiled
from detectors.demands import check_whole
from detectors.many_series.level_sequences import LevelSequence, share
from detectors.many_series.online_testing import OnlineTesting

_CLOCK, _FIRST, _USED, _NEXT = range(4)


@compiled
def invest(
    p: Floats,
    levels: Floats,
    rejected: Booleans,
    rule: Floats,
    counters: Ints,
    clocks: Ints,
    discoveries: Ints,
    family: int,
    gamma_scale: float,
    exponent: float,
    table: Floats,
) -> None:
    """Decide a row of tests, filling in levels and decisions.

    ``rule`` holds above (NaN for the level itself), upto, scale, w, payout - w, payout and cap.
    ``counters`` (clock, clock at the first discovery or -1, readings kept, where the next goes),
    ``clocks`` and ``discoveries`` (by reading) are the state, moved on in place.
    """
    above, upto, scale, wealth, first_payout, payout, cap = rule
    memory = len(clocks)
    for i in range(len(p)):
        if np.isnan(p[i]):
            continue
        now = counters[_CLOCK]
        total = wealth * share(now + 1, family, gamma_scale, exponent, table)
        if counters[_FIRST] >= 0:
            since = now - counters[_FIRST] + 1
            total += first_payout * share(since, family, gamma_scale, exponent, table)
        later = 0.0
        for back in range(1, counters[_USED] + 1):
            at = (counters[_NEXT] - back) % memory
            since = now - clocks[at] + 1
            later += discoveries[at] * share(since, family, gamma_scale, exponent, table)
        level = scale * (total + payout * later)
        threshold = above
        if np.isnan(above):
            level = level / (1.0 + level)
            threshold = level
        level = min(cap, level)
        levels[i] = level
        rejected[i] = p[i] <= level
        if threshold < p[i] <= upto:
            counters[_CLOCK] += 1
        if not rejected[i]:
            continue
        now = counters[_CLOCK]
        if counters[_FIRST] < 0:
            counters[_FIRST] = now
            continue
        last = (counters[_NEXT] - 1) % memory
        if counters[_USED] > 0 and clocks[last] == now:
            discoveries[last] += 1
            continue
        clocks[counters[_NEXT]] = now
        discoveries[counters[_NEXT]] = 1
        counters[_NEXT] = (counters[_NEXT] + 1) % memory
        counters[_USED] = min(counters[_USED] + 1, memory)


class Investing(OnlineTesting):
    """A procedure of this formula; kinds differ in clock, scale, payouts and cap."""

    @abstractmethod
    def __init__(self) -> None:
        """Each kind declares its own parameters."""

    def _start(
        self,
        gamma: LevelSequence,
        *,
        memory: int,
        ticks: tuple[float, float],
        scale: float,
        wealth: float,
        payouts: tuple[float, float],
        cap: float,
    ) -> None:
        check_whole("memory", memory, 1)
        self._gamma = gamma
        self._rule = np.array([*ticks, scale, wealth, *payouts, cap])
        self._counters = np.array([0, -1, 0, 0], np.int64)
        self._clocks = np.zeros(memory, np.int64)
        self._discoveries = np.zeros(memory, np.int64)

    def _advance(self, p: Floats, levels: Floats, rejected: Booleans) -> None:
        gamma = self._gamma
        invest(
            p,
            levels,
            rejected,
            self._rule,
            self._counters,
            self._clocks,
            self._discoveries,
            gamma.family,
            gamma.scale,
            gamma.exponent,
            gamma.table,
        )
