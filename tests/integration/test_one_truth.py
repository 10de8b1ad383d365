"""Whatever the order, the repeats and the batches: the same store and the same alerts."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.verification import verify
from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.evidence.signals import instant_of
from streams.facts.effects import Effects, UnitRecord
from streams.facts.messages import Message
from streams.histories.series import Block
from streams.runners.replay import rebuild
from streams.store import Store
from tests.nursery import engine
from tests.region_log import NOW, batches, in_order, log, shuffled

QUARTERS = ("01", "04", "07", "10")


def run(store: Store, stretches: Iterable[list[Message]]) -> str:
    """Feed a store and give its digest."""
    machine = engine(store)
    machine.assign(0)
    for stretch in stretches:
        machine.process(0, stretch)
    return store.digest()


def house() -> dict[str, Any]:
    """What alerts are made with, as the engine has it."""
    return {
        "catalogue": Catalogue.load(),
        "reference": Reference.shipped(),
        "budgets": Budgets(),
        "name_of": lambda code: code.rpartition(":")[2],
    }


def replayed(store: Store, provider: str) -> None:
    """Make what follows from a provider's facts anew."""
    rebuild(
        store,
        provider,
        0,
        **house(),
        now=NOW,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store after one run in order."""
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('calm')}/earshot.db")
    run(store, batches(log(in_order()), 50))
    return store


@pytest.mark.parametrize("seed", range(4))
def test_disorder_and_repeats_end_in_the_same_store(
    undisturbed: Store, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")

    digest = run(store, batches(log(shuffled(chance), 40, chance), 30, chance))

    assert undisturbed.digests() == store.digests()
    assert undisturbed.digest() == digest


def test_a_region_with_troubles_has_alerts(undisturbed: Store) -> None:
    alerts = [
        alert
        for provider in undisturbed.providers_with_facts()
        for alert in undisturbed.current_alerts(provider).values()
    ]

    assert "concern" in {alert.direction for alert in alerts}


def test_reading_a_log_again_changes_nothing(undisturbed: Store) -> None:
    before = undisturbed.digest()

    run(undisturbed, batches(log(in_order()), 50))

    assert before == undisturbed.digest()


def test_restarting_after_every_batch_ends_in_the_same_store(
    undisturbed: Store, tmp_path: Path
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    for stretch in batches(log(in_order()), 100):
        engine(store).process(0, stretch)

    assert undisturbed.digest() == store.digest()


def versions_of_places() -> list[dict[str, Any]]:
    """A fact that moves twice and is withdrawn, one that moves, and one that stays."""

    def version(event_id: str, revision: int, time: str, **place: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": "urn:nhs:ods:RZ1",
            "type": "uk.nhs.quality.incident.v1",
            "time": time,
            "revision": revision,
            "data": {"provider": "RZ1", **place},
        }

    return [
        version("moved", 1, "2026-03-20T00:00:00Z", site="RZ101", ward="mistyped"),
        version("moved", 2, "2026-03-19T00:00:00Z", site="RZ102", ward="Oak"),
        version("gone", 1, "2026-04-01T00:00:00Z", site="RZ103", ward="Elm"),
        version("gone", 2, "2026-04-01T00:00:00Z") | {"withdrawn": True},
        version("stays", 1, "2026-02-02T00:00:00Z", site="RZ102", ward="Ash"),
    ]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_place_that_no_fact_names_any_more_is_no_unit_whatever_came_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    events = versions_of_places()
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")

    run(store, batches(log([*(events[number] for number in order), events[4]], pack=1), 1))

    units = [unit.code for unit in store.units("RZ1")]
    assert units == ["RZ1", "RZ102", "RZ102:Ash", "RZ102:Oak"]


def test_a_unit_comes_back_with_the_next_fact_that_names_it(tmp_path: Path) -> None:
    events = versions_of_places()
    again = events[2] | {"id": "another"}
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")

    run(store, batches(log([*events, again], pack=1), 1))

    assert "RZ103:Elm" in {unit.code for unit in store.units("RZ1")}


def test_a_replay_forgets_a_unit_that_no_fact_names(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    run(store, batches(log(versions_of_places(), pack=1), 1))
    before = store.digest()
    stale = UnitRecord("RZ109", "site", "RZ1", "RZ1", "RZ109", "RZ109", verified=False)
    store.commit(0, store.load_partition(0).version, Effects(units=[stale]), {}, NOW)

    replayed(store, "RZ1")

    assert store.digest() == before


def test_every_alert_can_be_recomputed_from_the_facts(undisturbed: Store) -> None:
    for provider in undisturbed.providers_with_facts():
        for alert in undisturbed.current_alerts(provider).values():
            found = verify(
                undisturbed,
                alert,
                **house(),
            )

            assert found.holds, found.differences


def test_evidence_kept_up_to_date_equals_evidence_from_the_whole_history(
    undisturbed: Store,
) -> None:
    catalogue, reference = Catalogue.load(), Reference.shipped()
    for provider in undisturbed.providers_with_facts():
        told = undisturbed.current_alerts(provider)
        block = Block.load(undisturbed, catalogue, provider)
        again = Evaluation(
            catalogue,
            reference,
            Budgets(),
            lambda code: code.rpartition(":")[2],
            partial(undisturbed.facts_on, provider),
        ).alerts(block)

        assert told == {alert.id: alert for alert in again}


def test_a_signal_within_the_week_begins_with_the_event_that_made_it(undisturbed: Store) -> None:
    for provider in undisturbed.providers_with_facts():
        times = {
            alert.first_signal_at for alert in undisturbed.current_alerts(provider).values()
        } - {None}
        within = {time for time in times if not time.endswith("T00:00:00Z")}
        sent = {instant_of(fact.time) for fact in undisturbed.facts(provider)}

        assert within <= sent


def test_a_signal_where_speaking_up_is_weighed_is_told_with_its_day(undisturbed: Store) -> None:
    """The event that made the difference may have been a single case."""
    above_wards = [
        alert
        for provider in undisturbed.providers_with_facts()
        for alert in undisturbed.current_alerts(provider).values()
        if alert.unit_kind != "ward"
    ]

    assert above_wards
    assert all(alert.first_signal_at.endswith("T00:00:00Z") for alert in above_wards)


def quarters_of_speaking_up() -> list[dict[str, Any]]:
    """A site's quarterly counts; in the last three of thirteen half are anonymous."""
    ends = [f"{year}-{month}-01T00:00:00Z" for year in range(2023, 2027) for month in QUARTERS]
    return [
        {
            "specversion": "1.0",
            "id": f"spoken-{number}",
            "source": "urn:nhs:ods:RZ1",
            "type": "uk.nhs.quality.speakup.v1",
            "time": end,
            "data": {
                "provider": "RZ1",
                "site": "RZ101",
                "period_start": start,
                "period_end": end,
                "counts": {"cases": 60, "anonymous": 30 if number >= 10 else 4},
            },
        }
        for number, (start, end) in enumerate(pairwise(ends[:14]))
    ]


def test_the_counts_of_a_quarter_are_judged_when_they_arrive(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")

    run(store, batches(log(quarters_of_speaking_up(), pack=1), 1))

    alerts = store.current_alerts("RZ1").values()
    # Speaking up is told with its week, in which the third of the quarters ended.
    assert {(alert.unit, alert.first_signal_at) for alert in alerts} == {
        ("RZ1", "2026-04-06T00:00:00Z"),
        ("RZ101", "2026-04-06T00:00:00Z"),
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_of_quarters_give_one_store_whatever_came_first(
    tmp_path: Path, seed: int
) -> None:
    events = quarters_of_speaking_up()
    case = events[-1] | {"id": "case", "time": "2026-03-31T09:00:00Z"}
    case["data"] = {"provider": "RZ1", "site": "RZ101", "elements": []}
    wrong = events[-1] | {"id": "wrong"}
    gone = wrong | {"revision": 2, "withdrawn": True}
    calm, mixed = (Store.open(f"sqlite:///{tmp_path}/{name}.db") for name in ("calm", "mixed"))
    all_events = [*events, case, wrong, gone]
    disorder = random.Random(seed).sample(all_events, len(all_events))

    run(calm, batches(log(all_events, pack=1), 1))
    run(mixed, batches(log(disorder, pack=1), 2))
    before = calm.digest()
    replayed(calm, "RZ1")

    assert before == mixed.digest() == calm.digest()
    assert calm.current_alerts("RZ1")
