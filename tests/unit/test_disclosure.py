from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from streams.alerts import disclosure
from streams.alerts.disclosure import SUPPRESSED
from streams.catalogue.indicators import Catalogue
from streams.evidence.listening import ASPECTS, Standing
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.histories.views import SeriesView

CATALOGUE = Catalogue.load()
# January 2024, as months from January 1970.
JANUARY = 12 * 54


def months(key: str, numerators, denominators=None, *, grid=Grid.MONTH, open_after=0) -> SeriesView:
    above = np.array(numerators, dtype=float)
    below = np.full(len(above), np.nan) if denominators is None else np.array(denominators, float)
    first = JANUARY if grid is Grid.MONTH else JANUARY // 3
    with np.errstate(invalid="ignore", divide="ignore"):
        values = above if denominators is None else above / below
    return SeriesView(
        unit="RAA",
        indicator=CATALOGUE[key],
        grid=grid,
        periods=np.arange(first, first + len(above)),
        numerators=above,
        denominators=below,
        values=values,
        facts=above.astype(int),
        open_from=first + len(above) - open_after,
    )


def day(year: int, month: int, date: int = 1) -> int:
    return (datetime(year, month, date, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


@pytest.mark.parametrize(
    ("exact", "shown"),
    [(0, 0), (1, None), (7, None), (8, 10), (12, 10), (13, 15), (15, 15), (17.4, 15), (103, 105)],
)
def test_small_counts_are_held_back_and_larger_ones_rounded(exact, shown):
    assert disclosure.count(exact) == shown


def test_a_percentage_is_computed_from_the_rounded_counts():
    assert disclosure.percentage(13, 48) == 15 / 50
    assert disclosure.percentage(3, 48) is None
    assert disclosure.percentage(0, 48) == 0
    assert disclosure.percentage(0, 0) is None


def test_speaking_up_is_given_for_three_months_at_a_time():
    view = months("speakup", [4, 4, 4, 5, 9, 9])

    points = disclosure.series_points(view, None, closed_day=day(2024, 7))

    assert [p.value for p in points] == [10, 15, 20, 25]
    assert points[0].period_start == "2024-01-01T00:00:00Z"
    assert points[0].period_end == "2024-04-01T00:00:00Z"
    assert all(p.lower is None and p.upper is None for p in points)


def test_outsiders_see_calendar_quarters_only():
    view = months("speakup", [4, 4, 4, 5, 9, 9, 9])

    points = disclosure.series_points(view, None, closed_day=day(2024, 8), internal=False)

    assert [(p.period_start[:7], p.value) for p in points] == [("2024-01", 10), ("2024-04", 25)]


def test_a_suppressed_point_says_so_and_holds_no_number():
    view = months("speakup", [1, 0, 2])

    (point,) = disclosure.series_points(view, None, closed_day=day(2024, 4))

    assert point.disclosure == SUPPRESSED
    assert (point.value, point.numerator, point.denominator, point.mean) == (None,) * 4


def test_a_period_appears_when_the_other_feeds_have_passed_it_not_when_a_case_arrives():
    before = months("speakup", [9, 9, 9])
    after = months("speakup", [9, 9, 9, 1], open_after=1)
    today = day(2024, 4, 17)

    assert disclosure.series_points(before, None, closed_day=today) == disclosure.series_points(
        after, None, closed_day=today
    )


def test_without_other_feeds_a_case_does_not_close_its_own_quarter():
    quarter = disclosure.series_points(months("speakup", [9, 9, 9]), None)
    next_month = disclosure.series_points(months("speakup", [9, 9, 9, 9], open_after=1), None)

    assert quarter == []
    assert [p.value for p in next_month] == [25]


def test_shares_of_speaking_up_need_both_counts():
    view = months("speakup_anonymous_share", [3, 3, 3, 0, 0, 0], [20, 20, 20, 2, 2, 2])

    points = disclosure.series_points(view, None, closed_day=day(2024, 7), internal=False)

    assert [(p.value, p.disclosure) for p in points] == [
        (pytest.approx(100 * 10 / 60), None),
        (None, SUPPRESSED),
    ]


def test_quarterly_aggregates_are_taken_as_they_are():
    view = months("speakup", [12, 3, 0], grid=Grid.QUARTER)

    points = disclosure.series_points(view, None, closed_day=day(2024, 10))

    assert [p.value for p in points] == [10, None, 0]


def test_other_feeds_keep_their_numbers_and_show_missing_denominators():
    view = months("incidents_per_1000_bed_days", [3, 1], [100, np.nan])

    first, second = disclosure.series_points(view, None)

    assert (first.numerator, first.missing_denominator) == (3, False)
    assert (second.value, second.numerator, second.missing_denominator) == (None, 1, True)


def alert(feeds, **evidence):
    return {
        "id": "a",
        "feeds": feeds,
        "first_signal_at": "2024-05-15T10:00:00Z",
        "raised_at": None,
        "subsided_at": None,
        "onset": "2024-04-17T00:00:00Z",
        "evidence": {
            "reference": "v1",
            "series": [],
            "signals": [
                {
                    "detector": "evidence.counts",
                    "opened": "2024-05-15T00:00:00Z",
                    "raised": None,
                    "subsided": None,
                    "onset": "2024-04-17T00:00:00Z",
                    "feeds": feeds,
                    "explanation": {"observed": 6, "note": "speakup", "counts": [6]},
                }
            ],
            **evidence,
        },
    }


def test_an_alert_on_speaking_up_loses_its_numbers_and_its_exact_dates():
    shown = disclosure.alert(alert(["speakup"]))

    assert shown["first_signal_at"] == "2024-05-20T00:00:00Z"
    assert shown["onset"] == "2024-04-01T00:00:00Z"
    assert shown["evidence"]["signals"][0]["explanation"] == {}


def test_a_signal_of_speaking_up_alone_was_taken_in_at_the_end_of_the_week():
    at = datetime(2024, 5, 15, 10, 17, 31, 250_000, tzinfo=UTC)
    monday = datetime(2024, 5, 20, tzinfo=UTC)

    assert disclosure.taken_in(["speakup"], at) == monday
    assert disclosure.taken_in(["speakup"], monday) == monday
    assert disclosure.taken_in(["incidents", "speakup"], at) == at
    # An older store holds the times themselves.
    times = dict.fromkeys(("opened_at", "changed_at"), "2024-05-15T10:17:31.250Z")
    shown = disclosure.alert({**alert(["speakup"]), **times})
    assert {shown[name] for name in times} == {"2024-05-20T00:00:00Z"}


def test_mixed_evidence_keeps_its_dates_but_not_the_numbers():
    shown = disclosure.alert(alert(["incidents", "speakup"], posterior=[0.3]))

    assert shown["first_signal_at"] == "2024-05-15T10:00:00Z"
    assert shown["evidence"]["signals"][0]["explanation"] == {}
    assert "posterior" not in shown["evidence"]


def joint(feeds):
    """Evidence of a site as the detector explains it: from all feeds, whichever are named."""
    fields = alert(feeds)
    explanation = {
        "log_evidence": 5.6775030,
        "ways": [["incidents x1.5, speakup x2", 0.3]],
        "onsets": [[50, 0.01]],
        "feeds": [
            {"feed": "incidents", "contributes": True, "observed": 44.0, "expected": 24.98,
             "probability": 0.96, "baseline_rate": 3.6},
            {"feed": "speakup", "contributes": False, "observed": 1.0, "expected": 0.4,
             "probability": 0.2, "baseline_rate": 0.05},
        ],
        "data": {"feeds": ["incidents", "speakup"], "counts": [[3.0], [1.0]]},
    }  # fmt: skip
    fields["evidence"]["signals"][0]["explanation"] = explanation
    return fields


def test_joint_evidence_is_filtered_although_speaking_up_is_not_named_by_the_alert():
    signal = disclosure.alert(joint(["incidents"]))["evidence"]["signals"][0]

    assert signal["disclosure"] == SUPPRESSED
    assert signal["explanation"] == {
        "feeds": [
            {
                "feed": "incidents",
                "contributes": True,
                "observed": 44.0,
                "expected": 24.98,
                "baseline_rate": 3.6,
            },
            {"feed": "speakup", "contributes": False},
        ]
    }


def test_other_alerts_are_left_alone():
    fields = alert(["incidents", "complaints"])
    fields["evidence"]["signals"][0]["explanation"] = {"observed": 6, "data": {"counts": [1, 2]}}

    assert disclosure.alert(fields) == fields


def test_added_evidence_of_speaking_up_is_not_announced():
    named, weighed = (json.dumps(fields).encode() for fields in (alert(["speakup"]), joint([])))
    other = b'{"feeds": ["incidents"]}'

    for record in (named, weighed):
        assert disclosure.tells_of_an_arrival("evidence_added", record)
        assert disclosure.tells_of_an_arrival("amended", record)
        assert not disclosure.tells_of_an_arrival("raised", record)
    assert not disclosure.tells_of_an_arrival("evidence_added", other)


def test_a_protected_feed_was_last_heard_in_a_quarter():
    at = datetime(2024, 5, 15, 10, tzinfo=UTC)

    assert disclosure.moment(Feed.SPEAKUP, at) == datetime(2024, 4, 1, tzinfo=UTC)
    assert disclosure.moment(Feed.INCIDENTS, at) == at
    assert disclosure.moment(Feed.SPEAKUP, None) is None


ASPECT = next(aspect for aspect in ASPECTS if aspect.protected)
OPEN_ASPECT = next(aspect for aspect in ASPECTS if not aspect.protected)


def standing(numerator: float, denominator: float, aspect=ASPECT, *, enough=True) -> Standing:
    return Standing(
        aspect=aspect,
        enough=enough,
        words="about the same as in the year before",
        value=numerator / denominator,
        numerator=numerator,
        denominator=denominator,
        before=0.123,
        variation="common_cause",
    )


def test_a_protected_aspect_of_a_profile_is_told_in_words_and_rounded_shares():
    (shown,) = disclosure.profile([standing(13, 48)])

    assert (shown["numerator"], shown["denominator"], shown["value"]) == (15, 50, 0.3)
    assert (shown["before"], shown["disclosure"]) == (None, None)
    assert shown["words"] == "about the same as in the year before"


def test_a_small_protected_share_of_a_profile_is_held_back():
    (shown,) = disclosure.profile([standing(3, 48)])

    assert (shown["numerator"], shown["value"], shown["disclosure"]) == (None, None, SUPPRESSED)


def test_other_aspects_of_a_profile_are_exact():
    (shown,) = disclosure.profile([standing(3, 48, OPEN_ASPECT)])

    assert (shown["numerator"], shown["value"], shown["before"]) == (3, 3 / 48, 0.123)


def test_the_lines_of_an_unprotected_chart_are_passed_on_for_closed_periods():
    view = months("incidents", [3, 4, 5], open_after=1)
    lines = SimpleNamespace(
        mean=np.array([3.5, 3.5]),
        lower=np.array([np.nan, 1.0]),
        upper=np.array([6.0, 6.0]),
        point_type_names=["common_cause", "special_cause_neutral_high"],
        special_cause_names=["Common Cause", "Above UCL"],
    )

    first, second, third = disclosure.series_points(view, lines)

    assert (first.lower, first.special_cause) == (None, None)
    assert (second.point_type, second.special_cause) == ("special_cause_neutral_high", "Above UCL")
    assert (third.open, third.mean) == (True, None)


@pytest.mark.parametrize(
    ("feeds", "may"),
    [
        (("incidents",), True),
        (("incidents", "wardmetrics"), True),
        (("speakup",), False),
        (("incidents", "speakup"), False),
        ((), False),
    ],
)
def test_a_signal_that_names_speaking_up_is_not_counted_with_others(feeds, may):
    assert may is disclosure.may_be_grouped(feeds)
