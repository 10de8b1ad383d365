"""The two doors a push can go through: a service's HTTP door and Kafka itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import httpx2

from api.cli.client import Client, explain, unreachable
from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.intake.packing import pack
from streams.intake.receiving import Context, open_request
from streams.runners.log import EventLog, LogUnavailable
from streams.sending.push import PushError, Receipt, Refused, TooLarge, TryLater

_SHUT = {408, 409, 425, 429, 500, 502, 503, 504}
NDJSON = "application/x-ndjson"


class HttpDoor:
    """``POST /v1/events`` of a running service."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = client.url

    def send(self, lines: Sequence[bytes], key: str) -> Receipt:
        """Send events as NDJSON and read the receipt."""
        headers = {"content-type": NDJSON, "idempotency-key": f'"{key}"'}
        try:
            response = self._client.http.post(
                "/v1/events", content=b"\n".join(lines), headers=headers
            )
        except httpx2.TransportError as error:
            raise TryLater(unreachable(self.name, error)) from None
        if response.status_code in _SHUT:
            raise TryLater(explain(response), _pause(response))
        if response.status_code == 413:
            raise TooLarge
        receipt = _receipt(response)
        if receipt is None:
            raise PushError(explain(response))
        return receipt


def _receipt(response: httpx2.Response) -> Receipt | None:
    """The receipt of a 2xx or 422 answer; None where there is none."""
    try:
        body = response.json()
        refused = [
            Refused(int(one["index"]), one.get("id"), str(one["code"]), str(one["detail"]))
            for one in body["rejected"]
        ]
        return Receipt(int(body["accepted"]), int(body["duplicates"]), refused)
    except (ValueError, KeyError, TypeError):
        return None


def _pause(response: httpx2.Response) -> float | None:
    """``Retry-After`` in seconds, where it is a sensible number of them."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= 600 else None


class KafkaDoor:
    """The four topics themselves.

    Events are opened here with the service's own rules, so that refused rows are
    listed as over HTTP; what passes is packed and judged again by the worker, which
    also knows the organisations and what has been sent before.
    """

    def __init__(
        self,
        log: EventLog,
        name: str,
        organisations: Organisations,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
    ) -> None:
        self.name = name
        self._log = log
        self._organisations = organisations
        self._catalogue = catalogue
        self._clock = clock

    def send(self, lines: Sequence[bytes], key: str) -> Receipt:  # noqa: ARG002 - facts carry their own identity
        """Open, pack and append; answers when the brokers have the events on disk."""
        now = self._clock()
        context = Context(
            organisations=self._organisations,
            now=now,
            open_registration=True,
            scope=None,
            metrics=self._catalogue.metrics,
        )
        opened = open_request(b"\n".join(lines), NDJSON, context)
        try:
            self._log.append(pack(opened.facts), now)
        except LogUnavailable as error:
            raise TryLater(str(error) or "Kafka does not answer") from None
        refused = [
            Refused(one.index, one.event_id, one.code, one.detail) for one in opened.rejections
        ]
        return Receipt(len(opened.facts), 0, refused)
