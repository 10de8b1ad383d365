"""From a decoded event to a fact: times, places, and what each body must satisfy."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from streams.facts.envelope import fact_key
from streams.facts.events import Body, Event, SpeakUp, feed_of
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.rejections import Refusal
from streams.facts.vocabulary import ID_PATTERN
from streams.intake.bodies import Refused, drop_null_fields, instant, place_length, settle
from streams.intake.context import Context, source_code
from streams.intake.screen import Field, finding

_ID = re.compile(ID_PATTERN)
_NO_PROVIDER = Refusal("provider_required", "data.provider: the source is not a known provider")
_WARD_REFUSED = Refusal("ward_refused", "data.ward: speaking up is never handled below site")

_encode = msgspec.json.Encoder().encode
_SPEAKUP = Feed.SPEAKUP


class Place(NamedTuple):
    """What a log says about its message: the feed of the topic, the provider of the key."""

    feed: Feed | None
    provider: str | None


def admit(event: Event, context: Context, place: Place | None = None) -> Fact | Refusal:
    """The fact that an event states, or why it is refused.

    The identifier has been looked at by ``id_refusal`` before. The event may be
    changed: what means the same becomes the same. Of the body of a withdrawn fact
    only its place is looked at and kept.
    """
    try:
        return _fact(event, context, place)
    except Refused as refused:
        return refused.refusal


def _fact(event: Event, context: Context, place: Place | None) -> Fact:
    data = event.data
    feed = feed_of(event)
    at = None
    if data:
        provider, site, ward, body, at = _stated(event, data, feed, context)
    else:
        provider, site, ward, body = _provider_alone(event), None, None, b""
    time = at or instant("time", event.time, context)
    recorded = None
    if event.recordedtime:
        recorded = instant("recordedtime", event.recordedtime, context)
    source, event_id = event.source, event.id
    refusal = context.authority(source, provider, time)
    if refusal is not None:
        raise Refused(refusal if data or refusal.code == "schema" else _NO_PROVIDER)
    if place is not None and (feed is not place.feed or provider != place.provider):
        raise Refused(_misplaced(feed, place))
    return Fact(
        fact_key(source, event_id),
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


def _stated(
    event: Event, data: Body, feed: Feed, context: Context
) -> tuple[str, str | None, str | None, bytes, int | None]:
    """Provider, site and ward, the body without its place, its own moment."""
    provider, site, ward = data.provider, data.site or None, data.ward or None
    length = place_length(data.site, data.ward)
    if feed is _SPEAKUP and ward is not None:
        raise Refused(_WARD_REFUSED)
    if event.withdrawn:
        return provider, site, ward, b"", None
    at = settle(event, data, context)
    # `{"provider":"...",` comes first.
    rest = _encode(data)[15 + len(provider) + length :]
    return provider, site, ward, b"{" + rest if rest else b"{}", at


def _provider_alone(event: Event) -> str:
    """The provider of a withdrawal without data: its source."""
    if not event.withdrawn:
        raise Refused(Refusal("schema", "data: required"))
    return source_code(event.source) or ""


def _misplaced(feed: Feed, place: Place) -> Refusal:
    """Why a fact does not belong where a log has it."""
    if feed is not place.feed:
        return Refusal("wrong_topic", "type: does not belong to this topic")
    return Refusal("wrong_key", "data.provider: expected the message's key")


def drop_nulls(event: Event) -> None:
    """Make every null absent, which means the same."""
    data = event.data
    if isinstance(data, Body):
        drop_null_fields(data)
        if type(data) is SpeakUp and data.counts:
            drop_null_fields(data.counts)


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
