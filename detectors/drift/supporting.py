"""What supporting drift monitors have in common: findings, and the detectors of river."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_whole, number, numbers

Parameters = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class MonitorFinding:
    """One detection: which detector, with which parameters, at which position (from 0)."""

    detector: str
    parameters: Parameters
    index: int


class Monitor(Protocol):
    """A drift detector over one series."""

    name: ClassVar[str]

    @property
    def parameters(self) -> Parameters:
        """Settings by name."""

    def update(self, value: float) -> int:
        """Take the next value and give 1 when drift is found at it, else 0."""


def river_detector(name: str, parameters: Parameters) -> Any:  # noqa: ANN401 - see below
    """A detector of river by its name in ``river.drift`` or ``river.drift.binary``.

    river is imported here because that takes a second. Its detectors are partly untyped, so
    nothing beyond this function trusts their types.
    """
    from river import drift  # noqa: PLC0415 - as said above

    home = drift if hasattr(drift, name) else drift.binary
    return getattr(home, name)(**parameters)


def feed(detector: Any, value: float) -> int:  # noqa: ANN401 - river ships no types
    """Give a value (NaN is skipped) to a detector of river: 1 when it finds drift, else 0.

    Raises ``ValueError`` for an infinite value.
    """
    value = number("a value", value)
    if math.isinf(value):
        raise ValueError("a value must be finite or NaN (missing)")
    if math.isnan(value):
        return 0
    detector.update(value)
    return int(detector.drift_detected)


class RiverMonitor(ABC):
    """A detector of river over one series, skipping missing values.

    A kind stores its settings under the names that river gives them, and then makes the detector.
    """

    name: ClassVar[str]
    river_name: ClassVar[str]

    @abstractmethod
    def __init__(self) -> None:
        """Each kind declares its own settings."""
        self._detector = river_detector(self.river_name, self.parameters)

    @property
    def parameters(self) -> Parameters:
        """Settings by name."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def update(self, value: float) -> int:
        """Take the next value (NaN is skipped) and give 1 when drift is found at it, else 0.

        Raises ``ValueError`` for an infinite value.
        """
        return feed(self._detector, value)


def standardised_residuals(values: ArrayLike, baseline: int) -> Floats:
    """(value - mean) / sd with both taken from the first ``baseline`` values; shape (points,).

    The sd is the sample's (divisor n - 1). Where the baseline has fewer than two known values
    or no spread, no residual can be formed and all are NaN. Raises ``ValueError`` for
    infinite values or a baseline below two.
    """
    series = numbers("values", values).copy()
    if series.ndim != 1 or np.isinf(series).any():
        raise ValueError("values must be one series, finite or NaN (missing)")
    check_whole("baseline", baseline, 2)
    first = series[:baseline]
    known = first[~np.isnan(first)]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    # Equal decimals leave a spread of rounding error, which must not count as spread.
    if spread <= 1e-12 * float(np.abs(known).max(initial=0.0)):
        return np.full(len(series), np.nan)
    return (series - float(np.mean(known))) / spread


def findings(residuals: ArrayLike, monitors: Sequence[Monitor]) -> list[MonitorFinding]:
    """Findings of fresh monitors on one series of residuals, by position.

    Missing residuals are skipped, and positions count them.
    """
    series = numbers("residuals", residuals)
    if series.ndim != 1:
        raise ValueError(f"residuals must be one series, not of shape {series.shape}")
    found = [
        MonitorFinding(one.name, one.parameters, i)
        for one in monitors
        for i, value in enumerate(series.tolist())
        if one.update(value)
    ]
    return sorted(found, key=lambda finding: (finding.index, finding.detector))
