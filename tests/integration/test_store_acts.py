"""One action on several alerts: a transaction in which each is judged by itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from streams.alerts.lifecycle import ForbiddenMove, IncompleteAction, State
from streams.facts.effects import AlertChange, Effects
from streams.store import UnknownItem, VersionConflict
from tests.alerts import alert

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
NAMES = ("a1", "a2", "a3", "b1")
SEEN = dict.fromkeys(NAMES, 1)


@pytest.fixture
def several(store):
    """Three alerts of one provider and one of another, all new."""
    store.load_partition(0)
    records = [alert(name, provider="RYY" if name == "b1" else "RXX") for name in NAMES]
    store.commit(0, 0, Effects(alerts=[AlertChange("opened", one) for one in records]), {}, NOW)
    return store


@pytest.fixture
def together(several):
    """Act on several of them."""

    def act_on(action, seen=SEEN, at=NOW, **fields):
        return several.act_on(seen, action, actor="quality lead", at=at, **fields)

    return act_on


def states(store):
    return {name: store.alert(name).state.value for name in NAMES}


def test_each_alert_is_moved_with_the_note_and_has_it_in_its_history(several, together):
    acted = together("close", outcome="explained_data", note="A new form")

    assert [(one.alert_id, one.done, one.refusal) for one in acted] == [
        (name, True, None) for name in NAMES
    ]
    for one in acted:
        row = several.alert(one.alert_id)
        (done,) = row.actions
        assert (row.state, row.version) == (one.state, one.version) == (State.CLOSED, 2)
        assert (row.outcome, row.closed_at) == ("explained_data", "2026-01-06T09:00:00.000Z")
        assert (done.actor, done.action, done.note) == ("quality lead", "close", "A new form")
        assert (done.state_before, done.state_after) == ("new", "closed")


def test_the_history_says_to_how_many_of_its_provider_it_was_done_at_once(several, together):
    together("comment", note='one step, not "at_once"')
    several.act("a1", "comment", actor="quality lead", at=NOW + timedelta(days=1), note="alone")

    assert [done.at_once for done in several.alert("a1").actions] == [3, 1]
    assert [done.at_once for done in several.alert("b1").actions] == [1]


def test_every_change_is_told_once_in_the_audit_and_in_the_outbox(several, together):
    together("acknowledge")
    told = [row for row in several.outbox_since(0) if row.kind == "workflow"]

    assert [row.alert_id for row in told] == list(NAMES)
    for name in NAMES:
        assert [row.what for row in several.audit(subject=name).items] == ["acknowledge", "opened"]


def test_an_alert_that_changed_since_it_was_read_is_left_and_holds_up_no_other(several, together):
    several.act("a2", "comment", actor="somebody else", at=NOW, note="it is not the form")
    acted = {one.alert_id: one for one in together("close", outcome="explained_data")}

    assert isinstance(acted["a2"].refusal, VersionConflict)
    assert (acted["a2"].refusal.current, acted["a2"].version, acted["a2"].done) == (2, 2, False)
    assert states(several) == {"a1": "closed", "a2": "new", "a3": "closed", "b1": "closed"}


def test_an_alert_whose_state_forbids_it_is_left_and_holds_up_no_other(several, together):
    several.act("a2", "close", actor="somebody else", at=NOW, outcome="confirmed_concern")
    seen = {**SEEN, "a2": 2}
    acted = {one.alert_id: one for one in together("acknowledge", seen)}

    assert isinstance(acted["a2"].refusal, ForbiddenMove)
    assert states(several) == {
        "a1": "acknowledged", "a2": "closed", "a3": "acknowledged", "b1": "acknowledged",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("acknowledge", {}),
        ("start_review", {}),
        ("escalate", {}),
        ("close", {"outcome": "explained_known"}),
    ],
)
def test_what_stands_so_already_is_unchanged_whatever_was_read(several, together, action, fields):
    together(action, **fields)
    end = several.outbox_range()[1]
    again = together(action, **fields)

    assert [(one.done, one.refusal, one.version) for one in again] == [(False, None, 2)] * 4
    assert several.outbox_range()[1] == end
    assert all(len(several.alert(name).actions) == 1 for name in NAMES)


def test_a_closed_alert_does_not_take_another_outcome(several, together):
    together("close", outcome="explained_known")
    again = together("close", dict.fromkeys(NAMES, 2), outcome="confirmed_concern")

    assert all(isinstance(one.refusal, ForbiddenMove) for one in again)


def test_a_comment_that_is_sent_twice_is_kept_once(several, together):
    together("comment", note="seen")
    again = together("comment", note="seen")

    assert all(isinstance(one.refusal, VersionConflict) for one in again)
    assert [len(several.alert(name).actions) for name in NAMES] == [1, 1, 1, 1]


def test_alerts_of_other_providers_are_as_if_they_were_not_there(several, together):
    acted = {one.alert_id: one for one in together("acknowledge", providers={"RYY"})}
    missing = together("acknowledge", {"none": 1}, providers={"RYY"})[0]

    assert acted["b1"].done
    assert isinstance(missing.refusal, UnknownItem)
    for name in ("a1", "a2", "a3"):
        assert (acted[name].state, acted[name].version) == (missing.state, missing.version)
        assert type(acted[name].refusal) is UnknownItem
    assert states(several)["a1"] == "new"


@pytest.mark.parametrize(
    ("action", "fields", "missing"),
    [
        ("close", {}, "outcome"),
        ("acknowledge", {"outcome": "no_concern"}, "outcome"),
        ("comment", {"note": " "}, "note"),
        ("assign", {}, "assignee"),
        ("snooze", {"until": NOW}, "until"),
    ],
)
def test_an_action_that_lacks_something_is_done_on_none(several, together, action, fields, missing):
    with pytest.raises(IncompleteAction) as refusal:
        together(action, **fields)

    assert refusal.value.field == missing
    assert set(states(several).values()) == {"new"}


def test_assigning_and_snoozing_keep_the_states_that_they_keep(several, together):
    several.act("a1", "escalate", actor="somebody", at=NOW)
    several.act("a2", "snooze", actor="somebody", at=NOW, until=NOW + timedelta(days=9))
    seen = {"a1": 2, "a2": 2, "a3": 1}
    together("assign", seen, assignee="ward lead")
    acted = together("snooze", dict.fromkeys(seen, 3) | {"a3": 2}, until=NOW + timedelta(days=3))

    assert {several.alert(name).assignee for name in seen} == {"ward lead"}
    assert [one.done for one in acted] == [False, True, True]
    assert several.alert("a1").snoozed_until is None
    assert several.alert("a2").snoozed_until == "2026-01-09T09:00:00.000Z"


def test_of_two_who_act_on_the_same_alerts_at_once_each_alert_has_one(several, together):
    """Named in opposite orders, so that they would wait for each other were they locked so."""
    begin = threading.Barrier(2)
    found = {}

    def act(who, names):
        begin.wait()
        found[who] = several.act_on(
            dict.fromkeys(names, 1), "comment", actor=who, at=NOW, note="mine"
        )

    threads = [
        threading.Thread(target=act, args=(who, names))
        for who, names in (("one", NAMES), ("two", NAMES[::-1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(one.done for acted in found.values() for one in acted) == 4
    assert [len(several.alert(name).actions) for name in NAMES] == [1, 1, 1, 1]
