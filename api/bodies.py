"""Request bodies as bytes, read within limits of size and time and decoded strictly.

The framework validates parsed objects, which takes ``false`` for 0 and refuses
times in strict models. Bodies are therefore read as bytes and handed to the model
as JSON; the schema is told to OpenAPI by hand.
"""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import Annotated, Any, Final, TypeVar

import anyio
from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.problems import Problem, validation_errors

M = TypeVar("M", bound=BaseModel)

MAX_BODY: Final = 16 * 1024 * 1024
# A sender that is refused at once while it writes sees a broken connection instead
# of the answer, so this much more is read and dropped first.
_DRAINED: Final = 4 * MAX_BODY
# A sender that is gone without a word, or dribbles, keeps no place here for ever: between two
# parts, and for the whole body, which even a thin line carries in that time.
_PAUSE_SECONDS, _BODY_SECONDS = 30.0, 300.0


class BodyLimit:
    """Refuses bodies over a limit, by their announced length or as they arrive, and such as stop.

    Only the body is bounded in time: afterwards a stream listens for its reader's leaving.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        receive = _in_time(receive)
        announced = _announced(scope)
        if announced is not None and announced > self._limit:
            if announced <= _DRAINED:
                with suppress(Problem):
                    await _drain(receive)
            found = problems.document("too-large", max_bytes=self._limit)
            answer = problems.answer(Request(scope), found)
            await answer(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    await _drain_from(message, receive)
                    raise Problem("too-large", max_bytes=self._limit)
            return message

        await self._app(scope, counted, send)


def _in_time(receive: Receive) -> Receive:
    """Receive a request whose body must come in time; raises the problem ``too-slow``."""
    ends = monotonic() + _BODY_SECONDS
    complete = False

    async def received() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        try:
            with anyio.fail_after(min(_PAUSE_SECONDS, ends - monotonic())):
                message = await receive()
        except TimeoutError:
            raise Problem("too-slow", headers={"Connection": "close"}) from None
        complete = not message.get("more_body", False)
        return message

    return received


def _announced(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


async def _drain(receive: Receive) -> None:
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _drain_from(message: Message, receive: Receive) -> None:
    read = 0
    while message["type"] == "http.request" and message.get("more_body", False) and read < _DRAINED:
        message = await receive()
        read += len(message.get("body", b""))


async def read_body(request: Request) -> bytes:
    """The whole body, as it was written.

    Raises:
        Problem: ``unsupported-media-type`` where it is compressed, which would read as
            garbage; ``Accept-Encoding`` says what to send instead (RFC 9110, 15.5.16).
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise Problem(
            "unsupported-media-type",
            "Send the body without a content encoding.",
            headers={"Accept-Encoding": "identity"},
        )
    return await request.body()


Body = Annotated[bytes, Depends(read_body)]


async def json_body(request: Request) -> bytes:
    """A body that says it is JSON.

    Raises:
        Problem: ``unsupported-media-type``.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise Problem("unsupported-media-type", "Send application/json.")
    return await read_body(request)


JsonBody = Annotated[bytes, Depends(json_body)]


def decoded(model: type[M], body: bytes) -> M:
    """A model from JSON bytes, strictly.

    Raises:
        Problem: ``invalid``, with what is wrong where.
    """
    try:
        return model.model_validate_json(body or b"null")
    except ValidationError as error:
        errors = [
            {**one, "loc": ("body", *one["loc"])} for one in error.errors(include_input=False)
        ]
        raise Problem("invalid", errors=validation_errors(errors)) from None


def described(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI part of a route whose body is decoded by hand."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    content = {"application/json": {"schema": _whole(schema, parts)}}
    return {"requestBody": {"required": True, "content": content}}


def _whole(schema: Any, parts: dict[str, Any]) -> Any:  # noqa: ANN401 - any part of a JSON schema
    """A schema with its parts in place: a reference would point into the whole description."""
    if isinstance(schema, list):
        return [_whole(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _whole(parts[schema["$ref"].removeprefix("#/$defs/")], parts)
    return {name: _whole(value, parts) for name, value in schema.items()}
