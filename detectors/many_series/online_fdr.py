"""Online control of the false discovery rate by investing: LORD++, SAFFRON, ADDIS and kin.

Every discovery earns the right to further errors, which later tests spend. All procedures
here are the formula of ``investing`` and differ in these:

==================  ======================  ==============  ================  =========
procedure           the clock ticks at      scale           payout            cap
==================  ======================  ==============  ================  =========
LORD++              every test              1               alpha             1
LORD 2              every test              1               b0, all alike     1
LORD with discard   p <= tau                1               tau alpha         tau
SAFFRON             p > lambda              1 - lambda      alpha             lambda
ADDIS               lambda < p <= tau       tau - lambda    alpha             lambda
Alpha-investing     no discovery            1 - level       alpha             1
==================  ======================  ==============  ================  =========

**Valid** when the p-values of true nulls are independent of one another and of the rest, or
(LORD++, for the modified rate; SAFFRON and ADDIS likewise) super-uniform given the past. None
of these is valid under arbitrary dependence: see ``online_spending`` and ``lord_recent``.

Sources: Javanmard & Montanari, Annals of Statistics 46 (2018) (LORD 2); Ramdas, Yang,
Wainwright & Jordan, "Online control of the false discovery rate with decaying memory",
NeurIPS 2017 (LORD++); Ramdas, Zrnic, Wainwright & Jordan, "SAFFRON", ICML 2018 (also
Alpha-investing with this guarantee); Tian & Ramdas, "ADDIS", NeurIPS 2019 (also discarding).
The reference tests compare with onlineFDR 2.19.1.
"""

from __future__ import annotations

import math
from typing import Literal

from detectors.demands import check_choice, check_inside, check_part
from detectors.many_series.investing import Investing
from detectors.many_series.level_sequences import (
    LevelSequence,
    logarithmic,
    power,
)
from detectors.many_series.online_testing import (
    check_thresholds,
    starting_payout,
    starting_wealth,
    subject,
)

MEMORY = 1_000
"""Discoveries that a procedure remembers; forgetting older ones only lowers later levels."""
_STATE_BYTES = 20_000


class Lord(Investing):
    """LORD: levels based on recent discovery, in its forms that use every discovery.

    Args:
        alpha: Highest false discovery rate.
        version: ``"++"`` (the best of them), ``"2"`` (superseded by it), or ``"discard"``, which
            passes over p-values above ``discard`` and so gains when nulls are conservative.
        wealth: Share of the rate to spend before the first discovery, alpha / 10 unless given.
            More finds earlier and leaves less for later.
        payout: Earned by a discovery in version 2, alpha - wealth unless given.
        discard: Threshold tau of version ``"discard"``.
        gamma: How wealth is spread over later tests.
        memory: Discoveries remembered.

    Example:
        >>> lord = Lord()
        >>> [lord.update(p) for p in (0.0001, 0.2, 0.001)]
        [1, 0, 0]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        version: Literal["++", "2", "discard"] = "++",
        wealth: float | None = None,
        payout: float | None = None,
        discard: float = 0.5,
        gamma: LevelSequence | None = None,
        memory: int = MEMORY,
    ) -> None:
        check_inside("alpha", alpha)
        check_choice("version", version, ("++", "2", "discard"))
        check_part("discard", discard)
        self.alpha = alpha
        self.version = version
        self.wealth = wealth
        self.payout = payout
        self.discard = discard
        self.gamma = gamma
        self.memory = memory
        tau = discard if version == "discard" else 1.0
        start = starting_wealth(wealth, min(0.1, tau) * alpha, tau * alpha)
        payouts = (tau * alpha - start, tau * alpha)
        if version == "2":
            earned = starting_payout(payout, start, alpha)
            payouts = (earned, earned)
        self._start(
            gamma or logarithmic(),
            memory=memory,
            ticks=(-1.0, tau),
            scale=1.0,
            wealth=start,
            payouts=payouts,
            cap=tau,
        )


class Saffron(Investing):
    """SAFFRON: as LORD++, but tests that look like candidates cost nothing.

    It estimates how many nulls are true from the p-values above ``candidate``, and gains when
    there are many signals. Conservative nulls (p-values near 1) cost it power: see ``Addis``.

    Args:
        alpha: Highest false discovery rate.
        wealth: Spent before the first discovery, alpha / 2 unless given.
        candidate: Threshold lambda; p-values above it are never discoveries.
        gamma: How wealth is spread over later tests.
        memory: Discoveries remembered.

    Example:
        >>> saffron = Saffron()
        >>> [saffron.update(p) for p in (0.0001, 0.2, 0.001)]
        [1, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        wealth: float | None = None,
        candidate: float = 0.5,
        gamma: LevelSequence | None = None,
        memory: int = MEMORY,
    ) -> None:
        check_inside("alpha", alpha)
        check_inside("candidate", candidate)
        self.alpha = alpha
        self.wealth = wealth
        self.candidate = candidate
        self.gamma = gamma
        self.memory = memory
        start = starting_wealth(wealth, alpha / 2, alpha)
        self._start(
            gamma or power(),
            memory=memory,
            ticks=(candidate, 1.0),
            scale=1.0 - candidate,
            wealth=start,
            payouts=(alpha - start, alpha),
            cap=candidate,
        )


class Addis(Investing):
    """ADDIS: SAFFRON that also passes over p-values too large to be anything but null.

    Args:
        alpha: Highest false discovery rate.
        wealth: Spent before the first discovery, alpha / 2 unless given.
        candidate: Threshold lambda; p-values above it are never discoveries.
        discard: Threshold tau; p-values above it are passed over.
        gamma: How wealth is spread over later tests.
        memory: Discoveries remembered.

    Example:
        >>> addis = Addis()
        >>> [addis.update(p) for p in (0.0001, 0.9, 0.001)]
        [1, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        wealth: float | None = None,
        candidate: float = 0.25,
        discard: float = 0.5,
        gamma: LevelSequence | None = None,
        memory: int = MEMORY,
    ) -> None:
        check_inside("alpha", alpha)
        check_thresholds(candidate, discard)
        self.alpha = alpha
        self.wealth = wealth
        self.candidate = candidate
        self.discard = discard
        self.gamma = gamma
        self.memory = memory
        start = starting_wealth(wealth, alpha / 2, alpha)
        self._start(
            gamma or power(),
            memory=memory,
            ticks=(candidate, discard),
            scale=discard - candidate,
            wealth=start,
            payouts=(alpha - start, alpha),
            cap=candidate,
        )


class AlphaInvesting(Investing):
    """Alpha-investing in the form that controls the false discovery rate.

    Foster & Stine's idea (Journal of the Royal Statistical Society B 70, 2008) with SAFFRON's
    rule, the threshold of a candidate being the level itself.

    Args:
        alpha: Highest false discovery rate.
        wealth: Spent before the first discovery, alpha / 2 unless given.
        gamma: How wealth is spread over later tests.
        memory: Discoveries remembered.

    Example:
        >>> investing = AlphaInvesting()
        >>> [investing.update(p) for p in (0.0001, 0.2, 0.001)]
        [1, 0, 1]

    Reference: Ramdas et al. 2018, see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        wealth: float | None = None,
        gamma: LevelSequence | None = None,
        memory: int = MEMORY,
    ) -> None:
        check_inside("alpha", alpha)
        self.alpha = alpha
        self.wealth = wealth
        self.gamma = gamma
        self.memory = memory
        start = starting_wealth(wealth, alpha / 2, alpha)
        self._start(
            gamma or power(),
            memory=memory,
            # The threshold of a candidate is the level, which the kernel knows.
            ticks=(math.nan, 1.0),
            scale=1.0,
            wealth=start,
            payouts=(alpha - start, alpha),
            cap=1.0,
        )


CONFORMANCE = (
    subject("lord", Lord, state_bytes=_STATE_BYTES),
    subject("lord_discard", lambda: Lord(version="discard"), state_bytes=_STATE_BYTES),
    subject("saffron", Saffron, state_bytes=_STATE_BYTES),
    subject("addis", Addis, state_bytes=_STATE_BYTES),
    subject("alpha_investing", AlphaInvesting, state_bytes=_STATE_BYTES),
)
