"""What the bodies must satisfy beyond their schemas: codes, periods, moments, metrics.

Checking also brings a body into its canonical form: moments in UTC, elements as a
sorted set, whole numbers as integers. What means the same is then written the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET, Struct

from streams.context import Context
from streams.envelope import MS_PER_DAY, milliseconds
from streams.events import Body, Complaint, Event, SpeakUp, WardMetric
from streams.rejections import Refusal
from streams.screen import Field, Passed, finding
from streams.vocabulary import PLACE_PATTERN, SLUG_PATTERN

LONGEST_PERIOD = 100 * MS_PER_DAY

_SHAPES = {"place": re.compile(PLACE_PATTERN), "slug": re.compile(SLUG_PATTERN)}
_EXPECTED = {
    "place": "up to 32 letters, digits and . _ & + - (a number may follow a space)",
    "slug": "a code of up to 48 letters, digits, _ and -",
}

_passed: Passed[tuple[str | None, str | None]] = Passed()


def body_refusal(event: Event, data: Body, context: Context) -> Refusal | None:
    """Why a body cannot be taken, or None; its place has been looked at before."""
    check = _BODIES.get(type(data))
    return None if check is None else check(data, event, context)


def place_refusal(site: str | None, ward: str | None) -> Refusal | None:
    """Why the codes of a site and a ward cannot be taken, or None."""
    if (site, ward) in _passed:
        return None
    refusal = _first(
        None if site is None else _code_refusal("data.site", "place", site),
        None if ward is None else _code_refusal("data.ward", "place", ward),
    )
    if refusal is None:
        _passed.add((site, ward))
    return refusal


def _code_refusal(path: str, shape: str, text: str) -> Refusal | None:
    """Why the code of a place or group cannot be taken, or None."""
    what = finding(text, Field.CODE)
    if what is not None:
        return Refusal("personal_data", f"{path}: seems to hold {what}")
    if _SHAPES[shape].fullmatch(text) is None:
        return Refusal("schema", f"{path}: expected {_EXPECTED[shape]}")
    return None


def _first(*refusals: Refusal | None) -> Refusal | None:
    return next((refusal for refusal in refusals if refusal is not None), None)


def _slug(path: str, value: object) -> Refusal | None:
    return _code_refusal(path, "slug", value) if isinstance(value, str) else None


def _utc(data: Struct, names: tuple[str, ...], context: Context) -> Refusal | None:
    """Check the moments of a body and turn them to UTC, so that equal ones are written equally."""
    for name in names:
        moment = getattr(data, name)
        if moment:
            at = context.instant(f"data.{name}", moment)
            if isinstance(at, Refusal):
                return at
            setattr(data, name, datetime.fromtimestamp(at / 1000, UTC))
    return None


def _period(start: datetime, end: datetime) -> Refusal | None:
    length = milliseconds(end) - milliseconds(start)
    if length <= 0:
        return Refusal("period_invalid", "data.period_end: expected after period_start")
    if length > LONGEST_PERIOD:
        return Refusal("period_invalid", "data.period_end: expected at most 100 days later")
    return None


def _complaint(data: Complaint, _event: Event, context: Context) -> Refusal | None:
    return _first(
        _slug("data.profession", data.profession),
        _slug("data.service_area", data.service_area),
        _utc(data, ("acknowledged_at", "resolved_at"), context),
    )


def _speakup(data: SpeakUp, _event: Event, context: Context) -> Refusal | None:
    if data.counts:
        return _aggregate(data, context)
    if data.period_start or data.period_end:
        return Refusal("schema", "data.counts: required with a period")
    if data.elements is UNSET or data.elements is None:
        return Refusal("schema", "data.elements: required for a case, counts for a period")
    data.elements = sorted(set(data.elements))
    return _slug("data.worker_group", data.worker_group)


def _aggregate(data: SpeakUp, context: Context) -> Refusal | None:
    counts = data.counts
    if not counts:
        return Refusal("schema", "data.counts: required")
    for name in ("elements", "route", "worker_group"):
        if getattr(data, name) not in (UNSET, None):
            return Refusal("schema", f"data.{name}: belongs to a case, not to counts of a period")
    if not (data.period_start and data.period_end):
        return Refusal("schema", "data.period_start, data.period_end: required with counts")
    for name in counts.__struct_fields__:
        if (getattr(counts, name) or 0) > counts.cases:
            return Refusal("schema", f"data.counts.{name}: cannot exceed cases")
    return _first(
        _utc(data, ("period_start", "period_end"), context),
        _period(data.period_start, data.period_end),
    )


def _wardmetric(data: WardMetric, event: Event, context: Context) -> Refusal | None:
    refusal = _first(
        _slug("data.metric", data.metric),
        _utc(data, ("period_start", "period_end"), context),
        _period(data.period_start, data.period_end),
    )
    if refusal is not None:
        return refusal
    rule = context.metrics.get(data.metric)
    if rule is None:
        return Refusal("unknown_metric", "data.metric: not in the indicator catalogue")
    if abs(milliseconds(event.time) - milliseconds(data.period_end)) > MS_PER_DAY:
        return Refusal("period_invalid", "time: expected the end of the period")
    data.numerator = _plain(data.numerator)
    denominator = None
    if data.denominator is not UNSET and data.denominator is not None:
        denominator = data.denominator = _plain(data.denominator)
    why = rule.refusal(data.numerator, denominator)
    return None if why is None else Refusal("metric_invalid", why)


def _plain(number: float) -> int | float:
    """A whole number as an integer: 5.0 and 5 are the same fact."""
    return int(number) if number == int(number) else number


_BODIES: dict[type[Body], Callable[[Any, Event, Context], Refusal | None]] = {
    Complaint: _complaint,
    SpeakUp: _speakup,
    WardMetric: _wardmetric,
}
