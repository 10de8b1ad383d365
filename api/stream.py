"""``GET /v1/stream``: changes of alerts as they are committed, resumable.

Every change has a number, the outbox's. A client that gives the last number it saw
gets all it missed, then what is new; nothing is told twice and nothing is left out.
All clients of a process share one reading of the outbox.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Final

import orjson
import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth import Caller, CallerOf, ServiceOf
from api.metrics import Metrics
from api.parameters import Code
from api.places import Places, Selection
from api.problems import Problem, openapi_responses
from api.renderings import alert_summary
from api.service import Service
from streams.alerts import disclosure
from streams.store import OutboxRow, Store, StoreUnavailable

_log = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 0.5
_BATCH: Final = 500
_RETRY_MS: Final = 2000


Start = tuple[int, Caller, Selection]


class Tail:
    """The latest rows of the outbox, read at most once every half second for everybody."""

    def __init__(self, store: Store, *, room: int = 5000, every: float = _LOOK_EVERY) -> None:
        self._store = store
        self._rows: deque[OutboxRow] = deque(maxlen=room)
        self._every = every
        self._looked = -every
        self._lock = threading.Lock()

    def end(self) -> int:
        """The number of the latest change, 0 where there was none yet."""
        return self._store.outbox_range()[1]

    def since(self, seq: int) -> list[OutboxRow]:
        """Changes after a number, oldest first; not necessarily all of them at once."""
        with self._lock:
            if not self._rows:
                return self._store.outbox_since(seq, _BATCH)
            self._look()
            if self._rows[0].seq <= seq + 1:
                return [row for row in self._rows if row.seq > seq][:_BATCH]
        return self._store.outbox_since(seq, _BATCH)

    def _look(self) -> None:
        now = monotonic()
        if now - self._looked >= self._every:
            self._looked = now
            self._rows.extend(self._store.outbox_since(self._rows[-1].seq, _BATCH))

    def prime(self) -> None:
        """Keep the latest row, from which on rows are shared."""
        with self._lock:
            if not self._rows:
                end = self.end()
                self._rows.extend(self._store.outbox_since(max(0, end - 1), _BATCH))


def _event(
    service: Service, row: OutboxRow, caller: Caller, chosen: Selection
) -> ServerSentEvent | None:
    """A change as the caller may hear of it, or None."""
    alert = service.store.alert(row.alert_id)
    if alert is None or not caller.sees(alert.provider):
        return None
    if chosen.providers is not None and alert.provider not in chosen.providers:
        return None
    if chosen.units is not None and alert.unit not in chosen.units:
        return None
    if disclosure.tells_of_an_arrival(row.kind, row.payload):
        return None
    data = {"change": row.kind, "at": row.at, "alert": alert_summary(alert)}
    return ServerSentEvent(raw_data=orjson.dumps(data).decode(), event=row.kind, id=str(row.seq))


def _next_events(
    service: Service, tail: Tail, seq: int, caller: Caller, chosen: Selection
) -> tuple[int, list[ServerSentEvent]]:
    """The events after a number, and the number that has been looked at."""
    rows = tail.since(seq)
    found = [_event(service, row, caller, chosen) for row in rows]
    return (rows[-1].seq if rows else seq), [event for event in found if event is not None]


def _start(tail: Tail, last_event_id: str | None) -> int:
    end = tail.end()
    if last_event_id is None or last_event_id == "":
        return end
    if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        raise Problem("bad-request", "Last-Event-ID is not a number this stream gave.")
    # A number from a store that was replaced lies ahead: begin at its end.
    return min(int(last_event_id), end)


def starting(
    request: Request,
    service: ServiceOf,
    caller: CallerOf,
    unit: Annotated[Code | None, Query(description="With all that lies under it.")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    after: Annotated[
        str | None,
        Query(max_length=20, description="As Last-Event-ID, for clients without headers."),
    ] = None,
) -> Start:
    """Where a stream begins; judged before it does, so that a mistake is an ordinary problem."""
    tail: Tail = request.app.state.tail
    chosen = Places(service, caller, service.clock().date()).select(unit)
    tail.prime()
    return _start(tail, last_event_id if last_event_id is not None else after), caller, chosen


def stream_router(service: Service, metrics: Metrics, tail: Tail) -> APIRouter:
    """``GET /v1/stream``."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/v1/stream",
        response_class=EventSourceResponse,
        responses=openapi_responses("bad-request", "not-found"),
    )
    async def stream(
        started: Annotated[Start, Depends(starting)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Changes of alerts, each with its number as the event's id.

        Events are named `opened`, `raised`, `evidence_added`, `amended`, `subsided`,
        `retracted` and `workflow`. The alert is as in the list, with a summary of its evidence.
        """
        seq, caller, chosen = started
        metrics.streams.inc()
        try:
            yield ServerSentEvent(comment="listening", retry=_RETRY_MS)
            while not service.closing.is_set():
                try:
                    seq, events = await run_in_threadpool(
                        _next_events, service, tail, seq, caller, chosen
                    )
                except StoreUnavailable:
                    _log.warning("stream_without_store")
                    events = []
                for event in events:
                    yield event
                if not events:
                    await asyncio.sleep(_LOOK_EVERY)
        finally:
            metrics.streams.dec()

    return router
