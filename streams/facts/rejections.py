"""Why an event was not taken: the closed list of codes, and how a rejection is made.

A detail names the place and what was expected there. It never repeats a value of
the event, because the value may be what must not be repeated.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from streams.facts.messages import Rejection

REJECTION_CODES: dict[str, str] = {
    "duplicate_key": "an object names the same field twice",
    "empty": "there is nothing in the request or message",
    "invalid_unicode": "bytes that are not UTF-8, half of a surrogate pair, or a NUL character",
    "malformed_json": "not JSON (RFC 8259)",
    "metric_invalid": "the numbers do not fit the metric: see its entry in the catalogue",
    "not_an_array": "a batch is a JSON array of events",
    "not_an_object": "an event is a JSON object",
    "out_of_scope": "the source, or the sender's key, does not speak for this provider",
    "period_invalid": "a period that ends before it begins, is too long or does not fit the time",
    "personal_data": "it seems to hold personal data; nothing of it was kept",
    "provider_required": "a withdrawal without data from a source that is not itself a provider",
    "revision_conflict": "the same revision of a fact was sent with different content",
    "schema": "a required field is missing, or a value is not of the form its schema asks for",
    "time_in_future": "a time more than a day ahead of the clock",
    "time_out_of_range": "a time before the year 2000",
    "too_deep": "objects nested deeper than any event",
    "too_large": "more than 64 kB an event, 16 MB or 50,000 events a request",
    "unknown_field": "a field that is not in the schema",
    "unknown_metric": "a metric that is not in the indicator catalogue",
    "unknown_provider": "a provider that the organisation file does not name",
    "unknown_type": "an event type other than the four",
    "ward_refused": "speaking up is never handled below site; nothing of it was kept",
    "wrong_key": "the message's key is not the provider of the event",
    "wrong_topic": "the event's type does not belong to the topic",
}

# What the screen refused, what must not be known, and what is too large to be screened.
_KEEPS_NOTHING = frozenset({"personal_data", "ward_refused", "too_large"})


class Refusal(NamedTuple):
    """Why an event is refused. ``keep`` is false where its bytes must not be kept."""

    code: str
    detail: str
    keep: bool = True


def rejection(index: int, refusal: Refusal, raw: bytes, event_id: str | None = None) -> Rejection:
    """The rejection of the event at ``index``; ``event_id`` only where the screen passed it."""
    keep = refusal.keep and refusal.code not in _KEEPS_NOTHING
    return Rejection(
        index=index,
        event_id=event_id,
        code=refusal.code,
        detail=refusal.detail,
        raw=raw if keep else None,
        sha256=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
    )
