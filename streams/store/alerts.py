"""Reading alerts: what the facts give and where the work on them stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select, tuple_

from streams.alerts.lifecycle import Outcome, State
from streams.facts.clock import iso, to_ms
from streams.facts.effects import AlertRecord
from streams.store import schema
from streams.store.connection import Tables
from streams.store.rows import (
    ActionRow,
    AlertRow,
    AuditRow,
    Page,
    decode_cursor,
    encode_cursor,
    page_size,
)

_ALERT = schema.alert.c
_ACTION = schema.action.c
_AUDIT = schema.audit.c
AT_ONCE = "at_once"
"""What the audit calls the number of alerts that an action on several was done to."""
_FIELDS = tuple(field.name for field in fields(AlertRecord))
# The same record gives the same bytes, whatever order its mappings were made in.
_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(AlertRecord)


class Alerts(Tables):
    """Readers of alerts, of what people did with them, and of the audit."""

    def current_alerts(self, provider: str) -> dict[str, AlertRecord]:
        """A provider's alerts that are not retracted, by id."""
        query = select(_ALERT.record).where(
            _ALERT.provider == provider, _ALERT.state != State.RETRACTED
        )
        with self._database.read() as connection:
            records = [decode_record(packed) for packed in connection.scalars(query)]
        return {record.id: record for record in records}

    def alert(self, alert_id: str) -> AlertRow | None:
        """An alert with all that was done with it, or None."""
        with self._database.read() as connection:
            return read_alert(connection, alert_id)

    def list_alerts(
        self,
        *,
        units: Collection[str] | None = None,
        providers: Collection[str] | None = None,
        states: Collection[str] | None = None,
        level: int | None = None,
        kind: str | None = None,
        domain: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        among: Collection[str] | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[AlertRow]:
        """Alerts by the time of their first signal, newest first.

        Args:
            units: unit codes; ``units_under`` gives those below a unit.
            providers: those whose alerts may be seen.
            states: states wanted; without it all but retracted.
            level: 1 or 2.
            kind: as in ``AlertRecord``.
            domain: one of the alert's domains.
            since: first signal at or after this.
            until: first signal before this.
            among: only alerts of these ids.
            cursor: ``next`` of the page before.
            limit: how many at most.

        Raises:
            BadCursor: the cursor is not from this listing.
        """
        limit = page_size(limit)
        query = _filtered(units, providers, states)
        if level is not None:
            query = query.where(_ALERT.level == level)
        if kind is not None:
            query = query.where(_ALERT.kind == kind)
        if domain is not None:
            query = query.where(_ALERT.domains.contains(f"|{domain}|", autoescape=True))
        if since is not None:
            query = query.where(_ALERT.first_signal >= to_ms(since))
        if until is not None:
            query = query.where(_ALERT.first_signal < to_ms(until))
        if among is not None:
            query = query.where(_ALERT.id.in_(among))
        if cursor is not None:
            after = decode_cursor(cursor, tuple[int, str])
            query = query.where(tuple_(_ALERT.first_signal, _ALERT.id) < tuple_(*after))
        query = query.order_by(_ALERT.first_signal.desc(), _ALERT.id.desc()).limit(limit + 1)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        if len(rows) <= limit:
            return Page([_alert_row(row, []) for row in rows], None)
        rows = rows[:limit]
        last = rows[-1]
        return Page(
            [_alert_row(row, []) for row in rows], encode_cursor(last.first_signal, last.id)
        )

    def confirmed_concerns(self) -> list[AlertRecord]:
        """Alerts of all providers that were closed as confirmed concerns, oldest first."""
        query = (
            select(_ALERT.record)
            .where(_ALERT.state == State.CLOSED, _ALERT.outcome == Outcome.CONFIRMED_CONCERN)
            .order_by(_ALERT.first_signal, _ALERT.id)
        )
        with self._database.read() as connection:
            return [decode_record(packed) for packed in connection.scalars(query)]

    def alert_counts(
        self, providers: Collection[str] | None = None
    ) -> dict[tuple[int, str, str], int]:
        """How many alerts there are by level, kind and state, of all or of some providers."""
        query = select(_ALERT.level, _ALERT.kind, _ALERT.state, func.count()).group_by(
            _ALERT.level, _ALERT.kind, _ALERT.state
        )
        if providers is not None:
            query = query.where(_ALERT.provider.in_(providers))
        with self._database.read() as connection:
            return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}

    def audit(
        self, *, subject: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[AuditRow]:
        """Who did what, newest first."""
        limit = page_size(limit)
        query = select(schema.audit).order_by(_AUDIT.id.desc()).limit(limit + 1)
        if subject is not None:
            query = query.where(_AUDIT.subject == subject)
        if cursor is not None:
            (before,) = decode_cursor(cursor, tuple[int])
            query = query.where(_AUDIT.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        items = [
            AuditRow(
                row.id,
                iso(row.at),
                row.actor,
                row.what,
                row.subject,
                msgspec.json.decode(row.detail),
            )
            for row in rows[:limit]
        ]
        return Page(items, encode_cursor(items[-1].id) if len(rows) > limit else None)


def encode_record(record: AlertRecord) -> bytes:
    """Canonical JSON of what the facts give."""
    return _ENCODER.encode(record)


def decode_record(packed: bytes) -> AlertRecord:
    """The record in ``encode_record``'s bytes."""
    return _DECODER.decode(packed)


def read_alert(connection: Connection, alert_id: str) -> AlertRow | None:
    """An alert with its actions, within a transaction."""
    row = connection.execute(select(schema.alert).where(_ALERT.id == alert_id)).first()
    if row is None:
        return None
    return _alert_row(row, _actions(connection, alert_id))


def _filtered(
    units: Collection[str] | None,
    providers: Collection[str] | None,
    states: Collection[str] | None,
) -> Select[Any]:
    query = select(schema.alert)
    if units is not None:
        query = query.where(_ALERT.unit.in_(units))
    if providers is not None:
        query = query.where(_ALERT.provider.in_(providers))
    if states is not None:
        return query.where(_ALERT.state.in_(states))
    return query.where(_ALERT.state != State.RETRACTED)


def _actions(connection: Connection, alert_id: str) -> list[ActionRow]:
    """What was done with an alert, oldest first."""
    query = select(schema.action).where(_ACTION.alert == alert_id).order_by(_ACTION.id)
    rows = connection.execute(query).all()
    together = _at_once(connection, alert_id) if rows else {}
    return [
        ActionRow(
            at=iso(row.at),
            actor=row.actor,
            action=row.action,
            state_before=State(row.state_before),
            state_after=State(row.state_after),
            note=row.note,
            outcome=row.outcome,
            assignee=row.assignee,
            until=_iso(row.until),
            at_once=together.get((row.at, row.actor, row.action), 1),
        )
        for row in rows
    ]


def _at_once(connection: Connection, alert_id: str) -> dict[tuple[int, str, str], int]:
    """To how many alerts what was done to this one was done in the same step, by the audit."""
    query = select(_AUDIT.at, _AUDIT.actor, _AUDIT.what, _AUDIT.detail).where(
        _AUDIT.subject == alert_id, _AUDIT.detail.contains(f'"{AT_ONCE}"', autoescape=True)
    )
    return {
        (row.at, row.actor, row.what): int(msgspec.json.decode(row.detail).get(AT_ONCE, 1))
        for row in connection.execute(query)
    }


def _alert_row(row: Any, actions: list[ActionRow]) -> AlertRow:  # noqa: ANN401 - a row of the table
    record = decode_record(row.record)
    return AlertRow(
        **{name: getattr(record, name) for name in _FIELDS},
        state=State(row.state),
        opened_at=iso(row.opened_at),
        changed_at=iso(row.changed_at),
        version=row.version,
        assignee=row.assignee,
        outcome=row.outcome,
        closed_at=_iso(row.closed_at),
        snoozed_until=_iso(row.snoozed_until),
        retraction=row.retraction,
        actions=actions,
    )


def _iso(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso(milliseconds)
