"""The store's content depends on what was committed, not on how it was cut into batches."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.lifecycle import Action, ForbiddenMove, IncompleteAction, Outcome, State
from streams.facts.effects import AlertChange, Effects, Tally
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.store import Fenced, Store
from tests.alerts import alert
from tests.facts import fact

NOW = datetime(2026, 1, 6, tzinfo=UTC)
LATER = datetime(2026, 2, 6, tzinfo=UTC)

facts = st.builds(
    fact,
    st.integers(0, 12).map("e{}".format),
    st.integers(1, 28).map("2026-01-{:02}".format),
    st.sampled_from(Feed),
    revision=st.integers(1, 3),
    withdrawn=st.booleans(),
    ward=st.sampled_from(["W1", "W2", None]),
)
tallies = st.builds(
    Tally,
    st.just("RXX"),
    st.sampled_from(["RXX01:W1", "RXX01"]),
    st.sampled_from(Grid),
    st.integers(0, 3),
    st.binary(max_size=4),
)
steps = st.lists(st.one_of(facts, tallies), max_size=40)


def winner(*versions):
    return max(versions, key=lambda version: version.rank)


def written(batches, *, interrupted=False):
    """The digest after committing batches of winning facts and latest tallies."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/earshot.db")
        version = store.load_partition(0).version
        for batch in batches:
            new: dict = {}
            for one in batch:
                if not isinstance(one, Tally):
                    new[one.key] = winner(one, new.get(one.key, one))
            held = store.known([(one.provider, one.key) for one in new.values()])
            effects = Effects(
                facts=[winner(one, held[one.provider].get(one.key, one)) for one in new.values()],
                tallies=[one for one in batch if isinstance(one, Tally)],
            )
            if interrupted:
                fenced(store, version, effects)
            version = store.commit(0, version, effects, {}, NOW)
        digests = store.digests()
        store.close()
    return digests


def fenced(store, version, effects):
    try:
        store.commit(0, version + 1, effects, {}, NOW)
    except Fenced:
        return
    raise AssertionError("a commit went through the fence")


def last_of_each(batch):
    """Tallies of one batch are final values, so only the last of a key may be in it."""
    chosen: dict = {}
    for one in batch:
        key = (one.unit, one.grid, one.period) if isinstance(one, Tally) else (one.key, one.rank)
        chosen.pop(key, None)
        chosen[key] = one
    return list(chosen.values())


@settings(max_examples=40, deadline=None)
@given(steps, st.lists(st.integers(0, 40), max_size=5), st.booleans())
def test_any_cut_into_batches_gives_the_same_store(sequence, cuts, interrupted):
    edges = [0, *sorted(cut for cut in cuts if cut < len(sequence)), len(sequence)]
    parts = [sequence[a:b] for a, b in pairwise(edges)]

    assert written([last_of_each(part) for part in parts], interrupted=interrupted) == written(
        [last_of_each(sequence)]
    )


changes = st.tuples(
    st.sampled_from(["opened", "raised", "evidence_added", "subsided", "amended", "retracted"]),
    st.sampled_from(["a1", "a2"]),
)
actions = st.tuples(st.sampled_from(Action), st.sampled_from(["a1", "a2"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(changes, actions), max_size=25))
def test_whatever_facts_and_people_do_an_alerts_history_hangs_together(sequence):
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/earshot.db")
        version = store.load_partition(0).version
        versions = {"a1": 0, "a2": 0}
        for what, alert_id in sequence:
            if isinstance(what, Action):
                act(store, what, alert_id)
            else:
                effects = Effects(alerts=[AlertChange(what, alert(alert_id))])
                version = store.commit(0, version, effects, {}, NOW)
            row = store.alert(alert_id)
            if row is not None:
                assert row.version >= versions[alert_id]
                versions[alert_id] = row.version
                assert (row.state is State.CLOSED) <= (row.closed_at is not None)
                assert (row.state is State.SNOOZED) <= (row.snoozed_until is not None)
                assert (row.state is State.RETRACTED) == (row.retraction is not None)
                assert (row.state is State.RETRACTED) != (alert_id in store.current_alerts("RXX"))
        store.close()


def act(store, action, alert_id):
    if store.alert(alert_id) is None:
        return
    try:
        store.act(
            alert_id,
            action,
            actor="someone",
            at=NOW,
            outcome=Outcome.NO_CONCERN if action is Action.CLOSE else None,
            note="note",
            until=LATER if action is Action.SNOOZE else None,
            assignee="somebody" if action is Action.ASSIGN else None,
        )
    except (ForbiddenMove, IncompleteAction):
        return
