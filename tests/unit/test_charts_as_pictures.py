from __future__ import annotations

from time import perf_counter
from xml.etree import ElementTree as ET

import pytest

from api import icons
from api.captions import describe, figure
from api.charts import Picture, render
from api.sheet import COLOURS, SHAPES, nice_ticks
from detectors.charts.icons import ASSURANCE_ICONS, POINT_TYPES, VARIATION_ICONS
from streams.alerts.disclosure import SUPPRESSED
from streams.histories.points import Expected, Point


def point(at: int, value: float | None = 5.0, **changes) -> Point:
    fields = {
        "period_start": f"20{10 + at // 12:02}-{at % 12 + 1:02}-01T00:00:00Z",
        "period_end": f"20{10 + (at + 1) // 12:02}-{(at + 1) % 12 + 1:02}-01T00:00:00Z",
        "value": value,
        "numerator": value,
        "denominator": None,
        "mean": 5.0,
        "lower": 1.0,
        "upper": 9.0,
        "point_type": "common_cause",
        "special_cause": None,
        "missing_denominator": False,
        "open": False,
        "disclosure": None,
    }
    return Point(**{**fields, **changes})


PICTURE = Picture(name="RAA~falls~month", title='Falls, <Ward "A">, by month', unit="falls")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(points, picture=PICTURE) -> ET.Element:
    return ET.fromstring(render(points, picture))  # noqa: S314 - our own picture


def test_a_picture_has_a_title_and_a_description_it_is_labelled_by():
    root = drawn([point(at) for at in range(24)])

    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
    assert title.text == 'Falls, <Ward "A">, by month'
    assert "24 periods" in desc.text


@pytest.mark.parametrize("kind", POINT_TYPES)
def test_each_kind_of_point_has_its_colour_and_its_shape(kind):
    root = drawn([point(0), point(1, 8.0, point_type=kind)])

    group = next(g for g in root.iter(f"{SVG}g") if g.get("class") == kind)
    assert group.get("fill") == COLOURS[kind]


def test_special_causes_are_told_apart_without_colour():
    concern, improvement = SHAPES["special_cause_concern"], SHAPES["special_cause_improvement"]
    assert (
        len({concern, improvement, SHAPES["common_cause"], SHAPES["special_cause_neutral_low"]})
        == 4
    )


def test_open_periods_are_hollow_and_shaded():
    root = drawn([point(0), point(1), point(2, open=True, mean=None, lower=None, upper=None)])

    classes = [g.get("class") for g in root.iter(f"{SVG}g")]
    assert "delay" in classes
    assert "open" in classes


def arriving(at: int, value: float, share: float, **changes) -> Point:
    return point(at, value, reported_share=share, provisional=True, **changes)


def test_the_band_reaches_back_over_all_that_is_still_being_reported_and_says_so():
    late = [arriving(9, 4.0, 0.9), arriving(10, 3.0, 0.6), arriving(11, 1.0, 0.2, open=True)]
    root = drawn([*(point(at) for at in range(9)), *late])
    band = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "delay")

    assert float(band.find(f"{SVG}rect").get("width")) == pytest.approx(3 * 644 / 12, abs=0.2)
    assert band.find(f"{SVG}text").text == "still being reported"


def test_what_is_known_whole_is_not_called_still_being_reported():
    text = render([point(0), point(1), point(2, open=True)], PICTURE)

    assert "still being reported" not in text
    assert 'class="expected"' not in text
    assert 'class="arriving"' not in text


def test_what_a_period_may_come_to_is_a_hollow_mark_on_its_interval_within_the_picture():
    final = Expected(14.0, 11.0, 18.0)
    root = drawn([*(point(at) for at in range(9)), arriving(9, 6.0, 0.5, expected_final=final)])
    group = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "expected")
    value = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "open")[0].get("transform")
    top, bottom = (float(y) for y in group[0].get("d").partition(" ")[2].split("V")[::-1])

    assert 14 <= top < float(group[1].get("cy")) < bottom
    assert bottom < float(value.rstrip(")").split()[1])  # above what is there so far
    assert group.get("fill") == "#fff"


def test_a_provisional_flag_is_hollow_and_keeps_its_shape_and_colour():
    kind = "special_cause_concern"
    root = drawn([point(0), point(1, 9.5, point_type=kind, provisional=True)])
    group = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "provisional")

    assert kind not in [g.get("class") for g in root.iter(f"{SVG}g")]
    assert group.get("fill") == "#fff"
    assert (group[0].get("d"), group[0].get("stroke")) == (SHAPES[kind], COLOURS[kind])


def test_a_missing_denominator_is_marked_and_breaks_the_line():
    points = [point(0), point(1, None, missing_denominator=True), point(2)]
    root = drawn(points)

    assert "missing" in [g.get("class") for g in root.iter(f"{SVG}g")]
    line = next(p for p in root.iter(f"{SVG}path") if p.get("class") == "values")
    assert line.get("d").count("M") == 2
    assert "1 periods lack their denominator" in describe(points)


def test_a_suppressed_point_is_a_star_without_a_number():
    points = [point(0, None, disclosure=SUPPRESSED, mean=None, lower=None, upper=None)]

    assert "suppressed" in render(points, PICTURE)
    assert "not shown" in describe(points)


def test_target_and_onset_are_drawn():
    picture = Picture("n", "t", "u", target=7.0, onset="2010-02-10T00:00:00Z")
    root = drawn([point(at) for at in range(4)], picture)

    assert any(p.get("class") == "target" for p in root.iter(f"{SVG}path"))
    assert any(g.get("class") == "onset" for g in root.iter(f"{SVG}g"))


@pytest.mark.parametrize("points", [[], [point(0, None)], [point(0, 0.0)], [point(0), point(1)]])
def test_few_points_or_none_still_make_a_picture(points):
    assert drawn(points).tag == f"{SVG}svg"


def test_a_picture_needs_no_style_attribute_and_nothing_from_outside():
    text = render([point(at) for at in range(12)], PICTURE)

    assert "style=" not in text
    assert "href" not in text
    assert text.count("http") == 1  # the namespace


def test_a_picture_of_three_years_of_weeks_takes_under_a_millisecond():
    points = [point(at % 900, 5.0 + at % 7) for at in range(156)]
    render(points, PICTURE)
    best = min(_timed(points) for _ in range(20))

    assert best < 0.001 * 3  # three times the aim, so that a busy machine does not fail it


def _timed(points) -> float:
    started = perf_counter()
    render(points, PICTURE)
    return perf_counter() - started


def test_ticks_are_round_and_cover_the_range():
    assert nice_ticks(0, 9) == [0, 2.5, 5, 7.5, 10]
    assert nice_ticks(0.1, 0.23)[0] <= 0.1
    assert nice_ticks(3, 3) == [3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (12, "12"),
        (12.345, "12.3"),
        (0.01234, "0.0123"),
        (1234567.5, "1234568"),
    ],
)
def test_numbers_are_written_with_three_digits(value, text):
    assert figure(value) == text


@pytest.mark.parametrize("name", icons.ICONS)
def test_every_icon_has_words_and_is_a_picture(name):
    root = ET.fromstring(icons.icon(name))  # noqa: S314 - our own picture

    assert root.get("aria-label") == icons.words(name)


def test_every_icon_the_charts_can_give_exists():
    assert set(VARIATION_ICONS) | set(ASSURANCE_ICONS) == set(icons.ICONS)


def test_every_type_of_point_has_a_colour():
    assert set(POINT_TYPES) <= set(COLOURS)
