"""Requests that are done once, however often they are sent: the ``Idempotency-Key`` header."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import Header, Response

from api import problems
from api.auth import Caller
from api.problems import Problem
from api.service import Service
from streams.store import KeyReused, RequestInProgress, StoredResponse, StoreUnavailable

_log = structlog.get_logger(__name__)
# A structured-field string as the draft on idempotency keys asks for, or a bare token.
_KEY = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|([A-Za-z0-9._~:+/=-]{1,255})')

OnceKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Do this once, however often it is sent."),
]


def once(
    service: Service, key: str, fingerprint: bytes, caller: Caller, work: Callable[[], Response]
) -> Response:
    """Do ``work`` once for an idempotency key and answer the same ever after.

    Args:
        service: the service.
        key: as the sender chose it.
        fingerprint: hash of the request.
        caller: who sends it; keys of different callers never meet.
        work: does what is asked and gives the answer. Where it raises, nothing was done.

    Raises:
        Problem: as ``work`` does; a key in use or used for another request.
    """
    store = service.store
    try:
        before = store.reserve_request(key, caller.name, fingerprint, service.clock())
    except RequestInProgress:
        raise Problem("idempotency-key-running", headers={"Retry-After": "1"}) from None
    except KeyReused:
        raise Problem("idempotency-key-reused") from None
    if before is not None:
        return Response(
            problems.answered_again(before.body, before.media_type),
            before.status,
            media_type=before.media_type,
            headers={"Idempotency-Replayed": "true"},
        )
    try:
        answer = work()
    except BaseException:
        # Nothing was done, so the sender may try again with the same key.
        store.release_request(key, caller.name)
        raise
    kept = StoredResponse(answer.status_code, str(answer.media_type), bytes(answer.body))
    try:
        store.complete_request(key, caller.name, kept)
    except StoreUnavailable:
        # What was done is durable, so the answer stands; a repeat finds it done.
        _log.warning("idempotent_answer_not_kept")
    return answer


def idempotency_key(header: str) -> str:
    """The key in an ``Idempotency-Key`` header.

    Raises:
        Problem: ``idempotency-key-invalid``.
    """
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise Problem(
            "idempotency-key-invalid", "Give a quoted string of 1 to 255 printable characters."
        )
    return found[1] or found[2]
