"""What the store's readers give: pages and rows."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from streams.alerts.lifecycle import State
from streams.facts.effects import AlertRecord
from streams.facts.feeds import Feed

T = TypeVar("T")

MAX_PAGE = 1000


class BadCursor(ValueError):  # noqa: N818 - named as what the caller sent
    """The cursor was not made by this listing."""


class UnknownItem(LookupError):  # noqa: N818 - named as what the caller asked for
    """There is no such alert, unit, key or dead letter."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a listing. ``next`` is the cursor of the rest, None at the end."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What a runner loads when it takes a partition: its version and next offsets by topic."""

    version: int
    positions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counters:
    """Events since the store was made: all processed, repeats and refused among them."""

    processed: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What somebody did with an alert. Times are RFC 3339, UTC.

    ``at_once`` is to how many alerts of the provider it was done in the same step.
    """

    at: str
    actor: str
    action: str
    state_before: State
    state_after: State
    note: str | None
    outcome: str | None
    assignee: str | None
    until: str | None
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class AlertRow(AlertRecord):
    """An alert as the facts give it, and where the work on it stands.

    ``opened_at`` and ``changed_at`` are processing times, and the end of the week where
    protected feeds alone speak. ``version`` grows with every change, whoever made it.
    ``retraction`` says why a retracted alert was. ``actions`` is oldest first and empty
    in listings.
    """

    state: State
    opened_at: str
    changed_at: str
    version: int
    assignee: str | None
    outcome: str | None
    closed_at: str | None
    snoozed_until: str | None
    retraction: str | None
    actions: list[ActionRow]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the record of who did what. ``subject`` is an alert, key or batch."""

    id: int
    at: str
    actor: str
    what: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RebaseRow:
    """Who declared that a series begins anew, on which day, why, and who took it back.

    The period that holds the day ``rebased_at`` is the first of the new stretch.
    """

    id: int
    unit: str
    indicator: str
    rebased_at: date
    person: str
    reason: str
    actor: str
    at: str
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawal: str | None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A change of an alert that is to be delivered.

    ``kind`` is the ``AlertChange.change`` or ``workflow``. ``payload`` is JSON of
    the alert without its workflow, with true counts: what delivers it passes it
    through ``streams.alerts.disclosure`` first.
    """

    seq: int
    kind: str
    alert_id: str
    payload: bytes
    at: str


@dataclass(frozen=True, slots=True)
class FeedRow:
    """What has arrived of one feed of one provider. Times are RFC 3339, UTC."""

    provider: str
    feed: Feed
    last_event_time: str | None
    last_arrival: str
    events: int


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A rejected event. ``kept`` says if there are bytes; listings leave ``raw`` out."""

    id: int
    topic: str
    partition: int
    offset: int
    index: int
    event_id: str | None
    code: str
    detail: str
    sha256: str
    size: int
    sender: str | None
    at: str
    replayed_at: str | None
    kept: bool
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key without its secret. ``scope`` holds organisation codes."""

    prefix: str
    label: str
    role: str
    scope: frozenset[str]
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The answer that was given to an earlier request with the same idempotency key."""

    status: int
    media_type: str
    body: bytes


def encode_cursor(*key: str | int) -> str:
    """An opaque text for the sort key of the last item of a page."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[T]) -> T:
    """The sort key in a cursor; ``BadCursor`` for anything else than a tuple of ``shape``."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(
            base64.b64decode(padded, altchars=b"-_", validate=True), type=shape
        )
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError) as error:
        raise BadCursor("this is no cursor of this listing") from error


def page_size(limit: int) -> int:
    """``limit`` within what one page may hold."""
    if limit < 1:
        raise ValueError("a page holds at least one item")
    return min(limit, MAX_PAGE)
