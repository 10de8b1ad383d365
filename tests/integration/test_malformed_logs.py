"""Ten thousand malformed messages straight in a log, on both runners: all accounted for.

What must come of a message is worked out apart from any runner. The store then has to
hold exactly those facts and exactly those dead letters, and its count of events is theirs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.messages import Fact, Message
from streams.intake.conflicts import clash, index_of, told
from streams.intake.receiving import Context, open_message
from streams.runners.embedded import EmbeddedRunner
from streams.runners.engine import Engine
from streams.runners.journal import Journal
from streams.store import Store, schema
from tests.kafka_broker import KafkaBroker
from tests.kafka_workers import (
    organisations_file,
    scene,
    send,
    wait_for,
)
from tests.malformed import Sent, malformed_message
from tests.packets import SmallPacket

INPUTS = 10_000
LARGEST = 900_000
"""Below the size at which Kafka refuses a message by itself."""
PROVIDER = b"RZ1"
"""One of the region that the workers of these tests know."""

Letter = tuple[str, str, str, int, int]
"""Topic, code, hash, size and index of an event that was refused."""


def messages(seed: int) -> list[Sent]:
    """Malformed messages, most of them about a provider of the region, others about nobody."""
    rng = random.Random(seed)
    found = []
    while len(found) < INPUTS:
        one = malformed_message(rng)
        if len(one.value or b"") > LARGEST:
            continue
        if rng.random() < 0.95:
            one = Sent(
                one.topic,
                None if one.key is None else one.key.replace(b"EXA", PROVIDER),
                None if one.value is None else one.value.replace(b"EXA", PROVIDER),
                tuple((name, value.replace(b"EXA", PROVIDER)) for name, value in one.headers),
            )
        found.append(one)
    return found


def as_messages(sent: Iterable[Sent], now: datetime) -> list[Message]:
    """The same as a log gives them; places are not looked at here."""
    stamp = int(now.timestamp() * 1000)
    return [Message(m.topic, 0, 0, m.key, m.value, stamp, m.headers) for m in sent]


def expected(
    sent: Sequence[Message], organisations: Organisations, *, open_registration: bool
) -> tuple[dict[bytes, Fact], Counter[Letter], int]:
    """The facts that stand in the end, the letters, and how many events there were."""
    context = Context(
        organisations=organisations,
        now=datetime.now(UTC),
        open_registration=open_registration,
        metrics=Catalogue.load().metrics,
    )
    facts: dict[bytes, Fact] = {}
    letters: Counter[Letter] = Counter()
    events = 0
    for message in sent:
        opened = open_message(message, context)
        assert opened.facts or opened.rejections
        events += len(opened.facts) + len(opened.rejections)
        for one in opened.rejections:
            letters[message.topic, one.code, one.sha256, one.size, one.index] += 1
        for number, fact in enumerate(opened.facts):
            held = facts.get(fact.key)
            if held is not None and clash(held.rank, fact.rank):
                # Broken identifiers meet. The facts of a topic come in the order they were sent.
                lost = told(min(held, fact, key=lambda one: one.rank), index_of(opened, number))
                letters[message.topic, lost.code, lost.sha256, lost.size, lost.index] += 1
            if held is None or fact.rank > held.rank:
                facts[fact.key] = fact
    return facts, letters, events


def letters_in(store: Store) -> Counter[Letter]:
    """The dead letters of a store."""
    letter = schema.dead_letter.c
    query = select(letter.topic, letter.code, letter.sha256, letter.size, letter.item)
    with store.database.read() as connection:
        return Counter(tuple(row) for row in connection.execute(query))


def facts_in(store: Store) -> dict[bytes, Fact]:
    """All facts of a store."""
    return {
        fact.key: fact
        for provider in store.providers_with_facts()
        for fact in store.facts(provider)
    }


def check(store: Store, sent: Sequence[Message], organisations: Organisations, *, open_: bool):
    """Compare a store with what must have come of the messages."""
    facts, letters, events = expected(sent, organisations, open_registration=open_)

    assert len({code for _, code, *_ in letters}) >= 15
    assert len(facts) > 500
    assert letters == letters_in(store)
    assert facts == facts_in(store)
    counters = store.counters()
    assert (events, letters.total()) == (counters.processed, counters.rejected)


@pytest.mark.slow
def test_the_embedded_runner_accounts_for_ten_thousand_malformed_messages(sqlite_store: Store):
    store, now = sqlite_store, datetime.now(UTC)
    # The journal is written by this service alone: it always has a key and no headers.
    sent = [Sent(m.topic, m.key or b"", m.value or b"") for m in messages(1)]
    journal = Journal(store)
    engine = Engine(
        store,
        catalogue=Catalogue.load(),
        organisations=Organisations.load(),
        reference=Reference.shipped(),
        budgets=Budgets(),
        clock=lambda: datetime.now(UTC),
        open_registration=True,
    )
    runner = EmbeddedRunner(store, journal, engine)
    journal.append([SmallPacket(m.topic, m.key or b"", m.value or b"", 1) for m in sent], now)
    runner.start()
    try:
        assert runner.wait_idle(120)
        assert runner.failure is None
    finally:
        runner.stop()

    check(store, as_messages(sent, now), Organisations.load(), open_=True)


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.slow
def test_a_worker_accounts_for_ten_thousand_malformed_messages_on_kafka(
    kafka_broker: KafkaBroker, topic_prefix: str, postgres_url: str, tmp_path: Path
):
    sent = as_messages(messages(2), datetime.now(UTC))
    places = Organisations.load(organisations_file(tmp_path))
    with scene(kafka_broker.bootstrap, topic_prefix, postgres_url, tmp_path, count=1) as it:
        send(it.bootstrap, it.prefix, sent)
        (worker,) = it.workers
        worker.start()
        wait_for(lambda: it.behind == 0 or not worker.alive, 120, worker.log)
        assert worker.alive, worker.log()

        check(it.store, sent, places, open_=False)
        total = it.store.counters().rejected
        wait_for(lambda: it.store.delivered("kafka-deadletters") == total, 60, worker.log)
        assert worker.ask("/readyz")[0] == 200
        assert worker.metric("earshot_worker_buried_messages_total") == 0
        assert worker.metric("earshot_worker_forwarded_messages_total") == 0
