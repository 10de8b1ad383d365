"""``POST /v1/events``: bytes in, durable events and a truthful receipt out.

A request is opened and judged event by event, what is known already is counted as
a duplicate, the rest is packed and appended to the log in one piece. The answer is
given when the log has it. Nothing of an event is kept here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from api import problems
from api.auth import Caller, CallerOf
from api.bodies import Body
from api.metrics import Metrics
from api.once import OnceKey, idempotency_key, once
from api.problems import Problem, openapi_responses
from api.rates import Limits
from api.recent import RecentFacts
from api.schemas_operations import Receipt
from api.service import Service
from streams.facts.events import json_schema
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Rejection
from streams.intake.conflicts import index_of, told
from streams.intake.packing import pack
from streams.intake.receiving import UnsupportedMediaType, open_request
from streams.runners.log import LogUnavailable

ONE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
LINES: Final = "application/x-ndjson"
_RETRY_AFTER: Final = "5"


@dataclass(frozen=True, slots=True)
class _Answer:
    """A receipt and the status that says the same."""

    accepted: int
    duplicates: int
    rejections: list[Rejection]

    @property
    def status(self) -> int:
        """202 all taken, 207 some refused, 422 none taken."""
        if not self.rejections:
            return 202
        return 207 if self.accepted or self.duplicates else 422

    def response(self) -> Response:
        """The HTTP answer; without any event taken it is a problem document as well."""
        receipt: dict[str, Any] = {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": [
                {"index": one.index, "id": one.event_id, "code": one.code, "detail": one.detail}
                for one in self.rejections
            ],
        }
        if self.status == 422:
            return problems.response("none-taken", **receipt)
        return Response(
            orjson.dumps(receipt), status_code=self.status, media_type="application/json"
        )


class Intake:
    """The HTTP door of the log."""

    def __init__(self, service: Service, metrics: Metrics, limits: Limits) -> None:
        self._service = service
        self._limits = limits
        self._metrics = metrics
        self._recent = RecentFacts()

    def take(self, body: bytes, content_type: str, caller: Caller) -> Response:
        """Open, judge, append; answers when what was accepted is durable.

        Raises:
            Problem: ``unsupported-media-type``, ``too-many-requests`` or
                ``log-unavailable`` (nothing taken).
        """
        self._limits.before_events(caller.name)
        service = self._service
        now = service.clock()
        context = service.context(caller.providers, now)
        try:
            opened = open_request(body, content_type, context)
        except UnsupportedMediaType:
            raise Problem(
                "unsupported-media-type",
                f"Send {ONE}, {BATCH} or {LINES}.",
                accepts=[ONE, BATCH, LINES],
            ) from None
        self._limits.after_events(caller.name, len(opened.facts) + len(opened.rejections))
        known = service.store.known([(fact.provider, fact.key) for fact in opened.facts])
        news, repeats, losers = self._recent.split(opened.facts, known)
        refused = [
            *opened.rejections,
            *(told(opened.facts[number], index_of(opened, number)) for number in losers),
        ]
        refused.sort(key=lambda one: one.index)
        if news:
            try:
                service.log.append(pack(news), now)
            except LogUnavailable:
                raise Problem(
                    "log-unavailable",
                    headers={"Retry-After": _RETRY_AFTER},
                    accepted=0,
                    duplicates=0,
                    rejected=[],
                ) from None
            self._recent.remember(news)
            service.accepted()
        self._count(news, repeats, refused)
        return _Answer(len(news), len(repeats), refused).response()

    def _count(self, news: list[Fact], repeats: list[Fact], refused: list[Rejection]) -> None:
        for result, facts in (("accepted", news), ("duplicate", repeats)):
            for feed, number in Counter(fact.feed for fact in facts).items():
                self._metrics.taken(Feed(feed), result, number)
        for code, number in Counter(one.code for one in refused).items():
            self._metrics.refused(code, number)

    def take_once(self, key: str, body: bytes, content_type: str, caller: Caller) -> Response:
        """``take``, done once for an idempotency key and answered the same ever after.

        Raises:
            Problem: as ``take``; a key in use or used for another request.
        """
        fingerprint = hashlib.sha256(content_type.encode() + b"\0" + body).digest()
        return once(
            self._service, key, fingerprint, caller, lambda: self.take(body, content_type, caller)
        )


def _openapi_body() -> dict[str, Any]:
    events = {"oneOf": [json_schema(feed) for feed in Feed]}
    lines = {"type": "string", "description": "One CloudEvent a line."}
    return {
        "requestBody": {
            "required": True,
            "content": {
                ONE: {"schema": events},
                BATCH: {"schema": {"type": "array", "items": events}},
                LINES: {"schema": lines},
            },
        }
    }


def events_router(service: Service, metrics: Metrics, limits: Limits) -> APIRouter:
    """``POST /v1/events``."""
    router = APIRouter(tags=["events"])
    intake = Intake(service, metrics, limits)

    @router.post(
        "/v1/events",
        status_code=202,
        response_model=Receipt,
        responses={
            207: {"model": Receipt, "description": "Some events were refused"},
            **openapi_responses(
                "idempotency-key-invalid",
                "idempotency-key-running",
                "too-slow",
                "too-large",
                "unsupported-media-type",
                "none-taken",
                "idempotency-key-reused",
                "log-unavailable",
            ),
        },
        openapi_extra=_openapi_body(),
    )
    def post_events(
        request: Request,
        body: Body,
        caller: CallerOf,
        idempotency: OnceKey = None,
    ) -> Response:
        """Take events in. Answers when they are durable, with a receipt for each of them."""
        content_type = request.headers.get("content-type", "")
        if idempotency is None:
            return intake.take(body, content_type, caller)
        return intake.take_once(idempotency_key(idempotency), body, content_type, caller)

    return router
