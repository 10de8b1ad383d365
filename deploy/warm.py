"""Run a small simulated region through the engine, so that every kernel is compiled and kept."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.feeds import FEED_OF_TYPE
from streams.facts.messages import Message
from streams.region.plan import Plan, events
from streams.runners.engine import Engine
from streams.store import Store


def main() -> None:
    """Compile by using: what a worker needs is what this needs."""
    plan = Plan(end=date(2025, 6, 2), weeks=60, live_weeks=0, providers=1, sites=1, wards=2)
    now = datetime(2025, 6, 2, tzinfo=UTC)
    stamp = int(now.timestamp() * 1000)
    with tempfile.TemporaryDirectory() as place:
        store = Store.open(f"sqlite:///{Path(place)}/earshot.db")
        engine = Engine(
            store,
            catalogue=Catalogue.load(None),
            organisations=Organisations.load(None),
            reference=Reference.shipped(),
            budgets=Budgets(),
            clock=lambda: now,
            open_registration=True,
        )
        offsets: dict[str, int] = {}
        messages = []
        for one in events(plan):
            topic = FEED_OF_TYPE[one.event["type"]].topic
            offset = offsets.get(topic, 0)
            offsets[topic] = offset + 1
            key = one.event["data"]["provider"].encode()
            messages.append(Message(topic, 0, offset, key, msgspec.json.encode(one.event), stamp))
        taken = engine.process(0, messages)
        store.close()
    if taken != len(messages):
        raise SystemExit(f"only {taken} of {len(messages)} events were taken")


if __name__ == "__main__":
    main()
