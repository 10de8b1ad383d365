"""Histories depend on the facts, never on the order or the batches they came in."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalogue.indicators import Catalogue
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid, month_of_day, period_of_day
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
HARMS = ("none", "low", "moderate", "severe")
# Whole quarters, and a month that does not end one.
PERIODS = (("2025-01-01", "2025-04-01"), ("2025-10-01", "2026-01-01"), ("2025-07-01", "2025-08-01"))


@st.composite
def said(draw: st.DrawFn, feed: Feed) -> dict[str, Any]:
    """What a fact of a feed says; of speaking up a case or the counts of a period."""
    if feed is Feed.INCIDENTS:
        return {"physical_harm": draw(st.sampled_from(HARMS)), "reporter": "staff"}
    if feed is Feed.COMPLAINTS:
        return {"subject": "communications", "complainant": "patient"}
    if draw(st.booleans()):
        return {"elements": []}
    start, end = draw(st.sampled_from(PERIODS))
    return {
        "counts": {"cases": draw(st.integers(1, 40)), "anonymous": 1},
        "period_start": f"{start}T00:00:00Z",
        "period_end": f"{end}T00:00:00Z",
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Versions of a few facts, corrections and withdrawals among them."""
    versions = []
    for number in range(draw(st.integers(1, 12))):
        for revision in range(1, draw(st.integers(1, 3)) + 1):
            day = draw(st.integers(1, 28))
            month = draw(st.integers(1, 12))
            feed = draw(st.sampled_from([Feed.INCIDENTS, Feed.COMPLAINTS, Feed.SPEAKUP]))
            data = draw(said(feed))
            versions.append(
                fact(
                    f"e{number}",
                    f"2025-{month:02d}-{day:02d}T10:00:00",
                    feed,
                    ward=draw(st.sampled_from(["W1", "W2", None])),
                    revision=revision,
                    withdrawn=draw(st.booleans()) and revision > 1,
                    **data,
                )
            )
    return versions


def taken_in(versions: list[Fact], batches: random.Random | None = None) -> Block:
    """A block after these versions, applied one batch after another."""
    block = Block(CATALOGUE, "RXX")
    known: dict[bytes, Fact] = {}
    added: list[Fact] = []
    taken_away: list[Fact] = []
    for version in versions:
        held = known.get(version.key)
        if held is None or version.rank > held.rank:
            known[version.key] = version
            added.append(version)
            if held is not None:
                taken_away.append(held)
        if batches is not None and batches.random() < 0.4:
            block.change(added, taken_away)
            added, taken_away = [], []
    block.change(added, taken_away)
    return block


def content(block: Block) -> dict[str, object]:
    """All that a reader can see of a block."""
    seen: dict[str, object] = {"watermarks": block.watermarks}
    seen["closed"] = [block.closed(feed, grid) for feed in Feed for grid in Grid]
    for unit in sorted(block.units()):
        for key, grid in block.indicators(unit):
            series = block.series(unit, key, grid)
            if series is not None and np.any(series.facts):
                seen[series.id] = (
                    series.periods.tolist(),
                    series.facts.tolist(),
                    np.nan_to_num(series.numerators, nan=-1).tolist(),
                    np.nan_to_num(series.denominators, nan=-1).tolist(),
                )
    return seen


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_and_any_batches_give_the_same_histories(
    versions: list[Fact], chance: random.Random
) -> None:
    expected = content(taken_in(versions))
    shuffled = versions + chance.sample(versions, k=len(versions) // 3)
    chance.shuffle(shuffled)

    assert expected == content(taken_in(shuffled, chance))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_block_read_back_from_its_tallies_is_the_block_that_wrote_them(
    versions: list[Fact],
) -> None:
    block = taken_in(versions)
    tallies = {(t.unit, t.grid, t.period): t for t in block.take_tallies()}
    restored = Block(CATALOGUE, "RXX")
    restored.restore(tally for tally in tallies.values() if tally.cells)

    assert content(block) == content(restored)


def test_a_ward_event_counts_for_its_ward_its_site_and_its_provider() -> None:
    block = taken_in(
        [
            fact("a", "2025-03-04T10:00:00", ward="W1"),
            fact("b", "2025-03-05T10:00:00", ward="W2"),
            fact("c", "2025-03-05T12:00:00", ward=None),
        ]
    )

    totals = {}
    for unit in ("RXX01:W1", "RXX01", "RXX"):
        series = block.series(unit, "incidents", Grid.WEEK)
        assert series is not None
        totals[unit] = series.numerators.sum()
    assert totals == {"RXX01:W1": 1, "RXX01": 3, "RXX": 3}


def test_a_metric_a_provider_reports_for_itself_goes_before_the_sum_of_its_wards() -> None:
    def bed_days(event_id: str, number: int, site: str | None, ward: str | None) -> Fact:
        return fact(
            event_id,
            "2025-03-10T00:00:00",
            Feed.WARDMETRICS,
            site=site,
            ward=ward,
            metric="occupied_bed_days",
            numerator=number,
            period_start="2025-03-03T00:00:00Z",
            period_end="2025-03-10T00:00:00Z",
        )

    wards = [bed_days("w1", 100, "RXX01", "W1"), bed_days("w2", 120, "RXX01", "W2")]

    summed = taken_in(wards).series("RXX", "occupied_bed_days", Grid.WEEK)
    told = taken_in([*wards, bed_days("p", 230, None, None)]).series(
        "RXX", "occupied_bed_days", Grid.WEEK
    )

    assert summed is not None
    assert told is not None
    assert (summed.numerators[-1], told.numerators[-1]) == (220, 230)


def test_a_period_of_metrics_is_closed_by_the_metric_that_ends_with_it() -> None:
    month = fact(
        "m",
        "2025-04-01T00:00:00",
        Feed.WARDMETRICS,
        site=None,
        ward=None,
        metric="sickness",
        numerator=50,
        denominator=1000,
        period_start="2025-03-01T00:00:00Z",
        period_end="2025-04-01T00:00:00Z",
    )
    block = taken_in([month])
    series = block.series("RXX", "sickness", Grid.MONTH)

    assert series is not None
    assert series.open_from == series.periods[-1] + 1


def spoken(start: str, end: str, event_id: str = "a", **changes: Any) -> Fact:
    """Counts of speaking up over a period, sent at its end."""
    return fact(
        event_id,
        f"{end}T00:00:00",
        Feed.SPEAKUP,
        counts={"cases": 30, "anonymous": 3},
        period_start=f"{start}T00:00:00Z",
        period_end=f"{end}T00:00:00Z",
        **changes,
    )


def quarter_of(day: str) -> int:
    return period_of_day(Grid.QUARTER, (date.fromisoformat(day) - date(1970, 1, 1)).days)


def test_a_quarter_of_speaking_up_is_closed_by_the_aggregate_that_ends_with_it() -> None:
    block = taken_in([spoken("2026-01-01", "2026-04-01")])
    series = block.series("RXX", "speakup_anonymous_share", Grid.QUARTER)

    assert block.closed(Feed.SPEAKUP, Grid.QUARTER) == quarter_of("2026-04-01")
    assert series is not None
    assert series.open_from == series.periods[-1] + 1
    # The weeks and months hold single cases, of which it says nothing.
    assert block.closed(Feed.SPEAKUP, Grid.MONTH) == month_of_day(20543)


def test_neither_a_case_nor_counts_of_a_part_close_a_quarter_of_speaking_up() -> None:
    case = fact("c", "2026-03-31T09:00:00", Feed.SPEAKUP, elements=[])
    part = spoken("2026-01-01", "2026-02-01")

    assert taken_in([case, part]).closed(Feed.SPEAKUP, Grid.QUARTER) == quarter_of("2026-01-01")


def test_a_withdrawn_aggregate_opens_its_quarter_again() -> None:
    sent = spoken("2026-01-01", "2026-04-01")
    case = fact("c", "2026-03-31T09:00:00", Feed.SPEAKUP, elements=[])
    gone = spoken("2026-01-01", "2026-04-01", revision=2, withdrawn=True)

    assert taken_in([sent, case]).closed(Feed.SPEAKUP, Grid.QUARTER) == quarter_of("2026-04-01")
    for order in ([sent, case, gone], [gone, sent, case]):
        block = taken_in(order)
        assert block.closed(Feed.SPEAKUP, Grid.QUARTER) == quarter_of("2026-01-01")
