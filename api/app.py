"""The application: all doors wired to one service."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Callable, MutableMapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import anyio
import structlog
from fastapi import Depends, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.acts import Acts, acts_router
from api.alerts import Alerts, alerts_router
from api.assets import assets_router
from api.auth import caller_of
from api.bodies import MAX_BODY, BodyLimit
from api.comparison_pages import ComparisonPages, comparison_pages_router
from api.comparisons import comparisons_router
from api.deadletters import deadletters_router
from api.events import events_router
from api.feeds import feeds_router
from api.histories import Histories
from api.inbox import Inbox, inbox_router
from api.metrics import Metrics, metrics_router
from api.pages import Pages, pages_router
from api.parameters import known_parameters
from api.peers import Comparer
from api.rates import Limits
from api.rebases import rebases_router
from api.schemas import Problem as ProblemModel
from api.series import Finder, series_router
from api.service import Service
from api.status import health_router, status_router
from api.stream import Tail, stream_router
from api.together import Together, together_router
from api.units import units_router
from streams.store import StoreUnavailable

_log = structlog.get_logger(__name__)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_OWN_NAMES: Final = "Without keys it answers to this machine's own names, such as localhost."
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    # Not no-referrer: under it browsers say of our own forms that they come from "null".
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", _POLICY.encode()),
)


class Door:
    """Around every request: its correlation id, its headers, its time, its last error.

    An error that nothing else answered is logged by its kind and place only. Its
    message and the values around it may hold what an event said.
    """

    def __init__(self, app: ASGIApp, service: Service, metrics: Metrics) -> None:
        self._app = app
        self._service = service
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        started = perf_counter()
        given = _header(scope, b"x-correlation-id")
        name = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        token = problems.correlation_id.set(name)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-correlation-id", name.encode()),
                    *_HEADERS,
                ]
            await send(message)

        try:
            if not self._answers_to(_header(scope, b"host")):
                await _answer("misdirected", _OWN_NAMES, scope, receive, sending)
                return
            with structlog.contextvars.bound_contextvars(correlation_id=name):
                await self._guarded(scope, receive, sending, lambda: status)
        finally:
            problems.correlation_id.reset(token)
            self._metrics.observe(scope["method"], _route(scope), status, started)

    async def _guarded(
        self, scope: Scope, receive: Receive, send: Send, status: Callable[[], int]
    ) -> None:
        try:
            await self._app(scope, receive, send)
        except StoreUnavailable:
            _log.warning("store_unavailable")
            code = "store-unavailable"
        except Exception as error:  # noqa: BLE001 - answered as a problem, logged without values
            if status() and _reader_left(error):
                return
            frames = traceback.extract_tb(error.__traceback__)[-4:]
            places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
            _log.error("request_failed", error=type(error).__name__, places=places)
            code = "internal"
        else:
            return
        if not status():
            await _answer(code, None, scope, receive, send)

    def _answers_to(self, host: str) -> bool:
        """Without keys, only this machine's own names: a page elsewhere must not get in.

        A public name that somebody points at 127.0.0.1 has a dot; names without one,
        and numeric addresses, cannot be had by a stranger.
        """
        if self._service.settings.keys_needed:
            return True
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").rstrip(".")
        return "." not in name or re.fullmatch(r"[0-9.]+", name) is not None


async def _answer(
    code: str, detail: str | None, scope: Scope, receive: Receive, send: Send
) -> None:
    headers = {"Retry-After": problems.RETRY_AFTER} if code == "store-unavailable" else None
    found = problems.answer(Request(scope), problems.document(code, detail), headers)
    await found(scope, receive, send)


def _without_body(send: Send) -> Send:
    """Answer HEAD: as GET would be, ended before its body, also where that has no end."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sending


def _reader_left(error: BaseException) -> bool:
    """Whether an answer ended only because its reader had gone.

    A live stream is carried by tasks of its own; they may find the pipe between them
    closed before they are told to stop.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(_reader_left(inner) for inner in error.exceptions)
    return isinstance(error, anyio.BrokenResourceError | anyio.ClosedResourceError)


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return ""


def _route(scope: MutableMapping[str, Any]) -> str:
    """The route's template, so that identifiers never become labels."""
    route = scope.get("route")
    return getattr(route, "path", None) or "none"


def create_app(service: Service) -> FastAPI:
    """All doors over one service."""
    app = FastAPI(
        title="Earshot",
        summary="Hears quality failings early: four event feeds in, few and explained alerts out.",
        version=service.version,
        # Its log part would record what was refused, and so what somebody sent.
        telemetry={"logs": False},
        # The usual pages fetch their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=problems.openapi_responses(
            "invalid", "unauthorised", "too-many-requests", "internal"
        ),
    )
    metrics = Metrics(service)
    histories = Histories(service.store, service.catalogue, service.clock)
    together = Together(service)
    alerts = Alerts(service, histories, together)
    acts = Acts(service)
    finder = Finder(service, histories)
    comparer = Comparer(service)
    app.state.service = service
    app.state.metrics = metrics
    app.state.limits = limits = Limits(
        service.settings, lambda limit: metrics.limited.labels(limit).inc()
    )
    app.state.tail = tail = Tail(service.store)
    pages = Pages(service, alerts, finder, histories)
    problems.install(app, page=pages.problem)
    for router in (
        events_router(service, metrics, limits),
        # Before the alerts, whose ids would match their names.
        together_router(service, together),
        acts_router(acts),
        alerts_router(service, alerts),
        series_router(finder),
        rebases_router(service, finder),
        comparisons_router(comparer),
        units_router(service, histories),
        feeds_router(service),
        deadletters_router(service),
        stream_router(service, metrics, tail),
        status_router(service),
    ):
        app.include_router(router, dependencies=[Depends(known_parameters)])
    # Probes and scrapers bring parameters of their own, and a page shows what it filters by.
    for router in (
        health_router(service),
        metrics_router(metrics),
        inbox_router(Inbox(service, pages, histories, together, acts)),
        pages_router(pages),
        comparison_pages_router(ComparisonPages(service, pages, comparer)),
        assets_router(),
    ):
        app.include_router(router)

    @app.get("/openapi.json", include_in_schema=False, dependencies=[Depends(caller_of)])
    def openapi() -> Response:
        """The description of this interface."""
        return JSONResponse(app.openapi())

    @app.get("/asyncapi.json", include_in_schema=False, dependencies=[Depends(caller_of)])
    def asyncapi() -> Response:
        """The description of the Kafka topics."""
        from api.asyncapi import asyncapi  # noqa: PLC0415 - Kafka's client takes half a second

        return JSONResponse(asyncapi(service))

    app.openapi = lambda: _described(app)  # type: ignore[method-assign] # the documented way
    app.add_middleware(BodyLimit, limit=MAX_BODY)
    app.add_middleware(Door, service=service, metrics=metrics)
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = (
            ProblemModel.model_json_schema()
        )
        schema["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An organisation key."}
        }
        schema["security"] = [{"key": []}, {}]
        app.openapi_schema = schema
    return app.openapi_schema
