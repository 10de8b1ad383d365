"""Events as senders write them, for tests of intake."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from streams.catalogue.organisations import Organisations
from streams.facts.messages import Message
from streams.intake.receiving import Context

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"

_BODIES: dict[str, dict[str, Any]] = {
    "incident": {
        "provider": "EXA",
        "site": "EXA01",
        "ward": "W7",
        "event_type": "incident",
        "category": "fall",
        "physical_harm": "low",
        "psychological_harm": "none",
        "patients": 1,
        "reporter": "staff",
        "anonymous": True,
        "anonymity_reason": "detriment",
        "never_event": False,
    },
    "complaint": {
        "provider": "EXA",
        "site": "EXA01",
        "ward": "W7",
        "subject": "patient_care",
        "profession": "nursing",
        "service_area": "inpatient",
        "complainant": "carer",
        "acknowledged_at": "2026-01-06T09:00:00Z",
        "resolved_at": "2026-02-20T09:00:00+00:00",
        "outcome": "upheld",
    },
    "speakup": {
        "provider": "EXA",
        "site": "EXA01",
        "elements": ["patient_safety_or_quality", "detriment"],
        "route": "confidential",
        "worker_group": "nursing",
    },
    "wardmetric": {
        "provider": "EXA",
        "site": "EXA01",
        "ward": "W7",
        "metric": "falls",
        "numerator": 3,
        "denominator": 196.5,
        "period_start": "2025-12-29T00:00:00Z",
        "period_end": "2026-01-05T00:00:00Z",
        "provisional": True,
    },
}


def context(**changes: Any) -> Context:
    """What intake knows on loopback: no organisation file, any provider for itself."""
    settings: dict[str, Any] = {
        "organisations": Organisations.load(),
        "now": NOW,
        "open_registration": True,
        "scope": None,
    }
    return Context(**(settings | changes))


def event(
    kind: str = "incident", *, data: dict[str, Any] | None = None, **attributes: Any
) -> dict[str, Any]:
    """A valid event of a kind; ``data`` and attributes change it, None takes one away."""
    whole: dict[str, Any] = {
        "specversion": "1.0",
        "type": f"uk.nhs.quality.{kind}.v1",
        "source": "urn:nhs:ods:EXA",
        "id": f"{kind}-1",
        "time": "2026-01-05T00:00:00Z",
        "recordedtime": "2026-01-06T10:30:00.250+01:00",
        "data": _without_none(_BODIES[kind] | (data or {})),
    }
    return _without_none(whole | attributes)


def aggregate(**changes: Any) -> dict[str, Any]:
    """A quarter's speak-up counts."""
    return event(
        "speakup",
        data={
            "elements": None,
            "route": None,
            "worker_group": None,
            "period_start": "2025-10-01T00:00:00Z",
            "period_end": "2026-01-01T00:00:00Z",
            "counts": {"cases": 30, "anonymous": 3, "detriment": 2},
        }
        | changes,
    )


def _without_none(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def written(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def message(value: bytes | None, topic: str = "incidents", **changes: Any) -> Message:
    """A message of a log, keyed by the example provider."""
    settings: dict[str, Any] = {
        "topic": topic,
        "partition": 0,
        "offset": 7,
        "key": b"EXA",
        "value": value,
        "timestamp_ms": 0,
        "headers": (),
    }
    return Message(**(settings | changes))
