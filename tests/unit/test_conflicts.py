"""Two contents under one revision: found, and told of by what was said, not by when."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations

import msgspec

from streams.facts.messages import Fact, Opened
from streams.intake.conflicts import clash, conflicts, index_of, told
from streams.intake.receiving import open_message
from tests.sent_events import context, event, message, written


def content(category: str, revision: int = 1, **changes: object) -> Fact:
    """A version of one fact."""
    sent = event(id="same", revision=revision, data={"category": category}, **changes)
    (fact,) = open_message(message(written(sent)), context()).facts
    return fact


A, B, C = sorted(map(content, ("fall", "other", "device")), key=lambda fact: fact.rank)


def losers(arrivals, known=()):
    held = {fact.provider: {fact.key: fact} for fact in known}
    return [one.loser for one in conflicts(arrivals, held)]


def test_every_content_but_the_greatest_is_told_of_in_any_order():
    for order in permutations((A, B, C)):
        assert {A, B} == set(losers(order))
        for cut in range(4):
            # The first ones are in the store already, which holds the greatest of them.
            before = max(order[:cut], key=lambda fact: fact.rank, default=None)
            told_before = losers(order[:cut])
            after = losers(order[cut:], () if before is None else (before,))
            assert {A, B} == set(told_before + after)


def test_what_is_told_is_the_same_in_any_order():
    first, second = losers([A, B]), losers([B, A])
    assert told(first[0], 0) == told(second[0], 0)
    raw = told(A, 0).raw
    assert raw is not None
    (again,) = open_message(message(raw), context()).facts
    assert again == A
    assert "fall" not in told(A, 0).detail


def test_repeats_corrections_and_withdrawals_are_no_conflicts():
    assert losers([A, A, A]) == []
    assert losers([A, content("other", revision=2)]) == []
    assert losers([content("other", revision=2), A]) == []
    withdrawal = content("fall", withdrawn=True)
    assert losers([A, withdrawal]) == []
    assert losers([withdrawal, A]) == []
    moved = msgspec.structs.replace(withdrawal, ward="another")
    assert not clash(withdrawal.rank, moved.rank)


def test_the_place_of_a_fact_is_found_between_refused_items():
    body = json.dumps([1, event(id="a"), {"b": 2}, event(id="c"), event(id="d")]).encode()
    opened = open_message(message(body), context())

    assert [1, 3, 4] == [index_of(opened, number) for number in range(3)]
    assert 2 == index_of(replace(opened, rejections=[]), 2)
    assert 0 == index_of(Opened(), 0)
