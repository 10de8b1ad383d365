"""Cells of a CSV file as the values an event needs, or a reason why they cannot be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

_GROUPED = re.compile(r"^\d{1,3}(,\d{3})+(\.\d+)?$")
_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}


class RowError(ValueError):
    """One row cannot become an event. ``code`` is for machines, the message for people.

    The message names the column, never the cell's value.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How the file writes cells, dates and times."""

    delimiter: str = ","
    encoding: str = "utf-8"
    dates: str | None = None
    timezone: str | None = None
    empty: tuple[str, ...] = ("",)


def as_kind(kind: str, text: str, name: str, dialect: CsvDialect) -> Any:  # noqa: ANN401 - JSON
    """The cell as text, list, number, integer, boolean or time.

    Raises:
        RowError: it is not one.

    """
    return _READERS[kind](text, name, dialect)


def as_number(text: str, name: str) -> float:
    """A finite number; ``1,234`` counts as 1234, and a whole number comes as ``int``."""
    plain = text.replace(",", "") if _GROUPED.match(text) else text
    try:
        value = float(plain)
    except ValueError:
        raise RowError("bad_number", f"{name} is not a number") from None
    if not math.isfinite(value):
        raise RowError("bad_number", f"{name} is not a finite number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def as_integer(text: str, name: str) -> int:
    """A whole number."""
    value = as_number(text, name)
    if not isinstance(value, int):
        raise RowError("bad_number", f"{name} is not a whole number")
    return value


def as_boolean(text: str, name: str) -> bool:
    """True or false, yes or no, 1 or 0, in any case."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise RowError("bad_boolean", f"{name} is neither true nor false")


def as_day(text: str, name: str, dialect: CsvDialect) -> date:
    """The day of a date or time."""
    try:
        if dialect.dates is not None:
            return datetime.strptime(text, dialect.dates).replace(tzinfo=UTC).date()
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise RowError(
            "bad_date", f"{name} is not a date ({dialect.dates or 'ISO 8601'})"
        ) from None


def as_moment(text: str, name: str, dialect: CsvDialect) -> str:
    """An instant as RFC 3339 in UTC; a time without offset needs the dialect's timezone."""
    try:
        if dialect.dates is not None:
            moment = datetime.strptime(text, dialect.dates)  # noqa: DTZ007 - the zone follows
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        raise RowError(
            "bad_date", f"{name} is not a time ({dialect.dates or 'ISO 8601'})"
        ) from None
    if moment.tzinfo is None:
        if dialect.timezone is None:
            raise RowError(
                "no_offset", f"{name} has no offset; set timezone under [csv] in the mapping"
            )
        moment = moment.replace(tzinfo=ZoneInfo(dialect.timezone))
    return stamp(moment.astimezone(UTC))


def stamp(moment: datetime) -> str:
    """RFC 3339 with ``Z`` of an aware UTC time."""
    return moment.isoformat().replace("+00:00", "Z")


_READERS: dict[str, Callable[[str, str, CsvDialect], Any]] = {
    "text": lambda text, _name, _dialect: text,
    "list": lambda text, _name, _dialect: [one for one in re.split(r"[;|\s]+", text) if one],
    "number": lambda text, name, _dialect: as_number(text, name),
    "integer": lambda text, name, _dialect: as_integer(text, name),
    "boolean": lambda text, name, _dialect: as_boolean(text, name),
    "time": as_moment,
}
