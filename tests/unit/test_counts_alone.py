"""Counts of one series: what is a change, and what only looks like one."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.single_series import simulated as made
from detectors.single_series.counts import watch_counts

MONTHS = {"budget1": 0.2, "budget2": 0.05, "per_year": 12.0, "minimum": 12}


def test_a_doubled_count_of_three_a_month_is_found_within_half_a_year_and_dated():
    x = made.reports(
        np.random.default_rng(2), series=60, periods=84, rate=3.0, dispersion=0.1, changed=36,
        rate_ratio=2.0,
    )  # fmt: skip

    found = watch_counts(x, np.ones_like(x), concern="rise", **MONTHS)

    first = {e.series: e for e in reversed(found) if e.opened >= 36}
    assert len(first) >= 50
    assert np.median([e.opened for e in first.values()]) <= 41
    assert abs(np.median([e.onset for e in first.values()]) - 36) <= 2


def test_twice_the_count_from_twice_the_bed_days_is_no_change():
    x, m = np.tile([3.0, 5.0, 4.0], 20), np.full(60, 800.0)
    x[36:] *= 2.0

    assert watch_counts(x, m, concern="rise", **MONTHS)
    m[36:] *= 2.0
    assert watch_counts(x, m, concern="rise", **MONTHS) == []


def test_what_the_rate_is_of_does_not_matter():
    x = made.reports(
        np.random.default_rng(3), series=20, periods=60, rate=4.0, changed=36, rate_ratio=2.5
    )

    days = watch_counts(x, np.full_like(x, 1e4), concern="rise", **MONTHS)
    months = watch_counts(x, np.ones_like(x), concern="rise", **MONTHS)

    assert [(e.series, e.opened, e.onset) for e in days] == [
        (e.series, e.opened, e.onset) for e in months
    ]


def test_one_wild_month_does_not_raise_an_alert_and_a_run_of_them_does():
    x = np.tile([3.0, 5.0, 4.0], 20)
    x[40] = 60.0

    assert watch_counts(x, np.ones(60), concern="rise", **MONTHS) == []
    x[40:46] = 60.0
    assert watch_counts(x, np.ones(60), concern="rise", **MONTHS)[0].opened <= 43


def test_a_fall_is_told_as_an_improvement_only_where_it_has_a_budget():
    x = np.tile([8.0, 12.0, 10.0], 20)
    x[36:] = 2.0

    assert watch_counts(x, np.ones(60), concern="rise", **MONTHS) == []
    (better,) = watch_counts(x, np.ones(60), concern="rise", improvement_budget=0.05, **MONTHS)
    assert (better.direction, better.onset) == ("improvement", 36)


def test_a_month_that_was_not_observed_neither_speaks_for_nor_against_a_change():
    x = np.tile([3.0, 5.0, 4.0], 20)
    x[36:] *= 3.0
    m = np.ones(60)
    m[20:24] = 0.0
    gone = x.copy()
    gone[20:24] = 500.0

    assert watch_counts(x, m, concern="rise", **MONTHS) == watch_counts(
        gone, m, concern="rise", **MONTHS
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"concern": "sideways"}, "concern must be one of"),
        ({"budget1": 0.0}, "budgets must be"),
        ({"minimum": 0}, "minimum must be at least 1"),
        ({"exposure": [-1.0, 1.0]}, "cannot be negative"),
        ({"exposure": [1.0]}, "must match"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict, words: str):
    given = {"counts": [1.0, 2.0], "exposure": [1.0, 1.0], "concern": "rise", **MONTHS}

    with pytest.raises(ValueError, match=words):
        watch_counts(**(given | settings))
