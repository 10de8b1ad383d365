"""The shape of a comparison with peers: a listing with what was fitted to it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas import FeedName, GridName, Listing

ComparedLevel = Literal["ward", "site", "provider"]


class ComparedUnit(BaseModel):
    """A unit beside its peers; null is suppressed or not judged."""

    unit: str
    unit_name: str
    within: str | None = Field(description="The name of the unit above it.")
    provider: str
    series: str = Field(description="The series whose points are summed here.")
    marked: bool
    numerator: float | None
    denominator: float | None
    expected: float | None = Field(description="Events at the peers' pooled rate.")
    value: float | None = Field(description="In `measure`.")
    z: float | None = Field(description="Distance in spreads, overdispersion allowed for.")
    lower95: float | None
    upper95: float | None
    lower998: float | None
    upper998: float | None
    state: Literal["judged", "too_small", "held_back", "contradictory"]
    position: Literal["much_higher", "higher", "within", "lower", "much_lower"] | None = Field(
        description="`much_`: beyond the 99.8 % limits; without it: beyond the 95 % limits only."
    )
    meaning: Literal["concern", "improvement", "neutral"] = Field(
        description="What its side would mean; neutral within the limits, and where neither way "
        "is better."
    )
    periods: int = Field(description="Periods with numbers, of those of the window.")
    missing_denominators: int = Field(description="Periods left out for want of a denominator.")
    statement: str
    disclosure: Literal["suppressed"] | None


class PeerCount(BaseModel):
    """How many take part, shown to this caller or not."""

    units: int
    judged: int
    too_small: int
    held_back: int
    providers: int
    shown: int = Field(description="Units whose own numbers this caller sees.")


class ComparisonOut(Listing[ComparedUnit]):
    """Units beside their peers: those beyond the limits first, the others by name."""

    indicator: str
    indicator_name: str
    feed: FeedName
    direction: Literal["up", "down", "neutral"] = Field(description="Which way is better.")
    measure: str = Field(description="The unit of values and limits.")
    volume: str = Field(description="What the denominators count.")
    level: ComparedLevel
    unit: str | None = Field(description="The unit under which all of them lie, if one was asked.")
    grid: GridName
    since: str
    until: str
    model: Literal["proportion", "ratio"]
    centre: float = Field(description="The peers' pooled value, in `measure`.")
    phi: float = Field(description="Mean squared score, 1 by chance alone.")
    tau2: float = Field(description="Variance between units in the limits, transformed scale.")
    overdispersed: bool = Field(description="Whether the limits are widened by it.")
    minimum_expected: float
    peers: PeerCount
    statement: str
    notes: list[str]
