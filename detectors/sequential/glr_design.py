"""What the settings of a GLR chart ask for: which statistic, over which windows.

The R package surveillance departs from the paper in how it limits windows and where it
signals (see ``glr``); ``design_of`` is the one place that knows when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from detectors.demands import (
    check_choice,
    check_finite,
    check_not_negative,
    check_positive,
    check_whole,
)
from detectors.sequential.cusum_recursion import DIRECTIONS
from detectors.sequential.glr_statistics import (
    EPIDEMIC,
    EPIDEMIC_AS_SURVEILLANCE,
    NEGATIVE_BINOMIAL,
    POISSON,
)

Direction = Literal["rise", "fall", "both"]
Change = Literal["intercept", "epidemic"]
CHANGES = ("intercept", "epidemic")
WITHOUT_LIMIT = int(np.iinfo(np.int64).max)


class Settings(Protocol):
    """The settings of ``glr.GlrChart``, where they are described."""

    threshold: float
    window: int | None
    minimum: int
    dispersion: float
    direction: Direction
    change: Change
    shift: float | None
    compat: str


@dataclass(frozen=True, slots=True)
class Design:
    """How a chart computes and judges.

    Args:
        family: Which statistic, as ``glr_statistics`` numbers them.
        longest: Most observations in a window.
        shortest: Fewest.
        strict: Whether the threshold must be exceeded, not only reached.
        skip_empty: Whether windows without any count are left out of a search for falls.
    """

    family: int
    longest: int
    shortest: int
    strict: bool
    skip_empty: bool


def design_of(settings: Settings) -> Design:
    """The design that settings ask for; ``ValueError`` for settings out of range."""
    _check(settings)
    epidemic = settings.change == "epidemic"
    as_package = settings.compat == "surveillance"
    family = POISSON if settings.dispersion == 0.0 else NEGATIVE_BINOMIAL
    if epidemic:
        family = EPIDEMIC_AS_SURVEILLANCE if as_package else EPIDEMIC
    shortest = settings.minimum
    if as_package and family == POISSON:
        shortest = 1 if settings.window is None else settings.minimum + 1
    return Design(
        family=family,
        longest=WITHOUT_LIMIT if settings.window is None else settings.window + 1,
        shortest=shortest,
        strict=as_package and (epidemic or settings.shift is not None),
        skip_empty=as_package,
    )


def _check(given: Settings) -> None:
    check_positive("threshold", given.threshold)
    check_whole("minimum", given.minimum, 1)
    if given.window is not None:
        check_whole("window", given.window, 1)
        if given.window < given.minimum:
            raise ValueError(
                f"window must be at least minimum ({given.minimum}), not {given.window}"
            )
    check_not_negative("dispersion", given.dispersion)
    check_choice("direction", given.direction, DIRECTIONS)
    check_choice("change", given.change, CHANGES)
    check_choice("compat", given.compat, ("published", "surveillance"))
    if given.change == "epidemic" and (
        given.dispersion > 0 or given.direction != "rise" or given.shift is not None
    ):
        raise ValueError("change='epidemic' is for rises of Poisson counts of unknown size")
    if given.shift is None:
        return
    check_finite("shift", given.shift)
    if given.direction == "both":
        raise ValueError("a known shift has one direction, rise or fall, not both")
    if not given.shift * DIRECTIONS[given.direction] > 0:
        raise ValueError(f"shift must be a {given.direction}, not {given.shift}")
