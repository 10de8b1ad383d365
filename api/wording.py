"""How pages write numbers, days and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jinja2 import Undefined
from markupsafe import Markup

from api import captions, icons
from streams.histories.points import Expected

_FEEDS: Final = {
    "incidents": "Incidents",
    "complaints": "Complaints",
    "speakup": "Speaking up",
    "wardmetrics": "Ward metrics",
}
_KINDS: Final = {
    "nation": "Nation",
    "region": "Regions",
    "icb": "Integrated care boards",
    "provider": "Providers",
    "site": "Sites",
    "ward": "Wards",
}
_WORDS: Final = {
    "speakup": "speaking up",
    "wardmetrics": "ward metrics",
    "data_quality": "data",
    "adwin": "ADWIN",
    "kswin": "KSWIN",
    "page_hinkley": "Page-Hinkley",
}
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


def words(text: object) -> str:
    """``under_review`` as ``under review``."""
    return _WORDS.get(str(text), str(text).replace("_", " "))


def _parsed(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def day(text: object) -> str:
    """An RFC 3339 time as ``3 March 2025``; empty for nothing."""
    if not isinstance(text, str):
        return ""
    found = _parsed(text)
    return f"{found.day} {found:%B %Y}"


def last_day(text: object) -> str:
    """The day before an exclusive end."""
    if not isinstance(text, str):
        return ""
    found = _parsed(text) - timedelta(milliseconds=1)
    return f"{found.day} {found:%B %Y}"


def moment(text: object) -> str:
    """A time as ``3 March 2025, 09:30``, without the clock at midnight; other text as it is."""
    if not isinstance(text, str) or not _MOMENT.match(text):
        return str(text)
    try:
        found = _parsed(text)
    except ValueError:
        return text
    clock = f", {found:%H:%M}" if (found.hour, found.minute) != (0, 0) else ""
    return f"{found.day} {found:%B %Y}{clock}"


def figure(value: object) -> str:
    """A number with three significant digits; empty for nothing."""
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, int | float):
        return captions.figure(float(value)) if value == value else ""  # noqa: PLR0124 - not a number
    return str(value)


def volume(value: object) -> str:
    """A sum as people read it: whole, with thousands set apart; small ones to three digits."""
    if not isinstance(value, int | float) or abs(value) < 100:
        return figure(value)
    return f"{value:,.0f}"


def measured(value: float, measure: str) -> str:
    """A value with what it is in: ``1 incident``, ``9.05 per 1,000 bed days``, ``93.8%``."""
    if measure == "%":
        return captions.figure(value / 100, per_cent=True)
    told = captions.figure(value)
    what, per, of = measure.partition("per ")
    if told == "1" and what.strip():
        what = re.sub(r"s(\s*)$", r"\1", what)
    return f"{told} {what}{per}{of}"


def percentage(value: object) -> str:
    """A share from 0 to 1 in per cent; empty for nothing."""
    return captions.figure(value, per_cent=True) if isinstance(value, int | float) else ""


def icon(name: str) -> Markup:
    """An icon; its own words are in it."""
    # Icons are made in this project and take no text from outside.
    return Markup(icons.icon(name)) if name in icons.ICONS else Markup("")  # noqa: S704 - as said


def arriving(point: Mapping[str, Any]) -> str:
    """How much of a point's period is in, as a sentence without its stop."""
    final = point["expected_final"]
    note = captions.arriving_note(point["reported_share"], Expected(**final) if final else None)
    return note[:1].upper() + note[1:]


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "words": words,
    "day": day,
    "last_day": last_day,
    "moment": moment,
    "figure": figure,
    "volume": volume,
    "measured": measured,
    "percentage": percentage,
    "icon": icon,
    "arriving": arriving,
    "feed_words": lambda feed: _FEEDS.get(feed, words(feed)),
    "kind_words": lambda kind: _KINDS.get(kind, kind),
    "point_words": lambda kind: str(captions.WORDS.get(kind, kind)).capitalize(),
}
