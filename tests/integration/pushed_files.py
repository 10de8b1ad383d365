"""Files of events as a provider would push them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


def incident(
    number: int, *, provider: str = "RZ7", day: datetime | None = None, **data: Any
) -> dict[str, Any]:
    """An incident of a ward, told apart by its number, a month ago unless said otherwise."""
    at = day or datetime.now(UTC) - timedelta(days=30) + timedelta(seconds=number)
    return {
        "specversion": "1.0",
        "id": f"i{number}",
        "source": f"urn:nhs:ods:{provider}",
        "type": "uk.nhs.quality.incident.v1",
        "time": at.isoformat(),
        "data": {
            "provider": provider,
            "site": f"{provider}01",
            "ward": "Oak",
            "event_type": "incident",
            "category": "other",
            "physical_harm": "none",
            **data,
        },
    }


def write(path: Path, events: Iterable[dict[str, Any]]) -> Path:
    """Write a file of events, one a line."""
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path
