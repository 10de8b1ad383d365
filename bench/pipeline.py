"""The pipeline on one core: JSON in, evidence out, against a bare parse and count.

Both read the same messages of a simulated region in event-time order. The
pipeline validates, screens, joins, watches and tells alerts; the bare loop calls
``json.loads`` and counts per provider. The ratio of their speeds is what counts.
Every round begins with nothing in memory, remembered outlines of events included; the two
take turns, and the best round of each counts. Times are of the processor. A second table
shows what an event costs with 1,000, 10,000 and 100,000 series in memory; the largest is
three regions, alike but for the codes of their providers. There a batch is four weeks at
every size, as a larger house is sent more in the same time: what an evaluation of a provider
costs besides its events is then shared by as many events at every size.

    python -m bench.pipeline [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.feeds import FEED_OF_TYPE
from streams.facts.messages import Fact, Message
from streams.histories.series import Block
from streams.intake import outlines
from streams.intake.receiving import Context, open_message
from streams.region.plan import Plan, events
from streams.runners.pipeline import ProviderState, advance

NOW = datetime(2026, 11, 2, tzinfo=UTC)
PACK = 100
BATCH = 100
WEEKS, BATCH_WEEKS = 32, 4


def messages(plan: Plan) -> list[Message]:
    """The region's events as packed messages, in the order they are sent."""
    waiting: dict[tuple[str, str], list[dict[str, object]]] = {}
    packed: list[Message] = []

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


def regions(packed: list[Message], number: int) -> list[Message]:
    """So many regions alike, whose providers have codes of their own, side by side."""
    found: list[Message] = []
    for message in packed:
        for letter in b"ZYXWV"[:number]:
            code = b"R" + bytes([letter])
            key, value = (
                part.replace(b"RZ", code) for part in (message.key, message.value) if part
            )
            found.append(replace(message, offset=len(found), key=key, value=value))
    return found


def bare(packed: list[Message]) -> tuple[int, float]:
    counts: Counter[str] = Counter()
    begin = time.process_time()
    for message in packed:
        for event in json.loads(message.value or b""):
            counts[event["data"]["provider"]] += 1
    return sum(counts.values()), time.process_time() - begin


class House:
    """Everything between the log and the store, without the store."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.catalogue = Catalogue.load()
        self.reference = Reference.shipped()
        self.states: dict[str, ProviderState] = {}
        self.known: dict[str, dict[bytes, Fact]] = {}

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


def whole(packed: list[Message], context: Context, batch: int = BATCH) -> tuple[int, float, House]:
    house = House(context)
    outlines.forget()
    number = 0
    begin = time.process_time()
    for start in range(0, len(packed), batch):
        number += house.take(packed[start : start + batch])
    return number, time.process_time() - begin, house


def series_in(house: House) -> int:
    blocks = [state.block for state in house.states.values()]
    return sum(columns.rows for block in blocks for columns in block.columns.values())


def alternately(
    packed: list[Message], context: Context, rounds: int, batch: int = BATCH
) -> tuple[float, float, House]:
    """Seconds of the bare loop and of the pipeline, the best of so many rounds by turns."""
    plain = seconds = float("inf")
    for _ in range(rounds):
        number, spent = bare(packed)
        plain = min(plain, spent)
        taken, spent, house = whole(packed, context, batch)
        seconds = min(seconds, spent)
        assert taken == number  # noqa: S101 - a benchmark that drops events measures nothing
    return plain, seconds, house


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    context = Context(
        organisations=Organisations.load(None), now=NOW, open_registration=True, scope=None
    )
    end = date(2026, 11, 2)
    whole(messages(Plan(end=end, weeks=30, live_weeks=0, providers=1)), context, BATCH)
    packed = messages(Plan(end=end, weeks=80, live_weeks=0, providers=4))
    plain, seconds, house = alternately(packed, context, rounds)
    number = bare(packed)[0]
    print(f"{number:,} events in {len(packed):,} messages, {series_in(house):,} series")
    print(f"json.loads and count  {number / plain:12,.0f} events/s")
    print(f"pipeline              {number / seconds:12,.0f} events/s")
    print(f"ratio                 {plain / seconds:12.3f}")
    print("\nseries in memory   us per event    of json.loads")
    for providers, sites, wards, copies in ((1, 2, 9, 1), (5, 5, 8, 1), (9, 9, 8, 3)):
        plan = Plan(
            end=end, weeks=WEEKS, live_weeks=0, providers=providers, sites=sites, wards=wards
        )
        packed = regions(messages(plan), copies)
        batch = -(-len(packed) * BATCH_WEEKS // WEEKS)
        plain, seconds, house = alternately(packed, context, rounds, batch)
        number = bare(packed)[0]
        print(f"{series_in(house):16,} {1e6 * seconds / number:14.2f} {plain / seconds:16.3f}")


if __name__ == "__main__":
    main()
