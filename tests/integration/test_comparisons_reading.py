"""What comparisons read from a store: the sums of the very series that people see."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from streams.catalogue.indicators import Catalogue
from streams.comparisons.reading import PeerReader
from streams.facts.effects import Effects, ProviderRecord
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.histories.series import Block
from streams.histories.views import view
from streams.store import Store
from tests.facts import FactsAlone, fact

CATALOGUE = Catalogue.load()
NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
PROVIDERS = ("RXX", "RYY", "RZZ")
INDICATORS = (
    "incidents_per_1000_bed_days",
    "medication_incidents_per_1000_bed_days",
    "complaints_per_1000_bed_days",
    "falls_per_1000_bed_days",
    "harm_share",
    "fall_share",
    "patient_care_complaint_share",
)


def facts(provider: str) -> list[Fact]:
    """Two years of two sites, some beds by month and some by week, with gaps; one ward is new."""
    draw = random.Random(provider)
    found, first = [], date(2024, 1, 1)
    for number in range(900):
        day = first + timedelta(days=draw.randrange(725))
        ward = draw.choice(["A", "B", "C", None])
        if ward == "C" and day < date(2025, 9, 3):
            continue
        site = draw.choice([f"{provider}01", f"{provider}02"]) if ward else None
        body = {"event_type": "incident", "category": draw.choice(["fall", "medication"])}
        if draw.random() < 0.7:
            body["physical_harm"] = draw.choice(["none", "low", "severe"])
        made = fact(f"i{number}", day.isoformat(), provider=provider, site=site, ward=ward, **body)
        found.append(made)
        if draw.random() < 0.2:
            found.append(
                fact(f"c{number}", day.isoformat(), Feed.COMPLAINTS, provider=provider,
                     site=site, ward=ward, subject="patient_care")
            )  # fmt: skip
    for site in (f"{provider}01", f"{provider}02"):
        for ward, length in (("A", "month"), ("B", "week"), ("C", "week")):
            start = first
            while start < date(2025, 12, 28):
                end = start + timedelta(days=7)
                if length == "month":
                    end = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
                span = {"period_start": f"{start}T00:00:00Z", "period_end": f"{end}T00:00:00Z"}
                place = {"provider": provider, "site": site, "ward": ward}
                if draw.random() < 0.9:
                    beds = draw.randint(100, 900)
                    found += [
                        fact(f"b{site}{ward}{start}", end.isoformat(), Feed.WARDMETRICS,
                             metric="occupied_bed_days", numerator=beds, **place, **span),
                        fact(f"f{site}{ward}{start}", end.isoformat(), Feed.WARDMETRICS,
                             metric="falls", numerator=draw.randint(0, 5), **place, **span),
                    ]  # fmt: skip
                start = end
    return found


def kept(
    store: Store, provider: str, *more: Fact, digest: str = CATALOGUE.digest, now: datetime = NOW
) -> Block:
    """Store a provider's facts and what follows from them; give its whole histories."""
    told = [*facts(provider), *more]
    block = Block.load(FactsAlone(told), CATALOGUE, provider)
    effects = Effects(facts=told, tallies=block.take_tallies(), events=len(told))
    effects.providers = [ProviderRecord(provider, block.watermarks, digest)]
    held = store.load_partition(0)
    store.commit(0, held.version, effects, held.positions, now)
    return block


@pytest.fixture
def blocks(store):
    return {provider: kept(store, provider) for provider in PROVIDERS}


def sums_of(block: Block, key: str, code: str, span) -> tuple[float, float, int] | None:
    """From the series itself, period by period."""
    shown = view(block, code, key, span.grid)
    if shown is None:
        return None
    inside = (shown.periods >= span.first) & (shown.periods < min(span.end, shown.open_from))
    counted = inside & ~np.isnan(shown.numerators) & (shown.denominators > 0)
    if not counted.any():
        return None
    return (
        float(shown.numerators[counted].sum()),
        float(shown.denominators[counted].sum()),
        int(counted.sum()),
    )


@pytest.mark.parametrize("level", ["ward", "site", "provider"])
@pytest.mark.parametrize("key", INDICATORS)
def test_sums_are_those_of_the_series_of_the_whole_history(store, blocks, key, level):
    found = PeerReader(store, CATALOGUE).numbers(CATALOGUE[key], level)
    expected = {
        code: sums_of(block, key, code, found.span)
        for block in blocks.values()
        for code in block.units()
        if (":" in code) == (level == "ward") and (code in PROVIDERS) == (level == "provider")
    }
    told = {one.unit: (one.numerator, one.denominator, one.periods) for one in found.sums}

    assert len(told) >= len(PROVIDERS)
    assert told == {
        code: (pytest.approx(sums[0]), pytest.approx(sums[1]), sums[2])
        for code, sums in expected.items()
        if sums is not None
    }


def test_a_unit_counts_from_its_first_report_on(store, blocks):
    """Ward C sent its beds all along and began to report in September."""
    found = PeerReader(store, CATALOGUE).numbers(CATALOGUE["incidents_per_1000_bed_days"], "ward")
    weeks = {one.unit: one.periods for one in found.sums if one.unit.endswith(":C")}

    assert found.span.periods == 52
    assert weeks
    assert all(number <= 17 for number in weeks.values())


def test_periods_with_events_and_no_denominator_are_left_out_and_counted(store, blocks):
    found = PeerReader(store, CATALOGUE).numbers(CATALOGUE["incidents_per_1000_bed_days"], "ward")

    assert any(one.missing > 0 for one in found.sums)
    assert all(one.missing + one.periods <= 52 for one in found.sums)


def test_only_the_stretch_that_is_asked_for_is_read(store, blocks):
    everything = store.tallies("RXX")
    week = [one for one in everything if one.grid is Grid.WEEK and 2900 <= one.period < 2903]
    month = [one for one in everything if one.grid is Grid.MONTH and one.period == 665]

    found = store.tallies("RXX", within={Grid.WEEK: (2900, 2903), Grid.MONTH: (665, 666)})

    assert week
    assert month
    assert found == [one for one in everything if one in week or one in month]
    assert store.tallies("RXX", within={}) == []


def test_sums_are_kept_until_something_arrives(store, blocks):
    reader = PeerReader(store, CATALOGUE)
    share = CATALOGUE["harm_share"]
    before = reader.numbers(share, "ward")
    again = reader.numbers(share, "ward")
    more = fact("late", "2025-06-10", ward="A", event_type="incident", physical_harm="severe")
    kept(store, "RXX", more, now=NOW + timedelta(minutes=1))
    after = reader.numbers(share, "ward")

    def ward(numbers):
        return next(one for one in numbers.sums if one.unit == "RXX01:A")

    assert all(one is other for one, other in zip(before.sums, again.sums, strict=True))
    assert ward(after).numerator == ward(before).numerator + 1
    assert ward(after).denominator == ward(before).denominator + 1


def test_tallies_of_another_catalogue_are_passed_over_for_the_facts(store):
    block = kept(store, "RXX", digest="another")
    found = PeerReader(store, CATALOGUE).numbers(CATALOGUE["harm_share"], "ward")

    assert found.sums
    for one in found.sums:
        assert (one.numerator, one.denominator, one.periods) == sums_of(
            block, "harm_share", one.unit, found.span
        )


def test_a_store_without_anything_has_nothing_to_compare(store):
    assert PeerReader(store, CATALOGUE).numbers(CATALOGUE["harm_share"], "ward") is None
