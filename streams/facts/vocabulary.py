"""The words and shapes of event fields: closed lists, code patterns, number ranges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta

from streams.facts.feeds import Feed

ORGANISATION_PATTERN = "[A-Z0-9]{3,8}"
ID_PATTERN = "[A-Za-z0-9._:/+=~#|,()&%-]{1,128}"
PLAIN_ID = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/+=~#|,()&%-"
"""The characters of ``ID_PATTERN``."""
PLACE_PATTERN = "[A-Za-z0-9][A-Za-z0-9._&+-]{0,31}( [0-9]{1,3}[A-Za-z]?)?"
SLUG_PATTERN = "[A-Za-z][A-Za-z0-9_-]{0,47}"
NUMBER_LIMIT = 10**9


def matching(pattern: str, longest: int) -> Meta:
    """A pattern, stated in the published schema, and a greatest length, which is checked.

    The bound on lengths is also one on what admission remembers.
    """
    return Meta(max_length=longest, extra_json_schema={"pattern": f"^{pattern}$"})


Organisation = Annotated[str, matching(ORGANISATION_PATTERN, 8)]
Place = Annotated[str, matching(PLACE_PATTERN, 37)]
Slug = Annotated[str, matching(SLUG_PATTERN, 48)]
Moment = Annotated[datetime, Meta(tz=True)]
Whole = Annotated[int, Meta(ge=0, le=NUMBER_LIMIT)]
Number = Whole | Annotated[float, Meta(ge=0, le=NUMBER_LIMIT)]

EventType = Literal["incident", "outcome", "risk", "good_care"]
Category = Literal[
    "fall", "pressure_ulcer", "medication", "infection", "self_harm", "deterioration",
    "staffing", "maternity", "device", "other",
]  # fmt: skip
PhysicalHarm = Literal["none", "low", "moderate", "severe", "fatal"]
PsychologicalHarm = Literal["none", "low", "moderate", "severe"]
Reporter = Literal["staff", "patient", "carer", "other"]
AnonymityReason = Literal["detriment", "reputation", "colleagues", "other"]
Subject = Literal[
    "access_to_treatment_or_drugs", "admissions_discharges", "appointments",
    "clinical_treatment", "commissioning", "communications", "consent", "end_of_life_care",
    "facilities", "integrated_care", "mortuary", "patient_care", "prescribing",
    "privacy_dignity_wellbeing", "restraint", "staff_numbers", "transport",
    "trust_administration", "values_and_behaviours", "waiting_times", "other",
]  # fmt: skip
Complainant = Literal["patient", "parent", "guardian", "carer", "other"]
Outcome = Literal["open", "upheld", "partially_upheld", "not_upheld", "withdrawn"]
Element = Literal[
    "patient_safety_or_quality", "worker_safety_or_wellbeing", "bullying_or_harassment",
    "inappropriate_attitudes_or_behaviours", "detriment",
]  # fmt: skip
Route = Literal["open", "confidential", "anonymous"]

VOCABULARY: Mapping[Feed, Mapping[str, frozenset[object] | None]] = {
    Feed.INCIDENTS: {
        "event_type": frozenset(get_args(EventType)),
        "category": frozenset(get_args(Category)),
        "physical_harm": frozenset(get_args(PhysicalHarm)),
        "psychological_harm": frozenset(get_args(PsychologicalHarm)),
        "harm": frozenset(get_args(PhysicalHarm)),
        "patients": None,
        "reporter": frozenset(get_args(Reporter)),
        "anonymous": frozenset({True, False}),
        "anonymity_reason": frozenset(get_args(AnonymityReason)),
        "never_event": frozenset({True, False}),
    },
    Feed.COMPLAINTS: {
        "subject": frozenset(get_args(Subject)),
        "profession": None,
        "service_area": None,
        "complainant": frozenset(get_args(Complainant)),
        "outcome": frozenset(get_args(Outcome)),
    },
    Feed.SPEAKUP: {
        "elements": frozenset(get_args(Element)),
        "route": frozenset(get_args(Route)),
        "worker_group": None,
        "anonymous": frozenset({True, False}),
    },
    Feed.WARDMETRICS: {},
}
"""What the catalogue's conditions may name: fields (derived ones too) and their values."""

AGGREGATE_COUNTS = frozenset({"cases", "anonymous", *get_args(Element)})
"""The counts of a speak-up aggregate."""
