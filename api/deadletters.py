"""Dead letters: refused events by reason, and sending them again after a repair.

An event that was refused for a code list, an unknown organisation or a mistake of
this service may be good now. A replay opens the kept bytes again with today's rules;
a dry run says what would become of them. What the personal-data screen refused
kept no bytes and cannot be sent again from here.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.auth import Caller, CallerOf
from api.bodies import JsonBody, decoded, described
from api.parameters import Code, Cursor, Limit
from api.problems import Problem, openapi_responses
from api.schemas_operations import DeadLetterListing, ReplayIn, ReplayOut
from api.service import Service
from streams.facts.messages import Fact, Message, held
from streams.intake.packing import pack
from streams.intake.receiving import open_message
from streams.runners.log import LogUnavailable
from streams.store import BadCursor, DeadLetterRow

_PAGE = 200


def _chosen(service: Service, caller: Caller, asked: ReplayIn) -> list[DeadLetterRow]:
    """The letters to send again, with their bytes; those sent already are left out."""
    if asked.ids is not None:
        rows = service.store.take_dead_letters(asked.ids)
    else:
        ids: list[int] = []
        cursor: str | None = None
        while len(ids) < asked.limit:
            page = service.store.dead_letters(
                code=asked.code, providers=caller.providers, cursor=cursor, limit=_PAGE
            )
            ids += [row.id for row in page.items if row.replayed_at is None]
            cursor = page.next
            if cursor is None:
                break
        rows = service.store.take_dead_letters(ids[: asked.limit])
    return [
        row
        for row in rows
        if caller.providers is None or (row.sender is not None and caller.sees(row.sender))
    ]


def _message(row: DeadLetterRow, now: datetime) -> Message:
    return Message(
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        key=None if row.sender is None else row.sender.encode(),
        value=row.raw,
        timestamp_ms=int(now.timestamp() * 1000),
    )


def replay(service: Service, caller: Caller, asked: ReplayIn) -> dict[str, Any]:
    """Open letters again and append what is good now, unless it is a dry run.

    A letter is marked as sent when all its events were taken.

    Raises:
        Problem: ``log-unavailable``; nothing was taken.
    """
    now = service.clock()
    context = service.context(caller.providers, now)
    rows = _chosen(service, caller, asked)
    kept = [row for row in rows if row.raw is not None]
    facts: list[Fact] = []
    refused: Counter[str] = Counter()
    done: list[int] = []
    for row in kept:
        opened = open_message(_message(row, now), context)
        facts += opened.facts
        refused.update(rejection.code for rejection in opened.rejections)
        if not opened.rejections:
            done.append(row.id)
    known = service.store.known([(fact.provider, fact.key) for fact in facts])
    news = []
    for fact in facts:
        before = held(fact, known)
        if before is None or fact.rank > before.rank:
            news.append(fact)
    if not asked.dry_run:
        try:
            service.log.append(pack(news), now)
        except LogUnavailable:
            raise Problem("log-unavailable", headers={"Retry-After": "5"}) from None
        service.store.mark_replayed(done, now)
        service.accepted()
    return {
        "dry_run": asked.dry_run,
        "considered": len(rows),
        "accepted": len(news),
        "duplicates": len(facts) - len(news),
        "rejected": refused.total(),
        "not_kept": len(rows) - len(kept),
        "counts": dict(sorted(refused.items())),
    }


def deadletters_router(service: Service) -> APIRouter:
    """``/v1/deadletters``."""
    router = APIRouter(prefix="/v1/deadletters", tags=["dead letters"])

    @router.get("", response_model=DeadLetterListing, responses=openapi_responses("invalid-cursor"))
    def list_dead_letters(
        caller: CallerOf,
        code: Annotated[Code | None, Query(description="A reason.")] = None,
        reason: Annotated[Code | None, Query(description="As `code`.")] = None,
        provider: Annotated[Code | None, Query(description="A sender.")] = None,
        cursor: Cursor | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Refused events, newest first, and how many there are for each reason."""
        if code is not None and reason is not None:
            raise Problem("invalid", "Give code or reason, not both.")
        try:
            page = service.store.dead_letters(
                code=reason or code,
                provider=provider,
                providers=caller.providers,
                cursor=cursor,
                limit=limit,
            )
        except BadCursor:
            raise Problem("invalid-cursor") from None
        return {
            "items": page.items,
            "next": page.next,
            "counts": service.store.dead_letter_counts(caller.providers),
        }

    @router.post(
        "/replay",
        response_model=ReplayOut,
        responses=openapi_responses("unsupported-media-type", "invalid", "log-unavailable"),
        openapi_extra=described(ReplayIn),
    )
    def post_replay(body: JsonBody, caller: CallerOf) -> dict[str, Any]:
        """Send refused events again; `dry_run` (the default) only says what would happen."""
        return replay(service, caller, decoded(ReplayIn, body))

    return router
