"""Problem documents: the one shape of every error (RFC 9457).

Each problem has a stable ``type`` from the closed table below and a
``correlation_id`` that is also in the answer's ``X-Correlation-ID`` header and in
the log. A problem never repeats what the caller sent: an input that was refused
may hold personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, cast

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from streams.store import StoreUnavailable

_log = structlog.get_logger(__name__)
RETRY_AFTER: Final = "5"
MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:earshot:problem:"

#: Code -> (status, title). Codes and statuses are stable; titles may be reworded.
PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "bad-request": (400, "The request cannot be understood"),
    "idempotency-key-invalid": (400, "The Idempotency-Key header is not usable"),
    "invalid-cursor": (400, "The cursor is not one this service gave"),
    "unauthorised": (401, "A key is needed"),
    "forbidden": (403, "The key does not cover this"),
    "not-found": (404, "There is no such thing here"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "not-acceptable": (406, "The service cannot answer in that form"),
    "too-slow": (408, "The request body did not come in time"),
    "forbidden-move": (409, "The alert cannot make this move from its present state"),
    "version-conflict": (409, "The alert has changed since it was read"),
    "idempotency-key-running": (409, "The first request with this Idempotency-Key is running"),
    "too-large": (413, "The request body is too large"),
    "unsupported-media-type": (415, "The media type is not supported"),
    "misdirected": (421, "The service does not answer to this host name"),
    "invalid": (422, "The request is well-formed but not valid"),
    "not-comparable": (422, "These cannot be compared with each other"),
    "none-taken": (422, "No event was taken"),
    "idempotency-key-reused": (422, "The Idempotency-Key belongs to another request"),
    "too-many-requests": (429, "This key asks for too much at once"),
    "internal": (500, "The service failed to answer"),
    "not-implemented": (501, "The service does not do this"),
    "log-unavailable": (503, "The event log is unavailable; nothing was taken"),
    "store-unavailable": (503, "The store is unavailable"),
}
_CODE_OF_STATUS: Final = {
    400: "bad-request",
    401: "unauthorised",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "too-many-requests",
    501: "not-implemented",
    503: "store-unavailable",
}

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


class Problem(HTTPException):
    """An error with a place in the table.

    Args:
        code: key of ``PROBLEMS``.
        detail: one sentence about this occurrence, without the caller's values.
        headers: extra response headers.
        members: extension members of the document, for example ``allowed``.

    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        status, title = PROBLEMS[code]
        super().__init__(status, detail or title, dict(headers) if headers else None)
        self.code = code
        self.members = members


def document(code: str, detail: str | None = None, **members: object) -> dict[str, Any]:
    """The problem document as a mapping; extension members come last."""
    status, title = PROBLEMS[code]
    found: dict[str, Any] = {"type": TYPE_PREFIX + code, "title": title, "status": status}
    if detail and detail != title:
        found["detail"] = detail
    found["correlation_id"] = correlation_id.get()
    return found | members


def response(
    code: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Response:
    """An HTTP answer that carries a problem document."""
    return _answer(document(code, detail, **members), headers)


def _answer(found: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(found),
        status_code=found["status"],
        media_type=MEDIA_TYPE,
        headers=dict(headers) if headers else None,
    )


def answered_again(body: bytes, media_type: str) -> bytes:
    """A kept answer for another request: a problem document gets that request's correlation id."""
    if media_type != MEDIA_TYPE:
        return body
    return orjson.dumps({**orjson.loads(body), "correlation_id": correlation_id.get()})


def validation_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What was wrong and where, without the values that were sent.

    Args:
        errors: pydantic's list of errors.

    """
    found = []
    for error in errors:
        place = [str(part) for part in error.get("loc", ())]
        found.append(
            {
                "place": place[0] if place else "body",
                "name": ".".join(place[1:]),
                "code": str(error.get("type", "invalid")),
                "detail": str(error.get("msg", "invalid")).removeprefix("Value error, "),
            }
        )
    return found


def _wants_page(request: Request) -> bool:
    """Whether somebody reads this in a browser, outside the API."""
    accepts = request.headers.get("accept", "").lower()
    return "text/html" in accepts and not request.url.path.startswith("/v1/")


def answer(
    request: Request, found: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """A problem document as its reader takes it: as a page where that is asked for."""
    # Rendering is short and has no other place here to run.
    made = request.app.state.problem_page(found) if _wants_page(request) else _answer(found)
    made.headers.update(headers or {})
    return cast("Response", made)


def install(app: FastAPI, *, page: Callable[[Mapping[str, Any]], Response]) -> None:
    """Make every error that the framework raises a problem document.

    Args:
        app: where to.
        page: shows a problem document to somebody who reads pages.
    """
    app.state.problem_page = page

    async def on_error(request: Request, error: Exception) -> Response:
        headers = error.headers if isinstance(error, HTTPException) else None
        if isinstance(error, StoreUnavailable):
            _log.warning("store_unavailable")
            headers = {"Retry-After": RETRY_AFTER}
        return answer(request, _found(error), headers)

    app.add_exception_handler(HTTPException, on_error)
    app.add_exception_handler(RequestValidationError, on_error)
    app.add_exception_handler(StoreUnavailable, on_error)


def _found(error: Exception) -> dict[str, Any]:
    if isinstance(error, Problem):
        return document(error.code, error.detail, **error.members)
    if isinstance(error, RequestValidationError):
        return document("invalid", errors=validation_errors(error.errors()))
    if isinstance(error, StoreUnavailable):
        return document("store-unavailable", "Try again in a few seconds.")
    if isinstance(error, HTTPException):
        return document(_CODE_OF_STATUS.get(error.status_code, "internal"))
    return document("internal")


def openapi_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The error part of a route's OpenAPI description, one entry a status."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, title = PROBLEMS[code]
        before = found.get(status)
        found[status] = {
            "description": f"{before['description']}; or: {title}" if before else title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return found
