"""The CUSUM of counts that were first made nearly Gaussian, and the count that would alarm.

    S = max(0, S + z(x) - k),   alarm when S > h,   m the expected count, and z(x) one of

    standard   (x - m) / sqrt(m)
    rossi      (x - 3 m + 2 sqrt(x m)) / (2 sqrt(m))
    anscombe   3/2 (x^(2/3) - m^(2/3)) / m^(1/6)

The bound of a point is the count at which the statistic would be h: counts above it alarm.
With a small m no transformation makes z Gaussian, and run lengths found for Gaussian points do
not hold; prefer ``likelihood_cusum`` then.

The bound is a number of the real line. ``compat="surveillance"`` rounds it up for the
standard transformation, as the R package surveillance does.

Sources: G. Rossi, L. Lampugnani & M. Marchi, "An approximate CUSUM procedure for surveillance
of health events", Statistics in Medicine 18 (1999); D. A. Pierce & D. W. Schafer, Journal of
the American Statistical Association 81 (1986) for the Anscombe residual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Bits, Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_not_negative, check_positive, number, numbers
from detectors.sequential.cusum_recursion import RISE, Side
from detectors.sequential.likelihood_ratios import check_counts

TRANSFORMATIONS = ("standard", "rossi", "anscombe")


def transformed_counts(counts: ArrayLike, expected: ArrayLike, transformation: str) -> Floats:
    """z(x) of counts with the given expected counts, elementwise; NaN stays NaN.

    Raises ``ValueError`` for an unknown transformation, negative or infinite counts, or
    expected counts that are not positive.
    """
    check_choice("transformation", transformation, TRANSFORMATIONS)
    x = check_counts("counts", counts)
    m = numbers("expected", expected)
    if (m <= 0.0).any() or np.isinf(m).any():
        raise ValueError("expected must be positive and finite, or NaN (missing)")
    if transformation == "standard":
        return np.asarray((x - m) / np.sqrt(m))
    if transformation == "rossi":
        return np.asarray((x - 3.0 * m + 2.0 * np.sqrt(x * m)) / (2.0 * np.sqrt(m)))
    return np.asarray(1.5 * (np.cbrt(x) ** 2 - np.cbrt(m) ** 2) / m ** (1.0 / 6.0))


def count_of(z: ArrayLike, expected: ArrayLike, transformation: str) -> Floats:
    """The count x >= 0 whose transformed value is z, 0 where none is that low.

    Raises ``ValueError`` for an unknown transformation.
    """
    check_choice("transformation", transformation, TRANSFORMATIONS)
    value = np.asarray(z, np.float64)
    m = numbers("expected", expected)
    if transformation == "standard":
        return np.asarray(np.maximum(0.0, m + value * np.sqrt(m)))
    if transformation == "rossi":
        # With u = sqrt(x): u^2 + 2 u sqrt(m) - 3 m - 2 z sqrt(m) = 0.
        root = np.sqrt(np.maximum(0.0, 4.0 * m + 2.0 * value * np.sqrt(m))) - np.sqrt(m)
        return np.asarray(np.maximum(0.0, root) ** 2)
    power = np.cbrt(m) ** 2 + value * m ** (1.0 / 6.0) / 1.5
    return np.asarray(np.maximum(0.0, power) ** 1.5)


@dataclass(frozen=True, slots=True)
class TransformedPath:
    """Statistics before any reset, bounds in counts, and signals; arrays of the counts' shape."""

    statistic: Floats
    bound: Floats
    signals: Bits

    @property
    def alarms(self) -> NDArray[np.intp]:
        """Positions (from 0) of the points with a signal, for a single series."""
        return np.flatnonzero(self.signals)


class TransformedCountCusum:
    """CUSUM of transformed counts, for rises; missing counts are passed over.

    Args:
        expected: Expected count in control, positive.
        k: Reference value in standard deviations.
        h: Decision interval in standard deviations. Rossi et al. use k = 1.04 and h = 2.26
            for 500 points between false alarms.
        transformation: ``"standard"``, ``"rossi"`` or ``"anscombe"``.
        reset: Start afresh after an alarm.
        compat: ``"published"`` or ``"surveillance"``.

    Example:
        >>> chart = TransformedCountCusum(expected=3.0)
        >>> [chart.update(x) for x in [3, 2, 7, 9]]
        [0, 0, 0, 1]

    Reference: Rossi et al. 1999, see the module.
    """

    def __init__(
        self,
        *,
        expected: float = 1.0,
        k: float = 1.04,
        h: float = 2.26,
        transformation: str = "rossi",
        reset: bool = False,
        compat: str = "published",
    ) -> None:
        self.expected = expected
        self.k = k
        self.h = h
        self.transformation = transformation
        self.reset = reset
        self.compat = compat
        check_not_negative("k", k)
        check_choice("compat", compat, ("published", "surveillance"))
        check_positive("expected", expected)
        transformed_counts(0.0, expected, transformation)  # says what is wrong with either
        self._side = Side(h, 0.0, reset)
        self._statistic = 0.0

    @property
    def bound(self) -> float:
        """The count above which the next point would alarm."""
        return float(self._bounds(np.array(self._statistic), np.array(self.expected)))

    def _bounds(self, statistic: Floats, expected: Floats) -> Floats:
        bound = count_of(self.h - statistic + self.k, expected, self.transformation)
        rounds = self.compat == "surveillance" and self.transformation == "standard"
        return np.ceil(bound) if rounds else bound

    def update(self, count: float) -> int:
        """Take a count (NaN if missing) and give 1 when it alarms, else 0.

        Raises ``ValueError`` for a negative or infinite count.
        """
        z = float(transformed_counts(number("a count", count), self.expected, self.transformation))
        if math.isnan(z):
            return 0
        value, alarm = self._side.step(self._statistic, z - self.k)
        self._statistic = self._side.after(value, alarm=alarm)
        return RISE * int(alarm)

    def follow(self, counts: ArrayLike) -> TransformedPath:
        """The chart of whole series, shape (points,) or (points, series), from its start."""
        x = numbers("counts", counts)
        z = transformed_counts(x, self.expected, self.transformation)
        statistic, alarms = self._side.follow(z - self.k)
        before = np.zeros_like(statistic)
        before[1:] = np.where(alarms[:-1] & self.reset, 0.0, statistic[:-1])
        bound = self._bounds(before, np.asarray(self.expected))
        return TransformedPath(statistic, bound, (RISE * alarms).astype(np.uint8))


def transformed_count_cusum(counts: ArrayLike, **settings: object) -> TransformedPath:
    """The CUSUM of transformed counts of whole series, shape (points,) or (points, series).

    ``settings`` are those of ``TransformedCountCusum``.
    """
    return TransformedCountCusum(**settings).follow(counts)  # type: ignore[arg-type] # as there


def _make() -> TransformedCountCusum:
    return TransformedCountCusum(expected=3.0, reset=True)


def _sample(rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.poisson(np.repeat([3.0, 7.0], 45)).astype(np.float64)
    return drawn


CONFORMANCE = (
    Subject(
        name="transformed_count_cusum",
        make=_make,
        sample=_sample,
        latest=lambda history: int(_make().follow(history).signals[-1]),
        missing="ignored",
    ),
)
