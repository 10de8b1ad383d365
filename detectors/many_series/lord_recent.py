"""LORD in the forms that look at the last discovery only: versions 1, 3 and dependent.

With tau the number of the last discovery (0 before the first) and gamma a sequence of
``level_sequences``:

    version 1     level_i = gamma(i - tau) b0, and gamma(i) w0 before the first discovery
    version 3     level_i = gamma(i - tau) W(tau)
    dependent     level_i = xi(i) W(tau)
    wealth        W(0) = w0,  W(i) = W(i - 1) - level_i + b0 [i is a discovery]

**Valid**: version 1 for independent p-values; version 3 by experiment only, since its levels
do not grow with the evidence (LORD++ has the proof); ``"dependent"`` for p-values that depend
on one another in any way, at a high price in power. Its xi is (alpha / b0) times the dependent
sequence, so that sum xi(i) (1 + log i) <= alpha / b0, for w0 <= b0.

Source: Javanmard & Montanari, "Online rules for control of false discovery rate and false
discovery exceedance", Annals of Statistics 46 (2018), 526-554.

``compat="onlineFDR"`` follows onlineFDR 2.19.1 where it differs: in version 3 a discovery is
paid two tests late, and the start counts as one, so that b0 is paid once for nothing; in the
dependent version xi lacks the factor alpha / b0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from detectors.arrays import Booleans, Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, check_inside
from detectors.many_series.level_sequences import LevelSequence, dependent, logarithmic, share
from detectors.many_series.online_testing import (
    OnlineTesting,
    starting_payout,
    starting_wealth,
    subject,
)

_VERSIONS = {"1": 1, "3": 3, "dependent": 4}
_TESTS, _LAST, _WEALTH, _AT_LAST, _BEFORE, _EARLIER = range(6)


class RecentLord(OnlineTesting):
    """LORD 1, LORD 3 and LORD for dependent p-values.

    Args:
        alpha: Highest false discovery rate.
        version: ``"1"``, ``"3"`` or ``"dependent"``.
        wealth: w0, spent before the first discovery, alpha / 10 unless given. It must not
            exceed the payout in the dependent version.
        payout: b0, earned by a discovery, alpha - wealth unless given.
        gamma: How wealth is spread over later tests. Of the dependent version it is the xi
            before the factor alpha / b0.
        compat: ``"onlineFDR"`` to follow that package (see the module).

    Example:
        >>> lord = RecentLord(version="3")
        >>> [lord.update(p) for p in (0.0001, 0.2, 0.0001)]
        [1, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        version: Literal["1", "3", "dependent"] = "3",
        wealth: float | None = None,
        payout: float | None = None,
        gamma: LevelSequence | None = None,
        compat: Literal["published", "onlineFDR"] = "published",
    ) -> None:
        check_inside("alpha", alpha)
        check_choice("version", version, _VERSIONS)
        check_choice("compat", compat, ("published", "onlineFDR"))
        self.alpha = alpha
        self.version = version
        self.wealth = wealth
        self.payout = payout
        self.gamma = gamma
        self.compat = compat
        start = starting_wealth(wealth, alpha / 10, alpha)
        earned = starting_payout(payout, start, alpha)
        if version == "dependent" and start > earned:
            raise ValueError(f"wealth must not exceed the payout {earned}, not {start}")
        published = compat == "published"
        self._gamma = gamma or (dependent() if version == "dependent" else logarithmic())
        self._payout = earned
        self._scale = alpha / earned if version == "dependent" and published else 1.0
        self._late = version == "3" and not published
        # The start counts as a discovery for the package's late payments.
        self._state = np.array([0.0, 0.0, start, start, 0.0, 1.0])

    def _advance(self, p: Floats, levels: Floats, rejected: Booleans) -> None:
        gamma = self._gamma
        _earn(
            p,
            levels,
            rejected,
            self._state,
            _VERSIONS[self.version],
            self._payout,
            self._scale,
            self._late,
            gamma.family,
            gamma.scale,
            gamma.exponent,
            gamma.table,
        )


@compiled
def _earn(
    p: Floats,
    levels: Floats,
    rejected: Booleans,
    state: Floats,
    version: int,
    payout: float,
    scale: float,
    late: bool,  # noqa: FBT001 - a compiled kernel takes its arguments by position
    family: int,
    gamma_scale: float,
    exponent: float,
    table: Floats,
) -> None:
    for i in range(len(p)):
        if np.isnan(p[i]):
            continue
        state[_TESTS] += 1.0
        now = int(state[_TESTS])
        since = now if version == 4 else now - int(state[_LAST])
        stake = state[_AT_LAST]
        if version == 1 and state[_LAST] > 0.0:
            stake = payout
        level = scale * share(since, family, gamma_scale, exponent, table) * stake
        levels[i] = level
        rejected[i] = p[i] <= level
        found = 1.0 if rejected[i] else 0.0
        paid = found
        if late and now > 1:
            paid = state[_EARLIER]
            state[_EARLIER] = state[_BEFORE]
        state[_BEFORE] = found
        state[_WEALTH] += payout * paid - level
        if rejected[i]:
            state[_LAST] = now
            state[_AT_LAST] = state[_WEALTH]


CONFORMANCE = (
    subject("lord_3", RecentLord),
    subject("lord_dependent", lambda: RecentLord(version="dependent")),
)
