"""From a decoded event to a fact: times, places, and what each body must satisfy."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from streams.context import Context, source_code
from streams.diagnosis import DECODE_ERRORS
from streams.envelope import MS_PER_DAY, content_mark, fact_digest, fact_key, milliseconds
from streams.events import (
    Body,
    Complaint,
    Event,
    Incident,
    SpeakUp,
    WardMetric,
    feed_of,
)
from streams.feeds import Feed
from streams.messages import Fact
from streams.rejections import Refusal
from streams.screen import Field, finding
from streams.vocabulary import ID_PATTERN, PLACE_PATTERN, SLUG_PATTERN

LONGEST_PERIOD = 100 * MS_PER_DAY

_ID = re.compile(ID_PATTERN)
_SHAPES = {"place": re.compile(PLACE_PATTERN), "slug": re.compile(SLUG_PATTERN)}
_EXPECTED = {
    "place": "up to 32 letters, digits and . _ - (a number may follow a space)",
    "slug": "a code of up to 48 letters, digits, _ and -",
}

_NO_PROVIDER = Refusal("provider_required", "data.provider: the source is not a known provider")

_WARD_REFUSED = Refusal("ward_refused", "data.ward: speaking up is never handled below site")

UNREADABLE = Refusal("schema", "data: expected an incident")
"""Said of a body left as bytes that must be looked at more closely."""

_encode = msgspec.json.Encoder().encode
_INCIDENT = msgspec.json.Decoder(Incident)


class Stated(NamedTuple):
    """What the body of an event states: its place and, in canonical form, the rest.

    ``mark`` is a hash of it all.
    """

    provider: str
    site: str | None
    ward: str | None
    body: bytes
    mark: bytes


def _state(feed: Feed, provider: str, site: str | None, ward: str | None, body: bytes) -> Stated:
    return Stated(provider, site, ward, body, content_mark(feed, provider, site, ward, body))


def admit(event: Event, context: Context) -> Fact | Refusal:
    """The fact that an event states, or why it is refused.

    The identifier has been looked at by ``id_refusal`` before. The event may be
    changed: what means the same becomes the same. Of the body of a withdrawn fact
    only its place is looked at and kept.
    """
    data = event.data
    if isinstance(data, Body):
        stated = _stated(event, data, context)
    elif data:
        stated = incident_body(bytes(data)) or UNREADABLE
    elif event.withdrawn:
        stated = _state(feed_of(event), source_code(event.source) or "", None, None, b"")
    else:
        return Refusal("schema", "data: required")
    return stated if isinstance(stated, Refusal) else _fact(event, stated, context)


def _fact(event: Event, stated: Stated, context: Context) -> Fact | Refusal:
    moment = event.time
    data = event.data
    if isinstance(data, WardMetric) and not event.withdrawn:
        # A metric counts at the end of its period, whatever moment was named for it.
        moment = data.period_end
    time = context.instant("time", moment)
    recorded = None
    if event.recordedtime:
        recorded = context.instant("recordedtime", event.recordedtime)
    if isinstance(time, Refusal):
        return time
    if isinstance(recorded, Refusal):
        return recorded
    provider, site, ward, body, mark = stated
    source, event_id, feed = event.source, event.id, feed_of(event)
    refusal = context.authority(source, provider, time)
    if refusal is not None:
        return refusal if data or refusal.code == "schema" else _NO_PROVIDER
    return Fact(
        fact_key(source, event_id),
        fact_digest(mark, time, recorded),
        source,
        event_id,
        feed,
        event.revision or 1,
        event.withdrawn is True,
        provider,
        site,
        ward,
        time,
        recorded,
        body,
    )


def _stated(event: Event, data: Body, context: Context) -> Stated | Refusal:
    site = data.site if isinstance(data.site, str) else None
    ward = data.ward if isinstance(data.ward, str) else None
    refusal = _place_refusal(site, ward)
    if refusal is None and ward is not None and feed_of(event) is Feed.SPEAKUP:
        refusal = _WARD_REFUSED
    if refusal is None and not event.withdrawn and not isinstance(data, Incident):
        refusal = _BODIES[type(data)](data, event, context)
    if refusal is not None:
        return refusal
    body = b"" if event.withdrawn else _body(data)
    return _state(feed_of(event), data.provider, site, ward, body)


def incident_body(raw: bytes) -> Stated | None:
    """What the body of an incident states, or None where it needs a closer look.

    Incidents of a ward differ in little but their time, so their bodies repeat and
    are remembered, unless they are long.
    """
    return _incident_body(raw) if len(raw) <= 1024 else _read_incident_body(raw)


def _read_incident_body(raw: bytes) -> Stated | None:
    """Read a body strictly.

    Accepted values hold no quotation marks: a body with more of
    them than its canonical form has named a field twice.
    """
    try:
        data = _INCIDENT.decode(raw)
    except DECODE_ERRORS:
        return None
    if _encode(data).count(b'"') != raw.count(b'"'):
        return None
    _drop(data)
    site = data.site if isinstance(data.site, str) else None
    ward = data.ward if isinstance(data.ward, str) else None
    if _place_refusal(site, ward) is not None:
        return None
    return _state(Feed.INCIDENTS, data.provider, site, ward, _body(data))


_incident_body = lru_cache(maxsize=16_384)(_read_incident_body)


def drop_nulls(event: Event) -> None:
    """Make every null absent, which means the same."""
    data = event.data
    if isinstance(data, Body):
        _drop(data)
        if type(data) is SpeakUp and data.counts:
            _drop(data.counts)


def _drop(part: Struct) -> None:
    for name in part.__struct_fields__:
        if getattr(part, name) is None:
            setattr(part, name, UNSET)


def _body(data: Body) -> bytes:
    """The canonical body: what was given besides the place, in the order of the schema."""
    whole = _encode(data)
    # `{"provider":"..."` and, where given, `,"site":"..."` and `,"ward":"..."` come first.
    skip = 14 + len(data.provider)
    if data.site:
        skip += 10 + len(data.site)
    if data.ward:
        skip += 10 + len(data.ward)
    return b"{" + whole[skip + 1 :] if len(whole) > skip + 1 else b"{}"


def id_refusal(event_id: str) -> Refusal | None:
    """Why an identifier cannot be taken, or None."""
    what = finding(event_id, Field.IDENTIFIER)
    if what is not None:
        return Refusal(
            "personal_data",
            f"id: seems to hold {what}; use identifiers of another length or form",
        )
    if _ID.fullmatch(event_id) is None:
        return Refusal("schema", "id: expected up to 128 letters, digits and . _ : / + = ~ -")
    return None


@lru_cache(maxsize=65_536)
def _code_refusal(path: str, shape: str, text: str) -> Refusal | None:
    """Why the code of a place or group cannot be taken, or None. Codes repeat: remembered."""
    what = finding(text, Field.CODE)
    if what is not None:
        return Refusal("personal_data", f"{path}: seems to hold {what}")
    if _SHAPES[shape].fullmatch(text) is None:
        return Refusal("schema", f"{path}: expected {_EXPECTED[shape]}")
    return None


@lru_cache(maxsize=65_536)
def _place_refusal(site: str | None, ward: str | None) -> Refusal | None:
    refusal = None
    if site is not None:
        refusal = _code_refusal("data.site", "place", site)
    if refusal is None and ward is not None:
        refusal = _code_refusal("data.ward", "place", ward)
    return refusal


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
