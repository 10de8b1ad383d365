"""Two contents under one revision: the sender hears of it, and no store depends on the order."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.messages import Message
from streams.runners.engine import Engine
from streams.store import Store
from tests.sent_events import event

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONTENTS = [
    event(id="same", revision=3, data={"category": category}, recordedtime=None)
    for category in ("fall", "other", "device")
]


def taken(directory: Path, order: list[dict], pieces: int) -> Store:
    """A store after the events in this order, in messages of so many."""
    store = Store.open(f"sqlite:///{directory}/earshot.db")
    engine = Engine(
        store,
        catalogue=Catalogue.load(),
        organisations=Organisations.load(),
        reference=Reference.shipped(),
        budgets=Budgets(),
        clock=lambda: NOW,
        open_registration=True,
    )
    for offset, start in enumerate(range(0, len(order), pieces)):
        value = json.dumps(order[start : start + pieces]).encode()
        stamp = int(NOW.timestamp() * 1000)
        engine.process(0, [Message("incidents", 0, offset, b"EXA", value, stamp)])
    return store


def letters(store: Store) -> dict[str, str]:
    """What was told: reason by hash of the content."""
    return {row.sha256: row.code for row in store.dead_letters().items}


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_the_store_and_what_is_told_do_not_depend_on_the_order(tmp_path, pieces):
    digests, heard = set(), set()
    for number, order in enumerate(permutations(CONTENTS)):
        again = [*order, order[number % 3]]
        store = taken(tmp_path / str(number), again, pieces)
        digests.add(store.digest())
        heard.add(frozenset(letters(store).items()))
        counters = store.counters()
        assert len(again) == counters.processed
        assert counters.rejected in {2, 3}
        (fact,) = store.facts("EXA")
        kept = {json.loads(row.raw)["data"]["category"] for row in _kept(store)}
        assert {"fall", "other", "device"} == kept | {json.loads(fact.body)["category"]}
        store.close()

    assert 1 == len(digests)
    assert 1 == len(heard)
    assert {"revision_conflict"} == {code for _, code in next(iter(heard))}


def _kept(store: Store) -> list:
    return store.take_dead_letters([row.id for row in store.dead_letters().items])


def test_a_revision_that_is_superseded_settles_its_conflicts(tmp_path):
    later = event(id="same", revision=4, recordedtime=None)
    orders = [[later, *CONTENTS], [*CONTENTS, later], [CONTENTS[0], later, *CONTENTS[1:]]]
    stores = [taken(tmp_path / str(number), order, 1) for number, order in enumerate(orders)]

    assert 1 == len({store.digest() for store in stores})
    assert [0, 2, 0] == [store.counters().rejected for store in stores]
    assert [4] == [fact.revision for fact in stores[0].facts("EXA")]


def test_many_shuffled_versions_end_in_one_store(tmp_path):
    chance = random.Random(5)
    sent = [
        event(id=f"f{number}", revision=revision, data={"category": category}, recordedtime=None)
        for number in range(8)
        for revision in (1, 2)
        for category in ("fall", "other", "device")
    ]
    digests = set()
    for number in range(4):
        chance.shuffle(sent)
        store = taken(tmp_path / str(number), sent, chance.randrange(1, 9))
        digests.add(store.digest())
        told = {json.loads(row.raw)["id"] for row in _kept(store)}
        assert {f"f{number}" for number in range(8)} == told

    assert 1 == len(digests)
