"""What the bodies must satisfy beyond their schemas: codes, periods, moments, metrics.

Checking also brings a body into its canonical form: moments in UTC, elements as a
sorted set, whole numbers as integers. What means the same is then written the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from streams.facts.envelope import MS_PER_DAY, milliseconds
from streams.facts.events import Body, Complaint, Counts, Event, SpeakUp, WardMetric
from streams.facts.rejections import Refusal
from streams.facts.remembered import keep
from streams.facts.vocabulary import PLACE_PATTERN, SLUG_PATTERN
from streams.intake.context import Context
from streams.intake.screen import Field, finding

LONGEST_PERIOD = 100 * MS_PER_DAY

_SHAPES = {"place": re.compile(PLACE_PATTERN), "slug": re.compile(SLUG_PATTERN)}
_EXPECTED = {
    "place": "up to 32 letters, digits and . _ & + - (a number may follow a space)",
    "slug": "a code of up to 48 letters, digits, _ and -",
}

Given = str | UnsetType | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Between this and the latest that a context takes, nothing is wrong with a moment.
EARLIEST = milliseconds(datetime(2000, 1, 1, tzinfo=UTC))
_slugs: dict[str, None] = {}
# Lengths of the places that have passed.
_places: dict[tuple[Given, Given], int] = {}


class Refused(Exception):  # noqa: N818 - said of an event, not of the program
    """An event cannot be taken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def settle(event: Event, data: Body, context: Context) -> int | None:
    """Check a body and bring it into its canonical form; its place has been looked at before.

    Returns:
        The moment (milliseconds) that it counts at, or None for that of its event.

    Raises:
        Refused: it cannot be taken.
    """
    check = _BODIES.get(type(data))
    return None if check is None else check(data, event, context)


def place_length(site: Given, ward: Given) -> int:
    """How many bytes a site and a ward take in a canonical body, once their codes have passed.

    Raises:
        Refused: a code cannot be taken.
    """
    length = _places.get((site, ward))
    if length is None:
        length = 0
        for path, code in (("data.site", site), ("data.ward", ward)):
            if isinstance(code, str):
                refusal = _code_refusal(path, "place", code)
                if refusal is not None:
                    raise Refused(refusal)
                # `,"site":"..."`
                length += 10 + len(code)
        keep(_places, (site, ward), length)
    return length


def drop_null_fields(part: Struct) -> None:
    """Make every null of one object absent."""
    for name in part.__struct_fields__:
        if getattr(part, name) is None:
            setattr(part, name, UNSET)


def _code_refusal(path: str, shape: str, text: str) -> Refusal | None:
    """Why the code of a place or group cannot be taken, or None."""
    what = finding(text, Field.CODE)
    if what is not None:
        return Refusal("personal_data", f"{path}: seems to hold {what}")
    if _SHAPES[shape].fullmatch(text) is None:
        return Refusal("schema", f"{path}: expected {_EXPECTED[shape]}")
    return None


def _slug(path: str, value: Given) -> None:
    if not isinstance(value, str) or value in _slugs:
        return
    refusal = _code_refusal(path, "slug", value)
    if refusal is not None:
        raise Refused(refusal)
    keep(_slugs, value, None)


def instant(path: str, moment: datetime, context: Context) -> int:
    """A moment in milliseconds.

    Raises:
        Refused: it cannot be right.
    """
    at = (moment - _EPOCH) // _MILLISECOND
    if not EARLIEST <= at <= context.latest:
        refusal = context.instant(path, moment)
        if isinstance(refusal, Refusal):
            raise Refused(refusal)
    return at


def _utc(data: Body, name: str, moment: datetime, context: Context) -> int:
    """Check a moment of a body and turn it to UTC, so that equal ones are written equally."""
    at = instant(name, moment, context)
    if moment.tzinfo is not UTC or moment.microsecond:
        setattr(data, name.removeprefix("data."), datetime.fromtimestamp(at / 1000, UTC))
    return at


def _period(data: Body, start: datetime, end: datetime, context: Context) -> int:
    """The end of a body's period, in milliseconds."""
    since = _utc(data, "data.period_start", start, context)
    until = _utc(data, "data.period_end", end, context)
    if until <= since:
        raise Refused(Refusal("period_invalid", "data.period_end: expected after period_start"))
    if until - since > LONGEST_PERIOD:
        raise Refused(Refusal("period_invalid", "data.period_end: expected at most 100 days later"))
    return until


def _complaint(data: Complaint, _event: Event, context: Context) -> None:
    _slug("data.profession", data.profession)
    _slug("data.service_area", data.service_area)
    if data.acknowledged_at:
        _utc(data, "data.acknowledged_at", data.acknowledged_at, context)
    if data.resolved_at:
        _utc(data, "data.resolved_at", data.resolved_at, context)


def _speakup(data: SpeakUp, _event: Event, context: Context) -> None:
    if data.counts:
        _aggregate(data, data.counts, context)
        return
    if data.period_start or data.period_end:
        raise Refused(Refusal("schema", "data.counts: required with a period"))
    if data.elements is UNSET or data.elements is None:
        raise Refused(Refusal("schema", "data.elements: required for a case, counts for a period"))
    data.elements = sorted(set(data.elements))
    _slug("data.worker_group", data.worker_group)


def _aggregate(data: SpeakUp, counts: Counts, context: Context) -> None:
    for name in ("elements", "route", "worker_group"):
        if getattr(data, name) not in (UNSET, None):
            why = f"data.{name}: belongs to a case, not to counts of a period"
            raise Refused(Refusal("schema", why))
    if not (data.period_start and data.period_end):
        why = "data.period_start, data.period_end: required with counts"
        raise Refused(Refusal("schema", why))
    for name in counts.__struct_fields__:
        if (getattr(counts, name) or 0) > counts.cases:
            raise Refused(Refusal("schema", f"data.counts.{name}: cannot exceed cases"))
    _period(data, data.period_start, data.period_end, context)


def _wardmetric(data: WardMetric, event: Event, context: Context) -> int:
    """A metric counts at the end of its period, whatever moment was named for it."""
    _slug("data.metric", data.metric)
    end = _period(data, data.period_start, data.period_end, context)
    rule = context.metrics.get(data.metric)
    if rule is None:
        why = "data.metric: not in the indicator catalogue"
        raise Refused(Refusal("unknown_metric", why))
    if event.time != data.period_end and abs(milliseconds(event.time) - end) > MS_PER_DAY:
        raise Refused(Refusal("period_invalid", "time: expected the end of the period"))
    numerator = data.numerator
    if type(numerator) is float:
        numerator = data.numerator = plain_number(numerator)
    denominator = data.denominator
    if type(denominator) is float:
        denominator = data.denominator = plain_number(denominator)
    problem = rule.refusal(numerator, denominator if denominator is not UNSET else None)
    if problem is not None:
        raise Refused(Refusal("metric_invalid", problem))
    return end


def plain_number(number: float) -> int | float:
    """A whole number as an integer: 5.0 and 5 are the same fact."""
    return int(number) if number == int(number) else number


_BODIES: dict[type[Body], Callable[[Any, Event, Context], int | None]] = {
    Complaint: _complaint,
    SpeakUp: _speakup,
    WardMetric: _wardmetric,
}
