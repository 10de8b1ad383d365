"""The alert state machine: every cell of the table, and what an action needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.alerts.lifecycle import (
    MOVES,
    Action,
    ForbiddenMove,
    IncompleteAction,
    Outcome,
    Request,
    State,
    allowed,
    move,
)

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
WORK = (State.NEW, State.ACKNOWLEDGED, State.UNDER_REVIEW, State.ESCALATED, State.SNOOZED)


def complete(action: Action) -> Request:
    return Request(
        action=action,
        outcome=Outcome.NO_CONCERN if action is Action.CLOSE else None,
        note="seen" if action is Action.COMMENT else None,
        until=AT + timedelta(days=7) if action is Action.SNOOZE else None,
        assignee="ward lead" if action is Action.ASSIGN else None,
    )


def test_the_table_names_every_pair_of_state_and_action():
    assert set(MOVES) == {(state, action) for state in State for action in Action}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_every_cell_of_the_table_moves_or_forbids(state, action):
    after = MOVES[state, action]

    if after is None:
        with pytest.raises(ForbiddenMove) as refusal:
            move(state, complete(action), AT)
        assert refusal.value.allowed == allowed(state)
        assert action not in refusal.value.allowed
    else:
        assert move(state, complete(action), AT) is after


@pytest.mark.parametrize("state", WORK)
def test_work_can_be_closed_from_every_open_state(state):
    assert MOVES[state, Action.CLOSE] is State.CLOSED


def test_no_action_brings_a_retracted_alert_back_or_retracts_one():
    assert allowed(State.RETRACTED) == (Action.COMMENT,)
    assert [pair for pair, after in MOVES.items() if after is State.RETRACTED] == [
        (State.RETRACTED, Action.COMMENT)
    ]


def test_nothing_leads_back_to_new():
    assert {state for (state, _), after in MOVES.items() if after is State.NEW} == {State.NEW}


def test_a_closed_alert_can_only_be_reopened_or_commented_on():
    assert set(allowed(State.CLOSED)) == {Action.COMMENT, Action.REOPEN}


def test_an_unknown_action_is_forbidden_with_the_allowed_ones():
    with pytest.raises(ForbiddenMove, match="allowed: comment, reopen"):
        move(State.CLOSED, Request("delete"), AT)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request("close"), "outcome"),
        (Request("close", outcome="fine"), "outcome"),
        (Request("acknowledge", outcome="no_concern"), "outcome"),
        (Request("comment"), "note"),
        (Request("comment", note="  "), "note"),
        (Request("assign"), "assignee"),
        (Request("snooze"), "until"),
        (Request("snooze", until=AT), "until"),
    ],
)
def test_an_action_says_which_field_it_lacks(request_, field):
    with pytest.raises(IncompleteAction) as refusal:
        move(State.NEW, request_, AT)

    assert refusal.value.field == field


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_of_the_closed_list_closes(outcome):
    assert move(State.UNDER_REVIEW, Request("close", outcome=outcome), AT) is State.CLOSED
