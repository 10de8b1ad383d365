"""What is believed of a new run before its first observation, for ``bocpd``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detectors.arrays import Floats
from detectors.demands import check_finite, check_positive
from detectors.drift.bocpd_posterior import COUNTS, GAUSSIAN


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Prior of a run's unknown mean and variance (normal-inverse-gamma).

    The mean is about ``mean`` as if ``strength`` values had said so; the variance is
    inverse-gamma with ``shape`` and ``scale`` (about scale / shape).
    """

    family: ClassVar[int] = GAUSSIAN
    mean: float = 0.0
    strength: float = 1.0
    shape: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_finite("mean", self.mean)
        for name in ("strength", "shape", "scale"):
            check_positive(name, getattr(self, name))

    @property
    def beliefs(self) -> Floats:
        """The prior as the recursion takes it, shape (4,)."""
        return np.array([self.mean, self.strength, self.shape, self.scale])


@dataclass(frozen=True, slots=True)
class Counts:
    """Prior of a run's unknown rate per unit of exposure: Gamma with mean ``shape / rate``."""

    family: ClassVar[int] = COUNTS
    shape: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        for name in ("shape", "rate"):
            check_positive(name, getattr(self, name))

    @property
    def beliefs(self) -> Floats:
        """The prior as the recursion takes it, shape (4,)."""
        return np.array([self.shape, self.rate, 0.0, 0.0])


def rows_of(observations: Floats, prior: Gaussian | Counts) -> Floats:
    """Rows (value, exposure), shape (points, 2), the exposure 1 where none is given.

    Raises ``ValueError`` for other shapes, infinite numbers, negative counts and exposures that
    are not positive.
    """
    rows = observations[:, None] if observations.ndim == 1 else observations
    if rows.ndim != 2:
        raise ValueError(f"observations must have shape (points,) or (points, 2), not {rows.shape}")
    if rows.shape[1] == 1:
        rows = np.column_stack([rows, np.ones(len(rows))])
    elif rows.shape[1] != 2 or prior.family == GAUSSIAN:
        raise ValueError(
            f"an observation is a value, or (count, exposure), not {rows.shape[1]} numbers"
        )
    if np.isinf(rows).any():
        raise ValueError("observations must be finite or NaN (missing)")
    if prior.family == COUNTS and (rows[:, 0] < 0).any():
        raise ValueError(f"a count must not be negative, not {np.nanmin(rows[:, 0])}")
    if (rows[:, 1] <= 0).any():
        raise ValueError(f"an exposure must be positive, not {np.nanmin(rows[:, 1])}")
    return rows
