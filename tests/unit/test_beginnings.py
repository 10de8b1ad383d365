from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import poisson

from detectors.many_series.beginnings import LEAST, scan_beginnings, tail, usual

YEAR = 52


def by_the_book(begun, expected, longest, fewest=1, excess=0.0):
    """The smallest chance of all windows, each summed and judged by itself."""
    best = None
    for length in range(1, longest + 1):
        for start in range(len(begun) - length + 1):
            observed = sum(begun[start : start + length])
            mean = sum(expected[start : start + length])
            if observed < fewest or observed - mean < excess:
                continue
            chance = poisson.sf(observed - 1, mean) if observed else 1.0
            if best is None or chance < best * (1 - 1e-9):
                best = chance
    return best


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("fewest", "excess"), [(1, 0.0), (5, 3.0)])
def test_the_window_found_is_the_least_likely_of_all(seed, fewest, excess):
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.1, 1.5, 30)
    begun = rng.poisson(expected)
    begun[12:14] += rng.integers(0, 6, 2)
    chance = by_the_book(begun, expected, 4, fewest, excess)
    found = scan_beginnings(begun, expected, year=YEAR, fewest=fewest, excess=excess)

    if chance is None:
        assert found is None
        return
    assert chance == pytest.approx(found.chance)
    assert min(1.0, 4 * YEAR * chance) == pytest.approx(found.p_value)
    assert begun[found.start : found.stop].sum() == found.observed
    assert expected[found.start : found.stop].sum() == pytest.approx(found.expected)
    assert 1 <= found.stop - found.start <= 4


@pytest.mark.parametrize("mean", [0.1, 1.0, 6.0])
def test_by_chance_p_is_no_smaller_than_it_says_and_not_uselessly_large(mean):
    """In 600 years of chance; the bound is two to fifteen times what simulation gives."""
    rng = np.random.default_rng(7)
    years = rng.poisson(mean, (600, YEAR))
    found = [scan_beginnings(year, [mean] * YEAR, year=YEAR) for year in years]
    values = np.array([1.0 if one is None else one.p_value for one in found])

    for level in (0.5, 0.2, 0.05):
        share = (values <= level).mean()
        assert share <= level
    assert (values <= 0.5).mean() > 0.5 / 20


def test_a_shared_cause_in_ten_units_is_beyond_doubt():
    begun, expected = np.zeros(YEAR), np.full(YEAR, 1 / 4)
    begun[30:33] = 4, 3, 3

    found = scan_beginnings(begun, expected, year=YEAR)
    assert (30, 33) == (found.start, found.stop)
    assert found.p_value < 1e-4


def test_what_was_found_stays_found_as_the_record_grows():
    begun = [0, 0, 5, 4, 0, 0]
    short = scan_beginnings(begun, [0.5] * 6, year=YEAR)
    long = scan_beginnings(begun + [0] * 500, [0.5] * 506, year=YEAR)

    assert short == long


def test_units_that_are_watched_from_later_on_make_later_beginnings_less_odd():
    begun = [5, 0, 0, 0, 0, 5]
    found = scan_beginnings(begun, [0.2] * 3 + [2.0] * 3, longest=1, year=YEAR)

    assert 0 == found.start


def test_a_window_with_few_beginnings_or_little_excess_does_not_count():
    begun, expected = [0, 4, 0], [0.01] * 3

    assert scan_beginnings(begun, expected, fewest=5) is None
    assert scan_beginnings([0, 9, 0], [7.0] * 3, longest=1, excess=3.0) is None
    assert scan_beginnings(begun, expected, fewest=4, excess=3.0) is not None
    assert scan_beginnings([0, 0], [1.0, 1.0]) is None


def test_of_windows_equally_unlikely_the_fullest_and_shortest_is_taken():
    """Chances too small to tell apart are all the least one."""
    begun = [0, 400, 300, 0, 0]
    found = scan_beginnings(begun, [0.5] * 5, year=YEAR)

    assert LEAST == found.chance
    assert (1, 3, 700) == (found.start, found.stop, found.observed)


def test_the_tail_is_that_of_the_poisson_law():
    observed = np.array([0, 1, 2, 10, 60])
    for mean in (0.03, 1.0, 12.5):
        assert poisson.sf(observed - 1, mean) == pytest.approx(tail(observed, [mean] * 5), rel=1e-9)
    assert 1.0 == tail([0], [0.0])[0]
    assert LEAST == tail([1], [0.0])[0]


@pytest.mark.parametrize(("longest", "year"), [(4, 52), (1, 12), (1, 4)])
def test_what_is_usual_is_the_median_of_the_windows_of_the_year_before(longest, year):
    rng = np.random.default_rng(longest)
    begun = rng.poisson(1.5, 90)
    watched = np.repeat([0, 10, 20], 30)
    begun[:30] = 0
    found = usual(begun, watched, longest=longest, year=year)

    assert (90,) == found.shape
    for at in range(90):
        windows = [
            (begun[i : i + longest].sum(), watched[i : i + longest].sum())
            for i in range(max(0, at - longest - year + 1), at - 2 * longest + 2)
        ]
        rates = [count / units for count, units in windows if units]
        enough = len(rates) >= year // 4
        expected = float(np.median(rates)) * watched[at] if enough else math.nan
        assert expected == pytest.approx(found[at], nan_ok=True)


def test_a_burst_is_not_usual_and_a_window_is_not_held_against_itself():
    begun, burst = np.full(120, 3), np.full(120, 3)
    burst[80:84] = 60

    np.testing.assert_array_equal(usual(begun, [100] * 120), usual(burst, [100] * 120))


def test_what_goes_on_for_most_of_a_year_becomes_usual():
    begun = np.repeat([1, 5], 60)

    assert [1.0, 5.0] == usual(begun, [100] * 120)[[65, 119]].tolist()


def test_nothing_is_usual_before_a_quarter_of_a_year_is_known():
    found = usual([2] * 40, [5] * 40)

    assert np.isnan(found[:19]).all()
    assert [2.0] * 21 == found[19:].tolist()
    assert np.isnan(usual([1, 2], [5, 5])).all()


@pytest.mark.parametrize(
    ("begun", "expected", "settings", "message"),
    [
        ([1, 2], [1.0], {}, "rows alike"),
        ([], [], {}, "rows alike"),
        ([[1]], [[1.0]], {}, "rows alike"),
        ([-1], [1.0], {}, "begun must be finite"),
        ([1], [math.nan], {}, "expected must be finite"),
        ([1], [math.inf], {}, "expected must be finite"),
        ([1.5], [1.0], {}, "whole numbers"),
        ([1], [0.0], {}, "0 where expected is 0"),
        ([1], [1.0], {"longest": 0}, "longest must be"),
        ([1], [1.0], {"longest": 1.5}, "longest must be a whole"),
        ([1], [1.0], {"year": 0}, "year must be"),
        ([1], [1.0], {"fewest": 0}, "fewest must be"),
        ([1], [1.0], {"excess": -1.0}, "excess must not"),
        ([1], [1.0], {"excess": math.nan}, "excess must not"),
    ],
)
def test_what_cannot_be_scanned_is_refused_by_name(begun, expected, settings, message):
    with pytest.raises(ValueError, match=message):
        scan_beginnings(begun, expected, **settings)
