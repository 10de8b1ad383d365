"""What all procedures for an endless row of tests share.

Hypotheses arrive one at a time; each is decided at once, at a level that depends on earlier
decisions only, and never again. A missing p-value is no test: nothing is spent and nothing
is learned. An answer of 1 is a discovery.

The promise is about hypotheses that are new each time. Testing the same ward every week with
overlapping data breaks it, and spends the budget on questions already answered.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.conformance import Subject
from detectors.demands import numbers


@dataclass(frozen=True, slots=True)
class OnlineDecisions:
    """Levels and discoveries by test, both of shape (tests,); a missing test's level is NaN."""

    levels: Floats
    rejected: Booleans


class OnlineTesting(ABC):
    """A procedure that decides tests in the order in which they come."""

    level: float = math.nan
    """Level of the last test, NaN before the first and at a missing one."""

    def update(self, p_value: float) -> int:
        """Decide the next test by its p-value (NaN if missing): 1 for a discovery, else 0.

        Raises ``ValueError`` for a p-value outside 0 to 1.
        """
        decisions = self.decide([p_value])
        self.level = float(decisions.levels[0])
        return int(decisions.rejected[0])

    def decide(self, p_values: ArrayLike) -> OnlineDecisions:
        """Decide the next tests, in order; ``p_values`` has shape (tests,), NaN where missing.

        Raises ``ValueError`` for p-values outside 0 to 1 or of another shape.
        """
        p = np.ascontiguousarray(numbers("p_values", p_values))
        if p.ndim != 1:
            raise ValueError(f"p_values must be one row of tests, not of shape {p.shape}")
        wrong = (p < 0.0) | (p > 1.0)
        if wrong.any():
            raise ValueError(f"p_values must lie between 0 and 1, not {p[wrong][0]}")
        levels = np.full(len(p), np.nan)
        rejected = np.zeros(len(p), np.bool_)
        self._advance(p, levels, rejected)
        return OnlineDecisions(levels, rejected)

    @abstractmethod
    def _advance(self, p: Floats, levels: Floats, rejected: Booleans) -> None:
        """Fill in levels and decisions, and take the state past them."""


def starting_wealth(wealth: float | None, usual: float, most: float) -> float:
    """The wealth asked for, or the usual one; ``ValueError`` outside 0 to ``most``."""
    chosen = usual if wealth is None else wealth
    if not 0.0 <= chosen <= most * (1.0 + 1e-12):
        raise ValueError(f"wealth must lie between 0 and {most}, not {chosen}")
    return chosen


def starting_payout(payout: float | None, wealth: float, alpha: float) -> float:
    """What a discovery earns: what is asked for, or what the starting wealth leaves of alpha.

    Raises ``ValueError`` unless it is above 0 and not more than that.
    """
    earned = alpha - wealth if payout is None else payout
    if not earned > 0.0 or wealth + earned > alpha * (1.0 + 1e-12):
        raise ValueError(f"payout must be above 0 and wealth + payout <= alpha, not {earned}")
    return earned


def check_thresholds(candidate: float, discard: float) -> None:
    """Raise ``ValueError`` unless 0 <= candidate < discard <= 1."""
    if not 0.0 <= candidate < discard <= 1.0:
        raise ValueError(
            f"candidate and discard must satisfy 0 <= candidate < discard <= 1,"
            f" not {candidate} and {discard}"
        )


def row_of_tests(rng: np.random.Generator) -> Floats:
    """Sixty p-values, one in six from a plain signal: for the conformance suite."""
    p = rng.random(60)
    p[::6] *= 1e-5
    return p


def subject(
    name: str,
    make: Callable[[], OnlineTesting],
    sample: Callable[[np.random.Generator], Floats] = row_of_tests,
    *,
    state_bytes: int = 16_384,
) -> Subject:
    """A procedure as the conformance suite takes it."""
    return Subject(
        name=name,
        make=make,
        sample=sample,
        latest=lambda history: int(make().decide(history).rejected[-1]),
        missing="ignored",
        state_bytes=state_bytes,
    )
