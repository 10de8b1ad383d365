"""Feeds: when each was last heard, and whether it has gone quiet."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.auth import Caller, CallerOf
from api.feedhealth import FeedHealth, feed_health
from api.parameters import Code, Cursor, Limit, page
from api.places import Places
from api.problems import openapi_responses
from api.schemas import FeedName, Listing
from api.schemas_operations import FeedOut
from api.service import Service
from streams.histories.points import stamp


def feeds_seen(service: Service, caller: Caller, unit: str | None = None) -> list[FeedHealth]:
    """The feeds of the providers that a caller may see."""
    now = service.clock()
    chosen = Places(service, caller, now.date()).select(unit)
    return list(feed_health(service.store.feeds(chosen.providers), now))


def feed_fields(health: FeedHealth) -> dict[str, Any]:
    """A feed as ``FeedOut``."""
    lag = health.lag
    return {
        "provider": health.provider,
        "feed": health.feed.topic,
        "cadence": health.cadence.words,
        "expected_every_days": health.cadence.expected.days,
        "overdue_after_days": health.cadence.overdue.days,
        "last_event_at": None if health.last_event_at is None else stamp(health.last_event_at),
        "last_arrival_at": (
            None if health.last_arrival_at is None else stamp(health.last_arrival_at)
        ),
        "lag_days": None if lag is None else round(lag.total_seconds() / 86_400, 3),
        "silent": health.silent,
    }


def feeds_router(service: Service) -> APIRouter:
    """``/v1/feeds``."""
    router = APIRouter(prefix="/v1/feeds", tags=["feeds"])

    @router.get(
        "",
        response_model=Listing[FeedOut],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_feeds(
        caller: CallerOf,
        unit: Annotated[Code | None, Query(description="Of the providers it is or holds.")] = None,
        feed: FeedName | None = None,
        silent: Annotated[
            bool | None, Query(description="Only those that are, or are not.")
        ] = None,
        cursor: Cursor | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Each feed of each provider: cadence, last event, lag, and whether it is silent."""
        chosen = [
            feed_fields(health)
            for health in feeds_seen(service, caller, unit)
            if (feed is None or health.feed.topic == feed)
            and (silent is None or health.silent is silent)
        ]
        items, following = page(chosen, cursor, limit)
        return {"items": items, "next": following}

    return router
