from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from api.charts import Picture, render
from api.drawing import TOO_FEW, between_events, control_chart, plotted, title_of
from detectors.charts.chart import KINDS
from streams.catalogue.definitions import CatalogueError, checked
from streams.catalogue.indicators import Catalogue
from streams.facts.periods import Grid
from streams.histories.points import plain_points
from streams.histories.views import SeriesView

CATALOGUE = Catalogue.load()
RATIOS = ("p", "np", "p_prime", "u", "u_prime", "i_prime")
OF_VALUES = ("xmr", "mr")
GAPS = ("t", "g")
ENTRY = {
    "name": "Falls", "description": "Falls.", "feed": "incidents", "grid": "week",
    "levels": ["ward"], "direction": "down", "domain": "safety", "unit": "falls",
}  # fmt: skip


def series(key, chart, numerators, denominators=None, open_periods=0):
    numerators = np.asarray(numerators, float)
    n = len(numerators)
    below = np.full(n, np.nan) if denominators is None else np.asarray(denominators, float)
    indicator = replace(CATALOGUE[key], chart=chart)
    values = numerators if denominators is None else numerators / below * indicator.per
    return SeriesView(
        unit="RXX01:W1", indicator=indicator, grid=Grid.WEEK, periods=np.arange(2900, 2900 + n),
        numerators=numerators, denominators=below, values=values, facts=np.ones(n, np.int64),
        open_from=2900 + n - open_periods,
    )  # fmt: skip


def drawn(seen):
    drawing = control_chart(seen)
    return drawing, plotted(plain_points(seen, drawing.chart), drawing.chart)


def cases(n=30):
    rng = np.random.default_rng(5)
    return rng.binomial(50, 0.3, n), np.full(n, 50.0)


@pytest.mark.parametrize("kind", [*RATIOS, *OF_VALUES])
def test_every_chart_of_a_ratio_is_drawn_with_limits(kind):
    drawing, points = drawn(series("harm_share", kind, *cases()))
    picture = render(points, Picture(name="x", title="Falls", unit="%"))

    assert drawing.chart is not None
    assert (kind, None, "three_sigma") == (drawing.chart.kind, drawing.reason, drawing.limits_by)
    assert points[-1].upper > points[-1].mean
    assert picture.count("<path") > len(points)


def test_together_the_kinds_are_all_that_the_library_has():
    assert set(KINDS) == {*RATIOS, *OF_VALUES, *GAPS, "c"}


def test_a_moving_range_chart_plots_changes_and_an_np_chart_numbers():
    above, below = cases()
    _, changes = drawn(series("harm_share", "mr", above, below))
    _, numbers = drawn(series("harm_share", "np", above, below))

    assert changes[0].value is None
    assert changes[1].value == pytest.approx(abs(above[1] - above[0]) / 50 * 100)
    assert above.tolist() == [point.value for point in numbers]
    assert numbers[0].mean == pytest.approx(above.mean())
    assert "Falls: numbers" == title_of("Falls", "np")


def test_what_is_not_judged_yet_has_no_change():
    _, points = drawn(series("harm_share", "mr", *cases(), open_periods=2))

    assert [None, None] == [point.value for point in points[-2:]]
    assert [True, True] == [point.open for point in points[-2:]]


@pytest.mark.parametrize("kind", GAPS)
def test_a_rare_event_is_charted_by_the_days_between(kind):
    counts = np.zeros(400)
    at = np.cumsum(np.random.default_rng(2).geometric(0.08, 25))
    counts[at] = 1.0
    seen = between_events(series("never_events", kind, counts))
    drawing, points = drawn(seen)

    assert drawing.reason is None
    assert 25 == len(points)
    assert points[0].value is None
    assert points[1].value == 7.0 * (at[1] - at[0])
    assert not any(point.missing_denominator for point in points)


@pytest.mark.parametrize("key", ["fill_rate_rn_day", "sickness", "harm_share"])
def test_a_value_that_never_moves_is_not_charted_as_a_count(key):
    """Its values are whole numbers by chance; limits of its numerator are on another scale."""
    seen = series(key, "xmr", np.full(20, 105.0), np.full(20, 100.0))
    drawing, points = drawn(seen)

    assert drawing.chart is None or drawing.chart.kind == "xmr"
    assert drawing.reason
    assert {point.value for point in points} == {seen.values[0]}
    assert {point.upper for point in points} == {None}
    assert {point.mean for point in points} <= {None, seen.values[0]}


def test_events_of_one_period_share_the_days_since_the_one_before():
    counts = np.zeros(12)
    counts[[1, 5, 9]] = 1, 2, 1

    gaps = between_events(series("never_events", "t", counts))

    assert [14.0, 28.0] == gaps.values[1:].tolist()
    assert [28.0, 28.0] == gaps.numerators[1:].tolist()


def test_numbers_that_a_chart_cannot_be_of_say_why():
    drawing, points = drawn(series("harm_share", "np", [3, 9, 4], [5, 5, 5]))

    assert drawing.chart is None
    assert "a numerator exceeds its denominator" == drawing.reason
    assert 3 == len(points)
    assert TOO_FEW == control_chart(series("harm_share", "p", [1], [2])).reason


def test_a_series_that_an_xmr_chart_cannot_show_gets_the_chart_that_can():
    drawing, _ = drawn(series("incidents", "xmr", np.random.default_rng(1).poisson(0.3, 40)))

    assert drawing.chart is not None
    assert ("c", "probability") == (drawing.chart.kind, drawing.limits_by)


@pytest.mark.parametrize(
    ("kind", "chart", "need"),
    [
        ("count", "p", "a numerator that is part of its denominator"),
        ("count", "u", "a denominator"),
        ("gap", "i_prime", "a denominator"),
        ("share", "c", "a count"),
        ("measurement", "t", "the time between events"),
    ],
)
def test_a_chart_that_an_indicator_cannot_have_is_refused_by_the_catalogue(kind, chart, need):
    entry = {**ENTRY, "kind": kind, "chart": chart}
    if kind == "share":
        entry |= {"having": {"category": "fall"}}

    with pytest.raises(CatalogueError, match=f"falls: a {chart} chart needs {need}.*xmr for it"):
        checked({"falls": entry})


@pytest.mark.parametrize("chart", ["xmr", "mr", "c"])
def test_a_count_takes_its_charts(chart):
    assert chart == checked({"falls": {**ENTRY, "kind": "count", "chart": chart}})["falls"].chart
