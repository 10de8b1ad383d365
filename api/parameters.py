"""Query parameters that several routes share, with bounds that keep bad input a 422."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import AfterValidator

from api.problems import Problem

T = TypeVar("T")

MAX_LIMIT = 200
# No control characters: neither database takes a NUL, and no code has one.
_TEXT = r"^[^\x00-\x1f\x7f]*$"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _moment(text: str) -> str:
    parse_moment(text)
    return text


def parse_moment(text: str) -> datetime:
    """RFC 3339 with offset, or a day (its first instant), as an aware UTC time.

    Raises:
        ValueError: anything else, or a time outside the years 1900 to 2200.
    """
    # A plus sign that was not escaped arrives as a space.
    text = text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text
    if _DAY.fullmatch(text):
        text = f"{text}T00:00:00Z"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a time such as 2026-01-05T09:30:00Z, or a day") from None
    if found.tzinfo is None:
        raise ValueError("a time needs an offset, for example 2026-01-05T09:30:00Z")
    if not 1900 <= found.year <= 2200:
        raise ValueError("the year is out of range")
    return found.astimezone(UTC)


Code = Annotated[str, Query(min_length=1, max_length=100, pattern=_TEXT)]
Cursor = Annotated[
    str, Query(max_length=400, pattern=_TEXT, description="`next` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Moment = Annotated[
    str,
    Query(
        max_length=40,
        description="RFC 3339 with offset, or a day.",
        json_schema_extra={"format": "date-time"},
    ),
    AfterValidator(_moment),
]
Day = Annotated[date, Query(description="As the hierarchy stood on this day; today by default.")]


def page(items: list[T], cursor: str | None, limit: int) -> tuple[list[T], str | None]:
    """A page of a list that is whole in memory; the cursor is the place it goes on at.

    Raises:
        Problem: ``invalid-cursor``.
    """
    start = 0
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
            raise Problem("invalid-cursor")
        start = int(cursor)
    end = start + limit
    return items[start:end], str(end) if end < len(items) else None
