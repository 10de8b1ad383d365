"""A running service as the commands see it: its answers, and its errors in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

_PAGE = 200


class ServiceError(Exception):
    """The service cannot be reached or refused a call; the message is for people."""


class Client:
    """Calls of one service. ``key`` is an organisation key, where the service asks for one."""

    def __init__(
        self, url: str, key: str | None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ServiceError(
                f"{url!r} is no service address; it looks like http://127.0.0.1:8470"
            )
        headers = {"user-agent": "earshot"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        self.url = url.rstrip("/")
        self.http = httpx2.Client(
            base_url=self.url, headers=headers, timeout=60.0, transport=transport
        )

    def get(self, path: str, **params: str | int | None) -> Any:  # noqa: ANN401 - JSON
        """The JSON that ``GET path`` answers.

        Raises:
            ServiceError: no answer, or one that is not a success.

        """
        chosen = {name: value for name, value in params.items() if value is not None}
        return self._answer("GET", path, params=chosen)

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """The JSON that ``POST path`` answers; raises as ``get`` does."""
        return self._answer("POST", path, json=body)

    def items(
        self, path: str, limit: int | None = None, **params: str | int | None
    ) -> Iterator[dict[str, Any]]:
        """The items of a listing, over its pages, at most ``limit`` of them."""
        cursor: str | None = None
        left = limit if limit is not None else 10**9
        while left > 0:
            page = self.get(path, **params, limit=min(left, _PAGE), cursor=cursor)
            yield from page["items"][:left]
            left -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def _answer(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            response = self.http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise ServiceError(unreachable(self.url, error)) from None
        if response.is_success:
            return response.json()
        raise ServiceError(explain(response))


def unreachable(url: str, error: Exception) -> str:
    """One sentence for a service that does not answer."""
    if isinstance(error, httpx2.ConnectError):
        return f"nothing answers at {url}; is the service running (earshot serve)?"
    return f"no answer from {url}: {type(error).__name__}"


def explain(response: httpx2.Response) -> str:
    """One sentence for a refusal, from its problem document where it has one."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    title = problem.get("title") or response.reason_phrase or "refused"
    told = [str(problem["detail"]).rstrip(".")] if problem.get("detail") else []
    told += [
        f"{one.get('name') or one.get('place')}: {one['detail']}"
        for one in problem.get("errors") or ()
        if isinstance(one, dict) and one.get("detail")
    ]
    sentence = f"{response.status_code} {title}" + (f": {'; '.join(told)}" if told else "")
    if (allowed := problem.get("allowed")) and "allowed:" not in sentence:
        sentence += f" (allowed: {', '.join(map(str, allowed))})"
    if response.status_code == 401:
        sentence += "; give a key with EARSHOT_KEY or --key"
    return sentence
