from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.single_series.episodes import (
    AFTER,
    OWN,
    ROW,
    bounds,
    chance,
    decide,
    interval,
    settle,
    watches,
)
from detectors.single_series.onsets import (
    AGES,
    COUNT,
    LOG_STEPS,
    STEPS,
    log_sum,
    median_age,
    posterior,
)
from detectors.single_series.trails import Trail


def walk(evidence, back=()):
    """Episodes of a series whose evidence (and return) by period is given."""
    trail = Trail.fresh(1, OWN)
    trail.grow()
    (watch,) = watches("rise", 0.2, 0.05, None, 52.0, 0.0)
    state, table, marks = trail.states[0, 0], trail.table[0], trail.marks[0]
    steps = dict(back)
    for t, value in enumerate(evidence):
        if state[ROW] >= 0 and settle(steps.get(t, -1.0), t, 3.0, state, table):
            continue
        terms = np.full(COUNT, -math.inf)
        terms[0] = value - LOG_STEPS[0]
        decide(terms, t, 5.0, 7.0, state, table, marks)
    return trail.episodes(watch, 52.0), state


def test_evidence_above_the_first_threshold_opens_an_episode_at_level_one():
    (episode,), _ = walk([1.0, 4.0, 5.5, 5.2])

    assert (episode.opened, episode.level, episode.raised, episode.subsided) == (2, 1, -1, -1)
    assert episode.log_evidence == 5.5


def test_evidence_above_the_second_threshold_raises_the_open_episode():
    (episode,), _ = walk([5.5, 6.0, 7.5, 9.0, 6.0])

    assert (episode.opened, episode.level, episode.raised) == (0, 2, 2)
    assert (episode.log_evidence, episode.peak_log_evidence) == (5.5, 9.0)


def test_overwhelming_evidence_opens_at_level_two():
    (episode,), _ = walk([8.0])

    assert (episode.level, episode.raised) == (2, 0)


def test_an_episode_that_is_open_is_not_opened_again():
    episodes, _ = walk([5.5, 1.0, 6.0, 1.0, 6.0])

    assert len(episodes) == 1


def test_an_episode_subsides_when_the_series_has_returned_and_another_may_follow():
    episodes, state = walk([5.5, 1, 1, 1, 1, 6.0], back={2: 2.0, 3: 2.0})

    assert [(e.opened, e.subsided) for e in episodes] == [(0, 3), (5, -1)]
    assert [e.after for e in episodes] == [-1, 3]
    assert state[AFTER] == 3


def test_doubt_about_the_return_does_not_add_up_below_zero():
    episodes, _ = walk([5.5, *[1.0] * 8], back={7: 2.0, 8: 2.0})

    assert episodes[0].subsided == 8


def test_thresholds_are_periods_per_year_over_budget():
    limit = bounds(0.2, 0.05, 52.0, 0.0)

    assert limit.level1 == pytest.approx(math.log(260))
    assert limit.level2 == pytest.approx(math.log(1040))
    assert bounds(0.2, 0.05, 52.0, 0.2).level1 == pytest.approx(math.log(260) - 0.2)


def test_an_improvement_is_the_other_way_with_its_own_budget():
    concern, improvement = watches("fall", 0.2, 0.05, 0.1, 52.0, 0.0)

    assert (concern.direction, concern.way) == ("concern", "fall")
    assert (improvement.direction, improvement.way) == ("improvement", "rise")
    assert improvement.bounds == bounds(0.1, 0.025, 52.0, 0.0)


def test_the_evidence_at_a_threshold_has_the_budget_as_its_chance():
    shown = chance(bounds(0.2, 0.05, 52.0, 0.3).level1, 52.0, 0.3)

    assert shown["per_year"] == pytest.approx(0.2)
    assert shown["years_between"] == pytest.approx(5.0)


def test_an_interval_stays_within_what_is_possible():
    assert interval(1.0, 2.0, 0.0, 3.0) == {"value": 1.0, "low": 0.0, "high": 3.0}


def test_the_grid_covers_every_onset_of_the_window_once():
    assert AGES[:13].tolist() == list(range(1, 14))
    assert STEPS.sum() == AGES[-1] + STEPS[-1] - 1
    assert (np.diff(AGES) == STEPS[:-1]).all()


def test_the_sum_over_onsets_counts_each_as_many_times_as_it_stands_for():
    terms = np.zeros(COUNT)

    assert log_sum(terms) == pytest.approx(math.log(STEPS.sum()))
    terms[5:] = -math.inf
    assert log_sum(terms) == pytest.approx(math.log(5))
    assert log_sum(np.full(COUNT, -math.inf)) == -math.inf
    assert log_sum(terms + 1000) == pytest.approx(1000 + math.log(5))


def test_the_onset_is_the_median_of_its_posterior():
    terms = np.full(COUNT, -math.inf)
    terms[7] = 3.0 - LOG_STEPS[7]

    assert median_age(terms, 3.0) == 8
    assert posterior(terms, 50).period == 43
    assert posterior(terms, 50).posterior == [(43, pytest.approx(1.0))]


def test_an_onset_without_any_past_cannot_be_dated():
    with pytest.raises(ValueError, match="nothing lies before"):
        posterior(np.full(COUNT, -math.inf), 3)
