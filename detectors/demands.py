"""What a detector may ask of its settings, with one wording for each refusal.

A setting that is NaN, infinite or not whole where it has to be would otherwise make a chart that
never signals, or fail later and elsewhere.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_kind(name: str, value: object, *kinds: type) -> None:
    """Raise ``TypeError`` unless ``value`` is of one of these kinds; a kind itself is not."""
    if isinstance(value, type) or not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be of kind {wanted}, not {value!r}")


def check_whole(name: str, value: object, least: int) -> None:
    """Raise ``ValueError`` unless ``value`` is a whole number of at least ``least``."""
    try:
        number = operator.index(value)  # type: ignore[arg-type] # what is not whole is refused
    except TypeError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")


def check_finite(name: str, value: float) -> None:
    """Raise ``ValueError`` for NaN and infinity."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value}")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is positive and finite."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value}")


def check_inside(name: str, value: float, low: float = 0.0, high: float = 1.0) -> None:
    """Raise ``ValueError`` unless ``value`` lies strictly between ``low`` and ``high``."""
    if not low < value < high:
        raise ValueError(f"{name} must lie strictly between {low:g} and {high:g}, not {value}")


def numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """``values`` as floats of the same shape, None and masked values as NaN.

    Raises ``ValueError`` for what NumPy would turn into numbers that nobody meant (dates,
    times, complex numbers) or refuse in words of its own.
    """
    masked = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    try:
        given = np.asarray(values)
        if given.dtype.kind in "mMcV":
            raise ValueError(f"{name} must be numbers, not {given.dtype}")
        floats = np.asarray(given, np.float64)
    except TypeError:
        raise ValueError(f"{name} must be numbers, or NaN where they are missing") from None
    return floats if masked is None else np.where(masked, np.nan, floats)


def number(name: str, value: float | None) -> float:
    """One value as a float, None as NaN; raises ``ValueError`` for what is no single number."""
    try:
        return math.nan if value is None else float(value)
    except TypeError:
        raise ValueError(f"{name} must be one number or NaN (missing), not {value!r}") from None


def check_not_negative(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is zero or more and finite."""
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} must be finite and not negative, not {value}")


def check_part(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is above 0 and at most 1."""
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{name} must be above 0 and at most 1, not {value}")


def check_choice(name: str, value: object, known: Iterable[object]) -> None:
    """Raise ``ValueError`` unless ``value`` is one of the ``known``."""
    choices = list(known)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")
