"""The catalogue: its file, its entries, and what facts add to them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.catalogue.contributions import MILLION, Cell
from streams.catalogue.definitions import CatalogueError
from streams.catalogue.indicators import Catalogue
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid, month_of_day, week_of_day
from streams.intake.receiving import open_request
from tests.sent_events import BATCH, aggregate, context, event, written

CATALOGUE = Catalogue.load()
DAY = 20458  # 2026-01-05, a Monday


def fact(sent: dict[str, Any], catalogue: Catalogue = CATALOGUE) -> Fact:
    opened = open_request(written([sent]), BATCH, context(metrics=catalogue.metrics))
    assert not opened.rejections, opened.rejections
    return opened.facts[0]


def cells(sent: dict[str, Any], catalogue: Catalogue = CATALOGUE) -> dict[str, Cell]:
    found = catalogue.cells(fact(sent, catalogue))
    return {catalogue.indicators[cell.indicator].key: cell for cell in found}


def shares(sent: dict[str, Any]) -> dict[str, bool]:
    """The shares and proportions that an event counts in, and on which side."""
    return {
        key: cell.numerator == MILLION
        for key, cell in cells(sent).items()
        if cell.denominator == MILLION
    }


def test_the_shipped_catalogue_covers_the_four_feeds_and_all_kinds():
    assert len(CATALOGUE.indicators) >= 40
    assert {one.feed for one in CATALOGUE.indicators} == set(Feed)
    assert {one.kind for one in CATALOGUE.indicators} == {
        "count", "rate", "proportion", "measurement", "share", "gap",
    }  # fmt: skip
    assert all(one.description.endswith(".") for one in CATALOGUE.indicators)


@pytest.mark.parametrize(
    "key",
    [
        "incidents",
        "complaints",
        "speakup",
        "falls",
        "occupied_bed_days",
        "incidents_per_1000_bed_days",
        "complaints_per_1000_bed_days",
        "falls_per_1000_bed_days",
        "harm_share",
        "any_harm_share",
        "patient_voice_share",
        "carer_voice_share",
        "staff_voice_share",
        "anonymous_share",
        "anonymity_detriment_share",
        "speakup_anonymous_share",
        "speakup_detriment_share",
        "acknowledged_in_time",
        "answered_in_time",
        "four_hour_breaches",
        "hospital_infections",
        "never_events",
        "severe_harm",
        "fill_rate_rn_day",
        "fill_rate_rn_night",
        "fill_rate_care_day",
        "fill_rate_care_night",
        "chppd_total",
        "sickness",
        "vacancy",
        "fft_positive",
        "fft_negative",
        "news2_on_time",
        "vte_risk_assessed",
        "sepsis_screened",
        "pressure_ulcers",
        "cdi",
        "mrsa_bsi",
        "medication_incidents",
        "staffing_incidents",
        "cardiac_arrests",
        "readmissions_30d",
        "agency_hours",
        "red_flag_shifts",
    ],
)
def test_the_indicators_that_other_parts_name_are_there(key):
    assert key in CATALOGUE
    assert CATALOGUE[key] is CATALOGUE.indicators[CATALOGUE.position(key)]


def test_speaking_up_is_never_below_site():
    for indicator in CATALOGUE.indicators:
        assert indicator.feed is not Feed.SPEAKUP or "ward" not in indicator.levels


def test_an_incident_counts_once_on_its_day():
    counted = cells(event())["incidents"]

    assert (counted.grid, counted.period) == (Grid.WEEK, week_of_day(DAY))
    assert (counted.numerator, counted.denominator, counted.day) == (MILLION, 0, 0)


def test_rates_of_bed_days_show_the_cells_of_what_they_count():
    assert CATALOGUE["incidents_per_1000_bed_days"].numerator == "incidents"
    assert CATALOGUE["incidents_per_1000_bed_days"].denominator == "occupied_bed_days"
    assert "incidents_per_1000_bed_days" not in cells(event())


@pytest.mark.parametrize(
    ("kind", "key"),
    [("risk", "risks"), ("good_care", "good_care"), ("outcome", "outcomes_of_concern")],
)
def test_what_is_no_incident_counts_for_itself_and_has_no_harm(kind, key):
    found = cells(event(data={"event_type": kind, "physical_harm": "severe"}))

    assert set(found) == {key}


def test_an_event_without_a_type_is_an_incident():
    assert cells(event(data={"event_type": None})) == cells(event())


@pytest.mark.parametrize(
    ("physical", "psychological", "harm", "any_harm", "severe"),
    [
        ("none", "none", False, False, False),
        ("low", None, False, True, False),
        ("none", "moderate", True, True, False),
        ("fatal", "none", True, True, True),
        (None, "severe", True, True, True),
        (None, None, None, None, False),
    ],
)
def test_harm_is_the_worse_of_the_two_as_far_as_known(
    physical, psychological, harm, any_harm, severe
):
    sent = event(data={"physical_harm": physical, "psychological_harm": psychological})

    assert shares(sent).get("harm_share") is harm
    assert shares(sent).get("any_harm_share") is any_harm
    assert ("severe_harm" in cells(sent)) is severe


def test_voice_and_anonymity_are_shares_of_what_is_known():
    found = shares(event(data={"reporter": "carer", "anonymous": True}))

    assert found["carer_voice_share"] is True
    assert found["patient_voice_share"] is found["staff_voice_share"] is False
    assert found["anonymous_share"] is found["anonymity_detriment_share"] is True
    unknown = shares(event(data={"reporter": None, "anonymous": None, "anonymity_reason": None}))
    assert not [key for key in unknown if "voice" in key or "anonym" in key]
    named = shares(event(data={"anonymous": False}))
    assert named["anonymous_share"] is False
    assert "anonymity_detriment_share" not in named


def complaint(received: str, recorded: str | None = None, **data: Any) -> dict[str, bool]:
    none = {"acknowledged_at": None, "resolved_at": None, "outcome": "open"}
    return shares(event("complaint", time=received, recordedtime=recorded, data=none | data))


@pytest.mark.parametrize(
    ("received", "acknowledged", "kept"),
    [
        ("2026-01-05T23:00:00Z", "2026-01-08T23:59:00Z", True),
        ("2026-01-05T09:00:00Z", "2026-01-09T00:00:00Z", False),
        ("2026-01-09T09:00:00Z", "2026-01-14T12:00:00Z", True),  # over a weekend
        ("2025-12-24T09:00:00Z", "2025-12-31T12:00:00Z", True),  # over Christmas
        ("2025-12-24T09:00:00Z", "2026-01-01T12:00:00Z", False),
    ],
)
def test_a_complaint_is_acknowledged_by_the_third_working_day(received, acknowledged, kept):
    assert complaint(received, acknowledged_at=acknowledged)["acknowledged_in_time"] is kept


def test_a_complaint_not_yet_due_is_not_judged():
    assert "acknowledged_in_time" not in complaint("2026-01-05T09:00:00Z")
    assert "answered_in_time" not in complaint("2026-01-05T09:00:00Z", "2026-02-01T00:00:00Z")


def test_a_record_younger_than_the_limit_without_the_moment_is_late():
    late = complaint("2025-06-05T09:00:00Z", "2025-12-06T00:00:00Z")

    assert late["acknowledged_in_time"] is late["answered_in_time"] is False


def test_an_answer_acknowledges():
    found = complaint("2026-01-05T09:00:00Z", resolved_at="2026-01-06T09:00:00Z", outcome="upheld")

    assert (
        found["acknowledged_in_time"] is found["answered_in_time"] is found["upheld_share"] is True
    )


def test_six_months_end_on_the_last_day_of_a_shorter_month():
    def answered(moment: str) -> bool:
        found = complaint("2025-08-31T09:00:00Z", resolved_at=moment, outcome="not_upheld")
        return found["answered_in_time"]

    assert answered("2026-02-28T23:00:00Z")
    assert not answered("2026-03-01T00:00:00Z")


def test_a_withdrawn_complaint_need_not_be_answered():
    found = complaint("2025-06-05T09:00:00Z", "2025-12-06T00:00:00Z", outcome="withdrawn")

    assert "answered_in_time" not in found


def test_a_case_of_speaking_up_counts_by_week_and_its_shares_by_month():
    found = cells(event("speakup"))

    assert (found["speakup"].grid, found["speakup"].period) == (Grid.WEEK, week_of_day(DAY))
    assert found["speakup_detriment_share"].grid is Grid.MONTH
    assert found["speakup_detriment_share"].numerator == MILLION
    assert found["speakup_anonymous_share"].numerator == 0


def test_an_aggregate_of_a_quarter_fills_the_quarter():
    found = cells(aggregate())

    quarter = month_of_day(DAY) // 3 - 1
    assert found["speakup"] == Cell(
        CATALOGUE.position("speakup"), Grid.QUARTER, quarter, 30 * MILLION, 0, 0
    )
    detriment = found["speakup_detriment_share"]
    assert (detriment.numerator, detriment.denominator) == (2 * MILLION, 30 * MILLION)
    assert "speakup_bullying" not in found


def metric(
    name: str, start: str = "2025-12-01", end: str = "2026-01-01", **data: Any
) -> dict[str, Cell]:
    moments = {"period_start": f"{start}T00:00:00Z", "period_end": f"{end}T00:00:00Z"}
    given = {"metric": name, "denominator": None} | moments | data
    return cells(event("wardmetric", time=moments["period_end"], data=given))


@pytest.mark.parametrize(
    ("start", "end", "grid"),
    [
        ("2026-01-04", "2026-01-05", Grid.WEEK),
        ("2025-12-29", "2026-01-05", Grid.WEEK),
        ("2025-12-01", "2026-01-01", Grid.MONTH),
        ("2025-10-01", "2026-01-01", Grid.QUARTER),
    ],
)
def test_a_metric_falls_in_the_period_that_its_own_ends_in(start, end, grid):
    (cell,) = metric("falls", start, end, numerator=3, denominator=200).values()

    day = {Grid.WEEK: DAY - 1, Grid.MONTH: DAY - 5, Grid.QUARTER: DAY - 5}[grid]
    month = month_of_day(day)
    periods = {Grid.WEEK: week_of_day(day), Grid.MONTH: month, Grid.QUARTER: month // 3}
    assert (cell.grid, cell.period) == (grid, periods[grid])
    assert (cell.numerator, cell.denominator) == (3 * MILLION, 200 * MILLION)
    assert cell.day == (6 if grid is Grid.WEEK else 0)


def test_falls_without_bed_days_leave_the_denominator_to_occupied_bed_days():
    (cell,) = metric("falls", numerator=3).values()

    assert cell.denominator == 0
    assert CATALOGUE["falls"].denominator == "occupied_bed_days"


def test_a_measurement_is_given_as_its_parts_or_as_its_value():
    parts = metric("fill_rate_rn_day", numerator=874, denominator=950)["fill_rate_rn_day"]
    plain = metric("fill_rate_rn_day", numerator=92)["fill_rate_rn_day"]

    per = CATALOGUE["fill_rate_rn_day"].per
    assert parts.numerator / parts.denominator * per == plain.numerator / plain.denominator * per


def test_an_empty_denominator_adds_nothing():
    assert metric("news2_on_time", numerator=0, denominator=0) == {}


def test_equal_shapes_share_one_tuple():
    first, second = fact(event(id="a")), fact(event(id="b", data={"ward": "W9"}))

    assert CATALOGUE.additions(first) is CATALOGUE.additions(second)


def entry(**changes: object) -> str:
    """An indicator file with one entry, changed; None takes a setting away."""
    whole: dict[str, object] = {
        "name": '"Device incidents"',
        "description": '"Incidents of category device."',
        "feed": '"incidents"',
        "kind": '"count"',
        "grid": '"week"',
        "levels": '["ward"]',
        "direction": '"neutral"',
        "chart": '"c"',
        "domain": '"safety"',
        "unit": '"incidents"',
        "where": '{ category = "device" }',
    } | changes
    return "[indicators.device_incidents]\n" + "".join(
        f"{key} = {value}\n" for key, value in whole.items() if value is not None
    )


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return Catalogue.load(path)


def test_a_file_replaces_the_shipped_catalogue(tmp_path):
    mine = load(tmp_path, entry())

    assert [one.key for one in mine.indicators] == ["device_incidents"]
    assert cells(event(data={"category": "device"}), mine).keys() == {"device_incidents"}
    assert mine.digest != CATALOGUE.digest


def test_a_file_that_extends_adds_and_changes(tmp_path):
    text = "extends = true\n" + entry() + "[indicators.answered_in_time]\nclock = "
    mine = load(tmp_path, text + '{ until = "resolved_at", within = "40 working days" }\n')

    assert [one.key for one in mine.indicators] == [
        *(one.key for one in CATALOGUE.indicators),
        "device_incidents",
    ]
    sent = event("complaint", time="2025-10-01T09:00:00Z", recordedtime=None,
                 data={"resolved_at": "2025-12-15T09:00:00Z"})  # fmt: skip
    position = mine.position("answered_in_time")
    (cell,) = (c for c in mine.cells(fact(sent, mine)) if c.indicator == position)
    assert cell.numerator == 0
    assert shares(sent)["answered_in_time"] is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "mine.toml"),
        ("x = 1", "unknown field `x`"),
        (entry().replace("device_incidents", "Device"), "a key is lower case"),
        (entry(colour="1"), "device_incidents: Object contains unknown field `colour`"),
        (entry(name=None), "device_incidents: Object missing required field `name`"),
        (entry(kind='"sum"'), "device_incidents: Invalid enum value"),
        (entry(denominator='"beds"'), "its denominator is not an indicator"),
        (entry(numerator='"beds"'), "its numerator is not an indicator"),
        (entry(where='{ categroy = "device" }'), "no field `categroy`"),
        (entry(where='{ category = "devices" }'), "`category` never has"),
        (entry(kind='"share"'), "a share needs `having`"),
        (entry(kind='"proportion"'), "a proportion of events needs"),
        (entry(kind='"rate"'), "a rate needs a denominator"),
        (entry(feed='"speakup"', where=None), "never shown below site"),
        (entry(feed='"wardmetrics"', where=None), "go together"),
        (entry(feed='"wardmetrics"', input='"metric"'), "conditions are for events"),
        (
            entry(feed='"wardmetrics"', input='"metric"', where=None, kind='"proportion"'),
            'given_denominator = "required"',
        ),
        (entry(clock='{ until = "resolved_at", within = "6 months" }'), "clocks are for"),
        (
            entry(feed='"complaints"', where=None,
                  clock='{ until = "resolved_at", within = "soon" }'),
            "`within` is a number of",
        ),
        (entry(aggregate='{ numerator = "cases" }'), "aggregates are for speaking up"),
        (
            entry(feed='"speakup"', levels='["site"]', where=None,
                  aggregate='{ numerator = "rumours" }'),
            "counts that aggregates do not have",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named(tmp_path, text, why):
    with pytest.raises(CatalogueError, match=why.replace("{", r"\{")):
        load(tmp_path, text)


def test_two_indicators_cannot_take_the_same_metric(tmp_path):
    first = entry(feed='"wardmetrics"', input='"metric"', where=None)
    second = first.replace("device_incidents", "other").replace(
        "unit =", 'metric = "device_incidents"\nunit ='
    )

    with pytest.raises(CatalogueError, match="the same metric"):
        load(tmp_path, first + second)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CatalogueError, match="nowhere"):
        Catalogue.load(tmp_path / "nowhere.toml")


def test_days_are_counted_as_the_calendar_does():
    assert datetime.fromtimestamp(DAY * 86_400, UTC).strftime("%A %Y-%m-%d") == "Monday 2026-01-05"
