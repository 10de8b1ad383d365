"""The four event types: CloudEvents envelopes and their bodies, decoded strictly.

Every field is named here; anything else is refused. Absent and null mean the
same. Patterns are stated for the published schemas and checked at admission,
which remembers the codes it has seen and is faster at it than the decoder.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from streams.facts.feeds import EVENT_TYPES, FEED_OF_TYPE, Feed
from streams.facts.vocabulary import (
    ID_PATTERN,
    NUMBER_LIMIT,
    ORGANISATION_PATTERN,
    AnonymityReason,
    Category,
    Complainant,
    Element,
    EventType,
    Moment,
    Number,
    Organisation,
    Outcome,
    PhysicalHarm,
    Place,
    PsychologicalHarm,
    Reporter,
    Route,
    Slug,
    Subject,
    Whole,
    matching,
)

# The spellings of one media type that senders' libraries have.
JsonType = Literal[
    "application/json",
    "application/json;charset=utf-8",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "application/json; charset=UTF-8",
]


class Body(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What all bodies share: the provider and, as far as known, the place within it."""

    provider: Organisation
    site: Place | UnsetType | None = UNSET
    ward: Place | UnsetType | None = UNSET


class Incident(Body, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A patient safety record: an incident, an outcome of concern, a risk or good care."""

    event_type: EventType | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    physical_harm: PhysicalHarm | UnsetType | None = UNSET
    psychological_harm: PsychologicalHarm | UnsetType | None = UNSET
    patients: Annotated[int, Meta(ge=0, le=100_000)] | UnsetType | None = UNSET
    reporter: Reporter | UnsetType | None = UNSET
    anonymous: bool | UnsetType | None = UNSET
    anonymity_reason: AnonymityReason | UnsetType | None = UNSET
    never_event: bool | UnsetType | None = UNSET


class Complaint(Body, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A written complaint, counted on the day it was received."""

    subject: Subject | UnsetType | None = UNSET
    profession: Slug | UnsetType | None = UNSET
    service_area: Slug | UnsetType | None = UNSET
    complainant: Complainant | UnsetType | None = UNSET
    acknowledged_at: Moment | UnsetType | None = UNSET
    resolved_at: Moment | UnsetType | None = UNSET
    outcome: Outcome | UnsetType | None = UNSET


class Counts(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The cases of a period, and how many of them have each element (not exclusive)."""

    cases: Whole
    anonymous: Whole | UnsetType | None = UNSET
    patient_safety_or_quality: Whole | UnsetType | None = UNSET
    worker_safety_or_wellbeing: Whole | UnsetType | None = UNSET
    bullying_or_harassment: Whole | UnsetType | None = UNSET
    inappropriate_attitudes_or_behaviours: Whole | UnsetType | None = UNSET
    detriment: Whole | UnsetType | None = UNSET


class SpeakUp(Body, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One case of speaking up, or the counts of a period. Never with a ward."""

    elements: Annotated[list[Element], Meta(max_length=20)] | UnsetType | None = UNSET
    route: Route | UnsetType | None = UNSET
    worker_group: Slug | UnsetType | None = UNSET
    period_start: Moment | UnsetType | None = UNSET
    period_end: Moment | UnsetType | None = UNSET
    counts: Counts | UnsetType | None = UNSET


class WardMetric(Body, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A number measured over a period; ``metric`` is a key of the indicator catalogue."""

    metric: Slug
    numerator: Number
    denominator: Number | UnsetType | None = UNSET
    period_start: Moment
    period_end: Moment
    provisional: bool | UnsetType | None = UNSET


class Withdrawal(Body, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What may stand in the place of any body when a fact is withdrawn: where it was."""


class Envelope(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The CloudEvents attributes, with the extensions that facts need."""

    specversion: Literal["1.0"]
    id: Annotated[
        str, Meta(min_length=1, max_length=128, extra_json_schema={"pattern": f"^{ID_PATTERN}$"})
    ]
    source: Annotated[str, matching(f"urn:nhs:ods:{ORGANISATION_PATTERN}", 20)]
    time: Moment
    recordedtime: Moment | UnsetType | None = UNSET
    revision: Annotated[int, Meta(ge=1, le=NUMBER_LIMIT)] | UnsetType | None = UNSET
    withdrawn: bool | UnsetType | None = UNSET
    datacontenttype: JsonType | UnsetType | None = UNSET
    dataschema: Annotated[str, Meta(max_length=512)] | UnsetType | None = UNSET


class IncidentEvent(
    Envelope, kw_only=True, gc=False, tag_field="type", tag="uk.nhs.quality.incident.v1"
):
    """An incident event."""

    data: Incident | UnsetType | None = UNSET


class ComplaintEvent(
    Envelope, kw_only=True, gc=False, tag_field="type", tag="uk.nhs.quality.complaint.v1"
):
    """A complaint event."""

    data: Complaint | UnsetType | None = UNSET


class SpeakUpEvent(
    Envelope, kw_only=True, gc=False, tag_field="type", tag="uk.nhs.quality.speakup.v1"
):
    """A speak-up event."""

    data: SpeakUp | UnsetType | None = UNSET


class WardMetricEvent(
    Envelope, kw_only=True, gc=False, tag_field="type", tag="uk.nhs.quality.wardmetric.v1"
):
    """A ward metric event."""

    data: WardMetric | UnsetType | None = UNSET


class Retraction(Envelope, kw_only=True, gc=False):
    """A withdrawal that says no more than where the fact was."""

    type: Literal[
        "uk.nhs.quality.incident.v1",
        "uk.nhs.quality.complaint.v1",
        "uk.nhs.quality.speakup.v1",
        "uk.nhs.quality.wardmetric.v1",
    ]
    withdrawn: bool
    data: Withdrawal | UnsetType | None = UNSET


StatedEvent = IncidentEvent | ComplaintEvent | SpeakUpEvent | WardMetricEvent
Event = StatedEvent | Retraction
EVENTS: dict[Feed, type[StatedEvent]] = {
    Feed.INCIDENTS: IncidentEvent,
    Feed.COMPLAINTS: ComplaintEvent,
    Feed.SPEAKUP: SpeakUpEvent,
    Feed.WARDMETRICS: WardMetricEvent,
}
_FEED_OF: dict[type, Feed] = {event: feed for feed, event in EVENTS.items()}


def feed_of(event: Event) -> Feed:
    """The feed an event belongs to."""
    if isinstance(event, Retraction):
        return FEED_OF_TYPE[event.type]
    return _FEED_OF[type(event)]


def json_schema(feed: Feed) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one event type, as published."""
    event_type = EVENT_TYPES[feed]
    (reference, _), components = msgspec.json.schema_components(
        [EVENTS[feed], Withdrawal], ref_template="#/$defs/{name}"
    )
    event = components.pop(_name(reference))
    body = next(part for part in event["properties"]["data"]["anyOf"] if "$ref" in part)
    event["properties"]["type"] = {"const": event_type}
    event["properties"]["data"] = {}
    # Without data only a withdrawal says anything.
    event["if"] = {"properties": {"withdrawn": {"const": True}}, "required": ["withdrawn"]}
    event["then"] = {
        "properties": {"data": {"anyOf": [body, {"$ref": "#/$defs/Withdrawal"}, {"type": "null"}]}}
    }
    event["else"] = {"required": ["data"], "properties": {"data": body}}
    if feed is Feed.SPEAKUP:
        for name in ("SpeakUp", "Withdrawal"):
            components[name]["properties"].pop("ward")
        components["SpeakUp"]["oneOf"] = _CASE_OR_COUNTS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{event_type}",
        **event,
        "title": event_type,
        "$defs": components,
    }


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[1]


_CASE_OR_COUNTS: list[dict[str, Any]] = [
    {
        "required": ["elements"],
        "properties": {name: {"type": "null"} for name in ("period_start", "period_end", "counts")},
    },
    {
        "required": ["counts", "period_start", "period_end"],
        "properties": {name: {"type": "null"} for name in ("elements", "route", "worker_group")},
    },
]
