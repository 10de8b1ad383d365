"""Units beside their peers: the pure part, from sums to positions and sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from detectors.charts.funnel import funnel
from streams.catalogue.indicators import Catalogue
from streams.comparisons import sentences
from streams.comparisons.comparable import (
    NotComparableError,
    check_level,
    comparable,
    levels_of,
    measure,
    stand_in,
)
from streams.comparisons.judging import (
    BEYOND_BY_CHANCE,
    BEYOND_BY_SPREAD,
    MINIMUM_EXPECTED,
    compare,
)
from streams.comparisons.spans import chosen_span, closed_period, protected_span
from streams.comparisons.sums import UnitSum
from streams.facts.effects import ProviderRecord
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, month_of_day, week_of_day
from streams.histories.series import Block
from streams.histories.views import view
from tests.facts import FactsAlone, fact
from tests.reference.cases import HERE, column, rows

CATALOGUE = Catalogue.load()
SHARE = measure(CATALOGUE, CATALOGUE["crude_mortality"])
RATE = measure(CATALOGUE, CATALOGUE["cardiac_arrests"])


def unit(name: str, above: float | None, below: float | None, **changes) -> UnitSum:
    made = UnitSum(name, name[:3], Grid.MONTH, above, below, 12)
    return replace(made, **changes)


def fleet(units: int = 20, spread: float = 0.0, rate: float = 0.1) -> list[UnitSum]:
    """Units of different size; ``spread`` is how much they differ beyond chance."""
    sizes = np.linspace(200.0, 4000.0, units)
    rates = rate * np.exp(spread * np.linspace(-1.5, 1.5, units)[np.argsort(np.sin(sizes))])
    return [
        unit(f"U{at:02d}", float(round(size * own)), float(size))
        for at, (size, own) in enumerate(zip(sizes, rates, strict=True))
    ]


def bristol(**given) -> list[UnitSum]:
    data = rows(HERE / "data_bristol_1991_95.csv")
    operations, deaths = column(data, "Operations"), column(data, "Deaths")
    names = [row["Hospital"] for row in data]
    return [
        unit(name, dead, of, **given)
        for name, dead, of in zip(names, deaths, operations, strict=True)
    ]


@pytest.mark.parametrize(
    ("how", "tau2"), [(SHARE, 0.000651), (RATE, 0.00370)], ids=["proportion", "ratio"]
)
def test_bristol_alone_is_higher_than_expected_by_either_model(how, tau2):
    """As ``tests/reference/test_funnel_plots.py`` has it for the published methods."""
    found = compare(bristol(), how, "provider")

    assert tau2 == pytest.approx(found.tau2, rel=0.01)
    assert ["Bristol"] == [one.sums.unit for one in found.units if one.beyond]
    (one,) = [one for one in found.units if one.beyond]
    assert one.position == "much_higher"
    assert one.meaning == "concern"
    assert one.statement.startswith("Higher than expected among peers.")


def test_the_figures_are_those_of_the_funnel_plot_of_a_proportion():
    sums = fleet(spread=0.3)
    above = np.array([one.numerator for one in sums])
    below = np.array([one.denominator for one in sums])
    plot = funnel(above, below, kind="proportion", target=above.sum() / below.sum())
    limits = plot.limits()

    found = compare(sums, SHARE, "ward")

    assert plot.overdispersed
    assert found.plot.phi == plot.phi
    assert found.tau2 == plot.tau2
    assert found.centre == pytest.approx(100 * above.sum() / below.sum())
    np.testing.assert_allclose([one.z for one in found.units], plot.adjusted_z)
    np.testing.assert_allclose([one.lower95 for one in found.units], 100 * limits.lower95)
    np.testing.assert_allclose([one.upper95 for one in found.units], 100 * limits.upper95)
    np.testing.assert_allclose([one.lower998 for one in found.units], 100 * limits.lower998)
    np.testing.assert_allclose([one.upper998 for one in found.units], 100 * limits.upper998)
    np.testing.assert_array_equal([one.beyond for one in found.units], plot.outside())


def test_the_figures_are_those_of_the_funnel_plot_of_a_ratio_to_what_peers_would_have():
    sums = fleet(spread=0.3)
    above = np.array([one.numerator for one in sums])
    below = np.array([one.denominator for one in sums])
    rate = above.sum() / below.sum()
    plot = funnel(above, below * rate, kind="ratio", transform="root")
    limits = plot.limits()

    found = compare(sums, RATE, "ward")

    assert plot.overdispersed
    assert found.tau2 == plot.tau2
    assert found.centre == pytest.approx(1000 * rate)
    np.testing.assert_allclose([one.expected for one in found.units], below * rate)
    np.testing.assert_allclose([one.z for one in found.units], plot.adjusted_z)
    np.testing.assert_allclose(
        [one.upper998 for one in found.units], found.centre * limits.upper998
    )
    np.testing.assert_allclose([one.lower95 for one in found.units], found.centre * limits.lower95)
    np.testing.assert_array_equal([one.beyond for one in found.units], plot.outside())


def test_units_that_vary_by_chance_only_are_judged_by_the_limits_of_chance():
    sums = fleet()
    found = compare(sums, RATE, "ward")
    plain = found.plot.limits(adjusted=False)

    assert not found.plot.overdispersed
    assert found.tau2 == 0.0
    np.testing.assert_allclose([one.upper998 for one in found.units], found.centre * plain.upper998)
    np.testing.assert_allclose([one.z for one in found.units], found.plot.scores.z)


@pytest.mark.parametrize(
    ("spread", "low", "high"),
    [(0.0, 0.0, 2 * BEYOND_BY_CHANCE), (0.3, BEYOND_BY_SPREAD / 3, 1.2 * BEYOND_BY_SPREAD)],
    ids=["chance alone", "peers that differ"],
)
def test_units_with_nothing_behind_it_are_as_seldom_beyond_as_the_statement_says(spread, low, high):
    generator = np.random.default_rng(5)
    beyond = judged = 0
    for _ in range(150):
        sizes = generator.uniform(500.0, 5000.0, 40)
        rates = 0.02 * np.exp(generator.normal(0.0, spread, 40))
        sums = [
            unit(f"U{at}", float(generator.poisson(size * rate)), float(size))
            for at, (size, rate) in enumerate(zip(sizes, rates, strict=True))
        ]
        found = compare(sums, RATE, "ward")
        beyond += sum(one.beyond for one in found.units)
        judged += found.count("judged")

    assert low <= beyond / judged <= high


def test_a_unit_with_too_few_expected_events_is_shown_and_not_judged():
    small = unit("Tiny", 4.0, 30.0)
    found = compare([*fleet(), small], SHARE, "ward")
    alone = compare(fleet(), SHARE, "ward")
    one = found.units[-1]

    assert one.state == "too_small"
    assert one.value == pytest.approx(400 / 30)
    assert one.expected < MINIMUM_EXPECTED
    assert one.z is one.position is one.upper998 is None
    assert "Too small to compare" in one.statement
    assert found.count("judged") == alone.count("judged")
    # It takes part in the pooled rate, not in the spread.
    assert found.plot.phi == pytest.approx(alone.plot.phi, abs=0.1)


def test_a_proportion_needs_enough_cases_without_the_event_too():
    sums = [unit(f"U{at}", 98.0 * size, 100.0 * size) for at, size in enumerate([1, *[9] * 10])]

    assert compare(sums, SHARE, "ward").units[0].state == "too_small"
    assert compare(sums, RATE, "ward").units[0].state == "judged"


def test_the_least_judged_denominator_is_where_units_begin_to_be_judged():
    for how in (SHARE, RATE):
        found = compare(fleet(), how, "ward")
        edge = found.smallest
        around = [unit("Below", 5.0, 0.98 * edge), unit("Above", 5.0, 1.02 * edge)]
        states = [one.state for one in compare([*fleet(), *around], how, "ward").units[-2:]]

        assert states == ["too_small", "judged"]


def test_what_is_held_back_or_contradicts_itself_takes_no_part():
    odd = [unit("Held", None, None), unit("Odd", 20.0, 10.0), unit("Less", -3.0, 100.0)]
    found = compare([*odd, *fleet()], SHARE, "site")
    alone = compare(fleet(), SHARE, "site")

    assert [one.state for one in found.units[:3]] == ["held_back", *["contradictory"] * 2]
    assert found.centre == alone.centre
    assert [one.z for one in found.units[3:]] == [one.z for one in alone.units]


def test_too_few_units_cannot_be_compared_and_the_refusal_says_what_may_do():
    with pytest.raises(NotComparableError, match="Fewer than 8 providers have numbers") as few:
        compare([*fleet(7), unit("Held", None, None)], SHARE, "provider")
    assert few.value.levels == ("site",)
    assert "1 with small numbers that are not shown" in str(few.value)

    tiny = [unit(f"U{at}", 1.0, 20.0) for at in range(12)]
    with pytest.raises(NotComparableError, match="large enough to compare") as small:
        compare(tiny, RATE, "ward")
    assert small.value.reason == "too_small"
    assert small.value.levels == ("site", "provider")


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_units_without_events_or_without_anything_else_are_too_small_not_a_crash(rate):
    sums = [unit(f"U{at}", rate * 500.0, 500.0) for at in range(12)]

    with pytest.raises(NotComparableError, match="large enough"):
        compare(sums, SHARE, "site")


@pytest.mark.parametrize(
    ("direction", "high", "low"),
    [
        ("down", "concern", "improvement"),
        ("up", "improvement", "concern"),
        ("neutral", "neutral", "neutral"),
    ],
)
def test_which_side_is_a_concern_follows_the_direction_of_the_indicator(direction, high, low):
    how = replace(SHARE, indicator=replace(SHARE.indicator, direction=direction))
    sums = [*fleet(), unit("High", 900.0, 3000.0), unit("Low", 30.0, 3000.0)]
    found = {one.sums.unit: one for one in compare(sums, how, "ward").units}

    assert (found["High"].position, found["High"].meaning) == ("much_higher", high)
    assert (found["Low"].position, found["Low"].meaning) == ("much_lower", low)
    assert found["High"].statement == sentences.POSITIONS["much_higher", high]


def test_every_sentence_is_calm():
    texts = [text for text in vars(sentences).values() if isinstance(text, str)]
    texts += sentences.POSITIONS.values()

    for text in texts:
        for word in ("outlier", "failing", "worse than", "bad"):
            assert word not in text.lower().replace("worse care", "")
    for (position, _), text in sentences.POSITIONS.items():
        assert position == "within" or "may" in text
        assert "check" in text or not position.startswith("much") or "learning" in text


# -- what can be compared ------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "reason", "instead"),
    [
        ("incidents", "no_denominator", ("incidents_per_1000_bed_days",)),
        ("good_care", "no_denominator", ()),
        ("speakup", "no_denominator", ()),
        ("sickness", "measurement", ()),
        ("never_events", "time_between_events", ()),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason_and_what_can(key, reason, instead):
    with pytest.raises(NotComparableError) as refused:
        measure(CATALOGUE, CATALOGUE[key])

    assert (refused.value.reason, refused.value.instead) == (reason, instead)
    assert all(CATALOGUE[one].name in str(refused.value) for one in instead)
    assert stand_in(CATALOGUE, key) == (instead[0] if instead else None)


def test_rates_shares_and_counts_with_an_exposure_can_be_compared():
    found = {one.indicator.key: one for one in comparable(CATALOGUE)}

    assert found["harm_share"].model == "proportion"
    assert found["falls_per_1000_bed_days"].volume == "bed days"
    assert found["hospital_infections"].volume == "risk days"
    assert (found["falls"].model, found["falls"].per) == ("ratio", 1000.0)
    assert found["falls"].unit == "falls per 1,000 bed days"
    assert {one.indicator.kind for one in found.values()} == {
        "count", "rate", "share", "proportion",
    }  # fmt: skip


def test_speaking_up_is_never_compared_below_site_whatever_a_catalogue_says():
    share = CATALOGUE["speakup_worker_safety_share"]
    loose = replace(share, levels=frozenset({"ward", "site", "provider"}))

    assert levels_of(loose) == ("site", "provider")
    with pytest.raises(NotComparableError, match="never shown below site") as refused:
        check_level(loose, "ward")
    assert refused.value.levels == ("site", "provider")


# -- cells of a few indicators -------------------------------------------------------


def test_a_block_restored_for_a_few_indicators_has_these_as_they_were_and_no_others():
    harm = {"event_type": "incident", "category": "fall", "physical_harm": "low"}
    told = FactsAlone(fact(f"i{n}", f"2026-01-{1 + n % 9:02d}", **harm) for n in range(900))
    whole = Block.load(told, CATALOGUE, "RXX")
    tallies = whole.take_tallies()
    wanted = np.zeros(len(CATALOGUE.indicators) + len(Feed), dtype=np.bool_)
    few, none = Block(CATALOGUE, "RXX"), Block(CATALOGUE, "RXX")
    keys = ["incidents", "fall_share"]
    wanted[[CATALOGUE.position(key) for key in keys]] = True
    wanted[len(CATALOGUE.indicators) + int(Feed.INCIDENTS)] = True
    few.restore(tallies, wanted)
    none.restore(tallies, np.zeros_like(wanted))

    for code in whole.units():
        shown = few.indicators(code)
        assert set(keys) <= {key for key, _ in shown} < {key for key, _ in whole.indicators(code)}
        for key, grid in shown:
            before, after = view(whole, code, key, grid), view(few, code, key, grid)
            assert np.array_equal(before.numerators, after.numerators, equal_nan=True)
            assert np.array_equal(before.denominators, after.denominators, equal_nan=True)
        assert few.first_week(code, Feed.INCIDENTS) == whole.first_week(code, Feed.INCIDENTS)
    assert list(none.units()) == ["RXX"]


# -- spans -----------------------------------------------------------------------


def record(provider: str = "RXX", **watermarks: int) -> ProviderRecord:
    marks = [watermarks.get(feed.topic) for feed in Feed]
    return ProviderRecord(provider, (marks[0], marks[1], marks[2], marks[3]))


def a_day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


MARKED = record(incidents=a_day("2026-03-04"), wardmetrics=a_day("2026-02-28"))


def test_the_last_closed_year_is_compared_unless_another_window_is_asked_for():
    weeks = chosen_span([MARKED], Feed.INCIDENTS, Grid.WEEK, None, None)
    months = chosen_span([MARKED], Feed.WARDMETRICS, Grid.MONTH, None, None)

    assert (weeks.since, weeks.until) == ("2025-03-03T00:00:00Z", "2026-03-02T00:00:00Z")
    assert (months.since, months.until) == ("2025-03-01T00:00:00Z", "2026-03-01T00:00:00Z")
    assert chosen_span([record()], Feed.INCIDENTS, Grid.WEEK, None, None) is None


def test_a_window_holds_whole_closed_periods_only():
    since, until = datetime(2025, 6, 4, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    weeks = chosen_span([MARKED], Feed.INCIDENTS, Grid.WEEK, since, until)
    short = chosen_span(
        [MARKED], Feed.INCIDENTS, Grid.WEEK, since, datetime(2025, 7, 2, tzinfo=UTC)
    )

    assert (weeks.since, weeks.until) == ("2025-06-09T00:00:00Z", "2026-03-02T00:00:00Z")
    assert (short.since, short.until) == ("2025-06-09T00:00:00Z", "2025-06-30T00:00:00Z")
    for first, last in ((2025, 2025), (2030, 2031), (1990, 2026)):
        with pytest.raises(NotComparableError, match="window"):
            chosen_span(
                [MARKED], Feed.INCIDENTS, Grid.WEEK,
                datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 3, tzinfo=UTC),
            )  # fmt: skip


def test_numbers_about_speaking_up_have_one_window_of_four_quarters():
    span = protected_span([MARKED], None, None)

    assert (span.since, span.until) == ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert protected_span([record(speakup=a_day("2026-03-01"))], None, None) is None
    for since, until in (
        (datetime(2025, 1, 1, tzinfo=UTC), None),
        (None, datetime(2026, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(NotComparableError, match="last four closed quarters"):
            protected_span([MARKED], since, until)


def test_a_period_is_closed_by_the_stored_watermark_as_by_the_histories():
    told = []
    days = ("2026-01-01", "2026-01-31T12:00", "2026-02-14", "2026-03-01")
    for number, when in enumerate(days):
        month = {"period_start": f"{when[:8]}01T00:00:00Z", "period_end": f"{when[:10]}T00:00:00Z"}
        metric = fact(f"m{number}", when, Feed.WARDMETRICS, metric="falls", numerator=1, **month)
        told += [fact(f"i{number}", when), metric]
        block = Block.load(FactsAlone(told), CATALOGUE, "RXX")
        for feed in (Feed.INCIDENTS, Feed.WARDMETRICS):
            for grid in (Grid.WEEK, Grid.MONTH, Grid.QUARTER):
                assert block.closed(feed, grid) == closed_period(feed, grid, block.watermarks[feed])
    assert closed_period(Feed.WARDMETRICS, Grid.WEEK, a_day("2026-03-01")) == week_of_day(
        a_day("2026-03-02")
    )
    assert closed_period(Feed.INCIDENTS, Grid.MONTH, a_day("2026-02-28")) == month_of_day(
        a_day("2026-02-01")
    )
