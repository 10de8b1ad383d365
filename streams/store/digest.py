"""One number for all that the facts decide.

Two stores have the same digest when they hold the same facts, tallies,
watermarks, units and alerts, however these got there: nothing that depends on
the order or time of arrival is in it, and neither is the work on alerts.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from streams.alerts.lifecycle import State
from streams.store import schema
from streams.store.connection import Tables

_READ_AHEAD = 2000
_PACK = msgspec.msgpack.Encoder()


class Digest(Tables):
    """The digest of the store."""

    def digest(self) -> str:
        """SHA-256, in hexadecimal, over everything that follows from the facts alone."""
        total = hashlib.sha256()
        with self._database.snapshot() as connection:
            for name, query in _QUERIES.items():
                total.update(name.encode())
                total.update(_digest_rows(connection, query))
        return total.hexdigest()

    def digests(self) -> dict[str, str]:
        """The same by table, which tells where two stores part."""
        with self._database.snapshot() as connection:
            return {name: _digest_rows(connection, query).hex() for name, query in _QUERIES.items()}


def _digest_rows(connection: Connection, query: Select[Any]) -> bytes:
    digest = hashlib.sha256()
    for row in connection.execution_options(yield_per=_READ_AHEAD).execute(query):
        # Packed values carry their lengths, so no two tables pack alike by accident.
        digest.update(_PACK.encode(tuple(row)))
    return digest.digest()


_FACT, _TALLY, _UNIT = schema.fact.c, schema.tally.c, schema.unit.c
_PROVIDER, _ALERT = schema.provider.c, schema.alert.c

_QUERIES: dict[str, Select[Any]] = {
    "facts": select(schema.fact).order_by(_FACT.provider, _FACT.key),
    "tallies": select(schema.tally).order_by(
        _TALLY.provider, _TALLY.unit, _TALLY.grid, _TALLY.period
    ),
    "providers": select(schema.provider).order_by(_PROVIDER.provider),
    "units": select(schema.unit).order_by(_UNIT.code),
    "alerts": select(_ALERT.id, _ALERT.record)
    .where(_ALERT.state != State.RETRACTED)
    .order_by(_ALERT.id),
}
