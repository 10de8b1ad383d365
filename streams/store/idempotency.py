"""Requests that are sent twice are answered twice and done once.

A request reserves its key before it does anything and stores its answer
afterwards. A reservation whose request died is free again after a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite

from streams.facts.clock import to_ms
from streams.store import schema
from streams.store.connection import Tables
from streams.store.rows import StoredResponse

ANSWERS_KEPT = timedelta(hours=24)
# Longer than any request takes, shorter than a sender's patience.
TAKE_OVER_AFTER = timedelta(seconds=60)

_KEY = schema.idempotency.c


class RequestInProgress(Exception):  # noqa: N818 - named as the condition that is reported
    """A request with this key is being worked on; ask again shortly."""


class KeyReused(ValueError):  # noqa: N818 - named as what the caller did
    """The key was used for another request before."""


class Idempotency(Tables):
    """Reservations and answers by principal and idempotency key."""

    def reserve_request(
        self, key: str, principal: str, fingerprint: bytes, now: datetime
    ) -> StoredResponse | None:
        """Reserve a key, or give the answer that its request got.

        Args:
            key: as the sender chose it.
            principal: who sent it; keys of different senders never meet.
            fingerprint: hash of the request.
            now: the present.

        Returns:
            The stored answer, or None where the caller is to do the work and then
            call ``complete_request`` or ``release_request``.

        Raises:
            RequestInProgress: another request holds the key.
            KeyReused: the key belongs to a request with another fingerprint.
        """
        at = to_ms(now)
        dialect = sqlite if self._database.is_sqlite else postgresql
        insert = dialect.insert(schema.idempotency).values(
            principal=principal, key=key, fingerprint=fingerprint, reserved_at=at
        )
        with self._database.write() as connection:
            if connection.execute(insert.on_conflict_do_nothing().returning(_KEY.key)).first():
                return None
            held = connection.execute(
                schema.idempotency.select()
                .where(_KEY.principal == principal, _KEY.key == key)
                .with_for_update()
            ).one()
            if at - held.reserved_at < _ms(ANSWERS_KEPT):
                if held.fingerprint != fingerprint:
                    raise KeyReused("this idempotency key was used for another request")
                if held.status is not None:
                    return StoredResponse(held.status, held.media_type, held.body)
                if at - held.reserved_at < _ms(TAKE_OVER_AFTER):
                    raise RequestInProgress("a request with this idempotency key is under way")
            connection.execute(
                update(schema.idempotency)
                .where(_KEY.principal == principal, _KEY.key == key)
                .values(
                    fingerprint=fingerprint, reserved_at=at, status=None, media_type=None, body=None
                )
            )
        return None

    def complete_request(self, key: str, principal: str, response: StoredResponse) -> None:
        """Store the answer of a reserved request."""
        with self._database.write() as connection:
            connection.execute(
                update(schema.idempotency)
                .where(_KEY.principal == principal, _KEY.key == key)
                .values(status=response.status, media_type=response.media_type, body=response.body)
            )

    def release_request(self, key: str, principal: str) -> None:
        """Give up a reservation: nothing was done, the sender may try again."""
        with self._database.write() as connection:
            connection.execute(
                delete(schema.idempotency)
                .where(_KEY.principal == principal, _KEY.key == key)
                .where(_KEY.status.is_(None))
            )

    def release_abandoned(self) -> None:
        """Give up every reservation: for a start where no other process works for requests.

        What their requests had taken is in the log, so that a repeat finds duplicates.
        """
        with self._database.write() as connection:
            connection.execute(delete(schema.idempotency).where(_KEY.status.is_(None)))


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
