"""One event is counted once, whichever counts a house weighs together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.evidence.counts import FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import rises, widened
from detectors.evidence.watch import watch
from streams.catalogue.indicators import Catalogue
from streams.evidence.counted_once import Twice, conflict, counted_twice
from streams.evidence.counting import CountWatch
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
FOUR = ("incidents", "complaints", "speakup", "falls")
MONDAY = np.datetime64("2026-01-05")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue of a house that keeps medication incidents by day."""
    file = tmp_path_factory.mktemp("mine") / "mine.toml"
    file.write_text("extends = true\n[indicators.medication_incidents]\ndaily = true\n")
    return Catalogue.load(file)


def arrays_of(
    facts: list[Fact],
    feeds: tuple[str, ...],
    level: str = "ward",
    catalogue: Catalogue = CATALOGUE,
) -> tuple[list[str], FeedCounts] | None:
    """The weekly counts of the units of a level, by these feeds."""
    block = Block(catalogue, "RXX")
    block.change(facts)
    model = EvidenceModel.plain(feeds, [1.0] * len(feeds))
    return CountWatch(level, model, budget1=0.2, budget2=0.05).arrays(block)


def week_of(
    metric: str, week: int, value: int, *, ward: str = "W1", beds: int | None = None
) -> Fact:
    """What a ward tells of a metric in a week."""
    start = MONDAY + 7 * week
    of = {} if beds is None else {"denominator": beds}
    return fact(
        f"{metric}-{ward}-{week}", str(start + 7), Feed.WARDMETRICS, ward=ward, metric=metric,
        numerator=value, period_start=f"{start}T00:00:00Z", period_end=f"{start + 7}T00:00:00Z",
        **of,
    )  # fmt: skip


def incident(number: int, week: int, day: int, category: str, *, ward: str = "W1") -> Fact:
    return fact(
        f"i{number}", str(MONDAY + 7 * week + day), ward=ward, event_type="incident",
        category=category,
    )  # fmt: skip


def test_the_shipped_four_share_the_falls_and_nothing_else() -> None:
    assert counted_twice(CATALOGUE, FOUR) == (Twice("incidents", "falls", "fall_incidents"),)
    assert conflict(CATALOGUE, FOUR) is None


def test_each_metric_of_harm_takes_what_is_reported_of_it_and_a_part_takes_itself() -> None:
    feeds = (*FOUR, "pressure_ulcers", "medication_incidents", "cardiac_arrests")

    assert counted_twice(CATALOGUE, feeds) == (
        Twice("incidents", "falls", "fall_incidents"),
        Twice("incidents", "pressure_ulcers", "pressure_ulcer_incidents"),
        Twice("incidents", "medication_incidents", "medication_incidents"),
    )
    assert conflict(CATALOGUE, feeds) is None


@pytest.mark.parametrize(
    ("added", "pair"),
    [
        (("cdi", "mrsa_bsi"), None),
        (("outcomes_of_concern",), None),
        (("staffing_incidents", "medication_incidents"), None),
        (("hospital_infections", "cdi"), ("hospital_infections", "cdi")),
        (("cdi", "infection_incidents"), ("cdi", "infection_incidents")),
        (("fall_incidents",), ("falls", "fall_incidents")),
        # Incidents of any category: falls among them would be taken twice.
        (("never_events",), ("falls", "never_events")),
    ],
)
def test_what_would_be_counted_twice_in_another_way_is_a_conflict(
    added: tuple[str, ...], pair: tuple[str, str] | None
) -> None:
    assert conflict(CATALOGUE, (*FOUR, *added)) == pair


def test_a_part_of_a_part_and_counts_that_overlap_are_conflicts(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    entry = (
        'description = "x"\nfeed = "incidents"\nkind = "count"\ngrid = "week"\n'
        'levels = ["ward"]\ndirection = "neutral"\nchart = "c"\ndomain = "safety"\n'
        'unit = "incidents"\ndaily = true\n'
    )
    file.write_text(
        "extends = true\n"
        f'[indicators.harmful_medication]\nname = "a"\n{entry}'
        'where = { event_type = "incident", category = "medication", harm = "severe" }\n'
        f'[indicators.harmful]\nname = "b"\n{entry}'
        'where = { event_type = "incident", harm = "severe" }\n'
    )
    mine = Catalogue.load(file)
    feeds = ("incidents", "medication_incidents")

    assert conflict(mine, ("incidents", "harmful_medication")) is None
    assert conflict(mine, (*feeds, "harmful_medication")) == (
        "medication_incidents",
        "harmful_medication",
    )
    assert conflict(mine, (*feeds, "harmful")) == ("medication_incidents", "harmful")
    assert conflict(mine, ("incidents", "falls", "harmful")) == ("falls", "harmful")


CATEGORIES = ("fall", "pressure_ulcer", "medication", "infection", "other")
WEIGHED = (
    "incidents", "falls", "pressure_ulcers", "medication_incidents", "cdi", "mrsa_bsi",
)  # fmt: skip
TELLS = {"falls": "fall", "pressure_ulcers": "pressure_ulcer", "cdi": "infection",
         "mrsa_bsi": "infection"}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    reported=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 6), st.sampled_from(CATEGORIES)),
        min_size=1,
        max_size=40,
    ),
    audited=st.sets(st.tuples(st.sampled_from(sorted(TELLS)), st.integers(0, 4)), max_size=8),
)
def test_incidents_are_those_that_no_other_feed_counts_and_never_fewer_than_none(
    mine: Catalogue, reported: list[tuple[int, int, str]], audited: set[tuple[str, int]]
) -> None:
    facts = [incident(n, *one) for n, one in enumerate(reported)]
    facts += [week_of(metric, week, 1) for metric, week in sorted(audited)]
    found = arrays_of(facts, WEIGHED, catalogue=mine)
    assert found is not None
    counts = found[1]
    assert counts.daily is not None
    since: dict[str, int] = {"medication": 0}
    for metric, week in audited:
        since[TELLS[metric]] = min(since.get(TELLS[metric], 99), week)
    first = min([week for week, *_ in reported] + [week for _, week in audited])

    left = Counter(week for week, _, category in reported if week < since.get(category, 99))

    for column in range(counts.periods):
        week = first + column
        assert counts.counts[0, 0, column] == left[week]
        assert counts.daily[0, 0, column].sum() == left[week]
        assert counts.counts[0, 3, column] == sum(
            w == week and category == "medication" for w, _, category in reported
        )


def test_a_feed_that_loses_a_part_known_by_week_waits_for_the_week_itself() -> None:
    facts = [incident(day, 0, day, "medication") for day in range(7)]
    found = arrays_of(facts, ("incidents", "complaints", "medication_incidents"))
    assert found is not None

    assert found[1].daily_feeds == (False, True, False)


def test_wards_that_begin_to_report_a_metric_are_no_rise_of_their_site() -> None:
    feeds = ("incidents", "pressure_ulcers")
    facts = [incident(week, week, 0, "other") for week in range(40)]
    facts += [week_of("pressure_ulcers", week, 2) for week in range(39)]
    facts += [week_of("pressure_ulcers", week, 2, ward="W2") for week in range(20, 39)]
    found = arrays_of(facts, feeds, "site")
    assert found is not None

    ratio = found[1].counts[0, 1, :39] / found[1].exposure[0, 1, :39]
    assert ratio == pytest.approx(np.full(39, 2.0))


def test_a_metric_that_brings_its_denominator_is_out_of_it() -> None:
    beds = [100 if week < 20 else 200 for week in range(39)]
    facts = [incident(week, week, 0, "other") for week in range(40)]
    facts += [week_of("pressure_ulcers", week, 2, beds=beds[week]) for week in range(39)]
    found = arrays_of(facts, ("incidents", "pressure_ulcers"))
    assert found is not None

    assert found[1].exposure[0, 1, :39] == pytest.approx(np.array(beds) / 100)


def test_a_provider_that_sends_an_added_metric_alone_is_still_watched() -> None:
    facts = [week_of("pressure_ulcers", week, 2) for week in range(40)]

    assert arrays_of(facts, ("incidents", "falls")) is None
    found = arrays_of(facts, ("incidents", "pressure_ulcers"))
    assert found is not None
    assert found[1].counts[0, 1].sum() >= 78


def test_a_feed_that_is_never_observed_changes_nothing_in_the_evidence() -> None:
    rng = np.random.default_rng(3)
    rates = np.array([6.0, 0.8, 0.3, 1.5])
    counts = rng.poisson(np.tile(rates[None, :, None], (4, 1, 70))).astype(float)
    counts[:2, [0, 3], 45:] *= 3
    seen = np.ones_like(counts)
    five = (*FOUR, "pressure_ulcers")
    wide = replace(EvidenceModel.plain(five, [*rates, 1.0]), patterns=widened(rises(FOUR), five))
    table = replace(wide.patterns, feeds=FOUR, ratios=wide.patterns.ratios[:4],
                    choice=wide.patterns.choice[:, :4].copy())  # fmt: skip
    narrow = replace(EvidenceModel.plain(FOUR, rates.tolist()), patterns=table)
    nothing = rng.poisson(5.0, (4, 1, 70)).astype(float)
    budgets = {"budget1": 0.2, "budget2": 0.05}

    with_it = watch(
        FeedCounts(np.concatenate([counts, nothing], axis=1),
                   np.concatenate([seen, np.zeros_like(nothing)], axis=1), 2800),
        wide, **budgets,
    )  # fmt: skip
    without = watch(FeedCounts(counts, seen, 2800), narrow, **budgets)

    for unit in range(4):
        assert with_it.log_evidence(unit) == pytest.approx(without.log_evidence(unit))
        assert [one.feeds[:4] for one in with_it.episodes(unit)] == [
            one.feeds for one in without.episodes(unit)
        ]
        assert not any(one.feeds[4] for one in with_it.episodes(unit))
    assert with_it.episodes(0)


@pytest.mark.parametrize(("audited", "hour"), [(True, 12), (False, 0)])
def test_the_moment_of_a_crossing_is_that_of_an_event_that_was_weighed(
    *, audited: bool, hour: int
) -> None:
    facts = [incident(10 * week + n, week, n, "other") for week in range(40) for n in range(3)]
    if audited:
        facts += [week_of("pressure_ulcers", week, 1) for week in range(39)]
    day = MONDAY + 7 * 40
    burst = [
        fact(f"b{n}", f"{day}T{at:02d}:{n:02d}:00", event_type="incident", category=category)
        for at, category in ((0, "pressure_ulcer"), (12, "other"))
        for n in range(at, at + 12)
    ]
    block = Block(CATALOGUE, "RXX")
    block.change([*facts, *burst])
    model = EvidenceModel.plain(("incidents", "pressure_ulcers"), [3.0, 1.0])
    watch_ = CountWatch(
        "ward", model, budget1=0.2, budget2=0.05, facts_on=lambda _unit, _day: burst
    )
    watch_.evaluate(block)
    (signal,) = watch_.signals(block, "RXX01:W1")

    assert signal.moment is not None
    assert str(np.datetime64(signal.moment, "ms"))[:13] == f"{day}T{hour:02d}"
