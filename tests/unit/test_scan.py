from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.many_series.scan import poisson_llr, scan, scan_windows
from detectors.many_series.scan_zones import circles, natural_zones, runs

WARDS, WEEKS = 6, 20
EXPECTED = np.full((WARDS, WEEKS), 2.0)
ZONES = natural_zones(WARDS, sites=("a", "a", "a", "b", "b", "b"))


def stable(seed=1):
    return np.random.default_rng(seed).poisson(EXPECTED).astype(float)


def dice():
    return np.random.default_rng(11)


def by_the_book(counts, expected, zones, longest, sign):
    """The largest LLR with every sum written out."""
    total = counts.sum()
    scaled = expected * total / expected.sum()
    best = (0.0, None, None)
    for zone in zones:
        for length in range(1, longest + 1):
            c = counts[list(zone), -length:].sum()
            mu = scaled[list(zone), -length:].sum()
            if (c - mu) * sign > 0 and poisson_llr(c, mu, total) > best[0]:
                best = (poisson_llr(c, mu, total), zone, WEEKS - length)
    return best


@pytest.mark.parametrize(("direction", "sign"), [("rise", 1), ("fall", -1)])
def test_the_strongest_cluster_has_the_largest_ratio_of_all_candidates(direction, sign):
    counts = stable()
    expected = EXPECTED * np.linspace(0.5, 1.5, WARDS)[:, None]
    llr, zone, start = by_the_book(counts, expected, ZONES, 8, sign)
    found = scan(
        counts, expected, zones=ZONES, rng=dice(), longest=8, direction=direction, simulations=9
    )[0]

    assert llr == pytest.approx(found.llr)
    assert (zone, start, WEEKS) == (found.zone, found.start, found.stop)


def test_a_site_that_rises_is_found_with_its_onset():
    counts = stable()
    counts[3:, 14:] += 3.0
    found = scan(counts, EXPECTED, zones=ZONES, rng=dice())[0]

    assert (3, 4, 5) == found.zone
    assert (14, WEEKS) == (found.start, found.stop)
    assert 0.001 == found.p_value
    assert 1_000.0 == pytest.approx(found.recurrence_periods)
    assert found.ratio > 1.5


def test_a_ward_that_falls_silent_is_found_as_a_fall():
    counts = stable()
    counts[2, 12:] = 0.0
    found = scan(counts, EXPECTED, zones=ZONES, rng=dice(), direction="fall")[0]

    assert (2,) == found.zone
    assert 0.0 == found.observed
    assert found.p_value < 0.05
    both = scan(counts, EXPECTED, zones=ZONES, rng=dice(), direction="both")[0]
    assert found.llr == both.llr


def test_a_past_cluster_is_found_only_when_windows_may_end_early():
    counts = stable()
    counts[1, 5:9] += 8.0
    now = scan(counts, EXPECTED, zones=ZONES, rng=dice(), simulations=99)
    ever = scan(counts, EXPECTED, zones=ZONES, rng=dice(), simulations=99, prospective=False)[0]

    assert (1,) == ever.zone
    assert (5, 9) == (ever.start, ever.stop)
    assert 0.01 == ever.p_value
    assert all(cluster.p_value > 0.01 for cluster in now)


def test_the_same_seed_gives_the_same_p_value_and_leaves_the_counts_alone():
    counts = stable()
    before = counts.copy()
    first = scan(counts, EXPECTED, zones=ZONES, rng=dice(), simulations=50)

    assert first == scan(counts, EXPECTED, zones=ZONES, rng=dice(), simulations=50)
    np.testing.assert_array_equal(before, counts)


def test_p_values_are_uniform_when_nothing_is_wrong():
    rng = np.random.default_rng(21)
    p = np.array(
        [
            scan(rng.poisson(EXPECTED), EXPECTED, zones=ZONES, rng=rng, longest=4, simulations=39)[
                0
            ].p_value
            for _ in range(200)
        ]
    )

    assert 0.5 == pytest.approx(p.mean(), abs=4 * 0.29 / math.sqrt(200))
    assert (p <= 0.1).mean() < 0.1 + 4 * 0.021


def test_further_clusters_do_not_overlap_the_first():
    counts = stable()
    counts[0, 16:] += 6.0
    counts[4, 17:] += 6.0
    found = scan(counts, EXPECTED, zones=ZONES, rng=dice(), simulations=99)

    assert {(0,), (4,)} == {cluster.zone for cluster in found[:2]}
    assert found[0].llr >= found[1].llr


def test_a_missing_cell_is_neither_counted_nor_expected():
    counts, zones = stable(), natural_zones(WARDS)
    counts[0, 19] = math.nan
    expected = EXPECTED.copy()
    expected[0, 19] = 0.0
    zeroed = np.nan_to_num(counts)

    assert scan(counts, EXPECTED, zones=zones, rng=dice(), simulations=9) == scan(
        zeroed, expected, zones=zones, rng=dice(), simulations=9
    )


def test_without_events_there_is_no_cluster():
    assert () == scan(np.zeros((2, 3)), np.ones((2, 3)), zones=((0,), (1,)), rng=dice())


def test_one_cell_is_no_cluster():
    assert () == scan([[3.0]], [[1.0]], zones=((0,),), rng=dice(), simulations=9)


def test_an_llr_is_kulldorffs():
    expected = 10 * math.log(2.0) + 90 * math.log(90 / 95)

    assert expected == pytest.approx(poisson_llr(10.0, 5.0, 100.0))
    assert 0.0 == pytest.approx(poisson_llr(5.0, 5.0, 100.0))


def test_windows_end_now_or_anywhere():
    assert [[3, 4], [2, 4]] == scan_windows(4, None, prospective=True).tolist()
    assert 4 + 3 == len(scan_windows(4, 2, prospective=False))


def test_natural_zones_are_wards_sites_and_the_provider_once_each():
    assert ((0,), (1,), (2,), (0, 1), (0, 1, 2)) == natural_zones(3, sites=("x", "x", "y"))
    assert ((0,),) == natural_zones(1, sites=("x",))


def test_neighbours_follow_an_order_or_lie_in_a_circle():
    assert ((2,), (0,), (1,), (0, 2), (0, 1)) == runs((2, 0, 1), 3, share=0.7)
    line = [[0.0], [1.0], [5.0], [6.0]]
    assert {(0,), (1,), (2,), (3,), (0, 1), (2, 3)} == set(circles(line, 4))
    zones = natural_zones(4, order=(0, 1, 2, 3), coordinates=line)
    assert {(1, 2), (2, 3), (0, 1, 2, 3)} <= set(zones)
    assert len(zones) == len(set(zones))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [[1.0]], "expected": [[1.0, 2.0]]}, "tables alike"),
        ({"counts": [[-1.0]]}, "counts must be finite"),
        ({"expected": [[math.inf]]}, "expected must be finite"),
        ({"expected": [[0.0]]}, "0 where expected is 0"),
        ({"counts": [[1.5]]}, "whole numbers"),
        ({"zones": ()}, "zones must hold"),
        ({"zones": ((1,),)}, "zones must name units 0 to 0"),
        ({"longest": 2}, "longest must lie between 1 and 1"),
        ({"direction": "up"}, "direction must"),
        ({"simulations": 0}, "simulations must be at least 1"),
    ],
)
def test_input_that_makes_no_sense_is_refused(change, message):
    settings = {"counts": [[1.0]], "expected": [[1.0]], "zones": ((0,),), "rng": dice(), **change}
    with pytest.raises(ValueError, match=message):
        scan(settings.pop("counts"), settings.pop("expected"), **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: natural_zones(0), "units must"),
        (lambda: natural_zones(2, sites=("x",)), "sites must"),
        (lambda: natural_zones(2, order=(0, 0)), "order must"),
        (lambda: natural_zones(2, coordinates=[[0.0]]), "coordinates must"),
        (lambda: runs((0,), 1, share=0.0), "share must"),
    ],
)
def test_zones_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
