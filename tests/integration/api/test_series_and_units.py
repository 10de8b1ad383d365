from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from streams.region.places import provider_code
from tests.integration.api.conftest import incident
from tests.integration.api.test_shapes import check_problem


@pytest.fixture(scope="session")
def ward(told) -> str:
    """The code of some ward."""
    return told.client.get("/v1/units?kind=ward").json()["items"][0]["code"]


def test_the_series_of_a_ward_have_points_limits_and_icons(told, ward):
    items = told.client.get("/v1/series", params={"unit": ward}).json()["items"]
    weekly = next(one for one in items if one["id"] == f"{ward}~incidents~week")
    detail = told.client.get(f"/v1/series/{quote(weekly['id'])}").json()

    assert len(items) > 20
    assert weekly["variation"] == detail["variation"]
    assert detail["limits"]["mean"] is not None
    assert len(detail["points"]) >= 50
    assert detail["points"][0]["period_end"] == detail["points"][1]["period_start"]
    assert detail["points"][-1]["open"]


@pytest.mark.parametrize(
    ("filters", "keeps"),
    [
        ({"domain": "listening"}, lambda one: one["domain"] == "listening"),
        ({"grid": "month"}, lambda one: one["grid"] == "month"),
        ({"indicator": "complaints"}, lambda one: one["indicator"] == "complaints"),
    ],
)
def test_series_are_filtered(told, filters, keeps):
    params = {"unit": provider_code(0), "include": "under", "limit": 200}
    items = told.client.get("/v1/series", params={**params, **filters}).json()["items"]

    assert items
    assert all(keeps(one) for one in items)


def test_units_under_are_included_only_when_asked_for(told):
    alone = told.client.get("/v1/series", params={"unit": provider_code(0), "limit": 200}).json()
    under = told.client.get(
        "/v1/series", params={"unit": provider_code(0), "include": "under", "limit": 200}
    ).json()

    assert {one["unit"] for one in alone["items"]} == {provider_code(0)}
    assert len({one["unit"] for one in under["items"]}) > 1


def test_a_chart_is_a_picture_that_says_what_it_shows(told, ward):
    answer = told.client.get(f"/v1/series/{quote(ward)}~incidents~week/chart.svg")
    root = ET.fromstring(answer.text)  # noqa: S314 - our own picture

    assert answer.headers["content-type"] == "image/svg+xml"
    assert "Incidents reported" in root[0].text
    assert "mean" in root[1].text


@pytest.mark.parametrize(
    "series_id",
    ["x", "a~b", "a~b~c", "RXX~incidents~week", "~~~", "RZ1~nothing~week", "RZ1~incidents~day"],
)
def test_an_unknown_series_is_not_found(told, series_id):
    check_problem(told.client.get(f"/v1/series/{series_id}"), 404)
    check_problem(told.client.get(f"/v1/series/{series_id}/chart.svg"), 404)


def test_speaking_up_is_never_shown_for_a_ward(told, ward):
    check_problem(told.client.get(f"/v1/series/{quote(ward)}~speakup~week"), 404)
    profile = told.client.get(f"/v1/units/{quote(ward)}").json()["profile"]

    assert profile
    assert all(entry["feed"] != "speakup" for entry in profile)


def test_a_wardmetric_series_brings_the_findings_of_drift_monitors(told, ward):
    items = told.client.get("/v1/series", params={"unit": ward, "limit": 200}).json()["items"]
    metric = next(one for one in items if one["feed"] == "wardmetrics")
    detail = told.client.get(f"/v1/series/{quote(metric['id'])}").json()

    assert isinstance(detail["monitors"], list)


def test_a_rare_event_is_charted_by_the_days_between_its_reports(told):
    found = told.client.get("/v1/series", params={"indicator": "severe_harm", "limit": 200}).json()
    details = [told.client.get(f"/v1/series/{quote(one['id'])}").json() for one in found["items"]]
    detail = max(details, key=lambda one: len(one["points"]))
    gaps = [point["value"] for point in detail["points"]]

    assert "t" == detail["chart"]
    assert gaps[0] is None
    assert len(gaps) > 3
    assert all(gap > 0 for gap in gaps[1:])
    assert detail["limits"]["mean"] is not None


def test_a_rate_without_its_denominator_is_shown_as_missing(fresh):
    fresh.push([incident(1)])

    detail = fresh.client.get("/v1/series/RXX01:W1~incidents_per_1000_bed_days~week").json()

    (point,) = detail["points"]
    assert (point["value"], point["numerator"], point["missing_denominator"]) == (None, 1, True)


def test_a_correction_changes_the_series_it_belongs_to(fresh):
    fresh.push([incident(1), incident(2)])
    before = fresh.client.get("/v1/series/RXX01:W1~incidents~week").json()["points"][-1]["value"]
    fresh.push([{**incident(2), "revision": 2, "withdrawn": True}])
    after = fresh.client.get("/v1/series/RXX01:W1~incidents~week").json()["points"][-1]["value"]

    assert (before, after) == (2, 1)


def test_the_hierarchy_leads_from_nation_to_ward(told, ward):
    kinds = ["ward"]
    unit = told.client.get(f"/v1/units/{quote(ward)}").json()
    kinds += [parent["kind"] for parent in unit["parents"]]

    assert kinds[:3] == ["ward", "site", "provider"]
    assert kinds[-1] == "nation"
    site = told.client.get(f"/v1/units/{unit['parent']}").json()
    assert ward in [child["code"] for child in site["children"]]


def test_units_under_an_organisation_are_all_below_it(told, ward):
    provider = told.client.get(f"/v1/units/{quote(ward)}").json()["provider"]
    items = told.client.get("/v1/units", params={"under": provider, "limit": 200}).json()["items"]

    assert ward in {one["code"] for one in items}
    assert provider not in {one["code"] for one in items}
    assert {one["provider"] for one in items} == {provider}


def test_the_hierarchy_is_given_as_it_stood_on_a_day(told):
    provider = provider_code(0)
    now = told.client.get(f"/v1/units/{provider}").json()
    then = told.client.get(f"/v1/units/{provider}?on=2026-01-01").json()

    assert (now["on"], then["on"]) == ("2026-03-04", "2026-01-01")
    check_problem(told.client.get(f"/v1/units/{provider}?on=tomorrow"), 422)


def test_feeds_tell_their_cadence_and_speaking_up_only_its_quarter(told):
    items = told.client.get("/v1/feeds").json()["items"]
    speakup = [one for one in items if one["feed"] == "speakup"]

    assert {one["feed"] for one in items} == {"incidents", "complaints", "speakup", "wardmetrics"}
    assert all(one["last_event_at"] == "2026-01-01T00:00:00Z" for one in speakup)
    assert all(one["lag_days"] >= 0 for one in items)


def test_a_feed_that_stopped_is_silent(fresh):
    fresh.push([incident(1)])
    (heard,) = fresh.client.get("/v1/feeds").json()["items"]
    fresh.clock.now = fresh.clock.now.replace(month=5)
    (silent,) = fresh.client.get("/v1/feeds").json()["items"]

    assert (heard["silent"], silent["silent"]) == (False, True)
    assert fresh.client.get("/v1/feeds?silent=false").json()["items"] == []
    assert 'earshot_feeds_silent{feed="incidents"} 1.0' in fresh.client.get("/metrics").text


def test_status_is_as_the_contract_says(told):
    status = told.client.get("/v1/status").json()

    assert status["mode"] == "embedded"
    assert status["accepted"] == status["processed"] > 1000
    assert status["lag"] == 0
    assert set(status["watermarks"]) == {"incidents", "complaints", "speakup", "wardmetrics"}
    assert status["watermarks"]["speakup"]["latest"] == "2026-01-01T00:00:00Z"
    assert status["budgets"] == {"level1": 0.2, "level2": 0.05}


def test_metrics_name_no_ward_and_no_provider(told, ward):
    page = told.client.get("/metrics").text
    codes = {one["code"] for one in told.client.get("/v1/units?limit=200").json()["items"]}

    assert "earshot_alerts{" in page
    assert "earshot_build_info{" in page
    assert not any(f'"{code}"' in page for code in codes)


def test_routes_are_labelled_by_their_template(told, ward):
    told.client.get(f"/v1/units/{quote(ward)}")

    page = told.client.get("/metrics").text
    assert 'route="/v1/units/{code}"' in page
    assert ward not in page


def test_the_real_icons_are_served(told):
    assert told.client.get("/v1/icons/concern_high.svg").text.startswith("<svg")
    check_problem(told.client.get("/v1/icons/nothing.svg"), 404)
