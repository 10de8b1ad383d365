"""The usual ways of watching: whose alerts they are, and from what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.evidence.counts import FeedCounts
from streams.backtests.countsfile import Counts
from streams.backtests.rivals import rivals
from streams.facts.periods import Grid

HISTORY = 24


def counts_of(values: np.ndarray, **changes: object) -> Counts:
    """Counts of ``values[U, F, T]``, observed where not NaN."""
    units, feeds, periods = values.shape
    names = tuple(f"{column:03}" for column in range(periods))
    made = Counts(
        units=tuple(f"U{unit}" for unit in range(units)),
        feeds=tuple(f"f{feed}" for feed in range(feeds)),
        grid=Grid.WEEK,
        block=FeedCounts(np.nan_to_num(values), np.where(np.isnan(values), 0.0, 1.0), 0),
        starts=names,
        ends=names,
        end_days=tuple(7 * (column + 1) for column in range(periods)),
        changed_at=(None,) * units,
        knows_changes=False,
    )
    return replace(made, **changes)


def steady(periods: int, units: int = 1, feeds: int = 1) -> np.ndarray:
    """Values that swing around 10 and break no rule: mean 10, moving range 2."""
    return np.tile(np.resize([9.0, 11.0], periods), (units, feeds, 1))


def judged_from(counts: Counts, column: int) -> np.ndarray:
    judged = np.zeros((len(counts.units), counts.block.periods), dtype=bool)
    judged[:, column:] = True
    return judged


def test_nothing_happens_to_a_steady_series():
    counts = counts_of(steady(60, units=2, feeds=2))

    assert [one.alerts for one in rivals(counts, HISTORY, judged_from(counts, HISTORY))] == [(), ()]


def test_a_point_beyond_the_limit_alerts_once_while_its_pattern_lasts():
    values = steady(60)
    values[0, 0, 40:50] = 20.0
    counts = counts_of(values)
    nhs, _ = rivals(counts, HISTORY, judged_from(counts, HISTORY))

    assert nhs.alerts == ((0, 40),)


def test_a_rule_that_becomes_true_while_another_holds_is_heard_but_no_new_alert():
    values = steady(70)
    values[0, 0, 36:60] = 11.5  # above the mean: seven on one side from the seventh on
    values[0, 0, 50] = 30.0  # beyond the limit as well
    counts = counts_of(values)
    nhs, cusum = rivals(counts, HISTORY, judged_from(counts, HISTORY))

    assert [column for _, column in nhs.alerts] == [41]
    assert (0, 50) in nhs.heard
    assert set(nhs.heard) >= set(nhs.alerts)
    assert len(nhs.heard) == 2
    assert cusum.heard == cusum.alerts


def test_a_fall_is_no_concern_to_either():
    values = steady(60)
    values[0, 0, 40:] = 1.0
    counts = counts_of(values)

    assert [one.alerts for one in rivals(counts, HISTORY, judged_from(counts, HISTORY))] == [(), ()]


def test_the_cusum_is_the_textbook_one_and_starts_afresh():
    values = steady(60)
    values[0, 0, 40:44] = 15.0
    counts = counts_of(values)
    _, cusum = rivals(counts, HISTORY, judged_from(counts, HISTORY))
    learnt = values[0, 0, :HISTORY]
    level, alarms = 0.0, []
    for column in range(HISTORY, 60):
        z = (values[0, 0, column] - learnt.mean()) / learnt.std(ddof=1)
        level = max(0.0, level + z - 0.5)
        if level > 5.0:
            alarms.append((0, column))
            level = 0.0

    assert cusum.alerts == tuple(alarms)
    assert len(alarms) == 2


def test_any_feed_makes_the_alert_of_its_unit_and_only_judged_periods_count():
    values = steady(60, units=2, feeds=2)
    values[1, 1, 40] = values[0, 0, 50] = 30.0
    counts = counts_of(values)
    judged = judged_from(counts, HISTORY)
    judged[0, 50] = False
    nhs, cusum = rivals(counts, HISTORY, judged)

    assert nhs.alerts == ((1, 40),)
    assert cusum.alerts == ((1, 40),)


def test_a_declared_beginning_gives_new_limits():
    values = steady(100)
    values[0, 0, 40:] += 10.0
    plain = counts_of(values)
    declared = counts_of(values, rebases=((0, 0, 40),))

    assert rivals(plain, HISTORY, judged_from(plain, HISTORY))[0].alerts == ((0, 40),)
    judged = judged_from(declared, HISTORY)
    judged[0, 40 : 40 + HISTORY] = False
    assert [one.alerts for one in rivals(declared, HISTORY, judged)] == [(), ()]


def test_series_too_sparse_or_too_short_for_limits_are_counted():
    values = steady(60, feeds=3)
    values[0, 1] = 0.0
    values[0, 2, :50] = np.nan
    counts = counts_of(values)

    assert [one.unjudged for one in rivals(counts, HISTORY, judged_from(counts, HISTORY))] == [2, 2]


@pytest.mark.parametrize("exposure", [0.5, 4.0])
def test_counts_are_charted_over_their_exposure(exposure: float):
    values = steady(60)
    block = FeedCounts(values.copy(), np.ones_like(values), 0)
    block.exposure[..., 40:] = exposure
    block.counts[..., 40:] *= exposure
    counts = counts_of(values, block=block)

    assert [one.alerts for one in rivals(counts, HISTORY, judged_from(counts, HISTORY))] == [(), ()]
