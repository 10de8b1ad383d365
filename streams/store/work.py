"""What people do with alerts: an action, checked against the table of moves.

An action on several alerts is one transaction in which each is judged by itself: one that
changed since it was read holds up none of the others, and a store that fails has done nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from streams.alerts.lifecycle import (
    WAKES_TO,
    Action,
    ForbiddenMove,
    Request,
    State,
    check_complete,
    move,
    stands,
)
from streams.facts.clock import to_ms
from streams.store import outbox, schema
from streams.store.alerts import AT_ONCE, read_alert
from streams.store.connection import Tables
from streams.store.rows import AlertRow, UnknownItem

_ALERT = schema.alert.c
_HELD = (_ALERT.id, _ALERT.provider, _ALERT.state, _ALERT.outcome, _ALERT.version, _ALERT.record)
WORKFLOW = "workflow"
"""The outbox's kind for a change that a person made."""


class VersionConflict(Exception):  # noqa: N818 - named as the condition that is reported
    """Somebody or the facts changed the alert meanwhile; ``current`` is its version now."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the alert is at version {current} now")


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of one of several alerts.

    ``state`` and ``version`` are those that it now has, None where there is no such alert. It was
    changed where ``done``; else it stood so already, or ``refusal`` says why it was left.
    """

    alert_id: str
    state: State | None
    version: int | None
    done: bool = False
    refusal: UnknownItem | VersionConflict | ForbiddenMove | None = None


@dataclass(frozen=True, slots=True)
class _Move:
    """A move that is open: the alert as it is held, and the state that it is going to have."""

    alert_id: str
    provider: str
    before: State
    after: State
    record: bytes


class Work(Tables):
    """The workflow of alerts."""

    def act(
        self,
        alert_id: str,
        action: str,
        *,
        actor: str,
        at: datetime,
        expected_version: int | None = None,
        outcome: str | None = None,
        note: str | None = None,
        until: datetime | None = None,
        assignee: str | None = None,
    ) -> AlertRow:
        """Do something with an alert and give it as it then stands.

        Raises:
            UnknownItem: there is no such alert.
            VersionConflict: it is no longer at ``expected_version``.
            ForbiddenMove: its state does not allow the action.
            IncompleteAction: the action lacks a field.
        """
        asked = Request(action, outcome=outcome, note=note, until=until, assignee=assignee)
        with self._database.write() as connection:
            held = _held(connection, [alert_id], None).get(alert_id)
            if held is None:
                raise UnknownItem(alert_id)
            if expected_version not in (None, held.version):
                raise VersionConflict(held.version)
            state = State(held.state)
            after = move(state, asked, at)
            made = _Move(alert_id, held.provider, state, after, held.record)
            _make(connection, [made], asked, actor=actor, at=at)
            changed = read_alert(connection, alert_id)
        assert changed is not None  # noqa: S101 - it was locked above
        return changed

    def act_on(
        self,
        seen: Mapping[str, int],
        action: str,
        *,
        actor: str,
        at: datetime,
        providers: Collection[str] | None = None,
        outcome: str | None = None,
        note: str | None = None,
        until: datetime | None = None,
        assignee: str | None = None,
    ) -> list[Acted]:
        """Do one thing with several alerts, and tell of each what became of it.

        Args:
            seen: alert ids, each with the version that was read.
            action: what to do.
            actor: who does it.
            at: when.
            providers: whose alerts may be acted on; others are as if they were not there.
            outcome: as for ``act``, and so are the rest.
            note: kept with every alert that is changed.
            until: when a snooze ends.
            assignee: who looks after them.

        Returns:
            One for each alert, in the order of ``seen``.

        Raises:
            IncompleteAction: the action lacks a field; nothing was done.
            ValueError: there is no such action; nothing was done.
        """
        asked = Request(action, outcome=outcome, note=note, until=until, assignee=assignee)
        check_complete(asked, at)
        acted: list[Acted] = []
        moves: list[_Move] = []
        with self._database.write() as connection:
            held = _held(connection, seen, providers)
            for alert_id, version in seen.items():
                row = held.get(alert_id)
                if row is None:
                    acted.append(Acted(alert_id, None, None, refusal=UnknownItem(alert_id)))
                    continue
                one, made = _judged(row, version, asked, at)
                acted.append(one)
                moves += [] if made is None else [made]
            _make(connection, moves, asked, actor=actor, at=at, at_once=True)
        return acted

    def wake(self, now: datetime) -> int:
        """End the snoozes whose time is over; give their number."""
        with self._database.write() as connection:
            due = (
                select(_ALERT.id, _ALERT.record)
                .where(_ALERT.state == State.SNOOZED, _ALERT.snoozed_until <= to_ms(now))
                .order_by(_ALERT.id)
                .with_for_update()
            )
            woken = connection.execute(due).all()
            if not woken:
                return 0
            connection.execute(
                update(schema.alert)
                .where(_ALERT.id.in_([row.id for row in woken]))
                .values(
                    state=WAKES_TO,
                    snoozed_until=None,
                    version=_ALERT.version + 1,
                    changed_at=to_ms(now),
                )
            )
            outbox.record(connection, [(outbox.SYSTEM, "woke", row.id, {}) for row in woken], now)
            outbox.post(
                connection, [outbox.Post(WORKFLOW, row.id, row.record, now) for row in woken]
            )
        return len(woken)


def _held(
    connection: Connection, alerts: Collection[str], providers: Collection[str] | None
) -> dict[str, Any]:
    """The rows of alerts, locked in the order in which everybody locks them."""
    query = select(*_HELD).where(_ALERT.id.in_(alerts)).order_by(_ALERT.id).with_for_update()
    if providers is not None:
        query = query.where(_ALERT.provider.in_(providers))
    return {row.id: row for row in connection.execute(query)}


def _judged(
    row: Any,  # noqa: ANN401 - a row of the table
    version: int,
    asked: Request,
    at: datetime,
) -> tuple[Acted, _Move | None]:
    """What becomes of one of several alerts, and the move to make where one is to be made."""
    state = State(row.state)
    if stands(state, row.outcome, asked):
        return Acted(row.id, state, row.version), None
    if version != row.version:
        return Acted(row.id, state, row.version, refusal=VersionConflict(row.version)), None
    try:
        after = move(state, asked, at)
    except ForbiddenMove as refusal:
        return Acted(row.id, state, row.version, refusal=refusal), None
    made = _Move(row.id, row.provider, state, after, row.record)
    return Acted(row.id, after, row.version + 1, done=True), made


def _make(
    connection: Connection,
    moves: Sequence[_Move],
    asked: Request,
    *,
    actor: str,
    at: datetime,
    at_once: bool = False,
) -> None:
    """Write moves on alerts that are locked: states, actions, audit and outbox.

    The audit of an action on several alerts says to how many of the same provider it was done:
    who reads it sees that provider, and need not see any other.
    """
    if not moves:
        return
    for after in {one.after for one in moves}:
        connection.execute(
            update(schema.alert)
            .where(_ALERT.id.in_([one.alert_id for one in moves if one.after is after]))
            .values(
                state=after,
                version=_ALERT.version + 1,
                changed_at=to_ms(at),
                **_consequences(asked, after, at),
            )
        )
    details = [
        {
            "action": asked.action,
            "state_before": one.before,
            "state_after": one.after,
            "note": asked.note,
            "outcome": asked.outcome,
            "assignee": asked.assignee,
            "until": None if asked.until is None else to_ms(asked.until),
        }
        for one in moves
    ]
    connection.execute(
        insert(schema.action).inline(),
        [
            {"alert": one.alert_id, "actor": actor, "at": to_ms(at), **done}
            for one, done in zip(moves, details, strict=True)
        ],
    )
    each = Counter(one.provider for one in moves)
    lines = [
        (
            actor,
            asked.action,
            one.alert_id,
            {**done, AT_ONCE: each[one.provider]} if at_once else done,
        )
        for one, done in zip(moves, details, strict=True)
    ]
    outbox.record(connection, lines, at)
    outbox.post(connection, [outbox.Post(WORKFLOW, one.alert_id, one.record, at) for one in moves])


def _consequences(asked: Request, after: State, at: datetime) -> dict[str, Any]:
    """The columns that an action sets besides the state."""
    if asked.action == Action.ASSIGN:
        return {"assignee": asked.assignee}
    if asked.action == Action.SNOOZE:
        return {"snoozed_until": None if asked.until is None else to_ms(asked.until)}
    if asked.action == Action.CLOSE:
        return {"outcome": asked.outcome, "closed_at": to_ms(at), "snoozed_until": None}
    if asked.action == Action.REOPEN:
        return {"outcome": None, "closed_at": None, "snoozed_until": None}
    if after is not State.SNOOZED:
        return {"snoozed_until": None}
    return {}
