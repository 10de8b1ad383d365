"""How much of the newest periods is reported, from the law of a feed's delays."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from api.arrivals import arrived
from api.captions import arrival_words, arriving_note, delay_words, describe
from api.drawing import control_chart
from detectors.evidence.reporting_delay import LONGEST, ReportingDelay
from streams.alerts import disclosure
from streams.catalogue.indicators import Catalogue
from streams.facts.clock import to_ms
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, period_of_day
from streams.histories.points import Expected
from streams.histories.reporting import TOO_FEW, UNTOLD, FeedDelay
from streams.histories.views import SeriesView

CATALOGUE = Catalogue.load()
AS_OF = to_ms(datetime(2026, 3, 4, 12, tzinfo=UTC))  # a Wednesday
TODAY = AS_OF // MS_PER_DAY
WEEK = period_of_day(Grid.WEEK, TODAY)


def law(*recorded: float) -> FeedDelay:
    """A feed of which these shares are recorded within 0, 1, ... days, and then all."""
    shares = np.ones(LONGEST + 1)
    shares[: len(recorded)] = recorded
    return FeedDelay(ReportingDelay(shares), AS_OF, 500)


HALF_FOR_TEN_DAYS = law(*[0.5] * 10)


def series(key, numerators, denominators=None, *, facts=1, last=WEEK, grid=Grid.WEEK):
    """A series whose last period is the one that is going on."""
    size = len(numerators)
    above = np.array(numerators, float)
    below = np.full(size, np.nan) if denominators is None else np.array(denominators, float)
    indicator = CATALOGUE[key]
    values = above if indicator.kind == "count" else above / below * indicator.per
    return SeriesView(
        unit="RXX01:W1", indicator=indicator, grid=grid,
        periods=np.arange(last - size + 1, last + 1), numerators=above, denominators=below,
        values=values, facts=np.full(size, facts), open_from=last,
    )  # fmt: skip


def test_a_law_is_learnt_from_groups_of_facts_and_counts_them():
    days = np.array([TODAY - 40, TODAY - 40, TODAY - 30, TODAY - 200, TODAY - 3])
    delays = np.array([0, 4, 4, LONGEST + 1, -1])
    learnt = FeedDelay.learn(days, delays, np.array([300, 600, 100, 50, 50]), AS_OF)

    assert learnt.facts == 1000
    assert learnt.reason is None
    assert learnt.median == 4
    assert learnt.within(3) == pytest.approx(0.3, abs=0.02)
    assert learnt.within(7) == pytest.approx(1.0)


@pytest.mark.parametrize(("facts", "reason"), [(0, UNTOLD), (19, TOO_FEW), (20, None)])
def test_few_facts_say_nothing_and_it_is_said_why(facts, reason):
    learnt = FeedDelay.learn(np.array([TODAY - 50]), np.array([9]), np.array([facts]), AS_OF)
    shares = learnt.shares(series("incidents", [10] * 8))

    assert learnt.reason == reason
    assert (shares == [None] * 8) == (reason is not None)


def test_a_period_is_as_complete_as_its_days_are_on_average():
    # Today is the Wednesday of the last week: three of its days are there, half reported.
    # The days of the week before are 3 to 9 days old, those before that 10 to 16.
    shares = HALF_FOR_TEN_DAYS.shares(series("incidents", [10] * 6))

    assert shares == [None, None, None, None, 0.5, round(1.5 / 7, 2)]


def test_days_that_the_feed_is_not_known_for_count_as_not_reported():
    later = series("incidents", [10] * 6, last=WEEK + 2)

    assert HALF_FOR_TEN_DAYS.shares(later)[-3:] == [round(1.5 / 7, 2), 0.0, 0.0]


def test_a_feed_that_reports_the_same_day_leaves_only_the_period_that_is_going_on():
    assert law(1.0).shares(series("incidents", [10] * 6)) == [*[None] * 5, round(3 / 7, 2)]


def test_a_metric_that_one_unit_states_is_there_or_missing():
    alone = series("falls", [3] * 8)
    together = series("falls", [30] * 8, facts=10)

    assert law(*[0.5] * 9).shares(alone) == [None] * 8
    # Dated by the end of their week: last week's are two days old, those before nine.
    assert law(*[0.5] * 9).shares(together)[-3:] == [None, 0.5, 0.0]


def expected(view, delay=HALF_FOR_TEN_DAYS, **options):
    return delay.expected(view, delay.shares(view), **options)


def test_a_count_may_come_to_what_its_level_and_what_is_known_say():
    told = expected(series("incidents", [20] * 30 + [10, 1]))

    assert told[:-2] == [None] * 30
    assert told[-1] is None  # the week is not over
    assert told[-2].value == pytest.approx(20, abs=0.5)
    assert 10 < told[-2].lower < 20 < told[-2].upper < 30


def test_a_restless_series_leaves_more_room_than_a_steady_one():
    random = np.random.default_rng(3)
    steady = expected(series("incidents", [*random.poisson(20, 30), 10, 1]))[-2]
    restless = expected(series("incidents", [*random.poisson(random.gamma(2, 10, 30)), 10, 1]))[-2]

    assert restless.upper - restless.lower > steady.upper - steady.lower


def test_the_level_is_that_since_the_limits_start_afresh():
    view = series("incidents", [100] * 20 + [20] * 10 + [10, 1])

    assert expected(view, begins=20)[-2].value == pytest.approx(20, abs=0.5)
    assert expected(view)[-2].value > 22


def test_the_interval_holds_what_comes_as_often_as_it_says():
    random = np.random.default_rng(11)
    held = 0
    for rate in random.gamma(4.0, 5.0, 400):
        finals = random.poisson(rate, 31)
        seen = random.binomial(finals[-1], 0.5)
        told = expected(series("incidents", [*finals[:-1], seen, 0]))[-2]
        held += told.lower <= finals[-1] <= told.upper

    assert 0.78 <= held / 400 <= 0.93  # whole numbers hold a little more than 80 %


def test_a_rate_is_told_by_its_own_exposure_and_not_without():
    counts, days = [20] * 30 + [10, 1], [200.0] * 31 + [np.nan]
    told = expected(series("incidents_per_1000_bed_days", counts, days))
    unknown = expected(series("incidents_per_1000_bed_days", counts, [*days[:30], np.nan, np.nan]))

    assert told[-2].value == pytest.approx(100, abs=2.5)
    assert unknown == [None] * 32


@pytest.mark.parametrize("key", ["fall_share", "acknowledged_in_time", "falls", "severe_harm"])
def test_nothing_else_is_told_to_come_to_something(key):
    counts = [20] * 30 + [10, 1]

    assert expected(series(key, counts, [30.0] * 32, facts=5)) == [None] * 32


def test_a_short_history_says_nothing_of_what_may_come():
    assert expected(series("incidents", [20, 20, 20, 10, 1])) == [None] * 5


def test_an_empty_ward_may_stay_empty():
    told = expected(series("incidents", [0] * 30 + [0, 0]))[-2]

    assert (told.lower, told.upper) == (0, 0)
    assert told.value < 0.05


# -- points, words ---------------------------------------------------------------


def shown(view, delay=HALF_FOR_TEN_DAYS):
    drawing = control_chart(view)
    points = disclosure.series_points(view, drawing.chart)
    return drawing, *arrived(view, drawing, points, delay)


def noisy(size):
    return np.random.default_rng(5).poisson(40, size).tolist()


def test_icons_end_with_the_latest_reported_period_and_limits_do_not_change():
    drawing, arrival, points = shown(series("fall_incidents", [*noisy(30), 20, 2]))

    assert drawing.chart.variation == "neutral_low"
    assert arrival.settled.chart.variation == "common_cause"
    assert points[-2].point_type == "special_cause_neutral_low"
    assert points[-2].provisional
    assert points[-2].lower == drawing.chart.lower[-1]


def test_a_run_that_needs_incomplete_periods_is_provisional_in_all_its_points():
    # Four complete weeks below the mean, and three that are still being reported.
    slow = law(*[0.5] * 24)
    view = series("fall_incidents", [*[40, 42, 38] * 8, 36, 36, 36, 36, 30, 30, 30, 5])
    drawing, arrival, points = shown(view, slow)
    flagged = [at for at, name in enumerate(drawing.chart.point_type_names) if "low" in name]

    assert flagged[-7:] == [24, 25, 26, 27, 28, 29, 30]
    assert all(points[at].provisional for at in flagged[-7:])
    assert [points[at].reported_share is None for at in (27, 28, 29)] == [True, False, False]
    assert arrival.settled.chart.variation == "common_cause"


def test_a_flag_that_stands_without_them_is_not_provisional():
    counts = noisy(30)
    counts[10] = 90
    _, _, points = shown(series("fall_incidents", [*counts, 35, 2]))

    assert points[10].point_type == "special_cause_neutral_high"
    assert not points[10].provisional


def test_a_feed_that_is_known_whole_changes_no_point():
    view = series("fall_incidents", noisy(30), last=WEEK - 3)
    drawing, arrival, points = shown(view, law(1.0))

    assert arrival.settled is drawing
    assert points == disclosure.series_points(view, drawing.chart)


def test_the_description_says_what_is_still_being_reported():
    _, _, points = shown(series("fall_incidents", [*noisy(30), 20, 2]))
    words = describe(points)

    assert "(special cause, low; provisional)" in words
    assert "The last 2 periods are still being reported, so flags there are provisional." in words
    assert "is about 50% reported and may come to 40" in words


@pytest.mark.parametrize(
    ("median", "words"),
    [(0, "on the day itself"), (1, "within a day"), (12, "within 12 days")],
)
def test_a_median_delay_in_words(median, words):
    assert delay_words(median) == words


def test_the_sentence_of_a_chart_follows_what_is_shaded():
    _, _, points = shown(series("fall_incidents", [*noisy(30), 20, 2]))
    _, _, shares = shown(series("fall_share", [*noisy(30), 20, 2], [80.0] * 32))
    half = "Half of this feed's reports arrive within 3 days"

    assert arrival_words(3, points, "week") == f"{half}; the shaded weeks will still grow."
    assert arrival_words(3, shares, "week") == f"{half}; the shaded weeks may still change."
    assert arrival_words(3, points[-1:], "month") == f"{half}; the shaded month may still change."
    assert arrival_words(3, points[:5], "week") == f"{half}."


def test_a_complete_period_has_no_note():
    assert arriving_note(None, None) == ""
    assert arriving_note(0.6, None) == "about 60% reported"
    assert arriving_note(0.6, Expected(9.4, 7, 12)) == (
        "about 60% reported and may come to 9.40 (80% interval 7 to 12)"
    )


def test_the_delay_of_speaking_up_is_not_even_learnt():
    def learn():
        raise AssertionError

    assert disclosure.reporting_delay(Feed.SPEAKUP, learn) is None
    assert disclosure.reporting_delay(Feed.COMPLAINTS, lambda: HALF_FOR_TEN_DAYS) is not None


def test_the_calendar_of_these_tests_is_what_they_say():
    assert first_day(Grid.WEEK, WEEK) == TODAY - 2
    assert date(1970, 1, 1).toordinal() + TODAY == date(2026, 3, 4).toordinal()
