"""Groups of alerts that began together, of units and days made up for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.alerts.lifecycle import State
from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.evidence.statements import span_in_words
from streams.facts.effects import ProviderRecord
from streams.facts.feeds import Feed
from streams.facts.periods import PER_YEAR, Grid, first_day
from streams.store.beginnings import BegunRow, BegunSeries, BegunSignal, KnownUnit
from streams.together.begun import Beginning, beginnings
from streams.together.claims import claims
from streams.together.grouping import EXCESS, FEWEST, LIMIT, together
from streams.together.telling import expected_in_words, reach, statement, what_began
from streams.together.watched import Watched, entry_days

CATALOGUE = Catalogue.load()
CLAIMS = claims(CATALOGUE, Reference.shipped(), Budgets())
INCIDENTS = ("evidence.counts", "incidents", Grid.WEEK)
FALLS = ("evidence.counts", "falls", Grid.WEEK)
BREACHES = ("evidence.share", "four_hour_breaches", Grid.MONTH)
HARM = ("evidence.share", "harm_share", Grid.MONTH)
WEEK0 = 2860
"""A week of 2024; two years are watched from its Monday on."""
START, END = first_day(Grid.WEEK, WEEK0), first_day(Grid.WEEK, WEEK0 + 104)


def unit(code, kind, parent, provider, first=START):
    return KnownUnit(code, kind, parent, provider, first)


def nation(providers=40, wards=30, first=START):
    """Providers of one site each, with wards."""
    found = []
    for number in range(providers):
        provider = f"R{number:02d}"
        found.append(unit(provider, "provider", None, provider, None))
        found.append(unit(f"{provider}01", "site", provider, provider, None))
        found += [
            unit(f"{provider}01:{ward}", "ward", f"{provider}01", provider, first)
            for ward in range(wards)
        ]
    return found


def known_until(units, day=END - 1):
    return [
        ProviderRecord(code, (day, day, day + 30, day))
        for code in sorted({one.provider for one in units})
    ]


def watched(units=None, day=END - 1, **options):
    units = nation() if units is None else units
    return Watched(units, known_until(units, day), **options)


def begun(unit, week, *keys, number=0, level="ward", day=3):
    keys = keys or (INCIDENTS,)
    return Beginning(
        f"{unit}-{week}-{number}",
        unit[:3],
        unit,
        level,
        keys,
        first_day(Grid.WEEK, WEEK0 + week) + day,
        open=True,
    )


def by_chance(rng, units, rate=0.12, weeks=104):
    """Signals as often as the budget allows, spread evenly over time."""
    wards = [one.code for one in units if one.kind == "ward"]
    number = rng.poisson(rate * len(wards) * weeks / PER_YEAR[Grid.WEEK])
    return [
        begun(str(rng.choice(wards)), int(week), number=at)
        for at, week in enumerate(rng.integers(0, weeks, number))
    ]


def shock(week, number, keys=(INCIDENTS,), every=23, spread=2):
    """So many wards of a nation begin within two weeks."""
    codes = [f"R{(every * at) % 40:02d}01:{at % 30}" for at in range(number)]
    return [begun(code, week + at % spread, *keys, number=9) for at, code in enumerate(codes)]


# -- claims ------------------------------------------------------------------


def test_the_claims_share_the_chance_of_a_false_group():
    assert sum(claim.weight * len(claim.levels) for claim in CLAIMS.values()) <= 1.0
    assert all(claim.levels for claim in CLAIMS.values())


def test_a_claim_has_its_part_of_the_budget():
    """Decision 12: six tenths for the joint watch, and equal parts for single indicators."""
    assert 0.12 == pytest.approx(CLAIMS[INCIDENTS].rate)
    assert CLAIMS[BREACHES].rate < 0.03
    twice = claims(CATALOGUE, Reference.shipped(), Budgets(level1=0.4))
    assert all(twice[key].rate == pytest.approx(2 * CLAIMS[key].rate) for key in CLAIMS)


def test_no_claim_is_of_speaking_up():
    assert Feed.SPEAKUP not in {claim.feed for claim in CLAIMS.values()}
    assert not any("speakup" in claim.indicator for claim in CLAIMS.values())


# -- what began --------------------------------------------------------------


def row(*signals, direction="concern", state=State.NEW, series=None):
    named = [
        BegunSeries(key, grid)
        for (_, _, keys, grid) in signals
        for key in ([keys] if isinstance(keys, str) else keys)
    ]
    told = tuple(
        BegunSignal(detector, opened, ("incidents",) if isinstance(keys, str) else feeds_of(keys))
        for detector, opened, keys, _ in signals
    )
    return BegunRow(
        "a1", "R00", "R0001:1", "ward", direction, state, told, tuple(series or named)
    )  # fmt: skip


def feeds_of(keys):
    return tuple(CATALOGUE[key].feed.topic for key in keys)


def test_an_alert_begins_with_each_of_its_signals():
    found = beginnings(
        row(
            ("evidence.counts", "2026-01-12T00:00:00Z", ("incidents", "falls"), "week"),
            ("evidence.share", "2026-02-01T00:00:00Z", ("four_hour_breaches",), "month"),
        )
    )

    assert [(INCIDENTS, FALLS), (BREACHES,)] == [one.keys for one in found]
    # The day is the last of the data that opened the signal.
    assert [20464, 20484] == [one.day for one in found]


@pytest.mark.parametrize("keys", [("speakup",), ("incidents", "speakup")])
def test_a_signal_that_names_speaking_up_takes_no_part_whatever_else_it_names(keys):
    told = ("evidence.counts", "2026-01-12T00:00:00Z", keys, "week")
    other = ("evidence.share", "2026-02-01T00:00:00Z", ("four_hour_breaches",), "month")

    assert () == beginnings(row(told))
    assert [(BREACHES,)] == [one.keys for one in beginnings(row(told, other))]


def test_improvements_and_alerts_without_a_clear_order_of_series_do_not_begin():
    told = ("evidence.counts", "2026-01-12T00:00:00Z", ("incidents", "falls"), "week")

    assert () == beginnings(row(told, direction="improvement"))
    assert () == beginnings(row(told, series=[BegunSeries("incidents", "week")]))
    assert () == beginnings(row())


def test_a_closed_alert_has_begun_all_the_same():
    told = ("evidence.counts", "2026-01-12T00:00:00Z", ("incidents",), "week")

    assert [False] == [one.open for one in beginnings(row(told, state=State.CLOSED))]


# -- who was watched ---------------------------------------------------------


def test_a_unit_counts_from_its_first_fact_or_that_of_a_unit_below_it():
    units = [
        unit("R00", "provider", "QE1", "R00", None),
        unit("R0001", "site", "R00", "R00", None),
        unit("R0001:1", "ward", "R0001", "R00", 20_000),
        unit("R0001:2", "ward", "R0001", "R00", 20_100),
        unit("R0002", "site", "R00", "R00", None),
    ]
    days = entry_days(units)

    assert {"R00": 20_000, "R0001": 20_000, "R0001:1": 20_000, "R0001:2": 20_100} == days


def test_the_day_of_a_first_case_of_speaking_up_at_a_site_does_not_show():
    """Above wards a unit's own facts may be cases: they count from the start of a quarter."""
    for day in (20_000, 20_040):
        units = [
            unit("R00", "provider", None, "R00", None),
            unit("R0001", "site", "R00", "R00", day),
        ]
        assert {"R0001": 19_997, "R00": 19_997} == entry_days(units)


def test_units_are_watched_until_the_open_feeds_of_their_provider_end():
    units = nation(2, 3)
    records = [
        ProviderRecord("R00", (START + 20, None, START + 500, None)),
        ProviderRecord("R01", (None, None, START + 500, None)),
    ]
    seen = Watched(units, records)

    assert seen.covers("R0001:1", Grid.WEEK, START + 20)
    assert not seen.covers("R0001:1", Grid.WEEK, START + 21)
    assert not seen.covers("R0001:1", Grid.WEEK, START - 1)
    assert not seen.covers("R0101:1", Grid.WEEK, START)
    assert not seen.covers("R9901:1", Grid.WEEK, START)
    # Day 20 is of a month that goes on.
    assert seen.covers("R0001:1", Grid.MONTH, START + 23)
    assert not seen.covers("R0001:1", Grid.MONTH, START + 60)
    assert (3, 1) == seen.within("ward", START, START + 7)
    assert (0, 0) == seen.within("ward", START + 21, START + 30)
    periods = seen.by_period("ward", Grid.WEEK)
    assert (WEEK0, [3, 3, 3]) == (periods.first, periods.watched.tolist())
    assert 0 == Watched([], []).by_period("ward", Grid.WEEK).watched.size


def test_units_that_enter_late_count_from_then_on():
    units = nation(1, 4) + nation(2, 6, first=START + 70)[8:]
    periods = watched(units).by_period("ward", Grid.WEEK)

    assert WEEK0 == periods.first
    assert [4] * 10 + [10] * 94 == periods.watched.tolist()
    # Of a unit of less than half a year nobody can say that it is as it was.
    assert [0] * 26 + [4] * 10 + [10] * 68 == periods.judged.tolist()


# -- groups ------------------------------------------------------------------


def test_a_shock_in_many_wards_is_one_group():
    units = nation()
    noise = by_chance(np.random.default_rng(1), units)
    found = together([*noise, *shock(60, 61)], CLAIMS, watched(units))

    assert 1 == len(found)
    group = found[0]
    assert ("ward", INCIDENTS) == (group.level, group.claim.key)
    assert first_day(Grid.WEEK, WEEK0 + 60) >= group.since >= first_day(Grid.WEEK, WEEK0 + 57)
    assert first_day(Grid.WEEK, WEEK0 + 62) <= group.until <= first_day(Grid.WEEK, WEEK0 + 65)
    assert 61 <= len(group.units) <= 80
    assert (1200, 40) == (group.watched, group.providers_watched)
    weeks = (group.until - group.since) // 7
    assert 1200 * 0.12 * weeks / PER_YEAR[Grid.WEEK] == pytest.approx(group.expected)
    assert group.p_value < 1e-20
    assert len(group.alerts) == group.open >= 61
    inside = [one for one in group.periods if group.since <= one.start < group.until]
    assert len(group.units) == sum(one.begun for one in inside)


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_house_has_none(seed):
    units = nation()
    noise = by_chance(np.random.default_rng(seed), units)

    assert len(noise) > 200
    assert [] == together(noise, CLAIMS, watched(units))


def test_a_house_of_chance_has_a_group_in_far_fewer_years_than_one_in_a_hundred():
    """60 times two years of a small house in which everything begins by its full budget."""
    units = nation(3, 40)
    seen, rng = watched(units), np.random.default_rng(5)
    groups = sum(len(together(by_chance(rng, units), CLAIMS, seen)) for _ in range(60))

    assert groups <= 1


@pytest.mark.parametrize("often", [3, 8])
def test_units_that_change_often_each_for_its_own_reason_are_no_group(often):
    """Real changes are not in the budget; spread evenly over time they share no cause."""
    units = nation(20, 30)
    spread = by_chance(np.random.default_rng(often), units, rate=often * 0.12)

    assert [] == together(spread, CLAIMS, watched(units))


def test_a_shock_stands_out_of_what_is_usual():
    units = nation(20, 30)
    spread = by_chance(np.random.default_rng(2), units, rate=0.5)
    codes = [one.code for one in units if one.kind == "ward"][::7][:60]
    found = together(
        [*spread, *(begun(code, 80 + at % 2, number=999) for at, code in enumerate(codes))],
        CLAIMS,
        watched(units),
    )

    newest = found[0]
    assert newest.since <= first_day(Grid.WEEK, WEEK0 + 80) < newest.until
    assert newest.until - newest.since <= 28
    assert newest.by_budget < newest.expected < 40 <= len(newest.units)


def test_fewer_than_five_units_are_no_group():
    units = nation(1, 6)
    few = [begun(f"R0001:{ward}", 50) for ward in range(FEWEST - 1)]

    assert [] == together(few, CLAIMS, watched(units))
    assert 1 == len(together([*few, begun("R0001:5", 50)], CLAIMS, watched(units)))


def test_one_unit_counts_once_however_often_it_begins():
    units = nation(1, 6)
    often = [begun(f"R0001:{ward % 4}", 50, number=ward) for ward in range(8)]

    assert [] == together(often, CLAIMS, watched(units))


def test_a_cause_that_is_told_slowly_is_one_group():
    units = nation()
    slow = [one for at in range(5) for one in shock(60 + 2 * at, 30 - 4 * at, every=7 + at)]
    found = together(slow, CLAIMS, watched(units))

    assert 1 == len(found)
    assert (found[0].until - found[0].since) // 7 >= 8


def test_there_is_no_group_before_it_is_known_what_is_usual():
    """What is told in the first months had come about over all of the history before."""
    assert [] == together(shock(40, 61), CLAIMS, watched())
    assert 1 == len(together(shock(48, 61), CLAIMS, watched()))


def test_a_week_that_is_under_way_is_told_up_to_the_day_that_is_known():
    known = first_day(Grid.WEEK, WEEK0 + 70) + 3
    (group,) = together(shock(69, 40), CLAIMS, watched(day=known))

    assert (first_day(Grid.WEEK, WEEK0 + 69), known + 1) == (group.since, group.until)


def test_two_causes_apart_in_time_are_two_groups_the_newest_first():
    found = together([*shock(50, 40), *shock(90, 40)], CLAIMS, watched())

    assert 2 == len(found)
    assert found[0].since > found[1].until
    assert found[0].id != found[1].id
    assert not set(found[0].alerts) & set(found[1].alerts)


def test_a_signal_of_two_feeds_is_in_one_group_only():
    found = together(shock(60, 40, keys=(INCIDENTS, FALLS)), CLAIMS, watched())

    assert 1 == len(found)


def test_sites_that_began_with_their_wards_are_in_the_same_group():
    sites = [begun(f"R{number:02d}01", 60, level="site") for number in range(8)]
    found = together([*shock(60, 61), *sites], CLAIMS, watched())

    assert 1 == len(found)
    assert {"site": 8, "provider": 0} == found[0].others
    assert len(found[0].units) + 8 == len(found[0].alerts)


def test_what_is_judged_by_month_is_grouped_by_month():
    """All of a month begins on one day; a week's chance would call that odd."""
    units, rng = nation(), np.random.default_rng(3)
    rate, day = CLAIMS[HARM].rate, first_day(Grid.MONTH, 676)
    months = [(672 + at, rng.poisson(1200 * rate / 12)) for at in range(8)]
    noise = [
        Beginning(f"{month}-{at}", "R00", f"R0001:{at}", "ward", (HARM,), day, open=True)
        for month, number in months
        for at in range(number)
        for day in [first_day(Grid.MONTH, month + 1) - 1]
    ]
    assert [] == together(noise, CLAIMS, watched(units))
    many = [
        Beginning(f"m-{at}", "R00", f"R0001:{at}", "ward", (HARM,), day + 30, open=True)
        for at in range(15)
    ]
    found = together(many, CLAIMS, watched(units))
    assert [(day, first_day(Grid.MONTH, 677))] == [(one.since, one.until) for one in found]


def test_the_same_beginnings_are_less_odd_where_units_are_many():
    few, many = watched(nation(1, 30)), watched(nation(1, 30) + nation(40, 400)[402:])
    told = [begun(f"R0001:{ward}", 50) for ward in range(6)]

    assert 1 == len(together(told, CLAIMS, few))
    assert [] == together(told, CLAIMS, many)


def test_a_smaller_budget_makes_the_same_beginnings_odder():
    told = shock(60, 20)
    less = claims(CATALOGUE, Reference.shipped(), Budgets(level1=0.05, level2=0.05))
    (usual,) = together(told, CLAIMS, watched())
    (strict,) = together(told, less, watched())

    assert strict.p_value < usual.p_value
    assert strict.expected == pytest.approx(usual.expected / 4)


def test_what_lies_outside_what_was_watched_does_not_count():
    late = watched(nation(first=START + 600))

    assert [] == together(shock(20, 40), CLAIMS, late)


def test_only_units_that_were_asked_for_are_watched():
    seen = watched(among={f"R0001:{ward}" for ward in range(30)})

    assert (30, 1) == seen.within("ward", START, END)
    assert (0, 0) == seen.within("site", START, END)


def test_the_limits_are_what_the_decision_says():
    assert (0.01, 5, 3.0) == (LIMIT, FEWEST, EXCESS)


# -- words -------------------------------------------------------------------


def test_a_group_is_told_in_plain_words():
    (group,) = together(shock(60, 61), CLAIMS, watched())

    assert statement(group, CATALOGUE) == (
        "At 61 of 1,200 wards in 40 of 40 providers, incidents may have risen, first signalled "
        "between 15 and 28 December 2025. By chance alone it would be about 6 at most. A common "
        "cause is likely; it may be a change of reporting, a new form or an epidemic. Please "
        "check for that first, and read these signals as one event."
    )


def test_a_reader_of_one_provider_is_told_that_others_are_not_looked_at():
    units = nation(1, 30)
    told = [begun(f"R0001:{ward}", 50) for ward in range(9)]
    told.append(begun("R0001", 50, level="site"))
    (group,) = together(told, CLAIMS, watched(units))
    text = statement(group, CATALOGUE)

    assert "own" == reach(group)
    assert text.startswith("At 9 of 30 wards, incidents may have risen")
    assert "By chance alone it would be less than one." in text
    assert "A cause that the wards of this provider share is likely" in text
    assert "Other providers are not looked at here" in text
    assert text.endswith(" The same began at 1 site.")
    within = replace(group, providers_watched=7)
    assert "within" == reach(within)
    assert "All of them are of one provider" in statement(within, CATALOGUE)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (20_000, 20_000, "on 4 October 2024"),
        (20_000, 20_013, "between 4 and 17 October 2024"),
        (20_000, 20_030, "between 4 October and 3 November 2024"),
        (20_000, 20_100, "between 4 October 2024 and 12 January 2025"),
    ],
)
def test_days_are_told_as_people_say_them(first, last, words):
    assert words == span_in_words(first, last)


def test_silence_is_told_as_silence():
    quiet = CLAIMS["evidence.silence", "incidents", Grid.WEEK]
    outage = CLAIMS["evidence.outage", "wardmetrics", Grid.WEEK]

    assert "incident reports may have gone quiet" == what_began(quiet, CATALOGUE)
    assert "no ward metrics may have come" == what_began(outage, CATALOGUE)
    assert "four-hour breaches may be higher" == what_began(CLAIMS[BREACHES], CATALOGUE)


def test_words_judge_nobody():
    for claim in CLAIMS.values():
        clause = what_began(claim, CATALOGUE)
        assert " may " in clause
        assert "outlier" not in clause
        assert "fail" not in clause


@pytest.mark.parametrize(
    ("expected", "by_budget", "words"),
    [
        (0.2, 0.2, "By chance alone it would be less than one."),
        (3.6, 3.6, "By chance alone it would be about 4 at most."),
        (14.2, 3.6, "As often as such signals usually begin it would be about 14."),
        (0.4, 0.2, "As often as such signals usually begin it would be less than one."),
    ],
)
def test_what_was_expected_is_told_as_a_number_of_units(expected, by_budget, words):
    (group,) = together(shock(60, 61), CLAIMS, watched())

    assert words == expected_in_words(replace(group, expected=expected, by_budget=by_budget))
