from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.catalogue.indicators import Catalogue
from streams.evidence.listening import (
    ASPECTS,
    NOT_ENOUGH,
    QUIET,
    REPORTING,
    Aspect,
    compare,
    listening_profile,
    variation,
)
from streams.facts.periods import Grid

WEEKS = np.arange(2700, 2780)


def constant(share, size, weeks=WEEKS):
    n = np.full(weeks.size, float(size))
    return weeks, np.round(n * share), n


WEEKLY = tuple(replace(aspect, grid=Grid.WEEK) for aspect in ASPECTS)


def standing(series, key, level="ward"):
    profile = listening_profile(series.get, level=level, aspects=WEEKLY)
    return next(s for s in profile if s.aspect.key == key)


def test_every_aspect_names_an_indicator_of_the_catalogue_on_its_grid():
    catalogue = Catalogue.load(None)

    for aspect in ASPECTS:
        indicator = catalogue[aspect.indicator]
        assert indicator.grid is aspect.grid, aspect.key
        assert aspect.protected == (indicator.feed.topic == "speakup"), aspect.key
        if aspect.form == "share":
            assert aspect.better == indicator.direction, aspect.key


def test_a_steady_share_is_about_the_same():
    found = standing({"anonymous_share": constant(0.2, 20)}, "anonymous")

    assert found.enough
    assert (found.value, found.before, found.change) == (0.2, 0.2, 0.0)
    assert found.variation == "common_cause"
    assert found.words == "about the same as in the year before"
    assert (found.numerator, found.denominator) == (52.0, 260.0)


def test_more_anonymous_reports_than_in_the_year_before_are_a_concern():
    weeks, y, n = constant(0.1, 20)
    y[-13:] = 6.0

    found = standing({"anonymous_share": (weeks, y, n)}, "anonymous")

    assert found.words == "higher than in the year before"
    assert found.variation == "concern_high"
    assert found.change == pytest.approx(0.2)


def test_a_smaller_harm_share_is_an_improvement():
    weeks, y, n = constant(0.4, 20)
    y[-13:] = 2.0

    assert standing({"any_harm_share": (weeks, y, n)}, "harm").variation == "improvement_low"


def test_a_hint_of_a_change_is_worded_as_one_and_has_no_icon():
    weeks, y, n = constant(0.2, 10)
    y[-13:] = 2.9

    found = standing({"patient_voice_share": (weeks, y, n)}, "patient_voice")

    assert found.words == "may be higher than in the year before"
    assert found.variation == "common_cause"


def test_a_handful_of_reports_is_not_enough():
    weeks, y, n = constant(1.0, 0)
    n[-1] = y[-1] = 3.0
    n[:20] = 5.0

    found = standing({"acknowledged_in_time": (weeks, y, n)}, "acknowledged")

    assert (found.enough, found.words, found.value, found.variation) == (
        False,
        NOT_ENOUGH,
        None,
        None,
    )


def test_an_indicator_without_series_is_not_enough():
    assert standing({}, "answered").words == NOT_ENOUGH


def test_speaking_up_is_never_described_below_site():
    ward = {s.aspect.key for s in listening_profile(lambda _: None, level="ward")}
    site = {s.aspect.key for s in listening_profile(lambda _: None, level="site")}

    assert site - ward == {aspect.key for aspect in ASPECTS if aspect.protected}
    assert len(site) == len(ASPECTS)


def test_a_ward_that_stopped_reporting_may_have_gone_quiet():
    counts = np.tile([3.0, 5.0, 4.0, 4.0], 20)
    counts[-5:] = 0.0

    found = standing({"incidents": (WEEKS, counts, np.ones(80))}, "incidents_silence")

    assert (found.value, found.words, found.variation) == (5.0, QUIET, "concern_low")
    assert found.chance < 0.001


def test_a_ward_that_reports_as_ever_is_reporting_as_usual():
    counts = np.tile([3.0, 5.0, 4.0, 0.0], 20)

    found = standing({"incidents": (WEEKS, counts, np.ones(80))}, "incidents_silence")

    assert (found.value, found.words) == (1.0, REPORTING)
    assert found.chance > 0.01


def test_missing_weeks_do_not_count():
    weeks, y, n = constant(0.2, 20)
    y[5], n[6] = np.nan, np.nan
    y[70] = 30.0

    found = standing({"anonymous_share": (weeks, y, n)}, "anonymous")

    assert found.value == pytest.approx(0.2)
    assert found.denominator == 240.0


def test_months_are_compared_by_the_quarter():
    aspect = Aspect("x", "X", "x", "down", grid=Grid.MONTH, protected=True)
    months = np.arange(600, 618)
    y, n = np.full(18, 2.0), np.full(18, 10.0)

    (found,) = listening_profile(lambda _: (months, y, n), level="site", aspects=(aspect,))

    assert found.denominator == 30.0
    assert found.before == pytest.approx(0.2)


def test_a_comparison_needs_evidence_to_take_a_side():
    few = np.array([2.0]), np.array([10.0])

    assert compare(*few, *few) == (0, False)
    many = np.full(40, 2.0), np.full(40, 20.0)
    assert compare(*many, np.full(13, 8.0), np.full(13, 20.0)) == (1, True)
    assert compare(np.full(13, 8.0), np.full(13, 20.0), *many) == (-1, True)


@pytest.mark.parametrize(
    ("better", "way", "icon"),
    [
        ("up", 1, "improvement_high"),
        ("up", -1, "concern_low"),
        ("down", 1, "concern_high"),
        ("down", -1, "improvement_low"),
        ("neutral", 1, "neutral_high"),
        ("neutral", -1, "neutral_low"),
        ("up", 0, "common_cause"),
    ],
)
def test_an_icon_says_which_way_and_whether_that_is_good(better, way, icon):
    assert variation(better, way) == icon


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="anonymous_share"):
        standing({"anonymous_share": (WEEKS, np.ones(3), np.ones(80))}, "anonymous")
