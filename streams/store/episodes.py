"""Writing what the facts did to alerts, and keeping what people did with them.

The facts own an alert's record, people own its state. A change by the facts
leaves the state alone with three exceptions: a retraction hides it until the
facts bring the alert back, an alert that succeeds another inherits it, and a
closed alert is opened again by evidence that is later than its closing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from streams.alerts.disclosure import taken_in, tells_of_an_arrival
from streams.alerts.lifecycle import State
from streams.evidence.statements import INHERITED, RETRACTED
from streams.facts.clock import parse_iso, to_ms
from streams.facts.effects import AlertChange, AlertRecord
from streams.store import outbox, schema
from streams.store.alerts import encode_record

_ALERT = schema.alert.c
_WORK = ("state", "assignee", "outcome", "closed_at", "snoozed_until")
_WEIGHTY = frozenset({"raised", "evidence_added"})


def write_changes(
    connection: Connection, changes: Iterable[AlertChange], now: datetime
) -> list[outbox.Post]:
    """Apply the changes in their order; give the rows for the outbox."""
    changes = list(changes)
    if not changes:
        return []
    rows = _Rows(connection, changes)
    audit: list[tuple[datetime, outbox.Line]] = []
    posts = []
    for change in changes:
        at = taken_in(change.alert.feeds, now)
        held = rows.held.get(change.alert.id)
        row = _changed(held, change, at)
        what = change.change
        if held is not None and held["state"] == State.RETRACTED and what != "retracted":
            what = "reinstated"
        lines: list[outbox.Line] = [(outbox.SYSTEM, what, change.alert.id, _detail(change))]
        if _follows_closing(held, change):
            row.update(state=State.NEW, closed_at=None, outcome=None)
            _move(row, at)
            lines.append((outbox.SYSTEM, "evidence_after_close", change.alert.id, {}))
        if change.succeeds in rows.held and change.succeeds not in rows.heirs:
            _inherit(row, rows.held[change.succeeds])
            rows.heirs[change.succeeds] = change.alert.id
            lines.append((outbox.SYSTEM, "inherited", change.alert.id, {"from": change.succeeds}))
        rows.held[change.alert.id] = row
        audit += [(at, line) for line in lines]
        posts.append(outbox.Post(change.change, change.alert.id, row["record"], at))
    rows.write()
    for at, dated in groupby(audit, key=itemgetter(0)):
        outbox.record(connection, [line for _, line in dated], at)
    return posts


class _Rows:
    """The stored rows that a batch of changes touches, and who inherits whose work."""

    def __init__(self, connection: Connection, changes: Iterable[AlertChange]) -> None:
        self._connection = connection
        ids = {change.alert.id for change in changes}
        ids |= {change.succeeds for change in changes if change.succeeds is not None}
        query = select(schema.alert).where(_ALERT.id.in_(sorted(ids))).order_by(_ALERT.id)
        found = connection.execute(query.with_for_update()).mappings()
        self.held: dict[str, dict[str, Any]] = {row["id"]: dict(row) for row in found}
        self.heirs: dict[str, str] = {}

    def write(self) -> None:
        """Write all rows back and hand the actions to the heirs."""
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(schema.alert)
        others = {c.name: c for c in insert.excluded if not schema.alert.c[c.name].primary_key}
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=[_ALERT.id], set_=others),
            list(self.held.values()),
        )
        for old, new in self.heirs.items():
            self._connection.execute(
                update(schema.action).where(schema.action.c.alert == old).values(alert=new)
            )


def _move(row: dict[str, Any], at: datetime) -> None:
    """Let readers see that an alert has changed.

    What may be the arrival of a single protected case is not announced, so it may not show
    in an alert's version and time of change either; the evidence itself is kept up to date.
    """
    row.update(changed_at=to_ms(at), version=row["version"] + 1)


def _changed(held: dict[str, Any] | None, change: AlertChange, at: datetime) -> dict[str, Any]:
    """The row after a change, from the row before it."""
    row: dict[str, Any] = held or {
        "state": State.NEW,
        "kept_state": None,
        "retraction": None,
        "opened_at": to_ms(at),
        "version": 0,
        "assignee": None,
        "outcome": None,
        "closed_at": None,
        "snoozed_until": None,
    }
    row = {**row, **_columns(change.alert)}
    if held is None or not tells_of_an_arrival(change.change, row["record"]):
        _move(row, at)
    if change.change == "retracted":
        if row["state"] != State.RETRACTED:
            row["kept_state"] = row["state"]
        row |= {"state": State.RETRACTED, "retraction": row["retraction"] or RETRACTED}
    elif row["state"] == State.RETRACTED:
        row |= {"state": row["kept_state"], "kept_state": None, "retraction": None}
    return row


def _columns(record: AlertRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "provider": record.provider,
        "unit": record.unit,
        "kind": record.kind,
        "level": record.level,
        "domains": f"|{'|'.join(record.domains)}|",
        "first_signal": parse_iso(record.first_signal_at),
        "record": encode_record(record),
    }


def _follows_closing(held: dict[str, Any] | None, change: AlertChange) -> bool:
    """Whether a closed alert gained evidence from after the day it was closed."""
    if held is None or held["state"] != State.CLOSED or change.change not in _WEIGHTY:
        return False
    return _latest_evidence(change.alert) > (held["closed_at"] or 0)


def _latest_evidence(record: AlertRecord) -> int:
    """The event time of the newest step of the episode's evidence."""
    steps = [record.first_signal_at, record.raised_at]
    for signal in record.evidence.get("signals", ()):
        steps += [signal.get("opened"), signal.get("raised")]
    return max(parse_iso(step) for step in steps if step is not None)


def _inherit(row: dict[str, Any], old: dict[str, Any]) -> None:
    """Take over the work on another alert, unless this one has been worked on itself."""
    state = old["kept_state"] if old["state"] == State.RETRACTED else old["state"]
    if row["state"] == State.NEW and row["assignee"] is None:
        row.update({name: old[name] for name in _WORK}, state=state)
    row["opened_at"] = min(row["opened_at"], old["opened_at"])
    old["retraction"] = INHERITED


def _detail(change: AlertChange) -> dict[str, object]:
    return {"level": change.alert.level, "subsided_at": change.alert.subsided_at}
