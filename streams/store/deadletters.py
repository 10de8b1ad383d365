"""Rejected events: with their bytes where these may be kept, with reason and place always."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from streams.facts.clock import iso, to_ms
from streams.facts.effects import DeadLetter
from streams.store import schema
from streams.store.connection import Tables
from streams.store.rows import DeadLetterRow, Page, decode_cursor, encode_cursor, page_size

_LETTER = schema.dead_letter.c
_SHOWN = (*(c for c in _LETTER if c is not _LETTER.raw), _LETTER.raw.is_not(None).label("kept"))


class DeadLetters(Tables):
    """Readers of dead letters, and the mark that one was sent again."""

    def dead_letters(
        self,
        *,
        code: str | None = None,
        provider: str | None = None,
        providers: Collection[str] | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[DeadLetterRow]:
        """Dead letters without their bytes, newest first.

        ``code`` is the reason; ``provider`` the sender; ``providers`` the senders
        whose letters may be seen.
        """
        limit = page_size(limit)
        query = select(*_SHOWN).order_by(_LETTER.id.desc()).limit(limit + 1)
        if code is not None:
            query = query.where(_LETTER.code == code)
        if provider is not None:
            query = query.where(_LETTER.sender == provider)
        if providers is not None:
            query = query.where(_LETTER.sender.in_(providers))
        if cursor is not None:
            (before,) = decode_cursor(cursor, tuple[int])
            query = query.where(_LETTER.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        items = [_letter(row) for row in rows[:limit]]
        return Page(items, encode_cursor(items[-1].id) if len(rows) > limit else None)

    def dead_letter_counts(self, providers: Collection[str] | None = None) -> dict[str, int]:
        """How many dead letters there are by reason."""
        query = (
            select(_LETTER.code, func.count().label("letters"))
            .group_by(_LETTER.code)
            .order_by(_LETTER.code)
        )
        if providers is not None:
            query = query.where(_LETTER.sender.in_(providers))
        with self._database.read() as connection:
            return {row.code: row.letters for row in connection.execute(query)}

    def take_dead_letters(self, ids: Sequence[int]) -> list[DeadLetterRow]:
        """Dead letters with their bytes, by number; those that are gone are left out."""
        query = select(*_SHOWN, _LETTER.raw).where(_LETTER.id.in_(ids)).order_by(_LETTER.id)
        with self._database.read() as connection:
            return [_letter(row, row.raw) for row in connection.execute(query)]

    def mark_replayed(self, ids: Sequence[int], at: datetime) -> None:
        """Note that these letters' events were sent again."""
        with self._database.write() as connection:
            connection.execute(
                update(schema.dead_letter).where(_LETTER.id.in_(ids)).values(replayed_at=to_ms(at))
            )


def write_letters(connection: Connection, letters: Iterable[DeadLetter], now: datetime) -> None:
    """Keep rejected events."""
    at = to_ms(now)
    rows = [
        {
            "topic": letter.topic,
            "partition": letter.partition,
            "place": letter.offset,
            "item": letter.rejection.index,
            "event_id": _storable(letter.rejection.event_id),
            "code": letter.rejection.code,
            "detail": letter.rejection.detail,
            "raw": letter.rejection.raw,
            "sha256": letter.rejection.sha256,
            "size": letter.rejection.size,
            "sender": _storable(letter.sender),
            "at": at,
        }
        for letter in letters
    ]
    if rows:
        connection.execute(insert(schema.dead_letter).inline(), rows)


def _storable(text: str | None) -> str | None:
    """A text without NUL, which PostgreSQL cannot hold: a sender's key may be anything."""
    return None if text is None else text.replace("\0", "\ufffd")


def _letter(row: Any, raw: bytes | None = None) -> DeadLetterRow:  # noqa: ANN401 - a row of the table
    return DeadLetterRow(
        id=row.id,
        topic=row.topic,
        partition=row.partition,
        offset=row.place,
        index=row.item,
        event_id=row.event_id,
        code=row.code,
        detail=row.detail,
        sha256=row.sha256,
        size=row.size,
        sender=row.sender,
        at=iso(row.at),
        replayed_at=None if row.replayed_at is None else iso(row.replayed_at),
        kept=bool(row.kept),
        raw=raw,
    )
