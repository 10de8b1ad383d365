"""The shapes of all answers, so that OpenAPI tells the truth about them."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api.schemas_rebases import RebaseOut
from streams.alerts.lifecycle import Action, State

T = TypeVar("T")

Level = Literal[1, 2]
Direction = Literal["concern", "improvement"]
Kind = Literal["quality", "listening", "silence", "data_quality"]
Domain = Literal["safety", "effectiveness", "experience", "listening"]
FeedName = Literal["incidents", "complaints", "speakup", "wardmetrics"]
GridName = Literal["day", "week", "month", "quarter"]
UnitKind = Literal["ward", "site", "provider", "icb", "region", "nation"]


class Listing(BaseModel, Generic[T]):
    """Every listing: items, and the cursor of the next page or null."""

    items: list[T]
    next: str | None = Field(description="Give it back as `cursor` for the next page.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:earshot:problem:not-found"])
    title: str
    status: int
    detail: str | None = None
    correlation_id: str = Field(description="Also in X-Correlation-ID and in the service's log.")


class ExpectedOut(BaseModel):
    """What a value may come to when all is reported, with an 80 % interval."""

    value: float
    lower: float
    upper: float


class PointOut(BaseModel):
    """One point of a series; null is missing or suppressed."""

    period_start: str
    period_end: str
    value: float | None
    numerator: float | None
    denominator: float | None
    mean: float | None
    lower: float | None
    upper: float | None
    point_type: str
    special_cause: str | None
    missing_denominator: bool
    open: bool = Field(description="The period is not closed yet.")
    disclosure: Literal["suppressed"] | None
    reported_share: float | None = Field(
        description="How much of what the period will hold is likely reported, where that is "
        "less than 0.95; days to come count as nothing."
    )
    expected_final: ExpectedOut | None = Field(
        description="What the value may come to: for counts of events and their rates, once an "
        "incomplete period is over. Shares and measurements are not biased by a delay."
    )
    provisional: bool = Field(
        description="The period is likely incomplete, or its flag rests on such periods."
    )


class Limits(BaseModel):
    """The lines in force at the latest closed point."""

    mean: float | None
    lower: float | None
    upper: float | None


class SeriesSummary(BaseModel):
    """A series and where it stands."""

    id: str
    unit: str
    unit_name: str
    indicator: str
    indicator_name: str
    grid: GridName
    feed: FeedName
    domain: Domain
    direction: Literal["up", "down", "neutral"] = Field(description="Which way is better.")
    measure: str = Field(description="The unit of the values.")
    chart: str
    last_period_end: str | None
    last_value: float | None
    last_reported_share: float | None = Field(
        description="How much of the last period is likely reported, where that is less than 0.95."
    )
    variation: str | None = Field(
        description="The variation icon, at the latest period that is likely complete."
    )
    assurance: str | None


class ReportingDelayOut(BaseModel):
    """How long after its time a report of this feed is recorded; one law for a provider's feed."""

    median_days: int = Field(description="Half of all reports are recorded within so many days.")
    within_7_days: float = Field(description="Share of reports recorded within 7 days.")
    facts: int = Field(description="Reports of the last year that this rests on.")
    as_of: str = Field(description="Up to when the feed is known; never later than its newest.")


class MonitorOut(BaseModel):
    """A supporting drift monitor's finding. It has no false-alarm guarantee."""

    model_config = ConfigDict(extra="allow")

    monitor: str


class SeriesDetail(SeriesSummary):
    """A series with its points."""

    description: str
    target: float | None
    limits: Limits
    limits_reason: str | None = Field(description="Why there are no limits, where there are none.")
    limits_by: Literal["three_sigma", "probability"] | None = Field(
        description="How the limits are made: three standard deviations, or the chance of the "
        "next count where counts are sparse."
    )
    rebases: list[RebaseOut] = Field(
        description="Declared new beginnings in force, by day: limits start afresh there."
    )
    reporting_delay: ReportingDelayOut | None
    reporting_delay_reason: str | None = Field(
        description="Why no reporting delay is told, where there is none."
    )
    monitors: list[MonitorOut]
    points: list[PointOut]


class ActionOut(BaseModel):
    """What somebody did with an alert."""

    at: str
    actor: str
    action: str
    state_before: State
    state_after: State
    note: str | None
    outcome: str | None
    assignee: str | None
    until: str | None
    at_once: int = Field(
        description="How many alerts of this provider it was done to in the same step."
    )


class AlertOut(BaseModel):
    """An alert: a signal that asks for a check, never a verdict."""

    id: str
    provider: str
    unit: str
    unit_name: str
    unit_kind: UnitKind
    level: Level
    direction: Direction
    kind: Kind
    domains: list[Domain]
    feeds: list[str]
    state: State
    opened_at: str = Field(
        description="When it was first told; the end of that week where speaking up alone tells."
    )
    changed_at: str = Field(description="When it last changed, told like `opened_at`.")
    first_signal_at: str = Field(description="Event time at which the evidence crossed.")
    raised_at: str | None = Field(description="Event time at which it became level 2.")
    onset: str = Field(description="Estimated start of the change, event time.")
    subsided_at: str | None
    statement: str
    false_alert_interval: str
    respond_by: int = Field(description="Working days from opening.")
    respond_by_date: str = Field(description="The last of these days.")
    assignee: str | None
    outcome: str | None
    closed_at: str | None
    snoozed_until: str | None
    retraction: str | None
    allowed: list[Action] = Field(description="Actions open in the present state.")
    version: int
    evidence: dict[str, Any] = Field(
        description="A summary: `reference`, `budget`, the contributing `series`, and `signals` "
        "with detector, version, rule, level and dates. `disclosure` where something is held back."
    )


class TogetherPart(BaseModel):
    """The group of alerts that an alert began with, as the caller sees it."""

    id: str = Field(description="Give it as `together` to `/v1/alerts` for the others.")
    statement: str


class AlertDetail(AlertOut):
    """An alert with everything that speaks for it and all that was done about it."""

    evidence: dict[str, Any] = Field(
        description="All of it: as in the list, and with each signal its `explanation`: "
        "observed and expected, chance, onset with its posterior, and the model."
    )
    series: list[SeriesDetail] = Field(description="Every contributing series, with its points.")
    profile: list[ProfileEntry] = Field(description="The unit's listening profile.")
    actions: list[ActionOut]
    together: TogetherPart | None = Field(
        description="Where it began together with others: a common cause is likely."
    )


class ProfileEntry(BaseModel):
    """One aspect of the listening profile: the last quarter against the year before it."""

    aspect: str
    name: str
    series: str
    indicator: str
    indicator_name: str
    feed: FeedName
    grid: GridName
    form: Literal["share", "silence"] = Field(
        description="A share of reports, or periods since the last report."
    )
    better: Literal["up", "down", "neutral"]
    enough: bool = Field(description="Whether there is enough to say anything.")
    words: str = Field(description="The trend in words.")
    variation: str | None
    value: float | None
    numerator: float | None
    denominator: float | None
    before: float | None
    disclosure: Literal["suppressed"] | None


class UnitOut(BaseModel):
    """A unit of the hierarchy."""

    code: str
    kind: UnitKind
    name: str
    parent: str | None
    provider: str | None = Field(description="Null above providers.")
    verified: bool = Field(description="False for a unit first seen in an event.")


class UnitDetail(UnitOut):
    """A unit with those above and below it and its listening profile."""

    on: str
    parents: list[UnitOut] = Field(description="Nearest first.")
    children: list[UnitOut]
    profile: list[ProfileEntry]


AlertDetail.model_rebuild()
