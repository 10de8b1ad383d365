"""The rows of a counts file, one after the other: what each says, or why it cannot be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streams.evidence.culture import ANY_HARM
from streams.facts.periods import Grid, first_day, month_of_day

REQUIRED = ("unit", "feed", "period_start", "period_end", "count")
OPTIONAL = ("exposure", "changed_at", "rebased_at")
LARGEST_COUNT = 1e7


class CountsFileError(ValueError):
    """A counts file that cannot be used; the message names the line."""


@dataclass(slots=True)
class Reading:
    """What has been read so far."""

    grid: Grid | None = None
    phase: int = 0
    inclusive: bool = False
    units: dict[str, int] = field(default_factory=dict)
    feeds: dict[str, int] = field(default_factory=dict)
    rows: dict[tuple[int, int, int], tuple[float, float, int]] = field(default_factory=dict)
    texts: dict[int, tuple[str, str]] = field(default_factory=dict)
    changed: dict[int, float] = field(default_factory=dict)
    rebased: set[tuple[int, int, float]] = field(default_factory=set)
    moments: dict[str, float] = field(default_factory=dict)


def header_of(names: object) -> list[str]:
    """The names of the columns; ``CountsFileError`` where one lacks or is not known."""
    header = [str(name).strip() for name in names] if isinstance(names, list) else []
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise CountsFileError(f"line 1: the header lacks {', '.join(missing)}")
    unknown = sorted(set(header) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise CountsFileError(
            f"line 1: unknown column {', '.join(unknown)}; known are {', '.join(REQUIRED)}"
            f" and, optional, {', '.join(OPTIONAL)}"
        )
    return header


def take(reading: Reading, row: Mapping[str | None, object], line: int) -> None:
    """Add what a row says; ``CountsFileError`` for one that cannot be used."""
    cells = {str(name).strip(): value for name, value in row.items() if name is not None}
    if None in row or any(not isinstance(value, str) for value in cells.values()):
        raise CountsFileError(f"line {line}: the row has not as many cells as the header")
    text = {name: str(value).strip() for name, value in cells.items()}
    for name in ("unit", "feed"):
        if not text[name]:
            raise CountsFileError(f"line {line}: {name} is empty")
    period = _period(reading, text["period_start"], text["period_end"], line)
    unit = reading.units.setdefault(text["unit"], len(reading.units))
    feed = reading.feeds.setdefault(text["feed"], len(reading.feeds))
    place = (unit, feed, period)
    if place in reading.rows:
        raise CountsFileError(
            f"line {line}: the same unit, feed and period as line {reading.rows[place][2]}"
        )
    count = _number(text["count"], "count", line)
    if count != int(count) or count > LARGEST_COUNT:
        raise CountsFileError(f"line {line}: count must be a whole number up to 10 million")
    exposure = math.nan
    if text["feed"] == ANY_HARM and not text.get("exposure"):
        raise CountsFileError(
            f"line {line}: {ANY_HARM} needs the incidents of known harm as its exposure"
        )
    if "exposure" not in text:
        exposure = 1.0
    elif text["exposure"]:
        exposure = _number(text["exposure"], "exposure", line)
    reading.rows[place] = (count, exposure, line)
    if text.get("changed_at"):
        changed = _moment(reading, text["changed_at"], "changed_at", line)
        if reading.changed.setdefault(unit, changed) != changed:
            raise CountsFileError(f"line {line}: unit has another changed_at before")
    if text.get("rebased_at"):
        moment = _moment(reading, text["rebased_at"], "rebased_at", line)
        reading.rebased.add((unit, feed, moment))


def _number(text: str, name: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise CountsFileError(f"line {line}: {name} must be a number from 0 up")
    return value


def _moment(reading: Reading, text: str, name: str, line: int) -> float:
    """Days since 1970 of an ISO date or time; a time without an offset is UTC."""
    known = reading.moments.get(text)
    if known is not None:
        return known
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CountsFileError(f"line {line}: {name} must be a date such as 2026-03-30") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    value = moment.timestamp() / 86_400
    reading.moments[text] = value
    return value


def _period(reading: Reading, start_text: str, end_text: str, line: int) -> int:
    """Give the period's number on the file's grid, which the first row decides."""
    start = _moment(reading, start_text, "period_start", line)
    end = _moment(reading, end_text, "period_end", line)
    day, length = math.floor(start), end - start
    if reading.grid is None:
        reading.grid, reading.inclusive = _grid(day, length, line)
        reading.phase = day % 7
    if reading.inclusive:
        length += 1
    if reading.grid is Grid.WEEK:
        if day % 7 != reading.phase:
            raise CountsFileError(f"line {line}: weeks must all start on the same weekday")
        period, fits = _week(day), abs(length - 7) < 0.5
    else:
        period = month_of_day(day)
        if day != first_day(Grid.MONTH, period):
            raise CountsFileError(f"line {line}: a month must start on its first day")
        fits = abs(length - (first_day(Grid.MONTH, period + 1) - day)) < 0.5
    if not fits:
        raise CountsFileError(
            f"line {line}: the period is not one {reading.grid.name.lower()} long like the others"
        )
    reading.texts.setdefault(period, (start_text, end_text))
    return period


def _grid(day: int, length: float, line: int) -> tuple[Grid, bool]:
    """Tell the grid from one period, and whether its end is the last day or the next."""
    month = month_of_day(day)
    full = first_day(Grid.MONTH, month + 1) - first_day(Grid.MONTH, month)
    for grid, days in ((Grid.WEEK, 7), (Grid.MONTH, full)):
        for inclusive in (False, True):
            if abs(length + inclusive - days) < 0.5:
                return grid, inclusive
    raise CountsFileError(f"line {line}: periods must be weeks or calendar months")


def _week(day: int) -> int:
    """The absolute week; weeks that do not start on Monday take that of their middle."""
    return (day + 3 + 3) // 7
