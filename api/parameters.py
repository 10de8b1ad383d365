"""Query parameters: those that several routes share, and the refusal of those no route has."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Final, TypeVar

from fastapi import FastAPI, Query, Request
from pydantic import AfterValidator

from api.auth import CallerOf
from api.problems import Problem

T = TypeVar("T")

MAX_LIMIT = 200
# No control characters: neither database takes a NUL, and no code has one.
TEXT: Final = r"^[^\x00-\x1f\x7f]*$"
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


Text = Annotated[str, Query(max_length=400, pattern=TEXT)]
Code = Annotated[str, Query(min_length=1, max_length=100, pattern=TEXT)]
Cursor = Annotated[
    str, Query(max_length=400, pattern=TEXT, description="`next` of the page before.")
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


# -- what no route has -------------------------------------------------------

# A name in any other form may be a value that slipped, and values are never repeated.
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
# A request may hold thousands; telling some of them is enough.
_TOLD = 10


def known_parameters(request: Request, _caller: CallerOf) -> None:
    """Refuse query parameters that a route does not describe, or takes once only.

    A filter that is misspelt or overwritten would otherwise list more, or something else,
    than was asked for, and look like an answer. What a route has is read from the published
    description, so that the two cannot differ. The caller comes first: who has no key is told that.

    Raises:
        Problem: ``invalid``, with the names and what is ``allowed``.
    """
    allowed = _parameters(request)
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = []
    for name, times in given.items():
        shown = name if _NAME.fullmatch(name) else "?"
        if name not in allowed:
            near = get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            detail, code = f"there is no such parameter here{hint}", "unknown_parameter"
        elif times > 1 and not allowed[name]:
            detail, code = "it may be given once only", "repeated_parameter"
        else:
            continue
        errors.append({"place": "query", "name": shown, "code": code, "detail": detail})
        if len(errors) == _TOLD:
            break
    if errors:
        names = ", ".join(sorted(allowed)) or "none"
        told = "; ".join(f"{error['name']}: {error['detail']}" for error in errors)
        raise Problem(
            "invalid", f"{told} (allowed: {names})", errors=errors, allowed=sorted(allowed)
        )


def _parameters(request: Request) -> dict[str, bool]:
    """The query parameters of the route that answers, and whether each may be repeated."""
    app: FastAPI = request.app
    path = request.scope["route"].path
    operation = app.openapi()["paths"][path][request.method.lower()]
    return {
        one["name"]: _repeats(one["schema"])
        for one in operation.get("parameters", ())
        if one["in"] == "query"
    }


def _repeats(schema: dict[str, Any]) -> bool:
    return any(form.get("type") == "array" for form in (schema, *schema.get("anyOf", ())))
