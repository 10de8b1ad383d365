"""Western Electric and Nelson rules in a stream: see ``zone_rules`` for the rules."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from detectors.arrays import Floats
from detectors.charts.zone_rules import LONGEST_RULE, check_rules, zone_signals
from detectors.conformance import Subject
from detectors.demands import check_finite, check_positive, number


class ZoneMonitor:
    """Zone rules about a fixed centre line, one value at a time.

    It keeps the latest 15 values, as far as the longest rule reaches back. A missing value
    breaks every pattern.

    Args:
        centre: The centre line.
        sigma: Standard deviation of a value; greater means fewer signals of rules 1 to 3.
        rule_set: ``"western_electric"`` or ``"nelson"``.
        rules: Numbers of the rules to apply, all by default. Fewer mean fewer false signals.
        compat: ``"published"``, or ``"qcc"`` to place the window of rules 2 and 3 by the limits
            of its last point.

    Example:
        >>> monitor = ZoneMonitor(centre=0.0, sigma=1.0)
        >>> [monitor.update(y) for y in [0.1, 2.5, -0.3, 2.2, 0.0]]
        [0, 0, 0, 2, 0]

    Reference: see ``zone_rules``.
    """

    def __init__(
        self,
        *,
        centre: float,
        sigma: float,
        rule_set: str = "western_electric",
        rules: tuple[int, ...] = (),
        compat: str = "published",
    ) -> None:
        check_rules(rule_set, rules, compat)
        check_finite("centre", centre)
        check_positive("sigma", sigma)
        self.centre = centre
        self.sigma = sigma
        self.rule_set = rule_set
        self.rules = rules
        self.compat = compat
        self._values: list[float] = []
        self._sigmas: list[float] = []

    def update(self, value: float, sigma: float | None = None) -> int:
        """Take the next value and give the bits of the rules it completes.

        ``sigma`` is this value's own standard deviation where sizes vary. Raises
        ``ValueError`` for an infinite value.
        """
        value = number("a value", value)
        if math.isinf(value):
            raise ValueError("a value must be finite or NaN (missing)")
        self._values = [*self._values, value][-LONGEST_RULE:]
        self._sigmas = [*self._sigmas, self.sigma if sigma is None else sigma][-LONGEST_RULE:]
        found = zone_signals(
            self._values,
            self.centre,
            self._sigmas,
            rule_set=self.rule_set,
            rules=self.rules,
            compat=self.compat,
        )
        return int(found[-1])


def _sample(rng: np.random.Generator) -> Floats:
    values = np.round(rng.normal(10.0, 2.0, 120), 1)
    values[60:] += 1.5
    values[90:] -= 1.5 * (-1.0) ** np.arange(30)
    return values


def _latest(rule_set: str) -> Callable[[Floats], int]:
    return lambda history: int(zone_signals(history, 10.0, 2.0, rule_set=rule_set)[-1])


def _make(rule_set: str) -> Callable[[], ZoneMonitor]:
    return lambda: ZoneMonitor(centre=10.0, sigma=2.0, rule_set=rule_set)


CONFORMANCE = tuple(
    Subject(
        name=rule_set,
        make=_make(rule_set),
        sample=_sample,
        latest=_latest(rule_set),
        missing="breaks",
    )
    for rule_set in ("western_electric", "nelson")
)
