"""From a decoded event to a fact: times, places, and what each body must satisfy."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct

from streams.bodies import body_refusal, place_refusal
from streams.context import Context, source_code
from streams.envelope import content_mark, fact_digest, fact_key
from streams.events import Body, Event, Incident, SpeakUp, WardMetric, feed_of
from streams.feeds import Feed
from streams.messages import Fact
from streams.reading import DECODE_ERRORS
from streams.rejections import Refusal
from streams.screen import Field, finding
from streams.vocabulary import ID_PATTERN

_ID = re.compile(ID_PATTERN)
_NO_PROVIDER = Refusal("provider_required", "data.provider: the source is not a known provider")

_WARD_REFUSED = Refusal("ward_refused", "data.ward: speaking up is never handled below site")

UNREADABLE = Refusal("schema", "data: expected an incident")
"""Said of a body left as bytes that must be looked at more closely."""

_encode = msgspec.json.Encoder().encode
_INCIDENT = msgspec.json.Decoder(Incident)
_read: dict[bytes, Stated] = {}


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
    refusal = place_refusal(site, ward)
    if refusal is None and ward is not None and feed_of(event) is Feed.SPEAKUP:
        refusal = _WARD_REFUSED
    if refusal is None and not event.withdrawn:
        refusal = body_refusal(event, data, context)
    if refusal is not None:
        return refusal
    body = b"" if event.withdrawn else _body(data)
    return _state(feed_of(event), data.provider, site, ward, body)


def incident_body(raw: bytes) -> Stated | None:
    """What the body of an incident states, or None where it needs a closer look.

    Incidents of a ward differ in little but their time, so their bodies repeat.
    Those that are good and not long are remembered.
    """
    stated = _read.get(raw)
    if stated is None:
        stated = _read_incident_body(raw)
        if stated is not None and len(raw) <= 1024:
            if len(_read) >= 16_384:
                _read.clear()
            _read[raw] = stated
    return stated


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
    if place_refusal(site, ward) is not None:
        return None
    return _state(Feed.INCIDENTS, data.provider, site, ward, _body(data))


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
        return Refusal(
            "schema", "id: expected up to 128 letters, digits and . _ : / + = ~ # | , ( ) & % -"
        )
    return None
