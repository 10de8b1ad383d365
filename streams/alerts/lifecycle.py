"""What people may do with an alert: states, actions and outcomes as one table.

The facts open, raise and retract an alert; people work on it. ``MOVES`` names
every pair of state and action, so a pair that is not wanted is forbidden on
purpose. An action that leaves the state as it is maps to the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where the work on an alert stands."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    UNDER_REVIEW = "under_review"
    ESCALATED = "escalated"
    SNOOZED = "snoozed"
    CLOSED = "closed"
    RETRACTED = "retracted"


class Action(StrEnum):
    """What a person may do."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    START_REVIEW = "start_review"
    ESCALATE = "escalate"
    SNOOZE = "snooze"
    CLOSE = "close"
    REOPEN = "reopen"


class Outcome(StrEnum):
    """What a closed alert turned out to be. The share of each tells how good the alerts are."""

    EXPLAINED_DATA = "explained_data"
    EXPLAINED_CASEMIX = "explained_casemix"
    EXPLAINED_KNOWN = "explained_known"
    CONFIRMED_CONCERN = "confirmed_concern"
    NO_CONCERN = "no_concern"


# Rows are states, columns actions; None forbids. A retracted alert can only be
# commented on: the facts took it away, and only the facts can bring it back.
_N, _A, _U, _E, _S, _C, _R = State
_COLUMNS = tuple(Action)
_TABLE: dict[State, tuple[State | None, ...]] = {
    #    acknowledge assign comment start_review escalate snooze close reopen
    _N: (_A, _N, _N, _U, _E, _S, _C, None),
    _A: (None, _A, _A, _U, _E, _S, _C, None),
    _U: (None, _U, _U, None, _E, _S, _C, None),
    _E: (None, _E, _E, _U, None, None, _C, None),
    _S: (_A, _S, _S, _U, _E, _S, _C, _A),
    _C: (None, None, _C, None, None, None, None, _U),
    _R: (None, None, _R, None, None, None, None, None),
}
MOVES: Mapping[tuple[State, Action], State | None] = {
    (state, action): after
    for state, row in _TABLE.items()
    for action, after in zip(_COLUMNS, row, strict=True)
}

_LEADS_TO = {
    Action.ACKNOWLEDGE: State.ACKNOWLEDGED,
    Action.START_REVIEW: State.UNDER_REVIEW,
    Action.ESCALATE: State.ESCALATED,
    Action.CLOSE: State.CLOSED,
}

WAKES_TO = State.ACKNOWLEDGED
"""Where a snoozed alert goes when its time is over: somebody had seen it."""


class ForbiddenMove(ValueError):  # noqa: N818 - named as the rule that was broken
    """The action is not open in this state; ``allowed`` lists those that are."""

    def __init__(self, state: State, action: str, allowed: tuple[Action, ...]) -> None:
        self.state = state
        self.action = action
        self.allowed = allowed
        names = ", ".join(allowed) or "none"
        super().__init__(f"an alert that is {state} cannot take '{action}'; allowed: {names}")


class IncompleteAction(ValueError):  # noqa: N818 - named as the rule that was broken
    """The action lacks what it needs, or brings a value that is not in the closed list."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Request:
    """An action as somebody asks for it."""

    action: str
    outcome: str | None = None
    note: str | None = None
    until: datetime | None = None
    assignee: str | None = None


def allowed(state: State) -> tuple[Action, ...]:
    """The actions that are open in ``state``."""
    return tuple(action for action in Action if MOVES[state, action] is not None)


def move(state: State, request: Request, at: datetime) -> State:
    """The state after ``request`` at time ``at``.

    Raises ``ForbiddenMove`` where the table forbids it (or knows no such action)
    and ``IncompleteAction`` where the action lacks its outcome, note, end of the
    snooze or assignee.
    """
    if request.action not in Action.__members__.values():
        raise ForbiddenMove(state, request.action, allowed(state))
    action = Action(request.action)
    after = MOVES[state, action]
    if after is None:
        raise ForbiddenMove(state, action, allowed(state))
    check_complete(request, at)
    return after


def stands(state: State, outcome: str | None, request: Request) -> bool:
    """Whether an alert stands where an action would lead, so that nothing is left to do.

    A closed alert does where its ``outcome`` is the one that is asked for. Actions that may be
    done again, and those that lead to no one state, always have something to do.
    """
    if _LEADS_TO.get(Action(request.action)) is not state:
        return False
    return state is not State.CLOSED or request.outcome == outcome


def check_complete(request: Request, at: datetime) -> None:
    """Whether a request has what its action needs, whatever alert it is for.

    Raises ``IncompleteAction`` where it lacks its outcome, note, end of the snooze or assignee.
    """
    action, outcomes = Action(request.action), tuple(Outcome)
    if action is Action.CLOSE and request.outcome not in outcomes:
        raise IncompleteAction("outcome", f"closing needs an outcome: {', '.join(outcomes)}")
    if action is not Action.CLOSE and request.outcome is not None:
        raise IncompleteAction("outcome", "only closing takes an outcome")
    if action is Action.COMMENT and not (request.note or "").strip():
        raise IncompleteAction("note", "a comment needs its note")
    if action is Action.ASSIGN and not (request.assignee or "").strip():
        raise IncompleteAction("assignee", "assigning needs an assignee")
    if action is Action.SNOOZE and (request.until is None or request.until <= at):
        raise IncompleteAction("until", "snoozing needs a time in the future")
