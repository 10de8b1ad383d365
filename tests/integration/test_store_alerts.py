"""Alerts: the facts own the record, people own the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streams.alerts.lifecycle import ForbiddenMove, IncompleteAction, State
from streams.facts.effects import AlertChange, Effects
from streams.store import BadCursor, UnknownItem, VersionConflict
from tests.alerts import alert, changed

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
RAISED = "2026-01-20T00:00:00Z"


@pytest.fixture
def facts_do(store):
    """Let the facts change an alert, each time in a transaction of its own."""

    def commit(change, record, succeeds=None, at=NOW):
        version = store.load_partition(0).version
        store.commit(0, version, changed(change, record, succeeds), {}, at)

    return commit


@pytest.fixture
def somebody(store):
    """Let a person act on an alert."""

    def act(action, alert_id="a1", at=NOW, **fields):
        return store.act(alert_id, action, actor="quality lead", at=at, **fields)

    return act


def what(store, subject="a1"):
    return [row.what for row in reversed(store.audit(subject=subject).items)]


def test_an_opened_alert_is_new_and_at_version_one(store, facts_do):
    facts_do("opened", alert())

    row = store.alert("a1")

    assert (row.state, row.version, row.actions) == (State.NEW, 1, [])
    assert row.opened_at == row.changed_at == "2026-01-06T09:00:00.000Z"
    assert (row.id, row.domains, row.evidence) == ("a1", ("safety",), alert().evidence)


def test_there_is_no_alert_that_was_never_opened(store):
    assert store.alert("a1") is None


@pytest.mark.parametrize("change", ["raised", "evidence_added", "subsided", "amended"])
def test_a_change_by_the_facts_keeps_the_state_of_the_work(store, facts_do, somebody, change):
    facts_do("opened", alert())
    somebody("start_review")

    facts_do(change, alert(level=2, raised_at=RAISED))

    row = store.alert("a1")
    assert (row.state, row.level, row.version) == (State.UNDER_REVIEW, 2, 3)


def test_an_action_is_kept_with_who_and_when(store, facts_do, somebody):
    facts_do("opened", alert())

    row = somebody("close", outcome="no_concern", note="read the notes")

    (done,) = row.actions
    assert row == store.alert("a1")
    assert (row.state, row.outcome, row.closed_at) == (
        "closed",
        "no_concern",
        "2026-01-06T09:00:00.000Z",
    )
    assert (done.actor, done.action, done.note) == ("quality lead", "close", "read the notes")
    assert (done.state_before, done.state_after) == ("new", "closed")
    assert what(store) == ["opened", "close"]
    assert [row.kind for row in store.outbox_since(0)] == ["opened", "workflow"]


def test_assigning_and_snoozing_set_their_fields(store, facts_do, somebody):
    facts_do("opened", alert())
    until = NOW + timedelta(days=3)

    assert somebody("assign", assignee="ward lead").assignee == "ward lead"
    assert somebody("snooze", until=until).snoozed_until == "2026-01-09T09:00:00.000Z"
    assert somebody("comment", note="waiting").snoozed_until == "2026-01-09T09:00:00.000Z"
    assert somebody("acknowledge").snoozed_until is None


def test_a_snoozed_alert_wakes_when_its_time_is_over(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("snooze", until=NOW + timedelta(days=3))

    assert store.wake(NOW + timedelta(days=2)) == 0
    assert store.wake(NOW + timedelta(days=3)) == 1
    assert store.wake(NOW + timedelta(days=3)) == 0

    row = store.alert("a1")
    assert (row.state, row.snoozed_until, row.version) == (State.ACKNOWLEDGED, None, 3)
    assert what(store)[-1] == "woke"


def test_a_forbidden_move_changes_nothing(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("close", outcome="explained_known")
    before = store.alert("a1")

    with pytest.raises(ForbiddenMove) as refusal:
        somebody("acknowledge")
    with pytest.raises(IncompleteAction):
        somebody("comment")

    assert refusal.value.allowed == ("comment", "reopen")
    assert store.alert("a1") == before


def test_an_action_on_an_older_version_is_refused(store, facts_do, somebody):
    facts_do("opened", alert())
    facts_do("raised", alert(level=2))

    with pytest.raises(VersionConflict) as conflict:
        somebody("acknowledge", expected_version=1)

    assert conflict.value.current == 2
    assert somebody("acknowledge", expected_version=2).version == 3


def test_an_action_on_no_alert_says_so(somebody):
    with pytest.raises(UnknownItem):
        somebody("acknowledge", "nothing")


def test_a_retracted_alert_leaves_the_listing_and_stays_in_the_audit(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("acknowledge")

    facts_do("retracted", alert())

    row = store.alert("a1")
    assert row.state == State.RETRACTED
    assert row.retraction.startswith("The facts as they are now")
    assert store.list_alerts().items == []
    assert [row.id for row in store.list_alerts(states=["retracted"]).items] == ["a1"]
    assert store.current_alerts("RXX") == {}
    assert what(store) == ["opened", "acknowledge", "retracted"]


def test_an_alert_that_the_facts_bring_back_has_its_work_again(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("start_review")
    facts_do("retracted", alert())
    facts_do("retracted", alert())

    facts_do("opened", alert())

    row = store.alert("a1")
    assert (row.state, row.retraction, len(row.actions)) == (State.UNDER_REVIEW, None, 1)
    assert what(store)[-1] == "reinstated"


@pytest.mark.parametrize("order", ["opened first", "retracted first"])
def test_an_alert_that_succeeds_another_has_its_actions_and_state(store, facts_do, somebody, order):
    facts_do("opened", alert())
    somebody("assign", assignee="ward lead")
    somebody("start_review")
    opened = AlertChange("opened", alert("a2"), "a1")
    retracted = AlertChange("retracted", alert())
    both = [opened, retracted] if order == "opened first" else [retracted, opened]

    later = NOW + timedelta(hours=1)
    store.commit(0, 1, Effects(alerts=both), {}, later)

    new, old = store.alert("a2"), store.alert("a1")
    assert (new.state, new.assignee) == (State.UNDER_REVIEW, "ward lead")
    assert [done.action for done in new.actions] == ["assign", "start_review"]
    assert new.opened_at == old.opened_at == "2026-01-06T09:00:00.000Z"
    assert (old.state, old.actions) == (State.RETRACTED, [])
    assert "another alert" in old.retraction
    assert what(store)[:3] == ["opened", "assign", "start_review"]
    assert what(store, "a2") == ["opened", "inherited"]


def test_an_alert_can_succeed_one_that_succeeded_another(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("escalate")

    for old, new in (("a1", "a2"), ("a2", "a3")):
        changes = [AlertChange("opened", alert(new), old), AlertChange("retracted", alert(old))]
        store.commit(0, store.load_partition(0).version, Effects(alerts=changes), {}, NOW)

    row = store.alert("a3")
    assert (row.state, len(row.actions)) == (State.ESCALATED, 1)
    assert [row.id for row in store.list_alerts().items] == ["a3"]


def test_of_two_alerts_that_succeed_one_the_first_has_its_work(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("escalate")
    heirs = [AlertChange("opened", alert(name), "a1") for name in ("a2", "a3")]

    store.commit(0, 1, Effects(alerts=[*heirs, AlertChange("retracted", alert())]), {}, NOW)

    assert (store.alert("a2").state, len(store.alert("a2").actions)) == (State.ESCALATED, 1)
    assert (store.alert("a3").state, store.alert("a3").actions) == (State.NEW, [])


def test_work_on_the_heir_itself_is_not_overwritten(store, facts_do, somebody):
    facts_do("opened", alert("a2"))
    somebody("close", "a2", outcome="no_concern")
    facts_do("retracted", alert("a2"))
    facts_do("opened", alert())
    somebody("acknowledge")

    facts_do("opened", alert("a2"), "a1")

    assert store.alert("a2").state == State.CLOSED
    assert {done.action for done in store.alert("a2").actions} == {"close", "acknowledge"}


def test_a_closed_alert_stays_closed_when_older_facts_raise_it(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("close", at=datetime(2026, 2, 1, tzinfo=UTC), outcome="no_concern")

    facts_do("raised", alert(level=2, raised_at=RAISED))

    assert store.alert("a1").state == State.CLOSED
    assert "evidence_after_close" not in what(store)


@pytest.mark.parametrize(
    ("change", "record"),
    [
        ("raised", alert(level=2, raised_at=RAISED)),
        ("evidence_added", alert(evidence={"signals": [{"opened": RAISED, "raised": None}]})),
    ],
)
def test_a_closed_alert_opens_again_for_evidence_from_after_its_closing(
    store, facts_do, somebody, change, record
):
    facts_do("opened", alert())
    somebody("close", outcome="no_concern")

    facts_do(change, record)

    row = store.alert("a1")
    assert (row.state, row.outcome, row.closed_at) == (State.NEW, None, None)
    assert what(store)[-1] == "evidence_after_close"


def test_a_subsided_episode_does_not_open_a_closed_alert(store, facts_do, somebody):
    facts_do("opened", alert())
    somebody("close", outcome="no_concern")

    facts_do("subsided", alert(subsided_at="2026-03-01T00:00:00Z"))

    assert store.alert("a1").state == State.CLOSED


@pytest.fixture
def region(store):
    """Twenty alerts of two providers, two at each first signal."""
    store.load_partition(0)
    records = [
        alert(
            f"a{number:02}",
            provider="RXX" if number % 2 else "RYY",
            unit=f"U{number % 4}",
            level=1 + (number % 5 == 0),
            kind="silence" if number % 3 == 0 else "quality",
            domains=("listening", "safety") if number % 3 == 0 else ("experience",),
            first_signal_at=f"2026-01-{1 + number // 2:02}T00:00:00Z",
        )
        for number in range(20)
    ]
    store.commit(0, 0, Effects(alerts=[AlertChange("opened", r) for r in records]), {}, NOW)
    return records


def nothing(_record):
    return False


def everything(_record):
    return True


@pytest.mark.parametrize("size", [1, 3, 19, 20, 1000])
def test_pages_together_give_every_alert_once_newest_first(store, region, size):
    seen, cursor = [], None
    while True:
        page = store.list_alerts(cursor=cursor, limit=size)
        seen += [row.id for row in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert seen == [f"a{number:02}" for number in reversed(range(20))]


def test_an_alert_opened_between_two_pages_does_not_shift_them(store, region):
    first = store.list_alerts(limit=10)
    newer = alert("b", first_signal_at="2026-02-01T00:00:00Z")
    store.commit(0, 1, changed("opened", newer), {}, NOW)

    second = store.list_alerts(cursor=first.next, limit=10)

    assert [row.id for row in first.items + second.items] == [
        f"a{number:02}" for number in reversed(range(20))
    ]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"units": ["U1", "U3"]}, lambda r: r.unit in {"U1", "U3"}),
        ({"units": []}, nothing),
        ({"providers": ["RYY"]}, lambda r: r.provider == "RYY"),
        ({"level": 2}, lambda r: r.level == 2),
        ({"kind": "silence"}, lambda r: r.kind == "silence"),
        ({"domain": "safety"}, lambda r: "safety" in r.domains),
        ({"domain": "%"}, nothing),
        ({"states": ["closed"]}, nothing),
        ({"states": ["new", "closed"]}, everything),
        ({"since": datetime(2026, 1, 5, tzinfo=UTC)}, lambda r: r.first_signal_at >= "2026-01-05"),
        ({"until": datetime(2026, 1, 5, tzinfo=UTC)}, lambda r: r.first_signal_at < "2026-01-05"),
        ({"level": 1, "providers": ["RXX"]}, lambda r: r.level == 1 and r.provider == "RXX"),
    ],
)
def test_filters_choose_alerts(store, region, filters, wanted):
    found = {row.id for row in store.list_alerts(**filters).items}

    assert found == {record.id for record in region if wanted(record)}


def test_alerts_are_counted_by_level_kind_and_state(store, region):
    counts = store.alert_counts()

    assert sum(counts.values()) == 20
    assert counts[2, "silence", "new"] == 2


@pytest.mark.parametrize("cursor", ["", "x", "é", "WzFd", "bnVsbA", "WyJhIiwiYiJd", "A" * 500])
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(BadCursor):
        store.list_alerts(cursor=cursor)
    if cursor != "WzFd":
        with pytest.raises(BadCursor):
            store.audit(cursor=cursor)
    with pytest.raises(BadCursor):
        store.list_units(cursor=cursor)


def test_a_page_of_nothing_is_refused(store):
    with pytest.raises(ValueError, match="at least one"):
        store.list_alerts(limit=0)


def test_the_audit_pages_backwards_through_everything(store, region):
    first = store.audit(limit=15)
    second = store.audit(limit=15, cursor=first.next)

    assert [row.subject for row in first.items + second.items] == [
        record.id for record in reversed(region)
    ]
    assert second.next is None


def resting_on(feed):
    """The alert of a site whose evidence weighs a feed, and a little more of that evidence."""
    fields = {"unit": "RXX01", "unit_kind": "site", "feeds": ("incidents",)}
    return [
        alert(**fields, evidence={"signals": [{"explanation": {"feeds": [feed], "log": log}}]})
        for log in (5.1, 5.2)
    ]


@pytest.mark.parametrize("change", ["evidence_added", "amended"])
def test_what_may_be_one_case_shows_neither_in_version_nor_in_time_but_is_kept(
    store, facts_do, change
):
    before, after = resting_on("speakup")
    facts_do("opened", before)
    facts_do(change, after, at=NOW + timedelta(hours=1))

    row = store.alert("a1")
    assert (row.version, row.changed_at) == (1, "2026-01-06T09:00:00.000Z")
    assert row.evidence == after.evidence


def test_what_other_feeds_add_shows_in_both(store, facts_do):
    before, after = resting_on("complaints")
    facts_do("opened", before)
    facts_do("evidence_added", after, at=NOW + timedelta(hours=1))

    row = store.alert("a1")
    assert (row.version, row.changed_at) == (2, "2026-01-06T10:00:00.000Z")


def test_the_time_at_which_speaking_up_alone_was_taken_in_is_kept_as_the_end_of_its_week(
    store, facts_do, somebody
):
    monday = "2026-01-12T00:00:00.000Z"
    spoken = alert(unit="RXX01", unit_kind="site", feeds=("speakup",))
    facts_do("opened", spoken)
    facts_do("raised", replace(spoken, level=2), at=NOW + timedelta(days=1))

    row = store.alert("a1")
    assert row.opened_at == row.changed_at == monday
    assert {line.at for line in store.audit(subject="a1").items} == {monday}
    assert {line.at for line in store.outbox_since(0)} == {monday}
    # What people do has its time, and so has what other feeds tell.
    assert somebody("acknowledge", at=NOW).changed_at == "2026-01-06T09:00:00.000Z"
    facts_do("evidence_added", replace(spoken, feeds=("complaints", "speakup"), level=2))
    assert store.alert("a1").opened_at == monday


def test_an_alert_that_is_opened_again_by_protected_evidence_has_another_version(
    store, facts_do, somebody
):
    before, after = resting_on("speakup")
    facts_do("opened", before)
    closed = somebody("close", outcome="no_concern")
    later = replace(after, raised_at=RAISED)
    facts_do("evidence_added", later, at=NOW + timedelta(days=30))

    row = store.alert("a1")
    assert (row.state, row.version) == (State.NEW, closed.version + 1)


def test_confirmed_concerns_are_the_closed_alerts_that_turned_out_to_be_one(
    store, facts_do, somebody
):
    for name in ("a1", "a2", "a3", "a4"):
        facts_do("opened", alert(name))
    somebody("close", "a1", outcome="no_concern")
    for name in ("a2", "a3", "a4"):
        somebody("close", name, outcome="confirmed_concern")
    somebody("reopen", "a3")
    facts_do("retracted", alert("a4"))

    assert store.confirmed_concerns() == [alert("a2")]
