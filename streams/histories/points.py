"""Points of a series as they are shown: plain values with their chart's lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from streams.facts.periods import Grid, start_of

if TYPE_CHECKING:
    from streams.histories.views import SeriesView


class Lines(Protocol):
    """The part of a control chart that a picture shows; arrays of one shape (points)."""

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Centre line."""

    @property
    def lower(self) -> npt.NDArray[np.float64]:
        """Lower limit, NaN where there is none."""

    @property
    def upper(self) -> npt.NDArray[np.float64]:
        """Upper limit, NaN where there is none."""

    @property
    def point_type_names(self) -> Sequence[str]:
        """The name of each point's colour."""

    @property
    def special_cause_names(self) -> Sequence[str]:
        """The rule that marks each point."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a value may come to when all is reported: its mean and a central interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a series as people see it. None means missing or suppressed.

    ``value`` is numerator over denominator times the indicator's ``per``. ``open``
    marks a period that is not closed yet, ``disclosure`` is ``suppressed`` where a
    number is held back. ``reported_share`` is given where the period is likely
    incomplete; ``provisional`` marks such a point, and one whose flag rests on such
    points.
    """

    period_start: str
    period_end: str
    value: float | None
    numerator: float | None
    denominator: float | None
    mean: float | None
    lower: float | None
    upper: float | None
    point_type: str
    special_cause: str | None
    missing_denominator: bool
    open: bool
    disclosure: str | None
    reported_share: float | None = None
    expected_final: Expected | None = None
    provisional: bool = False


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z."""
    text = moment.astimezone(UTC).isoformat(
        timespec="milliseconds" if moment.microsecond else "seconds"
    )
    return text.replace("+00:00", "Z")


@lru_cache(maxsize=8192)
def first_instant(grid: Grid, period: int) -> str:
    """The start of a period, RFC 3339; periods repeat over series, so it is remembered."""
    return stamp(start_of(grid, period))


def known(value: float) -> float | None:
    """A finite number, or None."""
    return float(value) if math.isfinite(value) else None


def plain_points(view: SeriesView, lines: Lines | None) -> list[Point]:
    """The points of a series that nothing is held back of; open periods have no lines."""
    periods = view.periods.tolist()
    judged = 0 if lines is None else len(lines.mean)
    kinds = [] if lines is None else lines.point_type_names
    causes = [] if lines is None else lines.special_cause_names
    needs_denominator = view.indicator.kind != "count"
    found = []
    for at, (period, value, above, below) in enumerate(
        zip(
            periods,
            view.values.tolist(),
            view.numerators.tolist(),
            view.denominators.tolist(),
            strict=True,
        )
    ):
        mean = lower = upper = None
        kind, cause = "common_cause", None
        if lines is not None and at < judged:
            mean = known(lines.mean[at])
            lower, upper = known(lines.lower[at]), known(lines.upper[at])
            kind = kinds[at]
            cause = causes[at] if kind != "common_cause" else None
        found.append(
            Point(
                period_start=first_instant(view.grid, period),
                period_end=first_instant(view.grid, period + 1),
                value=known(value),
                numerator=known(above),
                denominator=known(below),
                mean=mean,
                lower=lower,
                upper=upper,
                point_type=kind,
                special_cause=cause,
                missing_denominator=needs_denominator and math.isnan(below) and above > 0,
                open=period >= view.open_from,
                disclosure=None,
            )
        )
    return found


def point_fields(point: Point) -> dict[str, Any]:
    """A point as the fields of a JSON object."""
    return asdict(point)
