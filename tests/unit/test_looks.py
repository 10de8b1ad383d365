"""Looks within the week: none that could tell of anything is passed over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.evidence.looks import CLOSE, History, bring_to_look, make_looks, most_at_look
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import draw_rates, simulate
from detectors.evidence.statistic import accumulate, onset_sums, tables
from detectors.evidence.watch import watch

FEEDS = ("incidents", "complaints", "speakup", "falls")
WEEKS = 104
BARS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0)


def small_and_large(rates: tuple[float, ...], seed: int):
    """A fleet of ten with counts by day, of which half rise by a half after 78 weeks."""
    model = EvidenceModel.plain(FEEDS, rates)
    rng = np.random.default_rng(seed)
    drawn = draw_rates(model, 10, rng)
    exposure = np.ones((10, 4, WEEKS))
    exposure[:5, :, 78:] = 1.5
    fleet = simulate(
        model, drawn, np.full((10, 4), 0.03), exposure, week0=2800, rng=rng, by_day=True
    )
    fleet.block.exposure[:] = 1.0
    return model, fleet.block


@pytest.mark.parametrize(
    "rates", [(8.0, 0.7, 0.15, 1.2), (60.0, 8.0, 2.0, 10.0), (400.0, 40.0, 5.0, 60.0)]
)
def test_no_look_that_crosses_a_bar_is_said_to_stay_below_it(rates):
    model, block = small_and_large(rates, 7)
    tab = tables(model, model.patterns)
    looks = make_looks(4, tab)
    expected = block.exposure * model.seasonal(block.week0, WEEKS)
    closest = math.inf
    for unit in range(10):
        sums, mass = np.zeros((WEEKS + 1, 4)), np.zeros((WEEKS + 1, 4))
        history = History(
            block.counts[unit], expected[unit], block.daily[unit], np.ones(4, dtype=np.int64),
            model.shape_of_week(), sums, mass, np.zeros((WEEKS, 4)),
        )  # fmt: skip
        accumulate(history.counts, history.expected, tab, sums, mass, history.drag)
        level = math.inf
        for week in range(52, WEEKS):
            looks.so_far[:] = 0.0
            for day in range(CLOSE + 1):
                if not bring_to_look(history, week, day, looks):
                    continue
                most = most_at_look(-math.inf, history, tab, week, day, level, looks)
                reach = onset_sums(
                    looks.totals, looks.masses, sums, mass, week, 13, tab, looks.factor,
                    looks.cumulative,
                )  # fmt: skip
                evidence = math.log(looks.cumulative[reach - 1])
                assert not any(evidence > bar >= most for bar in BARS)
                if day < CLOSE and level < math.inf:
                    closest = min(closest, most - evidence)
            level = looks.cumulative[reach - 1]
    # The bound is near, else it would save nothing.
    assert closest < 1.0


def test_the_first_week_that_is_judged_is_looked_at_by_day():
    model, block = small_and_large((60.0, 8.0, 2.0, 10.0), 3)
    block.counts[:, 0, 20:27] *= 3
    block.daily[:, 0, 20:27] *= 3

    path = watch(block, model, budget1=0.2, budget2=0.05)

    first = [path.crossings(unit)[0] for unit in range(10)]
    assert {(one.week, one.day) for one in first} == {(model.minimum_history, 0)}
