"""Units, dead letters, keys, idempotency, deliveries and retention."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from streams.facts.effects import DeadLetter, Effects, UnitRecord
from streams.facts.messages import Rejection
from streams.runners.journal import Journal
from streams.store import (
    KeyReused,
    Pruned,
    RequestInProgress,
    Role,
    Store,
    StoredResponse,
    StoreUnavailable,
    UnknownItem,
)
from tests.alerts import alert, changed
from tests.packets import packet

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def units() -> list[UnitRecord]:
    rows = [
        ("QE1", "icb", None, ""),
        ("RXX", "provider", "QE1", "RXX"),
        ("RXX01", "site", "RXX", "RXX"),
        ("RXX01:A", "ward", "RXX01", "RXX"),
        ("RXX01:b", "ward", "RXX01", "RXX"),
        ("RXX02", "site", "RXX", "RXX"),
        ("RYY", "provider", "QE1", "RYY"),
    ]
    return [
        UnitRecord(code, kind, parent, provider, code, code, verified=kind != "ward")
        for code, kind, parent, provider in rows
    ]


@pytest.fixture
def hierarchy(store):
    store.load_partition(0)
    store.commit(0, 0, Effects(units=units()), {}, NOW)
    return store


def codes(page) -> list[str]:
    return [unit.code for unit in page.items]


def test_units_are_listed_by_code_in_pages(hierarchy):
    first = hierarchy.list_units(limit=4)
    second = hierarchy.list_units(limit=4, cursor=first.next)

    assert first.items + second.items == units()
    assert second.next is None


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"kind": "ward"}, ["RXX01:A", "RXX01:b"]),
        ({"under": "RXX01"}, ["RXX01:A", "RXX01:b"]),
        ({"under": "QE1"}, ["RXX", "RXX01", "RXX01:A", "RXX01:b", "RXX02", "RYY"]),
        ({"under": "QE1", "kind": "provider"}, ["RXX", "RYY"]),
        ({"under": "nowhere"}, []),
        ({"provider": "RYY"}, ["RYY"]),
    ],
)
def test_units_are_chosen_by_kind_place_and_provider(hierarchy, filters, wanted):
    assert codes(hierarchy.list_units(**filters)) == wanted


def test_a_unit_stands_with_all_below_it(hierarchy):
    assert hierarchy.units_under("RXX") == ["RXX", "RXX01", "RXX01:A", "RXX01:b", "RXX02"]
    assert hierarchy.units_under("nowhere") == ["nowhere"]
    assert hierarchy.unit("nowhere") is None


def letter(
    offset: int, code: str = "schema", sender: str | None = "RXX", raw: bytes | None = b"{}"
):
    return DeadLetter(
        "incidents", 0, offset, Rejection(2, "i-1", code, "why", raw, "ab" * 32, 17), sender
    )


@pytest.fixture
def letters(store):
    store.load_partition(0)
    kept = [letter(0), letter(1, "personal_data", raw=None), letter(2, sender="RYY")]
    store.commit(0, 0, Effects(dead_letters=kept), {}, NOW)
    return store


def test_dead_letters_are_listed_newest_first_without_their_bytes(letters):
    first = letters.dead_letters(limit=2)
    second = letters.dead_letters(limit=2, cursor=first.next)

    assert [row.offset for row in first.items + second.items] == [2, 1, 0]
    assert [row.kept for row in first.items + second.items] == [True, False, True]
    assert {row.raw for row in first.items} == {None}
    assert second.items[0].index == 2
    assert second.items[0].at == "2026-01-06T09:00:00.000Z"


def test_a_sender_s_key_may_hold_anything(store):
    """PostgreSQL's texts cannot hold NUL, and a key on Kafka is any bytes."""
    store.load_partition(0)
    odd = letter(0, sender="R\0X\ufffd")
    store.commit(0, 0, Effects(dead_letters=[odd]), {}, NOW)

    assert [row.sender for row in store.dead_letters().items] == ["R\ufffdX\ufffd"]


def test_dead_letters_are_chosen_and_counted_by_reason_and_sender(letters):
    assert [row.offset for row in letters.dead_letters(code="schema").items] == [2, 0]
    assert [row.offset for row in letters.dead_letters(provider="RYY").items] == [2]
    assert letters.dead_letters(providers=[]).items == []
    assert letters.dead_letter_counts() == {"personal_data": 1, "schema": 2}
    assert letters.dead_letter_counts(providers=["RYY"]) == {"schema": 1}


def test_dead_letters_are_taken_with_their_bytes_and_marked(letters):
    ids = [row.id for row in letters.dead_letters().items]

    letters.mark_replayed(ids[:1], NOW + DAY)

    taken = letters.take_dead_letters([*ids, 999])
    assert [row.raw for row in taken] == [b"{}", None, b"{}"]
    assert [row.replayed_at for row in taken] == [None, None, "2026-01-07T09:00:00.000Z"]


def test_a_key_opens_what_it_was_made_for(store):
    made = store.create_key({"RXX", "QE1"}, now=NOW, role=Role.QUALITY_TEAM, label="quality team")

    found = store.verify_key(made.token, NOW)

    assert found.scope == {"RXX", "QE1"}
    assert (found.role, found.label) == ("quality_team", "quality team")
    assert made.token.startswith(f"earshot_{found.prefix}_")
    assert store.find_key(found.prefix).last_used_at == "2026-01-06T09:00:00.000Z"
    assert [row.prefix for row in store.list_keys()] == [found.prefix]


def test_the_secret_of_a_key_is_stored_nowhere(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    made = store.create_key({"RXX"}, now=NOW)
    secret = made.token.split("_", 2)[2].encode()
    store.close()

    assert all(secret not in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", ["", "earshot", "earshot_", "earshot_0_1", "other_{prefix}_x", "é_ü_ß"]
)
def test_what_is_no_key_opens_nothing(store, wrong):
    made = store.create_key({"RXX"}, now=NOW)

    assert store.verify_key(wrong.format(prefix=made.row.prefix), NOW) is None
    assert store.verify_key(made.token[:-1], NOW) is None
    assert store.verify_key(made.token + "x", NOW) is None


def test_a_revoked_key_opens_nothing(store):
    made = store.create_key({"RXX"}, now=NOW)

    store.revoke_key(made.row.prefix, NOW)
    store.revoke_key(made.row.prefix, NOW + DAY)

    assert store.verify_key(made.token, NOW) is None
    assert store.find_key(made.row.prefix).revoked_at == "2026-01-06T09:00:00.000Z"
    assert [row.what for row in store.audit().items] == ["key_revoked", "key_created"]
    with pytest.raises(UnknownItem):
        store.revoke_key("nothing", NOW)


def test_a_key_of_an_unknown_role_is_not_made(store):
    with pytest.raises(ValueError, match="king"):
        store.create_key({"RXX"}, now=NOW, role="king")


ANSWER = StoredResponse(202, "application/json", b'{"accepted": 1}')


def test_a_request_sent_twice_gets_its_first_answer(store):
    assert store.reserve_request("k", "RXX", b"same", NOW) is None
    with pytest.raises(RequestInProgress):
        store.reserve_request("k", "RXX", b"same", NOW + timedelta(seconds=59))

    store.complete_request("k", "RXX", ANSWER)

    assert store.reserve_request("k", "RXX", b"same", NOW + timedelta(hours=23)) == ANSWER


def test_a_key_is_not_lent_to_another_request_or_sender(store):
    store.reserve_request("k", "RXX", b"one", NOW)

    with pytest.raises(KeyReused):
        store.reserve_request("k", "RXX", b"two", NOW)
    assert store.reserve_request("k", "RYY", b"two", NOW) is None


def test_the_reservation_of_a_request_that_died_is_taken_over(store):
    store.reserve_request("k", "RXX", b"same", NOW)
    later = NOW + timedelta(seconds=60)

    assert store.reserve_request("k", "RXX", b"same", later) is None
    with pytest.raises(RequestInProgress):
        store.reserve_request("k", "RXX", b"same", later)


def test_a_released_request_may_be_tried_again_and_a_done_one_not(store):
    store.reserve_request("k", "RXX", b"same", NOW)
    store.release_request("k", "RXX")
    assert store.reserve_request("k", "RXX", b"same", NOW) is None

    store.complete_request("k", "RXX", ANSWER)
    store.release_request("k", "RXX")
    assert store.reserve_request("k", "RXX", b"same", NOW) == ANSWER


def test_a_key_is_free_again_after_a_day(store):
    store.reserve_request("k", "RXX", b"one", NOW)
    store.complete_request("k", "RXX", ANSWER)

    assert store.reserve_request("k", "RXX", b"two", NOW + DAY) is None


def test_of_many_requests_with_one_key_one_is_done(store):
    def ask(_number: int) -> str:
        try:
            return "mine" if store.reserve_request("k", "RXX", b"same", NOW) is None else "answer"
        except RequestInProgress:
            return "busy"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(16)))

    assert sorted(outcomes) == ["busy"] * 15 + ["mine"]


def test_a_delivery_remembers_how_far_it_got(store):
    assert store.delivered("alerts") == 0

    store.mark_delivered("alerts", 4)
    store.mark_delivered("alerts", 9)

    assert store.delivered("alerts") == 9
    assert store.delivered("webhooks") == 0


def test_what_has_had_its_time_is_pruned_and_the_rest_stays(store):
    journal = Journal(store)
    store.load_partition(0)
    effects = changed("opened", alert())
    effects.dead_letters = [letter(0)]
    journal.append([packet(), packet()], NOW)
    store.commit(0, 0, effects, {"incidents": 1}, NOW)
    store.reserve_request("k", "RXX", b"one", NOW)

    assert store.prune(NOW + timedelta(hours=23)) == Pruned(0, 0, 0, 0)
    assert store.prune(NOW + 3 * DAY) == Pruned(0, 0, answers=1, journal=1)
    assert [message.offset for message in journal.read(0, {"incidents": 1}, 9)] == [1]
    assert store.prune(NOW + 8 * DAY) == Pruned(0, outbox=1, answers=0, journal=0)
    assert store.prune(NOW + 15 * DAY) == Pruned(dead_letters=1, outbox=0, answers=0, journal=0)
    assert store.alert("a1") is not None
    assert len(store.audit().items) == 1


def test_a_change_that_a_delivery_waits_for_is_not_pruned(store):
    store.load_partition(0)
    for version in range(3):
        store.commit(0, version, changed("amended", alert()), {}, NOW)
    store.mark_delivered("alerts", 2)
    store.mark_delivered("kafka-deadletters", 0)

    assert store.prune(NOW + 8 * DAY).outbox == 2
    assert store.outbox_range() == (3, 3)
    assert store.prune(NOW + 29 * DAY).outbox == 1


def test_pruning_takes_more_than_one_portion(store):
    store.load_partition(0)
    store.commit(0, 0, Effects(dead_letters=[letter(place) for place in range(2500)]), {}, NOW)
    store.commit(0, 1, Effects(dead_letters=[letter(2500)]), {}, NOW + 10 * DAY)

    assert store.prune(NOW + 15 * DAY).dead_letters == 2500
    assert [row.offset for row in store.dead_letters().items] == [2500]


def test_numbers_of_pruned_changes_are_not_given_again(store):
    store.load_partition(0)
    store.commit(0, 0, changed("opened", alert()), {}, NOW)
    store.prune(NOW + 8 * DAY)
    assert store.outbox_range() == (0, 0)

    store.commit(0, 1, changed("amended", alert()), {}, NOW)

    assert [row.seq for row in store.outbox_since(0)] == [2]


def test_a_store_opens_again_with_what_it_holds(store_url):
    store = Store.open(store_url)
    store.load_partition(0)
    store.commit(0, 0, Effects(units=units()), {"incidents": 3}, NOW)
    before = store.digest()
    store.close()

    again = Store.open(store_url)

    assert again.digest() == before
    assert again.load_partition(0).positions == {"incidents": 3}
    again.close()


def test_many_processes_may_open_a_new_store_at_once(new_url):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store.open(new_url), range(4)))

    assert len({store.digest() for store in stores}) == 1
    for store in stores:
        store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_other_databases_are_refused(url):
    with pytest.raises(ValueError, match="store"):
        Store.open(url)


def test_a_database_that_does_not_answer_is_told_without_its_password():
    with pytest.raises(StoreUnavailable) as refusal:
        Store.open("postgresql+psycopg://earshot:secret@127.0.0.1:1/earshot")

    assert "secret" not in str(refusal.value)
