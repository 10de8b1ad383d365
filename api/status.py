"""How the service stands: status, liveness, readiness, and the schemas of events."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response

from api import problems
from api.auth import Caller, CallerOf, caller_of
from api.problems import Problem, openapi_responses
from api.schemas_operations import StatusOut
from api.service import Service
from api.standing import standing
from streams.alerts import disclosure
from streams.facts.events import json_schema
from streams.facts.feeds import FEED_OF_TYPE, Feed
from streams.facts.periods import Grid, start_of
from streams.histories.points import stamp
from streams.store import StoreUnavailable

_PLAIN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}
# Still ready: a door taken out of service would be of no use to readers either, and the log is
# the same for every door.
_WITHOUT_LOG: Final = "degraded: log (events are answered 503; what is here can be read)\n"


def status_fields(service: Service, caller: Caller) -> dict[str, Any]:
    """The status as ``StatusOut``; counts and watermarks as the caller may know them."""
    progress = standing(service, caller)
    seen = [record for record in service.store.providers() if caller.sees(record.provider)]
    watermarks = {}
    for feed in Feed:
        days = [record.watermarks[feed] for record in seen]
        known = [day for day in days if day is not None]
        watermarks[feed.topic] = {
            "earliest": _watermark(feed, min(known, default=None)),
            "latest": _watermark(feed, max(known, default=None)),
        }
    return {
        "version": service.version,
        "mode": service.mode,
        "accepted": progress.accepted,
        "processed": progress.processed,
        "lag": progress.lag,
        "watermarks": watermarks,
        "budgets": {
            "level1": service.settings.budget_level1,
            "level2": service.settings.budget_level2,
        },
        "reference": service.reference.version,
        "catalogue": service.catalogue.digest,
    }


def _watermark(feed: Feed, day: int | None) -> str | None:
    """The last day with a fact, as its first instant; to the quarter for speaking up."""
    at = None if day is None else disclosure.moment(feed, start_of(Grid.DAY, day))
    return None if at is None else stamp(at)


def status_router(service: Service) -> APIRouter:
    """``/v1/status`` and ``/v1/schemas``."""
    router = APIRouter(tags=["operations"])

    @router.get("/v1/status", response_model=StatusOut)
    def get_status(caller: CallerOf) -> dict[str, Any]:
        """Version, mode, events accepted and processed, lag, watermarks, budgets in force."""
        return status_fields(service, caller)

    @router.get("/v1/schemas", dependencies=[Depends(caller_of)])
    def list_schemas() -> dict[str, Any]:
        """The event types and where their JSON Schemas are."""
        items = [
            {"type": feed.event_type, "schema": f"/v1/schemas/{feed.event_type}"} for feed in Feed
        ]
        return {"items": items, "next": None}

    @router.get(
        "/v1/schemas/{event_type}",
        dependencies=[Depends(caller_of)],
        responses=openapi_responses("not-found"),
    )
    def get_schema(event_type: Annotated[str, Path(max_length=100)]) -> dict[str, Any]:
        """The JSON Schema of one event type."""
        feed = FEED_OF_TYPE.get(event_type)
        if feed is None:
            raise Problem("not-found", "There is no such event type.")
        return json_schema(feed)

    return router


def health_router(service: Service) -> APIRouter:
    """``/healthz`` and ``/readyz``, which need no key."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_class=Response, responses=_PLAIN)
    async def healthz() -> Response:
        """The process answers, also while all its threads wait for the store."""
        return Response("ok\n", media_type="text/plain")

    @router.get(
        "/readyz",
        response_class=Response,
        responses={**_PLAIN, **openapi_responses("store-unavailable")},
    )
    def readyz() -> Response:
        """The store answers, and the runner, where there is one here, works.

        A second line tells what is degraded meanwhile: while the log is away nothing can be
        sent, and all that is here can still be read.
        """
        try:
            # Nothing that asks the log, whose silence would be waited for.
            service.store.counters()
        except StoreUnavailable:
            return problems.response("store-unavailable")
        failure = service.failure()
        if failure is not None:
            # The reason is in the log; its text may quote what failed.
            return problems.response("store-unavailable", "The runner cannot work at the moment.")
        degraded = "" if service.log_takes() else _WITHOUT_LOG
        return Response(f"ready\n{degraded}", media_type="text/plain")

    return router
