"""Pictures of what began together: every bar in its place, whatever the row is like."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from api.sheet import WIDTH
from api.together_pictures import describe, render, title_of
from streams.together.grouping import Period, together
from tests.unit.test_together import CLAIMS, shock, watched

SVG = "{http://www.w3.org/2000/svg}"
(GROUP,) = together(shock(60, 61), CLAIMS, watched())
DAY = GROUP.since


def parsed(group):
    return ET.fromstring(render(group, name="p1"))  # noqa: S314 - our own picture


def bars(picture, which):
    return [one for one in picture.iter(f"{SVG}rect") if one.get("class") == which]


def test_every_period_that_has_any_has_a_bar_and_those_of_the_group_an_outline():
    noisy = replace(
        GROUP,
        periods=tuple(
            replace(one, begun=max(one.begun, at % 2)) for at, one in enumerate(GROUP.periods)
        ),
    )
    picture = parsed(noisy)
    inside = bars(picture, "inside")

    assert 2 == len(inside)
    assert {"none"} != {one.get("stroke") for one in inside}
    assert sum(one.begun > 0 for one in noisy.periods) == 2 + len(bars(picture, "bar"))
    heights = [float(one.get("height")) for one in inside]
    counts = [one.begun for one in noisy.periods if GROUP.since <= one.start < GROUP.until]
    assert heights[0] / heights[1] == pytest.approx(counts[0] / counts[1], rel=0.01)


@pytest.mark.parametrize(
    "periods",
    [
        [Period(DAY, 7, 0.2)],
        [Period(DAY, 7, 0.2), *(Period(DAY + 7 * at, 0, 0.2) for at in range(2, 40))],
        [*(Period(DAY - 7 * at, 0, 0.0) for at in range(40, 0, -1)), Period(DAY, 5, 0.0)],
        [Period(DAY - 7, 0, 900.5), Period(DAY, 1_204, 950.0)],
    ],
    ids=["one", "first", "last", "many"],
)
def test_rows_of_every_kind_are_drawn_within_the_frame(periods):
    picture = parsed(replace(GROUP, periods=tuple(periods)))

    for one in picture.iter(f"{SVG}rect"):
        if one.get("class"):
            assert 0 <= float(one.get("x")) <= WIDTH - float(one.get("width"))
            assert float(one.get("y")) > 20
    (brace,) = [one for one in picture.iter(f"{SVG}text") if one.text == "began together"]
    width = 90 * {"start": 0.0, "middle": 0.5, "end": 1.0}[brace.get("text-anchor")]
    assert 0 <= float(brace.get("x")) - width <= WIDTH - 90


def test_a_group_is_described_in_words():
    picture = parsed(GROUP)

    assert "Wards whose signals began, by week" == title_of(GROUP)
    assert describe(GROUP) == picture.find(f"{SVG}desc").text
    assert describe(GROUP) == (
        "54 weeks from 10 Mar 25. 61 began between 15 Dec 25 and 28 Dec 25, where 5.52 were "
        "expected; 0 in all others."
    )
    assert ["p1-t", "p1-d"] == picture.get("aria-labelledby").split()
