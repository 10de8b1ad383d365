"""A simulated region as a log: messages that a runner can read in any order."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from streams.facts.feeds import FEED_OF_TYPE
from streams.facts.messages import Message
from streams.region.plan import Plan, events

NOW = datetime(2026, 11, 2, tzinfo=UTC)
STAMP = int(NOW.timestamp() * 1000)
LATENESS_MS = 21 * 86_400_000


@cache
def sent(weeks: int = 60, providers: int = 2, sites: int = 1, wards: int = 3) -> tuple[Any, ...]:
    """The events of a small region in the order they are sent."""
    plan = Plan(
        end=date(2026, 11, 2),
        weeks=weeks,
        live_weeks=0,
        providers=providers,
        sites=sites,
        wards=wards,
    )
    return tuple(events(plan))


def shuffled(chance: random.Random, repeats: float = 0.3, **size: int) -> list[dict[str, Any]]:
    """The region's events out of order within three weeks, some of them sent twice."""
    moved = [(one.at + chance.randrange(LATENESS_MS), one.event) for one in sent(**size)]
    again = [
        (at + chance.randrange(LATENESS_MS), event)
        for at, event in moved
        if chance.random() < repeats
    ]
    return [event for _, event in sorted([*moved, *again], key=lambda pair: pair[0])]


def in_order(**size: int) -> list[dict[str, Any]]:
    """The region's events as they are sent."""
    return [one.event for one in sent(**size)]


def log(
    events_: Iterable[dict[str, Any]], pack: int = 100, chance: random.Random | None = None
) -> list[Message]:
    """Messages of up to ``pack`` events of one provider and feed, with offsets by topic."""
    waiting: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    offsets: dict[str, int] = defaultdict(int)
    packed: list[Message] = []

    def flush(place: tuple[str, str]) -> None:
        provider, topic = place
        value = json.dumps(waiting.pop(place)).encode()
        packed.append(Message(topic, 0, offsets[topic], provider.encode(), value, STAMP))
        offsets[topic] += 1

    for event in events_:
        place = (event["data"]["provider"], FEED_OF_TYPE[event["type"]].topic)
        waiting[place].append(event)
        limit = pack if chance is None else chance.randrange(1, pack + 1)
        if len(waiting[place]) >= limit:
            flush(place)
    for place in sorted(waiting):
        flush(place)
    return packed


def batches(messages: Sequence[Message], size: int, chance: random.Random | None = None) -> Any:
    """Stretches of the log as a runner would read them."""
    start = 0
    while start < len(messages):
        length = size if chance is None else chance.randrange(1, size + 1)
        yield messages[start : start + length]
        start += length
