"""PostgreSQL: an ordinary pool, in which nobody waits for ever.

Either side may stop without a word: suspended, cut off, or with a disk that hangs. What a
client keeps meanwhile, and how long one waits for another's lock, the server is told to
bound; how long the server's own silence is borne is counted here, because the connection
of a suspended server stands and its host goes on to acknowledge what is sent.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event

# The server's part, for each session of ours; what the URL's own options say comes later
# and counts.
_SERVER = {
    # Whoever is suspended or cut off within a transaction must not keep its locks.
    "idle_in_transaction_session_timeout": "60s",
    # Longer than any transaction of ours goes on, so that something else is wrong then.
    "lock_timeout": "30s",
    # A client whose host is gone, or that no longer takes what it asked for.
    "tcp_keepalives_idle": "30s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",
}
# The client's part: a server whose host is gone. In libpq's own units.
_CLIENT = {
    "application_name": "earshot",
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# For what takes no time: the question whether a pooled connection still stands.
_GREETING_SECONDS = 5.0
# The server ends its statement before the connection is given up, and with it the work.
_GRACE_SECONDS = 5.0
# After a silence whoever comes next is answered at once instead of waiting in a row.
_REST_SECONDS = 1.0


def postgres_engine(url: URL, patience: float | None) -> Engine:
    """A pool of up to forty connections.

    Args:
        url: where it is; parameters and ``options`` of libpq in it come before ours.
        patience: how long a statement may take, in seconds; None leaves it open.

    """
    server = dict(_SERVER)
    if patience is not None:
        server["statement_timeout"] = f"{int(1000 * patience)}ms"
    told = [f"-c {name}={value}" for name, value in server.items()] + [options_of(url)]
    asked = url.difference_update_query(["options"]).query
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query={**_CLIENT, **asked}),
        pool_size=8,
        max_overflow=32,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": " ".join(told).strip()},
    )
    silence = None if patience is None else patience + _GRACE_SECONDS
    waiting = _Waiting(silence)
    event.listen(engine, "do_connect", waiting.connect)
    event.listen(engine, "checkout", waiting.lent)
    event.listen(engine, "checkin", waiting.given_back)
    return engine


def options_of(url: URL) -> str:
    """The server's settings that somebody asks for, in the URL or in libpq's own variable."""
    own = url.query.get("options") or os.environ.get("PGOPTIONS", "")
    return own if isinstance(own, str) else " ".join(own)


class _Waiting:
    """How long a pool's connections bear the server's silence."""

    def __init__(self, silence: float | None) -> None:
        self._silence = silence
        self._failed_at = float("-inf")

    def connect(self, _dialect: object, _record: object, args: Any, given: Any) -> _Patient:  # noqa: ANN401 - SQLAlchemy's
        """Connect, unless the server was silent a moment ago."""
        if monotonic() - self._failed_at < _REST_SECONDS:
            raise psycopg.OperationalError("the database did not answer a moment ago")
        began = monotonic()
        try:
            return _Patient.connect(*args, **given)
        except psycopg.OperationalError:
            # A refusal comes at once, and so may the next one.
            if monotonic() - began > _REST_SECONDS:
                self._failed_at = monotonic()
            raise

    def lent(self, connection: _Patient, _record: object, _proxy: object) -> None:
        """The pool has seen that the connection stands: now statements come."""
        connection.silence = self._silence

    def given_back(self, connection: _Patient | None, _record: object) -> None:
        """The next thing will be that question."""
        if connection is not None:
            connection.silence = _GREETING_SECONDS


class _Patient(psycopg.Connection[Any]):
    """A connection that is given up when the server is silent for too long.

    ``silence`` is how long, in seconds, from the last sign of it; None bears any.
    """

    silence: float | None = _GREETING_SECONDS

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - psycopg's
        """As the driver does, which asks ``gen`` ten times a second to go on."""
        return super().wait(self._heard(gen), *args, **kwargs)

    def _heard(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        heard_at = monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard_at = monotonic()
                elif self.silence is not None and monotonic() - heard_at > self.silence:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the database does not answer")
                wanted = gen.send(ready)
        except StopIteration as ended:
            return ended.value
