"""The shapes of rebases: declared new beginnings of a series."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Person = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, strict=True)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, strict=True)
]


class RebaseOut(BaseModel):
    """Who declared that a series begins anew, and why."""

    id: int
    rebased_at: date = Field(description="The period that holds this day is the first new one.")
    person: str = Field(description="Who decided.")
    reason: str = Field(description="The known cause of the change.")
    actor: str = Field(description="The key that it came with.")
    at: str = Field(description="When it was declared.")
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawal: str | None = Field(description="Why it was taken back.")


class RebaseIn(BaseModel):
    """Declare that a series begins anew."""

    model_config = ConfigDict(extra="forbid")

    rebased_at: Annotated[date, Field(ge=date(1970, 1, 1), le=date(2200, 1, 1), strict=True)] = (
        Field(description="The period that holds this day is the first new one.")
    )
    person: Person = Field(description="Who decided: a name or a post.")
    reason: Reason = Field(description="The known cause of the change, judged permanent.")


class WithdrawalIn(BaseModel):
    """Take a rebase back."""

    model_config = ConfigDict(extra="forbid")

    person: Person
    reason: Reason
