"""Rebases: who declared that a series begins anew, on which day, why, and who took it back.

A row is never changed but for its withdrawal, and never removed: with the audit it says what
any chart ever showed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from streams.facts.clock import iso, to_ms
from streams.store import outbox, schema
from streams.store.connection import Tables
from streams.store.rows import RebaseRow, UnknownItem

_REBASE = schema.rebase.c
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rebases(Tables):
    """Declared new beginnings of series."""

    def rebases(self, provider: str) -> list[RebaseRow]:
        """All of a provider's, withdrawn ones too, oldest declaration first."""
        query = select(schema.rebase).where(_REBASE.provider == provider).order_by(_REBASE.id)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query)]

    def add_rebase(
        self,
        provider: str,
        unit: str,
        indicator: str,
        *,
        rebased_at: int,
        person: str,
        reason: str,
        actor: str,
        now: datetime,
    ) -> RebaseRow:
        """Declare that a series begins anew with the period that holds a day.

        Args:
            provider: whose series it is.
            unit: of which unit.
            indicator: of what, on whatever grid.
            rebased_at: the day, from 1970.
            person: who decided.
            reason: the known cause of the change.
            actor: whose key it came with.
            now: the present.
        """
        values = {
            "provider": provider,
            "unit": unit,
            "indicator": indicator,
            "rebased_at": rebased_at,
            "person": person,
            "reason": reason,
            "actor": actor,
            "at": to_ms(now),
        }
        with self._database.write() as connection:
            row = connection.execute(
                insert(schema.rebase).values(**values).returning(schema.rebase)
            ).one()
            detail = {"rebase": row.id, **values}
            outbox.record(connection, [(actor, "rebased", f"{unit}~{indicator}", detail)], now)
        return _row(row)

    def withdraw_rebase(
        self, provider: str, number: int, *, person: str, reason: str, actor: str, now: datetime
    ) -> RebaseRow:
        """Take a rebase back; one that was taken back already stays as it is.

        Raises:
            UnknownItem: the provider has no such rebase.
        """
        wanted = (_REBASE.id == number) & (_REBASE.provider == provider)
        with self._database.write() as connection:
            changed = connection.execute(
                update(schema.rebase)
                .where(wanted, _REBASE.withdrawn_at.is_(None))
                .values(withdrawn_at=to_ms(now), withdrawn_by=person, withdrawal=reason)
            )
            row = connection.execute(select(schema.rebase).where(wanted)).first()
            if row is None:
                raise UnknownItem(str(number))
            if changed.rowcount:
                subject = f"{row.unit}~{row.indicator}"
                detail = {"rebase": number, "person": person, "reason": reason}
                outbox.record(connection, [(actor, "rebase_withdrawn", subject, detail)], now)
        return _row(row)


def _row(row: Any) -> RebaseRow:  # noqa: ANN401 - a row of the table
    return RebaseRow(
        id=row.id,
        unit=row.unit,
        indicator=row.indicator,
        rebased_at=(_EPOCH + timedelta(days=row.rebased_at)).date(),
        person=row.person,
        reason=row.reason,
        actor=row.actor,
        at=iso(row.at),
        withdrawn_at=None if row.withdrawn_at is None else iso(row.withdrawn_at),
        withdrawn_by=row.withdrawn_by,
        withdrawal=row.withdrawal,
    )
