"""Units beside their peers on a funnel plot: centre, spread, limits, and who lies where.

The peers' pooled rate is the centre. Units with too few expected events are shown but
neither judged nor used for the spread; the others give phi and tau2
(``detectors.charts.funnel``): proportions on the arcsine scale, events over expected ones
on the root scale, scores winsorised, additive variance between units. Where units vary more
than by chance, the limits and scores allow for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.charts.funnel import Funnel, FunnelLimits, funnel
from streams.comparisons.comparable import LEVELS, Measure, NotComparableError, levels_of
from streams.comparisons.sentences import (
    CONTRADICTORY,
    HELD_BACK,
    OF_THEM_HELD,
    POSITIONS,
    TOO_FEW_LARGE,
    TOO_FEW_UNITS,
    TOO_FEW_WITHOUT,
    TOO_SMALL,
    TRY_LEVELS,
    TRY_LONGER,
)
from streams.comparisons.sums import UnitSum

F64 = npt.NDArray[np.float64]
State = Literal["judged", "too_small", "held_back", "contradictory"]
Position = Literal["much_higher", "higher", "within", "lower", "much_lower"]

MINIMUM_EXPECTED = 5.0
"""Below it, the square root of a count is far from normal and the limits mean little."""

FEWEST = 8
"""The spread between units is estimated from their scores, less the tenth at each end."""

BEYOND_BY_CHANCE = 0.002
"""Share of units that chance alone puts beyond the outer limits, both sides together."""

BEYOND_BY_SPREAD = 0.02
"""The same of units that differ as peers do, where limits are widened by that difference.

The published methods take the spread from scores whose tenth at each end is pulled in, so
that a unit far out does not hide itself; the spread of the others comes out too small by
about a fifth. Simulated: 1 to 2 % (``docs/methods-charts.md``, section 6).
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """A unit and where it lies.

    ``value`` and the limits are in the measure's unit; ``expected`` are events at the
    peers' rate. Limits, ``z`` and ``position`` are None unless ``state`` is ``judged``.
    ``meaning`` says whether a position beyond the outer limits is a ``concern`` or an
    ``improvement`` (``neutral`` where neither way is better, and within the limits).
    """

    sums: UnitSum
    state: State
    value: float | None = None
    expected: float | None = None
    z: float | None = None
    lower95: float | None = None
    upper95: float | None = None
    lower998: float | None = None
    upper998: float | None = None
    position: Position | None = None
    meaning: str = "neutral"
    statement: str = ""

    @property
    def beyond(self) -> bool:
        """Whether it lies beyond the outer limits."""
        return self.position in {"much_higher", "much_lower"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Units of one level beside each other; ``units`` in the order of the sums given."""

    measure: Measure
    level: str
    rate: float
    plot: Funnel
    units: tuple[Judged, ...]

    @property
    def centre(self) -> float:
        """The peers' pooled rate, in the measure's unit."""
        return self.rate * self.measure.per

    @property
    def tau2(self) -> float:
        """Variance between units that the limits allow for, on the transformed scale."""
        return self.plot.tau2 if self.plot.overdispersed else 0.0

    @property
    def beyond_by_nature(self) -> float:
        """Share of units beyond the outer limits where nothing is behind it."""
        return BEYOND_BY_SPREAD if self.plot.overdispersed else BEYOND_BY_CHANCE

    def count(self, state: State) -> int:
        """How many units are in a state."""
        return sum(one.state == state for one in self.units)

    @property
    def smallest(self) -> float:
        """The least denominator that is judged: enough events expected, and enough without."""
        rarer = min(self.rate, 1.0 - self.rate) if self._proportion else self.rate
        return MINIMUM_EXPECTED / rarer

    @property
    def _proportion(self) -> bool:
        return self.measure.model == "proportion"

    def limits_at(self, denominators: F64) -> FunnelLimits:
        """The limits in force, in the measure's unit, at any denominators."""
        scale = self.measure.per if self._proportion else self.centre
        at = denominators if self._proportion else denominators * self.rate
        found = self.plot.limits_at(at, adjusted=self.plot.overdispersed)
        return FunnelLimits(
            denominators,
            found.lower95 * scale,
            found.upper95 * scale,
            found.lower998 * scale,
            found.upper998 * scale,
        )


def compare(sums: Sequence[UnitSum], measure: Measure, level: str) -> Comparison:
    """Compare units with each other.

    Raises:
        NotComparableError: too few units have numbers, or too few are large enough.
    """
    usable = [one for one in sums if _sound(one, measure)]
    if len(usable) < FEWEST:
        held = sum(one.held_back for one in sums)
        text = OF_THEM_HELD.format(number=held) if held else ""
        raise NotComparableError(
            "too_few_units",
            TOO_FEW_UNITS.format(fewest=FEWEST, kind=level, found=len(usable), held=text)
            + _advice(measure, level, longer=False),
            levels=_lower(measure, level),
        )
    observed = np.array([one.numerator for one in usable], np.float64)
    denominators = np.array([one.denominator for one in usable], np.float64)
    rate = float(observed.sum() / denominators.sum())
    expected = denominators * rate
    rarer = np.minimum(expected, denominators - expected)
    large = (rarer if measure.model == "proportion" else expected) >= MINIMUM_EXPECTED
    if large.sum() < FEWEST:
        raise NotComparableError(
            "too_small",
            TOO_FEW_LARGE.format(
                fewest=FEWEST,
                kind=level,
                found=int(large.sum()),
                all=len(usable),
                minimum=MINIMUM_EXPECTED,
            )
            + _advice(measure, level, longer=True),
            levels=_higher(measure, level),
        )
    if measure.model == "proportion":
        plot = funnel(observed[large], denominators[large], kind="proportion", target=rate)
    else:
        plot = funnel(observed[large], expected[large], kind="ratio", transform="root")
    bare = Comparison(measure, level, rate, plot, ())
    limits = bare.limits_at(denominators[large])
    scores = plot.adjusted_z if plot.overdispersed else plot.scores.z
    places = {int(at): row for row, at in enumerate(np.flatnonzero(large))}
    judged = {
        id(one): _judged(one, measure, limits, scores, places[at], float(expected[at]))
        if at in places
        else _too_small(one, measure, float(expected[at]))
        for at, one in enumerate(usable)
    }
    units = tuple(judged.get(id(one)) or _left_out(one) for one in sums)
    return Comparison(measure, level, rate, plot, units)


def _sound(one: UnitSum, measure: Measure) -> bool:
    """Whether numbers are known and can be what they say they are."""
    if one.numerator is None or not one.denominator:
        return False
    whole = measure.model != "proportion" or one.numerator <= one.denominator
    return one.numerator >= 0.0 and one.denominator > 0.0 and whole


def _left_out(one: UnitSum) -> Judged:
    if one.held_back:
        return Judged(one, "held_back", statement=HELD_BACK)
    return Judged(one, "contradictory", statement=CONTRADICTORY)


def _value(one: UnitSum, measure: Measure) -> float:
    return (one.numerator or 0.0) / (one.denominator or 1.0) * measure.per


def _too_small(one: UnitSum, measure: Measure, expected: float) -> Judged:
    rest = (one.denominator or 0.0) - expected
    few = expected < MINIMUM_EXPECTED
    template, number = (TOO_SMALL, expected) if few else (TOO_FEW_WITHOUT, rest)
    text = template.format(minimum=MINIMUM_EXPECTED, expected=f"{number:.1f}")
    return Judged(one, "too_small", _value(one, measure), expected, statement=text)


def _judged(
    one: UnitSum, measure: Measure, limits: FunnelLimits, scores: F64, row: int, expected: float
) -> Judged:
    value = _value(one, measure)
    bounds = [
        float(line[row])
        for line in (limits.lower998, limits.lower95, limits.upper95, limits.upper998)
    ]
    position = _position(value, bounds)
    meaning = _meaning(position, measure.indicator.direction)
    return Judged(
        sums=one,
        state="judged",
        value=value,
        expected=expected,
        z=float(scores[row]),
        lower998=bounds[0],
        lower95=bounds[1],
        upper95=bounds[2],
        upper998=bounds[3],
        position=position,
        meaning=meaning,
        statement=POSITIONS[position, meaning],
    )


def _position(value: float, bounds: Sequence[float]) -> Position:
    low998, low95, high95, high998 = bounds
    if value > high998:
        return "much_higher"
    if value < low998:
        return "much_lower"
    if value > high95:
        return "higher"
    return "lower" if value < low95 else "within"


def _meaning(position: Position, direction: str) -> str:
    """Whether this side is the worse or the better one, where there is such a side."""
    if position == "within" or direction == "neutral":
        return "neutral"
    high = position in {"much_higher", "higher"}
    return "improvement" if high == (direction == "up") else "concern"


def _lower(measure: Measure, level: str) -> tuple[str, ...]:
    return tuple(
        one for one in levels_of(measure.indicator) if LEVELS.index(one) < LEVELS.index(level)
    )


def _higher(measure: Measure, level: str) -> tuple[str, ...]:
    return tuple(
        one for one in levels_of(measure.indicator) if LEVELS.index(one) > LEVELS.index(level)
    )


def _advice(measure: Measure, level: str, *, longer: bool) -> str:
    """What may be tried instead: more units lie lower, larger ones higher."""
    levels = _higher(measure, level) if longer else _lower(measure, level)
    names = " or ".join(f"comparing {one}s" for one in levels)
    if longer:
        return " " + (TRY_LONGER.format(levels=names) if names else "A longer window may do.")
    return f" {TRY_LEVELS.format(levels=names[:1].upper() + names[1:])}" if names else ""
