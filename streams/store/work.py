"""What people do with alerts: one action, checked against the table of moves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from streams.alerts.lifecycle import WAKES_TO, Action, Request, State, move
from streams.facts.clock import to_ms
from streams.store import outbox, schema
from streams.store.alerts import read_alert
from streams.store.connection import Tables
from streams.store.rows import AlertRow, UnknownItem

_ALERT = schema.alert.c
WORKFLOW = "workflow"
"""The outbox's kind for a change that a person made."""


class VersionConflict(Exception):  # noqa: N818 - named as the condition that is reported
    """Somebody or the facts changed the alert meanwhile; ``current`` is its version now."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the alert is at version {current} now")


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
            before = read_alert(connection, alert_id, for_update=True)
            if before is None:
                raise UnknownItem(alert_id)
            if expected_version not in (None, before.version):
                raise VersionConflict(before.version)
            after = move(before.state, asked, at)
            connection.execute(
                update(schema.alert)
                .where(_ALERT.id == alert_id)
                .values(
                    state=after,
                    version=before.version + 1,
                    changed_at=to_ms(at),
                    **_consequences(asked, after, at),
                )
            )
            done = {
                "action": action,
                "state_before": before.state,
                "state_after": after,
                "note": note,
                "outcome": outcome,
                "assignee": assignee,
                "until": None if until is None else to_ms(until),
            }
            connection.execute(
                insert(schema.action).values(alert=alert_id, actor=actor, at=to_ms(at), **done)
            )
            outbox.record(connection, [(actor, action, alert_id, done)], at)
            changed = read_alert(connection, alert_id)
            assert changed is not None  # noqa: S101 - it was locked above
            payload = connection.execute(
                select(_ALERT.record).where(_ALERT.id == alert_id)
            ).scalar_one()
            outbox.post(connection, [outbox.Post(WORKFLOW, alert_id, payload, at)])
        return changed

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
