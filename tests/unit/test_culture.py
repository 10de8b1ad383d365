"""Concerns over incidents in a running house: told, waited for, or told as better reporting."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from streams.catalogue.indicators import Catalogue
from streams.evidence.counting import CountWatch
from streams.evidence.culture import told_rightly
from streams.evidence.findings import Signal
from streams.evidence.reference import Reference
from streams.facts.feeds import Feed
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
MODEL = Reference.shipped().models["ward"]
MONDAY = date(2024, 1, 1)
WEEKS, AT = 90, 60
WARD = "RXX01:W1"


def ward_facts(weeks: int, share: float, *, complaints: int = 0, graded: bool = True):
    """One ward: five incidents a week and, from ``AT``, nine, a ``share`` of them with harm."""
    due = 0.0
    for week in range(weeks):
        monday = MONDAY + timedelta(weeks=week)
        number, part = (9, share) if week >= AT else (5, 0.4)
        for which in range(number):
            due += part
            harmed = due >= 1.0
            due -= harmed
            harm = {"harm": "low" if harmed else "none"} if graded else {}
            yield fact(
                f"i{week}-{which}", str(monday + timedelta(days=which % 7)), ward="W1",
                event_type="incident", category="other", **harm,
            )  # fmt: skip
        for which in range(complaints if week >= AT else week % 2):
            yield fact(f"c{week}-{which}", str(monday), Feed.COMPLAINTS, ward="W1")


@cache
def heard(share: float, weeks: int = WEEKS, complaints: int = 0, *, graded: bool = True):
    """The signals of the ward from its counts, and what is told of them."""
    block, watch = Block(CATALOGUE, "RXX"), CountWatch("ward", MODEL, budget1=0.2, budget2=0.05)
    facts = list(ward_facts(weeks, share, complaints=complaints, graded=graded))
    block.change(facts)
    watch.evaluate(block)
    block.clean()
    code = next(slot.code for slot in block.slots if slot.kind == "ward" and not slot.own)
    signals = watch.signals(block, code)
    return signals, [told for one in signals for told in told_rightly(block, watch, one)]


def directions(told: list[Signal]) -> set[tuple[str, str]]:
    return {(one.kind, one.direction) for one in told}


def test_more_incidents_with_as_much_harm_in_each_are_a_concern():
    signals, told = heard(0.4)

    assert directions(signals) == {("quality", "concern")}
    assert directions(told) == {("quality", "concern")}


def test_more_incidents_with_no_more_harm_are_better_reporting():
    signals, told = heard(0.4 * 5 / 9)

    assert directions(signals) == {("quality", "concern")}
    assert directions(told) == {("listening", "improvement")}


def test_of_better_reporting_nothing_is_said_before_it_is_likely():
    for weeks in range(AT + 1, AT + 30):
        _, told = heard(0.4 * 5 / 9, weeks)
        assert ("quality", "concern") not in directions(told), weeks


def test_incidents_without_any_known_harm_are_told_as_their_counts_alone():
    signals, told = heard(0.4, graded=False)

    assert signals == told


def test_a_concern_once_told_stays_as_it_was_told():
    opened: set[int] = set()
    for weeks in range(AT + 1, AT + 30):
        now = {one.opened for one in heard(0.4, weeks)[1] if one.direction == "concern"}
        assert opened <= now, weeks
        opened |= now
    assert len(opened) == 1


def test_complaints_that_rise_too_are_told_in_spite_of_better_reporting():
    _, told = heard(0.4 * 5 / 9, complaints=4)

    assert ("quality", "concern") in directions(told)
