"""The pipeline on one core: JSON in, evidence out, against a bare parse and count.

Both read the same messages of a simulated region in event-time order. The
pipeline validates, screens, joins, watches and tells alerts; the bare loop calls
``json.loads`` and counts per provider. The ratio of their speeds is what counts.
A second table shows that the cost of an event does not grow with the number of
series in memory.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, date, datetime

from streams.evaluation import Budgets, Evaluation
from streams.feeds import FEED_OF_TYPE
from streams.indicators import Catalogue
from streams.intake import Context, open_message
from streams.messages import Fact, Message
from streams.organisations import Organisations
from streams.pipeline import ProviderState, advance
from streams.reference import Reference
from streams.region import Plan, events
from streams.series import Block

NOW = datetime(2026, 11, 2, tzinfo=UTC)
PACK = 100
BATCH = 100


def messages(plan: Plan) -> list[Message]:
    """The region's events as packed messages, in the order they are sent."""
    waiting: dict[tuple[str, str], list[dict[str, object]]] = {}
    packed = []

    def flush(place: tuple[str, str]) -> None:
        value = json.dumps(waiting.pop(place)).encode()
        stamp = int(NOW.timestamp() * 1000)
        packed.append(Message(place[1], 0, len(packed), place[0].encode(), value, stamp))

    for sent in events(plan):
        place = (sent.event["data"]["provider"], FEED_OF_TYPE[sent.event["type"]].topic)
        waiting.setdefault(place, []).append(sent.event)
        if len(waiting[place]) == PACK:
            flush(place)
    for place in list(waiting):
        flush(place)
    return packed


def bare(packed: list[Message]) -> tuple[int, float]:
    counts: Counter[str] = Counter()
    begin = time.perf_counter()
    for message in packed:
        for event in json.loads(message.value or b""):
            counts[event["data"]["provider"]] += 1
    return sum(counts.values()), time.perf_counter() - begin


class House:
    """Everything between the log and the store, without the store."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.catalogue = Catalogue.load()
        self.reference = Reference.shipped()
        self.states: dict[str, ProviderState] = {}
        self.known: dict[tuple[str, bytes], Fact] = {}

    def take(self, packed: list[Message]) -> int:
        facts: list[Fact] = []
        for message in packed:
            facts += open_message(message, self.context).facts
        for provider in {fact.provider for fact in facts} - self.states.keys():
            self.states[provider] = ProviderState(
                Block(self.catalogue, provider),
                Evaluation(self.catalogue, self.reference, Budgets()),
                {},
                set(),
            )
        advance(self.states, facts, self.known)
        return len(facts)


def whole(packed: list[Message], context: Context) -> tuple[int, float, House]:
    house = House(context)
    number = 0
    begin = time.perf_counter()
    for start in range(0, len(packed), BATCH):
        number += house.take(packed[start : start + BATCH])
    return number, time.perf_counter() - begin, house


def series_in(house: House) -> int:
    blocks = [state.block for state in house.states.values()]
    return sum(columns.rows for block in blocks for columns in block.columns.values())


def main() -> None:
    context = Context(
        organisations=Organisations.load(None), now=NOW, open_registration=True, scope=None
    )
    whole(messages(Plan(end=date(2026, 11, 2), weeks=30, live_weeks=0, providers=1)), context)
    packed = messages(Plan(end=date(2026, 11, 2), weeks=80, live_weeks=0, providers=4))
    number, plain, _ = (*bare(packed), None)
    taken, seconds, house = whole(packed, context)
    assert taken == number  # noqa: S101 - a benchmark that drops events measures nothing
    print(f"{number:,} events in {len(packed):,} messages, {series_in(house):,} series")
    print(f"json.loads and count  {number / plain:12,.0f} events/s")
    print(f"pipeline              {number / seconds:12,.0f} events/s")
    print(f"ratio                 {plain / seconds:12.3f}")
    print("\nseries in memory   us per event")
    for providers, sites in ((1, 1), (2, 3), (9, 9)):
        plan = Plan(
            end=date(2026, 11, 2), weeks=30, live_weeks=0, providers=providers, sites=sites, wards=8
        )
        taken, seconds, house = whole(messages(plan), context)
        print(f"{series_in(house):16,} {1e6 * seconds / taken:14.2f}")


if __name__ == "__main__":
    main()
