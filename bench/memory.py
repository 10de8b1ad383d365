"""Bytes in memory for each series that a worker holds, after two years of weeks.

    python -m bench.memory [--series 1000 10000 100000]

A simulated region's events go through the engine's own steps. Then each provider is
taken over anew from its tallies and evaluated, as a worker does it on assignment, and
what Python and NumPy hold for it is counted (tracemalloc): the histories (block) and the
evidence that is kept beside them (watches). The region's providers are taken over again
and again until there are as many series as asked for. A series is an indicator of a unit, on the
grid on which it is kept. The first providers are measured and thrown away, so that
what is loaded once a process (compiled kernels, modules, tables) is not counted.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import cycle
from typing import Any

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.effects import ProviderRecord, Tally
from streams.facts.feeds import FEED_OF_TYPE
from streams.facts.messages import Fact, Message
from streams.histories.series import Block
from streams.intake.packing import EVENTS_A_PACKET
from streams.intake.receiving import Context, open_message
from streams.region.plan import Plan, events
from tests.sent_events import written

END = date(2026, 11, 2)
NOW = datetime(2026, 11, 2, tzinfo=UTC)
WEEKS = 104
PLAN = Plan(end=END, weeks=WEEKS, live_weeks=0, providers=3, sites=5, wards=10)


class Told:
    """What the store would answer about one provider."""

    def __init__(self, block: Block) -> None:
        self._record = ProviderRecord(block.provider, block.watermarks, block.catalogue.digest)
        self._tallies = block.take_tallies()

    def provider(self, provider: str) -> ProviderRecord:  # noqa: ARG002 - as the store asks
        """What is held of the provider."""
        return self._record

    def tallies(self, provider: str) -> Iterable[Tally]:  # noqa: ARG002 - as the store asks
        """All its tallies."""
        return self._tallies

    def facts(self, provider: str) -> Iterable[Fact]:  # noqa: ARG002 - as the store asks
        """None: tallies of the same catalogue are enough."""
        return ()


def facts(plan: Plan, context: Context) -> Iterator[Fact]:
    """The region's facts."""
    waiting: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def opened(place: tuple[str, str]) -> list[Fact]:
        value = written(waiting.pop(place))
        stamp = int(NOW.timestamp() * 1000)
        return open_message(Message(place[1], 0, 0, place[0].encode(), value, stamp), context).facts

    for sent in events(plan):
        place = (sent.event["data"]["provider"], FEED_OF_TYPE[sent.event["type"]].topic)
        waiting[place].append(sent.event)
        if len(waiting[place]) == EVENTS_A_PACKET:
            yield from opened(place)
    for place in list(waiting):
        yield from opened(place)


def told(plan: Plan, catalogue: Catalogue) -> list[tuple[str, Told]]:
    """The stored history of each provider of a region."""
    context = Context(organisations=Organisations.load(None), now=NOW, open_registration=True)
    blocks: dict[str, Block] = {}
    batch: dict[str, list[Fact]] = defaultdict(list)

    def flush(provider: str) -> None:
        block = blocks.setdefault(provider, Block(catalogue, provider))
        block.change(batch.pop(provider))

    for fact in facts(plan, context):
        batch[fact.provider].append(fact)
        if len(batch[fact.provider]) == 20_000:
            flush(fact.provider)
    for provider in list(batch):
        flush(provider)
    return [(provider, Told(block)) for provider, block in blocks.items()]


def measure(
    stored: list[tuple[str, Told]], catalogue: Catalogue, wanted: int
) -> tuple[int, int, int, int]:
    """Series, bytes of the blocks, bytes of the watches and the peak above both."""
    reference = Reference.shipped()
    kept = []
    series = blocks = watches = 0
    gc.collect()
    tracemalloc.start()
    for provider, history in cycle(stored):
        if series >= wanted:
            break
        before = tracemalloc.get_traced_memory()[0]
        block = Block.load(history, catalogue, provider)
        gc.collect()
        loaded = tracemalloc.get_traced_memory()[0]
        evaluation = Evaluation(catalogue, reference, Budgets())
        evaluation.alerts(block)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        blocks += loaded - before
        watches += after - loaded
        series += sum(columns.rows for columns in block.columns.values())
        kept.append((block, evaluation))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return series, blocks, watches, peak - held


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000])
    wanted = parser.parse_args().series
    catalogue = Catalogue.load()
    stored = told(PLAN, catalogue)
    measure(stored, catalogue, 1)
    print(f"{'series':>9}{'block':>10}{'watches':>10}{'together':>10}{'peak':>12}   bytes a series")
    for number in wanted:
        series, block, watches, peak = measure(stored, catalogue, number)
        parts = (block / series, watches / series, (block + watches) / series)
        print(
            f"{series:9,}" + "".join(f"{part:10,.0f}" for part in parts) + f"{peak / 1e6:9.0f} MB"
        )


if __name__ == "__main__":
    main()
