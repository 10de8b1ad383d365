"""What every method of the family takes and refuses: counts by series and period.

``counts`` has shape (series, periods) or (periods,), one row a series; NaN is a missing
observation. Results have the shape of the input, with the judged periods last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, Ints
from detectors.demands import check_whole, number, numbers

LARGEST_COUNT = 2.0**53
"""Beyond it floats leave out whole numbers, and the search for a quantile may not end."""


def counts_of(counts: ArrayLike) -> Floats:
    """``counts`` as floats of shape (series, periods).

    Raises ``ValueError`` when they are not one or two dimensional, negative, infinite or
    too large to be counts.
    """
    values = np.atleast_2d(numbers("counts", counts)).copy()
    if values.ndim != 2:
        raise ValueError(f"counts must have shape (series, periods), not {values.shape}")
    # fmin and fmax pass over NaN and need no room, which matters for very many series.
    if np.fmin.reduce(values, axis=None, initial=0.0) < 0.0 or (
        np.fmax.reduce(values, axis=None, initial=0.0) > LARGEST_COUNT
    ):
        raise ValueError("counts must be not negative and below 2^53, or NaN (missing)")
    return np.ascontiguousarray(values)


def observation_of(observation: float) -> float:
    """One count as a float; raises ``ValueError`` when it is negative or too large."""
    value = number("an observation", observation)
    if value > LARGEST_COUNT or value < 0:
        raise ValueError(
            f"an observation must be not negative and below 2^53, or NaN, not {observation}"
        )
    return value


def positions_of(at: Sequence[int] | Ints | None, periods: int) -> Ints:
    """The periods to judge, counted from 0; all of them for None.

    Raises ``ValueError`` for a position outside the series.
    """
    if at is None:
        return np.arange(periods)
    positions = np.array(at, dtype=np.int64, ndmin=1)
    if positions.ndim != 1 or ((positions < 0) | (positions >= periods)).any():
        raise ValueError(f"at must hold positions from 0 to {periods - 1}, not {at}")
    return positions


def check_years(years: int, half_width: int, frequency: int) -> None:
    """Raise ``ValueError`` unless windows of ``2 half_width + 1`` periods fit into a year."""
    check_whole("frequency", frequency, 1)
    check_whole("b", years, 0)
    check_whole("w", half_width, 0)
    if 2 * half_width + 1 > frequency:
        raise ValueError(
            f"w must be 0 to {(frequency - 1) // 2}, so that windows of neighbouring years"
            f" do not overlap, not {half_width}"
        )


def like_input(counts: ArrayLike, result: NDArray[np.generic]) -> NDArray[np.generic]:
    """``result`` of shape (series, judged) without its first axis when one series was given."""
    return result[0] if np.ndim(counts) < 2 else result
