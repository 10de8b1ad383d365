"""API keys: ``earshot_<prefix>_<secret>``, of which only the prefix and a hash are kept.

The secret has 256 random bits, so a plain SHA-256 is enough: there is nothing to
guess that a slow hash would protect. It is compared in constant time.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import insert, or_, select, update

from streams.facts.clock import iso, to_ms
from streams.store import outbox, schema
from streams.store.connection import Tables
from streams.store.rows import KeyRow, UnknownItem

_KEY = schema.api_key.c
_NAME = "earshot"
# A key in use is noted at most this often: a read must not cost a write each time.
_USE_NOTED_EVERY = timedelta(minutes=1)


class Role(StrEnum):
    """What a key may do; its scope says for whom."""

    PROVIDER = "provider"
    QUALITY_TEAM = "quality_team"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. ``token`` is shown once and stored nowhere."""

    token: str
    row: KeyRow


class Keys(Tables):
    """Making, finding and revoking API keys."""

    def create_key(
        self,
        scope: Collection[str],
        *,
        now: datetime,
        role: str = Role.PROVIDER,
        label: str = "",
        actor: str = outbox.SYSTEM,
    ) -> NewKey:
        """Make a key for the organisations in ``scope``; ``ValueError`` for an unknown role."""
        role = Role(role)
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        codes = sorted(set(scope))
        with self._database.write() as connection:
            connection.execute(
                insert(schema.api_key).values(
                    prefix=prefix,
                    secret_sha256=sha256(secret.encode()).digest(),
                    label=label,
                    role=role,
                    scope=msgspec.json.encode(codes).decode(),
                    created_at=to_ms(now),
                )
            )
            detail = {"role": role, "scope": codes}
            outbox.record(connection, [(actor, "key_created", prefix, detail)], now)
        row = KeyRow(prefix, label, role, frozenset(codes), iso(to_ms(now)), None, None)
        return NewKey(f"{_NAME}_{prefix}_{secret}", row)

    def find_key(self, prefix: str) -> KeyRow | None:
        """A key by its prefix, revoked or not."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.api_key).where(_KEY.prefix == prefix)).first()
        return None if row is None else _key(row)

    def list_keys(self) -> list[KeyRow]:
        """All keys, oldest first."""
        query = select(schema.api_key).order_by(_KEY.created_at, _KEY.prefix)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query)]

    def verify_key(self, token: str, now: datetime) -> KeyRow | None:
        """The key that ``token`` is, if its secret is right and it is not revoked."""
        name, _, rest = token.partition("_")
        prefix, _, secret = rest.partition("_")
        if name != _NAME or not secret:
            return None
        with self._database.read() as connection:
            row = connection.execute(select(schema.api_key).where(_KEY.prefix == prefix)).first()
        digest = sha256(secret.encode()).digest()
        # An unknown prefix is compared too, so that it takes as long.
        right = hmac.compare_digest(digest, bytes(32) if row is None else row.secret_sha256)
        if row is None or not right or row.revoked_at is not None:
            return None
        stale = to_ms(now - _USE_NOTED_EVERY)
        if row.last_used_at is None or row.last_used_at < stale:
            self._note_use(prefix, now, stale)
        return _key(row)

    def revoke_key(self, prefix: str, now: datetime, *, actor: str = outbox.SYSTEM) -> None:
        """Make a key useless from now on; ``UnknownItem`` where there is none."""
        with self._database.write() as connection:
            changed = connection.execute(
                update(schema.api_key)
                .where(_KEY.prefix == prefix, _KEY.revoked_at.is_(None))
                .values(revoked_at=to_ms(now))
            )
            if changed.rowcount:
                outbox.record(connection, [(actor, "key_revoked", prefix, {})], now)
            elif not connection.execute(select(_KEY.prefix).where(_KEY.prefix == prefix)).first():
                raise UnknownItem(prefix)

    def _note_use(self, prefix: str, now: datetime, stale: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(schema.api_key)
                .where(_KEY.prefix == prefix)
                .where(or_(_KEY.last_used_at.is_(None), _KEY.last_used_at < stale))
                .values(last_used_at=to_ms(now))
            )


def _key(row: Any) -> KeyRow:  # noqa: ANN401 - a row of the table
    return KeyRow(
        prefix=row.prefix,
        label=row.label,
        role=row.role,
        scope=frozenset(msgspec.json.decode(row.scope, type=list[str])),
        created_at=iso(row.created_at),
        last_used_at=None if row.last_used_at is None else iso(row.last_used_at),
        revoked_at=None if row.revoked_at is None else iso(row.revoked_at),
    )
