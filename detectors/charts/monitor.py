"""Every chart of ``chart`` with the NHS rules, one observation at a time.

The first ``baseline`` observations set the limits. Until then each is judged by trial limits
of the observations so far, exactly as a chart drawn on that day would; afterwards the limits
stay as declared, though they go on breathing with the denominators, and the state no longer
grows. At every point the signal is that of ``chart(..., fix_after=baseline).completing``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.charts.chart import chart, check_counts
from detectors.charts.nhs_rules import Limits, find_signals, variant_of
from detectors.charts.rule_walk import RuleWalk
from detectors.charts.stretches import (
    NEEDS_DENOMINATORS,
    TAKES_NO_DENOMINATORS,
    ChartKind,
    Compat,
    FitSettings,
    LimitKind,
    Stretch,
    fit_stretch,
    plotted,
)
from detectors.charts.xmr import LARGEST
from detectors.conformance import Subject
from detectors.demands import check_whole, numbers


class ChartMonitor:
    """A chart of any kind with the four NHS rules, one observation at a time.

    An observation is a number, or a pair (value, denominator) for the kinds that need one.
    A missing value, or one without a positive denominator, breaks every pattern.

    Args:
        kind: One of ``stretches.KINDS``.
        baseline: Observations that fix the limits. More give steadier limits and fewer false
            signals, and keep the chart on trial limits for longer.
        per: Multiplies the ratio, e.g. 1000 for falls per 1,000 bed days.
        screen: Leave unusually large moving ranges out of XmR, i', t and Laney limits.
        two_of_three: Reading of the two-of-three rule (``nhs_rules.TwoOfThree``).
        limits: How the limits of c, u and g charts are made (``stretches.LimitKind``).
        minimum_points: Fewest known baseline points for limits.
        compat: ``"published"``, or a package to follow where it departs from that
            (``stretches.Compat``).

    Example:
        >>> monitor = ChartMonitor(kind="u", baseline=12)
        >>> falls = [4, 6, 5, 7, 4, 5, 6, 5, 4, 6, 5, 6, 19]
        >>> [monitor.update([y, 500.0]) for y in falls][-1]  # ABOVE_LIMIT
        1

    Reference: see ``chart`` and the module of each kind.
    """

    def __init__(
        self,
        *,
        kind: ChartKind,
        baseline: int = 24,
        per: float = 1.0,
        screen: bool = True,
        two_of_three: str = "plot_the_dots",
        limits: LimitKind = "auto",
        minimum_points: int = 1,
        compat: Compat = "published",
    ) -> None:
        check_whole("baseline", baseline, 2)
        self.kind = kind
        self.baseline = baseline
        self.per = per
        self.screen = screen
        self.two_of_three = two_of_three
        self.limits = limits
        self.minimum_points = minimum_points
        self.compat = compat
        self._variant = variant_of(two_of_three)
        self._settings = FitSettings(
            kind=kind,
            per=per,
            screen=screen,
            limits=limits,
            minimum_points=minimum_points,
            compat=compat,
        )
        self._settings.check()
        if kind == "i_prime" and compat == "qicharts2":
            raise ValueError("compat qicharts2 takes the limits of i' from points yet to come")
        self.rebase()

    def rebase(self) -> None:
        """Start a new stretch: the next observation is the first of a new baseline."""
        self._counts: list[float] = []
        self._below: list[float] = []
        self._raw = math.nan
        self._rules = RuleWalk(self._variant)

    @property
    def reason(self) -> str:
        """Why there are no limits (key of ``stretches.REASONS``), empty where there are."""
        return self._fit(np.empty(0), np.empty(0)).reason

    def update(self, observation: ArrayLike) -> int:
        """Take the next observation and give the bits of the rules it completes.

        Raises ``ValueError`` for an observation of the wrong shape, infinite, or impossible
        for the kind (``chart.check_counts``).
        """
        count, below = self._read(observation)
        if len(self._counts) < self.baseline:
            self._counts.append(count)
            self._below.append(below)
            return self._learn()
        return self._judge(np.array([count]), np.array([below]))

    def _read(self, observation: ArrayLike) -> tuple[float, float]:
        given = numbers("an observation", observation)
        if (np.abs(given) > LARGEST).any():
            raise ValueError(f"an observation must be finite, at most {LARGEST:g}, or missing")
        pair = given.shape == (2,)
        if self.kind in NEEDS_DENOMINATORS and not pair:
            raise ValueError(f"a {self.kind} chart needs pairs of value and denominator")
        if (self.kind in TAKES_NO_DENOMINATORS and pair) or not (pair or given.size == 1):
            raise ValueError(f"a {self.kind} chart takes single values, not shape {given.shape}")
        count, below = (given[0], given[1]) if pair else (given.item(), 1.0)
        check_counts(self.kind, np.array([count]), np.array([below]))
        if self.kind == "mr":
            count, self._raw = abs(count - self._raw), count
        return float(count), float(below)

    def _fit(self, counts: Floats, below: Floats) -> Stretch:
        """Limits at the baseline and at further points, from the baseline alone."""
        base = np.arange(len(self._counts) + len(counts)) < len(self._counts)
        return fit_stretch(
            np.concatenate([self._counts, counts]),
            np.concatenate([self._below, below]),
            base,
            self._settings,
        )

    def _learn(self) -> int:
        counts, below = np.array(self._counts), np.array(self._below)
        limits = self._fit(np.empty(0), np.empty(0)).limits
        if len(counts) == self.baseline:
            return self._walk(counts, below, limits)[-1]
        value = self.per * plotted(self.kind, counts, below)
        signals = find_signals(value, limits, two_of_three=self.two_of_three)
        return int(signals.completing[-1]) * self._speaks(limits, -1)

    def _judge(self, counts: Floats, below: Floats) -> int:
        lines = self._fit(counts, below).limits
        latest = (lines.mean, lines.lower, lines.upper, lines.near_lower, lines.near_upper)
        return self._walk(counts, below, Limits(*(line[-1:] for line in latest)))[-1]

    def _walk(self, counts: Floats, below: Floats, limits: Limits) -> list[int]:
        values = self.per * plotted(self.kind, counts, below)
        return [self._step(float(values[i]), limits, i) for i in range(len(values))]

    def _step(self, value: float, limits: Limits, i: int) -> int:
        lines = (
            float(limits.mean[i]),
            float(limits.lower[i]),
            float(limits.upper[i]),
            float(limits.near_lower[i]),
            float(limits.near_upper[i]),
        )
        return self._rules.step(value, lines) * self._speaks(limits, i)

    def _speaks(self, limits: Limits, i: int) -> int:
        """1 or 0: whether a point with these limits may be flagged at all."""
        return int(self.compat == "plotthedots" or not math.isnan(limits.upper[i]))


_LEVEL = {"p": 0.1, "np": 0.1, "p_prime": 0.1, "i_prime": 0.1, "u": 0.02, "u_prime": 0.02}
_BASELINE = 20


def _sample(kind: ChartKind) -> Callable[[np.random.Generator], Floats]:
    """Seventy points that get worse after forty, with a missing one and one without size."""

    def sample(rng: np.random.Generator) -> Floats:
        worse = np.where(np.arange(70) < 40, 1.0, 2.0)
        if kind == "g":
            return np.array(rng.geometric(0.05, 70) * worse**4)
        if kind == "t":
            return np.array(np.round(rng.exponential(20.0, 70) + 0.1, 1) * worse**4)
        if kind == "mr":
            return np.round(rng.normal(10.0, 2.0 * worse**2), 1)
        if kind == "c":
            return rng.poisson(6.0 * worse).astype(np.float64)
        below = rng.integers(80, 160, 70).astype(np.float64)
        counts = np.minimum(rng.poisson(_LEVEL[kind] * below * worse), below).astype(np.float64)
        below[30] = 0.0
        counts[30] = 0.0
        return np.stack([counts, below], axis=1)

    return sample


def _latest(kind: ChartKind) -> Callable[[Floats], int]:
    def latest(history: Floats) -> int:
        pairs = history.ndim == 2
        drawn = chart(
            history[:, 0] if pairs else history,
            kind=kind,
            denominators=history[:, 1] if pairs else None,
            fix_after=_BASELINE,
        )
        return int(drawn.completing[-1])

    return latest


def _make(kind: ChartKind) -> Callable[[], ChartMonitor]:
    return lambda: ChartMonitor(kind=kind, baseline=_BASELINE)


_KINDS: tuple[ChartKind, ...] = (
    "mr",
    "i_prime",
    "p",
    "np",
    "u",
    "c",
    "p_prime",
    "u_prime",
    "g",
    "t",
)

CONFORMANCE = tuple(
    Subject(
        name=f"{kind}_chart",
        make=_make(kind),
        sample=_sample(kind),
        latest=_latest(kind),
        missing="breaks",
    )
    for kind in _KINDS
)
