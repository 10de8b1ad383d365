"""The shapes of answers about the service's own work: receipts, feeds, refused events, status."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import FeedName, Listing


class RejectedEvent(BaseModel):
    """An event that was not taken."""

    index: int = Field(description="Place in the request, from 0.")
    id: str | None
    code: str = Field(description="From a closed list; see the guide to event errors.")
    detail: str


class Receipt(BaseModel):
    """What became of the events of a request. Accepted events are durable."""

    accepted: int
    duplicates: int = Field(description="Known already in this or a later revision.")
    rejected: list[RejectedEvent]


class FeedOut(BaseModel):
    """One feed of one provider."""

    provider: str
    feed: FeedName
    cadence: str = Field(description="What a feed of this kind normally keeps.")
    expected_every_days: float
    overdue_after_days: float
    last_event_at: str | None = Field(description="To the quarter for speaking up.")
    last_arrival_at: str | None
    lag_days: float | None
    silent: bool


class DeadLetterOut(BaseModel):
    """A refused event. Its bytes are never listed."""

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
    kept: bool = Field(description="Whether its bytes are kept, so that it can be replayed.")


class DeadLetterListing(Listing[DeadLetterOut]):
    """Dead letters, and how many there are for each reason."""

    counts: dict[str, int]


class ReplayIn(BaseModel):
    """Which dead letters to send again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[int] | None = Field(default=None, max_length=1000, description="These only.")
    code: str | None = Field(default=None, max_length=100, description="All of this reason.")
    dry_run: bool = Field(default=True, description="Say what would happen, and do nothing.")
    limit: int = Field(default=1000, ge=1, le=1000)


class ReplayOut(BaseModel):
    """What a replay did, or would do."""

    dry_run: bool
    considered: int
    accepted: int
    duplicates: int
    rejected: int
    not_kept: int = Field(description="Their bytes were never kept.")
    counts: dict[str, int] = Field(description="By reason: those that would be refused again.")


class WatermarkOut(BaseModel):
    """How far a feed has come, over the providers in scope."""

    earliest: str | None
    latest: str | None


class BudgetsOut(BaseModel):
    """False alerts allowed per stable unit and year."""

    level1: float
    level2: float


class StatusOut(BaseModel):
    """How the service stands."""

    version: str
    mode: Literal["embedded", "kafka"]
    accepted: int = Field(
        description="Durable events. A key without the operator's role reads those of its own "
        "providers that changed something, speaking up in steps."
    )
    processed: int = Field(description="Those that are reflected in series and alerts.")
    lag: int = Field(
        description="Durable events not yet reflected; 0 exactly when all is. Told in steps of "
        "five to a key without the operator's role."
    )
    watermarks: dict[str, WatermarkOut]
    budgets: BudgetsOut
    reference: str = Field(description="Version of the pooled reference in force.")
    catalogue: str = Field(description="Digest of the indicator catalogue in force.")
