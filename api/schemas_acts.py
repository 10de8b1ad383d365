"""The shapes of what people do with alerts, one or several, and of what became of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from streams.alerts.lifecycle import Action, State

AT_MOST = 200
"""Alerts that one step may be done to: as many as a page of the listing has."""


class ActIn(BaseModel):
    """An action with what it needs, whatever alert it is for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal[
        "acknowledge", "assign", "comment", "start_review", "escalate", "snooze", "close", "reopen"
    ]
    outcome: (
        Literal[
            "explained_data",
            "explained_casemix",
            "explained_known",
            "confirmed_concern",
            "no_concern",
        ]
        | None
    ) = Field(default=None, description="Needed to close; only then.")
    note: str | None = Field(default=None, max_length=2000)
    until: AwareDatetime | None = Field(default=None, description="When a snooze ends.")
    assignee: str | None = Field(default=None, max_length=200)


_Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ActionIn(ActIn):
    """What to do with an alert."""

    version: _Version | None = Field(
        default=None,
        description="The version that was read; the move is refused if it has changed since.",
    )


class SeenIn(BaseModel):
    """An alert as it was read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")
    version: _Version = Field(
        description="The version that was read; the alert is left as it is if it has changed since."
    )


class ActionsIn(ActIn):
    """What to do with several alerts, and with which: those that were read, never others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "action": "close",
                    "outcome": "explained_data",
                    "note": "A new reporting form since 2 March, in all wards.",
                    "alerts": [
                        {"id": "6474e7e23a6dd172619f", "version": 1},
                        {"id": "57c5769acb0f1d2a9b44", "version": 3},
                    ],
                }
            ]
        }
    )

    alerts: list[SeenIn] = Field(
        min_length=1, max_length=AT_MOST, description="Each once; told of in this order."
    )

    @field_validator("alerts")
    @classmethod
    def each_once(cls, alerts: list[SeenIn]) -> list[SeenIn]:
        """No alert may be named twice, which would leave open in what version it was read.

        Raises:
            ValueError: one is.
        """
        if len({one.id for one in alerts}) < len(alerts):
            raise ValueError("an alert is named more than once")
        return alerts


class ActedOut(BaseModel):
    """What became of one of the alerts."""

    id: str
    result: Literal["done", "unchanged", "refused"] = Field(
        description="Done; left because it stood so already; or refused, by its `problem`."
    )
    state: State | None = Field(description="As it is now; null where there is no such alert.")
    version: int | None = Field(description="As it is now.")
    problem: dict[str, Any] | None = Field(
        default=None,
        description="Where refused: the problem that the same action on this alert alone gives, "
        "of type `not-found`, `version-conflict` (with `current`) or `forbidden-move` (with "
        "`allowed`).",
    )


class ActionsOut(BaseModel):
    """What became of each alert."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "action": "close",
                    "done": 1,
                    "unchanged": 0,
                    "refused": 1,
                    "items": [
                        {
                            "id": "6474e7e23a6dd172619f",
                            "result": "done",
                            "state": "closed",
                            "version": 2,
                        },
                        {
                            "id": "57c5769acb0f1d2a9b44",
                            "result": "refused",
                            "state": "new",
                            "version": 4,
                            "problem": {
                                "type": "urn:earshot:problem:version-conflict",
                                "title": "The alert has changed since it was read",
                                "status": 409,
                                "correlation_id": "0f2b8c",
                                "current": 4,
                            },
                        },
                    ],
                }
            ]
        }
    )

    action: Action
    done: int
    unchanged: int
    refused: int
    items: list[ActedOut] = Field(description="One for each alert, in the order asked.")
