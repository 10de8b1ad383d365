"""The pages in a real browser: their forms, their live parts, their access, their width."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser import DESK, PHONE, tab
from tests.integration.api.conftest import House, alert, commit, incident
from tests.integration.api.test_stream import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

expect.set_options(timeout=30_000)
OF_A_KIND = 4
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def heard(told: House) -> Iterator[str]:
    """The address of a house that has heard a region's history."""
    with served(told) as url:
        yield url


@pytest.fixture
def listed(signalled: House) -> Iterator[tuple[House, str]]:
    """A house with three alerts about one ward, and its address."""
    with served(signalled) as url:
        yield signalled, url


@pytest.fixture
def kinds(told: House) -> list[str]:
    """One page of each kind."""
    one = told.client.get("/v1/alerts").json()["items"][0]
    ward = told.client.get("/v1/units?kind=ward").json()["items"][0]["code"]
    return [
        "/",
        f"/alerts/{one['id']}",
        "/units",
        f"/units/{quote(ward)}",
        f"/series/{quote(ward)}~incidents~week",
        f"/comparisons?indicator=incidents_per_1000_bed_days&level=ward&mark={quote(ward)}",
        "/feeds",
    ]


def states(house: House) -> dict[str, str]:
    """The state of every alert."""
    found = house.client.get("/v1/alerts").json()["items"]
    return {one["id"]: one["state"] for one in found}


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_keeps_anybody_out(
    browser: Browser, heard: str, kinds: list[str], size: dict[str, int]
) -> None:
    found: dict[str, Any] = {}
    with tab(browser, heard, viewport=size) as page:
        for path in kinds:
            page.goto(path)
            told = Axe().run(page, options={"runOnly": STANDARDS}).response["violations"]
            found[path] = [(one["id"], [node["html"] for node in one["nodes"]]) for one in told]

    assert found == {path: [] for path in kinds}


def test_every_link_leads_to_a_page_that_fits_a_phone(browser: Browser, heard: str) -> None:
    found: Counter[str] = Counter()
    seen, waiting = set(), ["/"]
    with tab(browser, heard, viewport=PHONE) as page:
        while waiting:
            path = waiting.pop(0)
            kind = re.sub(r"^/(alerts|units|series)/.*", r"/\1/", urlsplit(path).path)
            if path in seen or found[kind] == OF_A_KIND:
                continue
            seen.add(path)
            found[kind] += 1
            if kind.startswith(("/v1/", "/openapi", "/asyncapi")):
                assert page.request.get(path).status == 200, path
                continue
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
            names = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
            assert len(set(names)) == len(names), path
            for link in page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)"):
                assert link.startswith(heard), f"{path} leads away to {link}"
                to, _, part = link.removeprefix(heard).partition("#")
                assert not part or to != path or part in names, f"{path} has no part {part}"
                waiting.append(to)

    assert set(found) >= {
        "/",
        "/alerts/",
        "/units",
        "/units/",
        "/series/",
        "/comparisons",
        "/feeds",
    }


def test_a_chart_shows_its_newest_weeks_on_a_phone(
    browser: Browser, heard: str, kinds: list[str]
) -> None:
    ends = """figures => figures.map(one => {
        const box = one.getBoundingClientRect(), drawn = one.querySelector("svg.chart");
        const side = parseFloat(getComputedStyle(one).paddingRight);
        return one.scrollWidth > one.clientWidth
            && drawn.getBoundingClientRect().right <= box.right - side + 2;
    })"""
    with tab(browser, heard, viewport=PHONE) as page:
        page.goto(kinds[1])
        shown = page.eval_on_selector_all("figure.course", ends)

    assert shown
    assert all(shown)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_alert_is_acknowledged_by_its_form(
    browser: Browser, listed: tuple[House, str], *, scripts: bool
) -> None:
    house, url = listed
    with tab(browser, url, java_script_enabled=scripts) as page:
        page.goto("/alerts/a1")
        page.get_by_label("Action").select_option("acknowledge")
        page.get_by_label("Note").fill("The ward manager looks into it.")
        page.get_by_role("button", name="Do it").click()

        expect(page.get_by_text("The ward manager looks into it.")).to_be_visible()

    assert states(house) == {"a1": "acknowledged", "a2": "new", "a3": "new"}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_several_alerts_are_chosen_by_keyboard_and_closed_in_one_step(
    browser: Browser, listed: tuple[House, str], *, scripts: bool
) -> None:
    house, url = listed
    with tab(browser, url, java_script_enabled=scripts) as page:
        page.goto("/")
        for name in ("a1", "a3"):
            page.locator(f"#s-{name}").focus()
            page.keyboard.press("Space")
        page.get_by_label("Action").select_option("close")
        page.get_by_label("Outcome").select_option("explained_data")
        page.get_by_label("Note").fill("A new reporting form.")
        page.get_by_role("button", name="Do it for all chosen").press("Enter")

        expect(page.get_by_role("heading", name="done for 2 of 2 alerts")).to_be_visible()

    assert states(house) == {"a1": "closed", "a2": "new", "a3": "closed"}


def test_skipping_to_the_main_content_frames_nothing(browser: Browser, heard: str) -> None:
    with tab(browser, heard) as page:
        page.goto("/units")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        drawn = page.locator("#main:focus").evaluate("one => getComputedStyle(one).outlineStyle")
        page.keyboard.press("Tab")
        inside = page.evaluate("document.querySelector('#main').contains(document.activeElement)")

    assert drawn == "none"
    assert inside


def test_a_new_alert_appears_while_the_list_is_read(
    browser: Browser, listed: tuple[House, str]
) -> None:
    house, url = listed
    with tab(browser, url) as page:
        page.goto("/")
        expect(page.locator("article.alert")).to_have_count(3)
        commit(house.store, ("opened", alert("a4")))

        expect(page.locator("article.alert")).to_have_count(4)


def test_the_list_stays_as_it_is_while_alerts_are_chosen(
    browser: Browser, listed: tuple[House, str]
) -> None:
    house, url = listed
    with tab(browser, url) as page:
        page.goto("/")
        page.locator("#s-a2").check()
        commit(house.store, ("opened", alert("a4")))

        expect(page.get_by_role("button", name="Show")).to_have_count(2)
        assert page.locator("article.alert").count() == 3
        assert page.locator("#s-a2").is_checked()


def test_a_browser_reads_listens_and_acts_with_a_key_as_its_password(
    browser: Browser, guarded: House
) -> None:
    key = guarded.key("RZ1")
    guarded.push([incident(1, "RZ1")], **key)
    guarded.runner.stop()
    mine = {"provider": "RZ1", "unit": "RZ101:W1"}
    theirs = {"provider": "RZ2", "unit": "RZ201:W1"}
    commit(guarded.store, ("opened", alert("a1", **mine)), ("opened", alert("b1", **theirs)))
    with served(guarded) as url:
        token = key["authorization"].removeprefix("Bearer ")
        login = {"username": "quality team", "password": token}
        with tab(browser, url, http_credentials=login) as page:
            page.goto("/")
            expect(page.locator("article.alert")).to_have_count(1)
            more = ("opened", alert("b2", **theirs)), ("opened", alert("a2", **mine))
            commit(guarded.store, *more)
            expect(page.locator("article.alert")).to_have_count(2)

            page.goto("/alerts/a2")
            page.get_by_label("Action").select_option("acknowledge")
            page.get_by_role("button", name="Do it").click()
            expect(page.locator(".tag.state")).to_have_text("Acknowledged")
