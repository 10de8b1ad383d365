"""Small facts for tests, made without going through the doors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from streams.facts.effects import Tally
from streams.facts.feeds import Feed
from streams.facts.messages import Fact

MS = 1000


def fact(
    event_id: str,
    when: str,
    feed: Feed = Feed.INCIDENTS,
    *,
    provider: str = "RXX",
    site: str | None = "RXX01",
    ward: str | None = "W1",
    revision: int = 1,
    withdrawn: bool = False,
    **data: Any,
) -> Fact:
    """A fact as intake would give it; ``when`` is an ISO date or time in UTC."""
    moment = datetime.fromisoformat(when)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    placed = {"provider": provider, "site": site, "ward": ward}
    body = {name: value for name, value in {**placed, **data}.items() if value is not None}
    encoded = b"" if withdrawn else msgspec.json.encode(body)
    source = f"urn:nhs:ods:{provider}"
    return Fact(
        key=blake2b(f"{source}\0{event_id}".encode(), digest_size=16).digest(),
        source=source,
        event_id=event_id,
        feed=feed,
        revision=revision,
        withdrawn=withdrawn,
        provider=provider,
        site=site,
        ward=None if feed is Feed.SPEAKUP else ward,
        time=int(moment.timestamp() * MS),
        recorded=None,
        body=encoded,
    )


class FactsAlone:
    """A store that holds facts and nothing that follows from them."""

    def __init__(self, told: Iterable[Fact]) -> None:
        self._told = list(told)

    def provider(self, _provider: str) -> None:
        """Nothing was ever derived."""

    def tallies(self, _provider: str) -> list[Tally]:
        """Nor this."""
        return []

    def facts(self, _provider: str) -> list[Fact]:
        """What was told."""
        return self._told
