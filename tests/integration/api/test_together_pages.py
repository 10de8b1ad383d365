"""The inbox says what began together, and shows it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from tests.integration.api.conftest import NOW, house
from tests.integration.api.test_pages import Page
from tests.integration.api.test_together import everyone, groups, settle, shaken
from tests.together import WEEK, began, tell, ward

__all__ = ["shaken"]
SVG = "{http://www.w3.org/2000/svg}"


def read(opened, headers, path="/", status=200):
    answer = opened.client.get(path, headers={**headers, "accept": "text/html"})
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def links(page):
    return [one["href"] for one in page.all("a") if "href" in one]


def drawn(page):
    """The picture of a group."""
    figure = re.search(r'id="began">.*?(<svg.*?</svg>)', page.text, re.DOTALL)
    return ET.fromstring(figure[1])  # noqa: S314 - drawn here


def test_the_inbox_says_above_the_list_what_began_together(shaken):
    headers = everyone(shaken)
    (group,) = groups(shaken, headers)
    page = read(shaken, headers)

    assert "Alerts that began together</h2>" in page.text
    assert group["statement"] in page.text
    assert "Show these 24 alerts" in page.text
    assert f"/?together={group['id']}" in links(page)
    assert page.text.index(group["statement"]) < page.text.index("<article")


def test_its_link_leads_to_its_alerts_with_a_picture_and_the_way_back(shaken):
    headers = shaken.key("RA1")
    (group,) = groups(shaken, headers)
    page = read(shaken, headers, f"/?together={group['id']}")

    assert 8 == len(page.all("article"))
    assert group["statement"] in page.text
    assert "Signals of speaking up take no part in it." in page.text
    assert "/" in links(page)
    assert {"name": "together", "type": "hidden", "value": group["id"]} in page.all("input")
    picture = drawn(page)
    bars = [one for one in picture.iter(f"{SVG}rect") if one.get("class") == "inside"]
    assert 2 == len(bars)
    assert len(group["periods"]) == page.text.count('<th scope="row">')
    described = picture.find(f"{SVG}desc").text
    assert "8 began between" in described


def test_the_picture_is_named_and_stays_within_its_frame(shaken):
    headers = everyone(shaken)
    (group,) = groups(shaken, headers)
    picture = drawn(read(shaken, headers, f"/?together={group['id']}"))

    named = picture.get("aria-labelledby").split()
    assert named == [picture.find(f"{SVG}title").get("id"), picture.find(f"{SVG}desc").get("id")]
    for bar in picture.iter(f"{SVG}rect"):
        if bar.get("class") is not None:
            left, top = float(bar.get("x")), float(bar.get("y"))
            assert 0 < left < left + float(bar.get("width")) <= 720
            assert 0 < top < top + float(bar.get("height")) <= 260
    assert "style" not in str(ET.tostring(picture))


def test_an_alert_says_that_it_began_with_others(shaken):
    headers = shaken.key("RA1")
    (group,) = groups(shaken, headers)
    page = read(shaken, headers, "/alerts/RA1-3")

    assert "It began together with others." in page.text
    assert f"/?together={group['id']}" in links(page)


def test_under_a_unit_the_notice_and_its_link_are_of_that_unit(shaken):
    headers = everyone(shaken)
    page = read(shaken, headers, "/?unit=RB2&level=1")
    (link,) = [one for one in links(page) if "together" in one]

    assert link.startswith("/?unit=RB2&")
    assert 8 == len(read(shaken, headers, link).all("article"))
    assert "Show these 8 alerts" in page.text


def test_a_group_that_is_gone_is_not_found_in_words(shaken):
    assert "No such group of alerts" in read(shaken, everyone(shaken), "/?together=x", 404).text


def test_a_quiet_house_and_a_group_that_is_closed_have_no_notice(shaken):
    headers = shaken.key("RA1")
    for number in range(8):
        shaken.store.act(f"RA1-{number}", "close", actor="t", at=NOW, outcome="explained_data")

    assert 1 == len(groups(shaken, headers))
    assert "began together" not in read(shaken, headers).text
    assert "Alerts that began together" in read(shaken, everyone(shaken)).text


def test_only_the_first_page_has_the_notice(shaken):
    headers = everyone(shaken)
    (older,) = [one for one in links(read(shaken, headers)) if "cursor" in one]

    assert "Alerts that began together" not in read(shaken, headers, older).text


def test_of_many_groups_the_newest_stand_open_and_the_others_are_folded(tmp_path):
    with house(tmp_path) as opened:
        settle(opened)
        weeks = [WEEK - 9 * at for at in range(5)]
        for week in weeks:
            tell(opened.store, *(began(f"g-{week}-{at}", ward("RA1", at), week) for at in range(9)))
        assert 5 == len(groups(opened, {}))
        page = read(opened, {})

        assert 5 == sum("together=" in one for one in links(page))
        assert "<summary>2 more</summary>" in page.text
        before, folded = page.text.split("<summary>2 more</summary>")
        assert groups(opened, {})[0]["statement"] in before
        assert groups(opened, {})[4]["statement"] in folded
