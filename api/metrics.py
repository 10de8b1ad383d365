"""The service's own health for Prometheus.

What the process does is counted as it happens; what the store knows is asked at
each scrape, so that every replica tells the same. No metric has a label for a
provider, site or ward: that would be thousands of series, and would disclose.
Numbers by feed or reason pass ``streams.alerts.disclosure``. Totals of the house are for
whoever runs it: a key of a provider scrapes what concerns its own providers and no more
(``api.standing`` says why).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from time import perf_counter
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from api.auth import LOCAL, Caller, ServiceOf, caller_of
from api.feedhealth import feed_health
from api.service import Service
from api.standing import standing
from streams.alerts import disclosure
from streams.facts.feeds import Feed
from streams.store import StoreUnavailable

_log = structlog.get_logger(__name__)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RESULTS: Final = ("accepted", "duplicate")
LIMITS: Final = ("requests", "events")


class Metrics:
    """The process's own registry; nothing global, so two services can live in one test."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "earshot_http_request_duration_seconds",
            "Time to answer a request, by route template",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.limited = Counter(
            "earshot_http_limited_requests",
            "Requests refused because their key asked for too much, by what it had too much of",
            ("limit",),
            registry=self.registry,
        )
        for limit in LIMITS:
            self.limited.labels(limit)
        self.streams = Gauge(
            "earshot_stream_clients",
            "Clients that listen to the live stream",
            registry=self.registry,
        )
        self._intake: dict[tuple[Feed, str], int] = {
            (feed, result): 0 for feed in Feed for result in RESULTS
        }
        self._refused: dict[str, int] = {}
        # Requests are answered in several threads.
        self._counting = threading.Lock()
        self.registry.register(_IntakeCollector(self._intake, self._refused))
        self.registry.register(_StoreCollector(service, LOCAL))

    def taken(self, feed: Feed, result: str, events: int) -> None:
        """Count events taken in over HTTP: ``accepted`` or ``duplicate``."""
        with self._counting:
            self._intake[feed, result] += events

    def refused(self, code: str, events: int) -> None:
        """Count events refused at the HTTP door for one reason."""
        with self._counting:
            self._refused[code] = self._refused.get(code, 0) + events

    def observe(self, method: str, route: str, status: int, started: float) -> None:
        """Count an answered request; ``started`` is its ``perf_counter`` reading."""
        self.requests.labels(method, route, str(status)).observe(perf_counter() - started)

    def page(self, caller: Caller) -> bytes:
        """The exposition as Prometheus reads it, with what the caller may know."""
        if caller.operates:
            return generate_latest(self.registry)
        own = CollectorRegistry()
        own.register(_StoreCollector(self._service, caller))
        return generate_latest(own)


class _IntakeCollector(Collector):
    """Events by feed and by reason of refusal, passed through disclosure at the scrape."""

    def __init__(self, numbers: Mapping[tuple[Feed, str], int], refused: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._refused = refused

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "earshot_intake_events",
            "Events taken in over HTTP by feed, in steps of five and not below eight",
            labels=("feed", "result"),
        )
        for (feed, result), number in self._numbers.items():
            family.add_metric((feed.topic, result), disclosure.metric(number))
        yield family
        refusals = CounterMetricFamily(
            "earshot_intake_rejected_events",
            "Events refused at the HTTP door, by reason",
            labels=("code",),
        )
        # A copy, because a request may add a reason during the scrape.
        for code, number in sorted(dict(self._refused).items()):
            refusals.add_metric((code,), disclosure.reason(code, number))
        yield refusals


class _StoreCollector(Collector):
    """What the store and the log know. A scrape never fails: it says that the store is down.

    Args:
        service: what is asked.
        caller: whose scrape it is. Who does not run the house gets what concerns its providers.
    """

    def __init__(self, service: Service, caller: Caller) -> None:
        self._service = service
        self._caller = caller
        self._providers = None if caller.operates else caller.providers

    def describe(self) -> Iterable[Metric]:
        """Nothing is promised at registration, so the store is not asked then."""
        return ()

    def collect(self) -> Iterable[Metric]:
        yield self._build()
        yield self._budgets()
        yield _up("earshot_log_up", "log", answers=self._service.log_takes())
        try:
            found = list(self._asked())
        except StoreUnavailable:
            _log.warning("scrape_without_store")
            yield _up("earshot_store_up", "store", answers=False)
            return
        yield _up("earshot_store_up", "store", answers=True)
        yield from found

    def _build(self) -> Metric:
        service = self._service
        family = GaugeMetricFamily(
            "earshot_build_info",
            "The versions in force",
            labels=("version", "mode", "reference", "catalogue"),
        )
        family.add_metric(
            (service.version, service.mode, service.reference.version, service.catalogue.digest), 1
        )
        return family

    def _budgets(self) -> Metric:
        settings = self._service.settings
        family = GaugeMetricFamily(
            "earshot_false_alert_budget",
            "False alerts allowed per stable unit and year",
            labels=("level",),
        )
        family.add_metric(("1",), settings.budget_level1)
        family.add_metric(("2",), settings.budget_level2)
        return family

    def _asked(self) -> Iterator[Metric]:
        service = self._service
        progress = standing(service, self._caller)
        if self._caller.operates:
            # Told in steps it could fall, which no counter may.
            yield CounterMetricFamily(
                "earshot_events_accepted", "Events durable in the log", value=progress.accepted
            )
        yield CounterMetricFamily(
            "earshot_events_processed",
            "Events reflected in series and alerts",
            value=progress.processed,
        )
        yield GaugeMetricFamily(
            "earshot_lag_events", "Durable events not yet reflected", value=progress.lag
        )
        if self._caller.operates:
            yield from self._without_effect()
        yield self._alerts()
        yield self._dead_letters()
        yield from self._feeds()

    def _without_effect(self) -> Iterator[Metric]:
        counters = self._service.store.counters()
        yield CounterMetricFamily(
            "earshot_events_duplicate",
            "Processed events that changed nothing",
            value=counters.duplicates,
        )
        yield CounterMetricFamily(
            "earshot_events_rejected", "Processed events refused", value=counters.rejected
        )

    def _alerts(self) -> Metric:
        family = GaugeMetricFamily(
            "earshot_alerts", "Alerts by level, kind and state", labels=("level", "kind", "state")
        )
        counts = self._service.store.alert_counts(self._providers)
        for (level, kind, state), number in sorted(counts.items()):
            family.add_metric((str(level), kind, state), number)
        return family

    def _dead_letters(self) -> Metric:
        family = GaugeMetricFamily(
            "earshot_dead_letters", "Refused events kept, by reason", labels=("code",)
        )
        counts = self._service.store.dead_letter_counts(self._providers)
        for code, number in sorted(counts.items()):
            family.add_metric((code,), disclosure.reason(code, number))
        return family

    def _feeds(self) -> Iterator[Metric]:
        now = self._service.clock()
        age = GaugeMetricFamily(
            "earshot_watermark_age_seconds",
            "Age of the latest event of a feed; speaking up to the quarter",
            labels=("feed",),
        )
        silent = GaugeMetricFamily(
            "earshot_feeds_silent",
            "Feeds of providers that are overdue by their own cadence",
            labels=("feed",),
        )
        latest: dict[Feed, timedelta] = {}
        overdue = dict.fromkeys(Feed, 0)
        for health in feed_health(self._service.store.feeds(self._providers), now):
            if health.last_event_at is not None:
                waited = max(timedelta(), now - health.last_event_at)
                latest[health.feed] = min(waited, latest.get(health.feed, waited))
            overdue[health.feed] += health.silent
        for feed in Feed:
            if feed in latest:
                age.add_metric((feed.topic,), latest[feed].total_seconds())
            silent.add_metric((feed.topic,), overdue[feed])
        yield age
        yield silent


def _up(name: str, what: str, *, answers: bool) -> Metric:
    return GaugeMetricFamily(name, f"Whether the {what} answered when last asked", value=answers)


class _StoreDown(CollectorRegistry):
    """What anybody may know, as from ``/readyz``: a failed scrape would hide it."""

    def collect(self) -> Iterator[Metric]:
        yield _up("earshot_store_up", "store", answers=False)


def _scraper(request: Request, service: ServiceOf) -> Caller | None:
    """Who scrapes; None where the store cannot tell."""
    try:
        return caller_of(request, service)
    except StoreUnavailable:
        _log.warning("scrape_without_store")
        return None


def metrics_router(metrics: Metrics) -> APIRouter:
    """``GET /metrics``."""
    router = APIRouter()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        tags=["operations"],
    )
    def scrape(caller: Annotated[Caller | None, Depends(_scraper)]) -> Response:
        """The service's own health, as Prometheus reads it.

        All of it for an operator's key; for others what concerns their own providers.
        While the store cannot be asked about the key, only that it is down.
        """
        page = generate_latest(_StoreDown()) if caller is None else metrics.page(caller)
        return Response(page, media_type=CONTENT_TYPE_LATEST)

    return router
