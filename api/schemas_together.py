"""The shape of alerts that began together."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas import FeedName, GridName

GroupLevel = Literal["ward", "site", "provider"]


class OtherUnitsOut(BaseModel):
    """Units of another level that began too."""

    unit_kind: GroupLevel
    units: int


class PeriodOut(BaseModel):
    """One period of the row that a group stands out of."""

    period_start: str
    begun: int = Field(description="Units whose signals began in it.")
    expected: float = Field(description="By chance at most, or as often as is usual.")


class TogetherOut(BaseModel):
    """Alerts that began together, to be read as one event first; no verdict on any unit.

    Signals of speaking up take no part in it.
    """

    id: str = Field(description="Give it as `together` to `/v1/alerts` for its alerts.")
    statement: str
    what: str = Field(description="What the signals say, as a clause.")
    detector: str
    indicator: str = Field(description="Key of the indicator, or of the feed for silence.")
    feed: FeedName
    grid: GridName
    since: str = Field(description="Start of the window in which the signals opened, event time.")
    until: str = Field(description="First instant after it.")
    unit_kind: GroupLevel = Field(description="The level at which it is least likely by chance.")
    units: int = Field(description="Units of this level whose signals began in the window.")
    watched: int = Field(description="Units of this level that were watched then.")
    providers: int = Field(description="Providers of these units.")
    providers_watched: int
    others: list[OtherUnitsOut] = Field(description="Units of other levels that began too.")
    reach: Literal["many", "within", "own"] = Field(
        description="Many providers; within one of several; or the only one that is looked at."
    )
    expected: float = Field(
        description="Units expected in the window: by chance at most, or as often as is usual "
        "where that is more."
    )
    by_budget: float = Field(description="By chance at most, from the budget alone.")
    p_value: float = Field(
        description="How often in a year so unlikely a group comes by chance, at most, of all "
        "that is looked at."
    )
    alerts: int
    open: int = Field(description="Alerts of them that are not closed.")
    periods: list[PeriodOut]
