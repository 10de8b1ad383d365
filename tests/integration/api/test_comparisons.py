"""Peers side by side through the doors: figures, picture, page, and who sees whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from detectors.charts.funnel import funnel
from streams.region.places import provider_code
from streams.store import Role
from tests.integration.api.conftest import House, house, incident
from tests.integration.api.test_shapes import check_problem

PATH = "/v1/comparisons"
FALLS = {"indicator": "falls_per_1000_bed_days", "level": "ward"}
SVG = "{http://www.w3.org/2000/svg}"
PEERS = [f"RQ{letter}" for letter in "ABCDEFGHIJKL"]
MINE = PEERS[0]


def asked(client, headers=None, **query):
    answer = client.get(PATH, params={**FALLS, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def wards(told) -> dict:
    """Falls of all wards of the region."""
    return asked(told.client)


def drawn(opened: House, headers=None, **query) -> ET.Element:
    answer = opened.client.get(f"{PATH}/funnel.svg", params=query, headers=headers)
    assert answer.headers["content-type"].startswith("image/svg+xml")
    return ET.fromstring(answer.text)  # noqa: S314 - our own picture


# -- figures ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["falls_per_1000_bed_days", "incidents_per_1000_bed_days", "harm_share", "news2_on_time"],
)
def test_every_units_numbers_are_the_sums_of_the_points_of_its_series(told, key):
    found = asked(told.client, indicator=key)

    assert len(found["items"]) == 12
    for one in found["items"]:
        series = told.client.get(f"/v1/series/{quote(one['series'])}").json()
        points = [
            point
            for point in series["points"]
            if found["since"] <= point["period_start"] < found["until"]
            and not point["open"]
            and point["numerator"] is not None
            and (point["denominator"] or 0) > 0
        ]
        assert one["numerator"] == pytest.approx(sum(point["numerator"] for point in points))
        assert one["denominator"] == pytest.approx(sum(point["denominator"] for point in points))
        assert one["periods"] == len(points) > 10


def test_the_figures_are_those_of_the_funnel_plot(wards):
    items = [one for one in wards["items"] if one["state"] == "judged"]
    above = np.array([one["numerator"] for one in items])
    below = np.array([one["denominator"] for one in items])
    rate = above.sum() / below.sum()
    plot = funnel(above, below * rate, kind="ratio", transform="root")
    limits = plot.limits(adjusted=plot.overdispersed)

    assert len(items) == 12
    assert wards["centre"] == pytest.approx(1000 * rate)
    assert wards["phi"] == pytest.approx(plot.phi)
    assert wards["tau2"] == pytest.approx(plot.tau2 if plot.overdispersed else 0.0)
    for at, one in enumerate(items):
        assert one["value"] == pytest.approx(1000 * above[at] / below[at])
        assert one["upper998"] == pytest.approx(1000 * rate * limits.upper998[at])
        assert one["lower95"] == pytest.approx(1000 * rate * limits.lower95[at])


def test_a_comparison_is_a_listing_with_what_was_fitted_to_it(told, wards):
    paged, cursor = [], None
    while True:
        page = asked(told.client, limit=5, **({"cursor": cursor} if cursor else {}))
        assert {name: page[name] for name in page if name not in {"items", "next"}} == {
            name: wards[name] for name in wards if name not in {"items", "next"}
        }
        paged += page["items"]
        cursor = page["next"]
        if cursor is None:
            break

    assert paged == wards["items"]
    assert wards["peers"]["units"] == wards["peers"]["shown"] == 12
    assert wards["measure"] == "per 1,000 bed days"
    check_problem(told.client.get(PATH, params={**FALLS, "cursor": "x"}), 400)


def test_units_beyond_the_limits_come_first_and_the_others_stand_by_name(told):
    items = asked(told.client, indicator="incidents_per_1000_bed_days")["items"]
    groups = [
        ["much_higher", "much_lower", "higher", "lower", "within"].index(one["position"]) // 2
        for one in items
    ]
    within = [(one["unit_name"], one["within"]) for one in items if one["position"] == "within"]

    assert groups == sorted(groups)
    assert within == sorted(within)


def test_units_under_one_are_compared_with_each_other(told):
    code = provider_code(0)
    answer = told.client.get(PATH, params={**FALLS, "unit": code})

    # Six wards are too few: the refusal says so, and what may do.
    body = check_problem(answer, 422)
    assert body["reason"] == "too_few_units"
    assert "Fewer than 8 wards" in body["detail"]
    board = told.client.get(f"/v1/units/{code}").json()["parents"]
    nation = asked(told.client, unit=board[-1]["code"])
    assert nation["peers"]["units"] == 12
    assert nation["unit"] == board[-1]["code"]


def test_a_window_of_ones_own_takes_its_whole_closed_periods(told, wards):
    found = asked(told.client, since="2025-06-04", until="2025-12-30T12:00:00Z")

    assert (found["since"], found["until"]) == ("2025-06-09T00:00:00Z", "2025-12-29T00:00:00Z")
    whole = {one["unit"]: one["numerator"] for one in wards["items"]}
    assert all(one["numerator"] < whole[one["unit"]] for one in found["items"])
    assert found["items"][0]["periods"] == 29


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({"indicator": "sickness"}, 422, "measurement"),
        ({"indicator": "incidents"}, 422, "no_denominator"),
        ({"indicator": "never_events"}, 422, "time_between_events"),
        ({"indicator": "readmissions_30d", "level": "ward"}, 422, "level"),
        ({"indicator": "speakup_worker_safety_share", "level": "ward"}, 422, "level"),
        ({"indicator": "speakup_worker_safety_share", "level": "site", "since": "2025-01-01"},
         422, "window"),
        ({"since": "2026-02-23", "until": "2026-02-24"}, 422, "window"),
        ({"since": "2001-01-01"}, 422, "window"),
        ({"level": "provider"}, 422, "too_few_units"),
        ({"indicator": "vte_risk_assessed"}, 422, "too_few_units"),
        ({"indicator": "nothing"}, 404, None),
        ({"unit": "NOTHING"}, 404, None),
        ({"mark": "NOTHING"}, 404, None),
        ({"level": "region"}, 422, None),
        ({"since": "yesterday"}, 422, None),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_a_problem_that_says_why(told, query, status, reason):
    for path in (PATH, f"{PATH}/funnel.svg"):
        body = check_problem(told.client.get(path, params={**FALLS, **query}), status)

        assert body.get("reason") == reason
        if reason is not None:
            assert len(body["detail"]) >= 30
            assert body["instead"] == (
                ["incidents_per_1000_bed_days"] if query.get("indicator") == "incidents" else []
            )


def test_without_a_level_the_smallest_units_of_the_indicator_are_compared(told, wards):
    answer = told.client.get(PATH, params={"indicator": "falls_per_1000_bed_days"})

    assert answer.json() == wards


def test_a_count_with_an_exposure_is_compared_as_its_rate(told, wards):
    found = asked(told.client, indicator="falls")

    assert found["measure"] == "falls per 1,000 bed days"
    assert [one["z"] for one in found["items"]] == [one["z"] for one in wards["items"]]


def metric(provider: str, month: int, above: float, below: float) -> dict:
    start, end = f"2025-{month:02d}-01T00:00:00Z", f"2025-{month + 1:02d}-01T00:00:00Z"
    return {
        **incident(0, provider),
        "id": f"m-{provider}-{month}",
        "type": "uk.nhs.quality.wardmetric.v1",
        "time": end,
        "data": {
            "provider": provider,
            "metric": "four_hour_breaches",
            "numerator": above,
            "denominator": below,
            "period_start": start,
            "period_end": end,
        },
    }


def breaches(providers: list[str]) -> list[dict]:
    """Eleven months of emergency departments; the first has three times as many breaches."""
    return [
        metric(code, month, 300 + 10 * at if at else 900, 2000 + 100 * at)
        for at, code in enumerate(providers)
        for month in range(1, 12)
    ]


BREACHES = {"indicator": "four_hour_breaches", "level": "provider"}


def test_a_late_or_corrected_number_changes_the_comparison(fresh):
    fresh.push(breaches(PEERS))
    before = fresh.client.get(PATH, params=BREACHES).json()
    corrected = {**metric(MINE, 3, 310, 2000), "revision": 2}
    fresh.push([corrected])
    after = fresh.client.get(PATH, params=BREACHES).json()

    assert before["items"][0]["unit"] == after["items"][0]["unit"] == MINE
    assert before["items"][0]["position"] == "much_higher"
    assert before["items"][0]["numerator"] - after["items"][0]["numerator"] == 590


def test_a_unit_that_was_so_all_along_is_found_beside_its_peers_and_raises_no_alert(fresh):
    """Its own past shows nothing: it was never otherwise."""
    fresh.push(breaches(PEERS))
    found = fresh.client.get(PATH, params=BREACHES).json()

    assert [one["unit"] for one in found["items"] if one["position"] == "much_higher"] == [MINE]
    assert found["items"][0]["meaning"] == "concern"
    assert found["items"][0]["statement"].startswith("Higher than expected among peers.")
    assert fresh.client.get("/v1/alerts").json()["items"] == []
    assert any("raises no alert" in note for note in found["notes"])


def test_a_feed_of_its_own_length_is_compared_on_the_grid_that_most_units_send(fresh):
    """Falls are weekly in the catalogue; these hospitals send them by month."""
    sent = [
        {**one, "data": {**one["data"], "metric": "falls", "site": f"{code}01", "ward": "A"}}
        for code in PEERS
        for one in breaches([code])
    ]
    fresh.push(sent)
    found = fresh.client.get(PATH, params=FALLS).json()

    assert found["grid"] == "month"
    assert found["peers"]["units"] == len(PEERS)
    assert {one["periods"] for one in found["items"]} == {11}


# -- picture and page ------------------------------------------------------------


def test_the_picture_says_what_it_shows_marks_the_unit_and_names_those_beyond(region: House):
    headers = region.key(role=Role.OPERATOR)
    root = drawn(region, headers, **BREACHES, mark=PEERS[5])

    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
    assert title.text == "Four-hour breaches, providers beside their peers"
    assert f"Higher than expected: Trust {MINE}." in desc.text
    assert f"Trust {PEERS[5]}: As expected among peers." in desc.text
    labels = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "label"]
    assert sorted(labels) == [f"Trust {MINE}", f"Trust {PEERS[5]}"]
    assert len([one for one in root.iter() if one.get("class") == "marked"]) == 1
    assert len([one for one in root.iter() if one.get("class") == "limit"]) == 4
    points = [path for path in root.iter(f"{SVG}path") if path.find(f"{SVG}title") is not None]
    assert len(points) == len(PEERS)
    (concern,) = [g for g in root.iter(f"{SVG}g") if g.get("class") == "special_cause_concern"]
    assert len(concern) == 1


def test_wards_of_one_name_are_told_apart_in_the_description_of_a_picture(told, wards):
    ward = wards["items"][0]
    root = drawn(told, mark=ward["unit"], **FALLS)

    assert f"{ward['unit_name']}, {ward['within']}: " in root.find(f"{SVG}desc").text


def test_the_page_has_a_chooser_the_picture_and_the_figures_as_a_table(told, wards):
    ward = wards["items"][-1]
    page = told.client.get("/comparisons", params={**FALLS, "mark": ward["unit"]}).text

    assert '<option value="falls_per_1000_bed_days" selected>' in page
    assert '<option value="ward" selected>' in page
    assert 'class="chart"' in page
    assert "This informs. It raises no alert" in page
    assert wards["statement"] in page.replace("&#39;", "'")
    assert page.count('<th scope="row">') == len(wards["items"])
    assert f"<strong>{ward['unit_name']}, {ward['within']}:</strong>" in page
    assert page.count('aria-current="true"') == 1
    for path in re.findall(r'href="(/[^"#]*)"', page):
        assert told.client.get(path.replace("&amp;", "&")).status_code == 200, path


def test_the_page_tells_why_something_cannot_be_compared_and_leads_on(told):
    page = told.client.get("/comparisons?indicator=incidents&level=ward").text
    assert "a large unit has more of everything" in page
    assert "/comparisons?indicator=incidents_per_1000_bed_days&amp;level=ward" in page

    page = told.client.get("/comparisons?indicator=readmissions_30d&level=ward").text
    assert "It can be compared by site or provider." in page
    assert "level=site" in page

    for query in ("since=never", "indicator=nothing", "unit=NOWHERE", "mark=NOBODY"):
        check_problem(told.client.get(f"/comparisons?{query}"))


def test_the_form_of_the_page_asks_for_every_part_of_a_question(told):
    page = told.client.get("/comparisons?indicator=harm_share&mark=%20").text
    asked = {
        one["name"]
        for one in told.app.openapi()["paths"]["/v1/comparisons/funnel.svg"]["get"]["parameters"]
    }

    assert set(re.findall(r'<(?:input|select)[^>]* name="(\w+)"', page)) == asked
    for wrong in ("unit=" + "x" * 101, "mark=%00"):
        answer = told.client.get(f"/comparisons?{wrong}")
        assert answer.status_code == 422
        assert wrong.partition("=")[0] in check_problem(answer)["errors"][0]["name"]


def test_ways_lead_from_the_inbox_an_alert_a_unit_and_a_series_to_the_peers(told):
    item = told.client.get("/v1/alerts").json()["items"][0]
    ward = told.client.get("/v1/units?kind=ward").json()["items"][0]["code"]
    for path in (
        "/",
        f"/alerts/{item['id']}",
        f"/units/{quote(ward)}",
        f"/series/{quote(ward)}~incidents~week",
    ):
        links = re.findall(r'href="(/comparisons\?[^"]+)"', told.client.get(path).text)
        assert links, path
        for link in links:
            assert told.client.get(link.replace("&amp;", "&")).status_code == 200


# -- who sees whom ---------------------------------------------------------------


def organisations(providers: list[str]) -> str:
    lines = ["code,kind,name,parent,valid_from,valid_to", "QX1,icb,North ICB,Y63,,"]
    lines.append("QX2,icb,South ICB,Y62,,")
    for at, code in enumerate(providers):
        lines.append(f"{code},provider,Trust {code},{'QX1' if at < 9 else 'QX2'},,")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """Twelve providers behind keys: nine under one board, three under another. Only read."""
    with peers_behind_keys(tmp_path_factory.mktemp("peers")) as opened:
        yield opened


@contextmanager
def peers_behind_keys(directory: Path) -> Iterator[House]:
    file = directory / "organisations.csv"
    file.write_text(organisations(PEERS), "utf-8")
    with house(directory, file, auth=True) as opened:
        opened.push(breaches(PEERS), **opened.key(role=Role.OPERATOR))
        yield opened


def test_a_provider_sees_its_own_unit_between_limits_that_all_peers_have_made(region: House):
    everybody = asked(region.client, region.key(role=Role.OPERATOR), **BREACHES)
    mine = asked(region.client, region.key(MINE), **BREACHES)

    assert [one["unit"] for one in mine["items"]] == [MINE]
    assert mine["items"][0] == next(one for one in everybody["items"] if one["unit"] == MINE)
    assert (mine["centre"], mine["tau2"]) == (everybody["centre"], everybody["tau2"])
    assert mine["peers"] == {**everybody["peers"], "shown": 1}
    assert any("only your own are shown" in note for note in mine["notes"])


@pytest.mark.parametrize(
    "path", [PATH, f"{PATH}/funnel.svg", "/comparisons"], ids=["data", "picture", "page"]
)
def test_nothing_of_other_providers_units_is_told(region: House, path):
    text = region.client.get(path, params=BREACHES, headers=region.key(MINE)).text
    numbers = {f"{11 * (300 + 10 * at)}" for at in range(1, 12)}

    assert MINE in text
    assert not [code for code in PEERS[1:] if code in text]
    assert not numbers & set(re.findall(r"\d+", text.replace(",", "")))


def test_the_picture_of_a_provider_ends_with_its_own_volume(region: House):
    """The range of an axis would tell how large others are."""

    def right(headers):
        answer = region.client.get(f"{PATH}/funnel.svg", params=BREACHES, headers=headers)
        root = ET.fromstring(answer.text)  # noqa: S314 - our own picture
        ticks = [text.text for text in root.iter(f"{SVG}text") if text.get("y") == "365"]
        return max(float(tick.replace(",", "")) for tick in ticks)

    assert right(region.key(MINE)) < 23_000 < right(region.key(role=Role.OPERATOR))


def test_a_board_sees_its_members_and_may_compare_them_with_each_other(region: House):
    headers = region.key("QX1")
    everybody = asked(region.client, headers, **BREACHES)
    own = asked(region.client, headers, **BREACHES, unit="QX1")

    assert len(everybody["items"]) == len(own["items"]) == 9
    assert everybody["peers"]["units"] == 12
    assert own["peers"]["units"] == 9
    assert own["centre"] != everybody["centre"]


def test_limits_of_a_part_with_others_in_it_are_not_given(region: House):
    """The difference of two parts would tell of who is in one of them only."""
    for unit in ("QX1", "Y63", "ENG"):
        answer = region.client.get(
            PATH, params={**BREACHES, "unit": unit}, headers=region.key(MINE)
        )
        body = check_problem(answer)
        assert body["status"] == 404 or body["reason"] == "scope"
    check_problem(
        region.client.get(PATH, params={**BREACHES, "unit": "QX1"}, headers=region.key("QX2")), 404
    )


@pytest.mark.parametrize("query", [{"unit": PEERS[1]}, {"mark": PEERS[1]}])
def test_a_unit_out_of_scope_is_not_told_from_one_that_is_not_there(region: House, query):
    for path in (PATH, f"{PATH}/funnel.svg", "/comparisons"):
        answer = region.client.get(path, params={**BREACHES, **query}, headers=region.key(MINE))
        check_problem(answer, 404)


def test_with_two_others_the_limits_are_ones_own_only(region: House):
    """Beside two others, what the limits hold is as good as a number of one of them."""
    ten = region.key(*PEERS[:10])
    found = asked(region.client, ten, **BREACHES)

    assert found["peers"]["units"] == 10
    assert any("your own providers only" in note for note in found["notes"])
    nine = asked(region.client, region.key(*PEERS[:9]), **BREACHES)
    assert nine["peers"]["units"] == 12


def test_a_key_that_has_no_numbers_of_its_own_is_not_shown_those_of_peers(tmp_path):
    with peers_behind_keys(tmp_path) as region:
        other = incident(1, PEERS[0])
        sent = {**metric(MINE, 11, 5, 10), "id": "none", "revision": 2}
        withdrawn = [
            {**metric(MINE, month, 0, 1), "revision": 3, "withdrawn": True}
            for month in range(1, 12)
        ]
        sent["data"] = {**sent["data"], "metric": "fft_positive"}
        region.push([other, sent, *withdrawn], **region.key(MINE))
        body = check_problem(
            region.client.get(PATH, params=BREACHES, headers=region.key(MINE)), 422
        )

    assert body["detail"].startswith("None of your own providers have numbers")


def test_one_unit_is_told_in_the_singular(region: House):
    assert asked(region.client, region.key(MINE), **BREACHES)["statement"].startswith(
        "Of 1 provider compared, 1 lies beyond"
    )


def test_a_key_without_scope_learns_nothing(region: House):
    check_problem(region.client.get(PATH, params=BREACHES, headers=region.key()), 422)


def test_the_clock_of_the_window_is_the_callers_own(tmp_path):
    """How far others have sent is not told by the end of the window."""
    sent = metric(PEERS[11], 11, 300, 2000)
    later = {**sent, "id": "later", "time": "2026-01-01T00:00:00Z"}
    later["data"] = {
        **sent["data"],
        "period_start": "2025-12-01T00:00:00Z",
        "period_end": "2026-01-01T00:00:00Z",
    }
    with peers_behind_keys(tmp_path) as region:
        region.push([later], **region.key(PEERS[11]))
        mine = asked(region.client, region.key(MINE), **BREACHES)
        theirs = asked(region.client, region.key(PEERS[11]), **BREACHES)

    assert mine["until"] == "2025-12-01T00:00:00Z"
    assert theirs["until"] == "2026-01-01T00:00:00Z"
