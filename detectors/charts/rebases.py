"""Rebases: a new stretch of limits, by a named person, for a reason, on a date.

Limits that start afresh make whatever came before look settled, a deterioration included. So
a rebase is a decision of a person who can be asked, never of the software: NHS England's
*Making Data Count* asks for a known cause, a change that is judged permanent, and enough
points after it. Nothing in this package proposes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.demands import check_whole


@dataclass(frozen=True, slots=True)
class Rebase:
    """One decision to start limits and rules afresh.

    Args:
        position: Number of the first point of the new stretch, above 0.
        person: Who decided.
        reason: Why: the known cause of the change.
        date: The day of the decision.

    Raises:
        ValueError: for a position below 1, or a person or reason that is empty.

    Example:
        >>> Rebase(12, person="Head of Nursing", reason="ward merged", date=date(2026, 4, 1)).reason
        'ward merged'
    """

    position: int
    person: str
    reason: str
    date: date

    def __post_init__(self) -> None:
        """Refuse a decision that nobody made or for no reason."""
        check_whole("position of a rebase", self.position, 1)
        for name in ("person", "reason"):
            given = getattr(self, name)
            if not isinstance(given, str) or not given.strip():
                raise ValueError(f"{name} of the rebase at {self.position} must not be empty")


def stretches_of(length: int, rebase: Sequence[int | Rebase]) -> NDArray[np.int32]:
    """Number of the stretch of each point, from 0, shape (length,).

    A plain position stands for phases that are known by design, as in a study. Raises
    ``ValueError`` for a position at which no stretch can start.
    """
    starts = np.zeros(length, np.int32)
    for one in rebase:
        position = one.position if isinstance(one, Rebase) else one
        if not 0 < position < length:
            raise ValueError(f"rebase at {position} is outside the {length} points")
        starts[position] = 1
    return np.cumsum(starts, dtype=np.int32)
