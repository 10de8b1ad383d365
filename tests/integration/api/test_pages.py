"""The pages: readable without JavaScript, colour or sight; fetching nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import quote

import pytest

from tests.integration.api.conftest import alert, commit, incident

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """A strict reader: every element closed, every reference followed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = text
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        """Remember an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Remember an element that closes itself, as in SVG."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        """Expect the innermost element to close."""
        assert self.open
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def paths(told) -> list[str]:
    """One page of each kind."""
    item = told.client.get("/v1/alerts").json()["items"][0]
    ward = told.client.get("/v1/units?kind=ward").json()["items"][0]["code"]
    return [
        "/",
        "/?level=2&state=new&domain=safety",
        f"/alerts/{item['id']}",
        "/units",
        f"/units/{quote(ward)}",
        f"/units/{ward[:3]}",
        f"/series/{quote(ward)}~incidents~week",
        "/feeds",
        f"/comparisons?indicator=falls_per_1000_bed_days&mark={quote(ward)}",
        "/comparisons?indicator=incidents&level=site",
    ]


@pytest.fixture
def pages(told, paths) -> dict[str, Page]:
    """They as a browser gets them."""
    found = {}
    for path in paths:
        answer = told.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        found[path] = Page(answer.text)
    return found


def test_every_page_has_a_language_a_title_landmarks_and_a_way_past_the_menu(pages):
    for path, page in pages.items():
        assert page.all("html")[0]["lang"] == "en"
        assert " - Earshot</title>" in page.text
        for landmark in ("header", "nav", "main", "footer"):
            assert page.all(landmark), (path, landmark)
        assert page.all("a")[0]["href"] == "#main"
        assert page.all("main")[0]["id"] == "main"
        assert len(page.all("h1")) == 1


def test_headings_skip_no_level(pages):
    for path, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels)), path


def test_every_identifier_is_unique_and_every_reference_has_its_target(pages):
    for path, page in pages.items():
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), path
        for _, attributes in page.elements:
            for name in ("for", "aria-labelledby", "aria-describedby"):
                for target in attributes.get(name, "").split():
                    assert target in ids, (path, target)


def test_every_field_has_a_label(pages):
    for page in pages.values():
        labelled = {attributes.get("for") for attributes in page.all("label")}
        for tag in ("input", "select", "textarea"):
            for attributes in page.all(tag):
                assert attributes.get("type") == "hidden" or attributes["id"] in labelled


def test_every_chart_is_named_and_has_its_table(pages):
    shown = 0
    for page in pages.values():
        charts = [a for a in page.all("svg") if a.get("class") == "chart"]
        shown += len(charts)
        assert all(chart["role"] == "img" and chart["aria-labelledby"] for chart in charts)
        assert page.text.count("The same as a table") == len(charts)
    assert shown >= 3


def test_nothing_is_fetched_from_outside_and_no_style_or_script_is_inline(pages):
    for path, page in pages.items():
        for _, attributes in page.elements:
            for name in ("src", "href", "action"):
                assert not attributes.get(name, "").startswith(("http", "//", "data:")), path
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
        assert all("src" in attributes for attributes in page.all("script"))
        assert not page.all("style")


def test_what_the_pages_need_is_served(told, pages):
    needed = {
        attributes[name]
        for page in pages.values()
        for tag, name in (("link", "href"), ("script", "src"))
        for attributes in page.all(tag)
    }
    for path in needed:
        answer = told.client.get(path)
        assert answer.status_code == 200
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


def test_words_that_judge_are_not_used(pages):
    for path, page in pages.items():
        words = re.sub(r"<[^>]+>", " ", page.text).lower()
        assert not re.search(r"\boutliers?\b|\bfailings?\b|\bunderperform", words), path


def test_links_of_a_page_lead_somewhere(told, pages):
    seen = set()
    for page in pages.values():
        for attributes in page.all("a"):
            path = attributes["href"]
            if path.startswith("/") and path not in seen and len(seen) < 60:
                seen.add(path)
                assert told.client.get(path).status_code == 200, path


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("#212b32", "#f0f4f5"),
        ("#005eb8", "#f0f4f5"),
        ("#005eb8", "#ffffff"),
        ("#330072", "#f0f4f5"),
        ("#7c2855", "#f0f4f5"),
        ("#ffffff", "#005eb8"),
        ("#4c6272", "#f0f4f5"),
        ("#4c6272", "#ffffff"),
        ("#ffffff", "#007f3b"),
        ("#594d00", "#fff4bf"),
        ("#6b140d", "#f7d4d1"),
        ("#003d78", "#d1ebf7"),
        ("#7a3500", "#fbe4d3"),
        ("#212b32", "#ffeb3b"),
        ("#212b32", "#d8dde0"),
    ],
)
def test_text_stands_out_from_its_ground(told, text, ground):
    """WCAG 2.2 AA asks for 4.5 to 1; the colours must be those of the style sheet."""
    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
    style = told.client.get("/static/earshot.css").text.replace("#fff;", "#ffffff;")

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
    assert text in style or text == "#ffffff"


@pytest.fixture
def signalled(fresh):
    """A house with one alert whose words try to be markup."""
    fresh.push([incident(1)])
    fresh.runner.stop()
    record = alert("a1", unit_name="<script>x</script>", statement='A <b>"bold"</b> & signal.')
    commit(fresh.store, ("opened", record))
    return fresh


def form(house, **fields):
    return house.client.post("/alerts/a1/actions", data=fields, follow_redirects=False)


def test_words_from_outside_are_never_markup(signalled):
    for path in ("/", "/alerts/a1", "/units/RXX"):
        text = signalled.client.get(path).text
        assert "<script>x" not in text
        assert "<b>" not in text


def test_an_action_works_by_form_and_shows_the_alert_again(signalled):
    version = signalled.client.get("/v1/alerts/a1").json()["version"]
    answer = form(signalled, action="acknowledge", version=str(version), note="", outcome="")

    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/a1")
    assert signalled.store.alert("a1").state == "acknowledged"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"action": "close"}, 422, "outcome"),
        ({"action": "reopen"}, 409, "cannot make this move"),
        ({"action": "comment", "note": "9434765919"}, 422, "NHS number"),
        ({"action": "acknowledge", "version": "77"}, 409, "has changed since"),
        ({"action": "snooze", "until": "soon"}, 422, "future"),
        ({"note": "x"}, 422, "Action"),
    ],
)
def test_a_form_that_is_refused_says_why_on_the_page(signalled, fields, status, words):
    answer = form(signalled, **fields)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert words in answer.text


def test_a_form_of_a_page_may_say_where_it_comes_from_and_nobody_else_is_told(signalled):
    """Under ``no-referrer`` a browser sends ``Origin: null`` with a form (Fetch, 3.2)."""
    policy = signalled.client.get("/alerts/a1").headers["referrer-policy"]
    own = {"origin": str(signalled.client.base_url).rstrip("/")}

    assert policy == "same-origin"
    for origin, status in ((own, 303), ({"origin": "null"}, 403)):
        answer = signalled.client.post(
            "/alerts/a1/actions",
            data={"action": "comment", "note": "seen"},
            headers=origin,
            follow_redirects=False,
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 303), ("same-site", 403), ("cross-site", 403)]
)
def test_behind_a_proxy_with_another_name_a_browser_is_believed(signalled, site, status):
    answer = signalled.client.post(
        "/alerts/a1/actions",
        data={"action": "comment", "note": "seen"},
        headers={"origin": "https://earshot.example.nhs.uk", "sec-fetch-site": site},
        follow_redirects=False,
    )

    assert answer.status_code == status


def test_a_form_from_another_site_is_refused(signalled):
    answer = signalled.client.post(
        "/alerts/a1/actions",
        data={"action": "acknowledge"},
        headers={"origin": "https://evil.example.org", "accept": "text/html"},
    )

    assert answer.status_code == 403
    assert signalled.store.alert("a1").state == "new"


def test_a_form_that_cannot_be_read_is_a_problem(signalled):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"\xff\xfe", b"&".join(b"a%d=1" % number for number in range(50))):
        answer = signalled.client.post("/alerts/a1/actions", content=body, headers=kind)
        assert answer.status_code == 400


def test_an_empty_house_has_pages_too(fresh):
    for path in ("/", "/units", "/feeds"):
        Page(fresh.client.get(path).text)


def test_a_ward_is_shown_with_its_hospital_because_names_of_wards_repeat(told):
    wards = {
        one["code"]: one for one in told.client.get("/v1/units?kind=ward&limit=200").json()["items"]
    }
    item = next(
        one
        for one in told.client.get("/v1/alerts?limit=200").json()["items"]
        if one["unit"] in wards
    )
    unit = told.client.get(f"/v1/units/{quote(item['unit'])}").json()
    names = [above["name"] for above in unit["parents"][:2]]
    alert_page = told.client.get(f"/alerts/{item['id']}").text
    listed = told.client.get(f"/?unit={quote(item['unit'])}").text

    assert all(name in alert_page for name in names)
    assert f"(ward, {names[0]}, {names[1]})" in listed


def test_one_series_under_two_alerts_is_drawn_twice_under_different_identifiers(fresh):
    fresh.push([incident(number) for number in range(3)])
    fresh.runner.stop()
    shown = {"series": [{"id": "RXX01:W1~incidents~week", "unit": "RXX01:W1", "grid": "week",
                         "indicator": "incidents", "role": "raises"}], "signals": []}  # fmt: skip
    for name in ("a1", "a2"):
        commit(fresh.store, ("opened", alert(name, evidence=shown)))
    page = Page(fresh.client.get("/").text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]

    assert page.text.count('class="chart"') == 2
    assert len(ids) == len(set(ids))
