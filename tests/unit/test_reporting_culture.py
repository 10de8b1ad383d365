"""Better reporting or a failing: what incidents and their harm say together."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from detectors.evidence.counts import FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.evidence.statistic import tables
from detectors.evidence.watch import watch
from detectors.single_series.culture_watch import (
    Finding,
    Unit,
    odds_at,
    start_state,
    weigh,
)
from detectors.single_series.reporting_culture import AGES, LEVELS, WEIGHTS, culture, harm_sums
from detectors.single_series.share_terms import log_bayes_factor

FEEDS = ("incidents", "falls", "complaints", "speakup")
MODEL = EvidenceModel.plain(FEEDS, (8.0, 1.2, 0.7, 0.15), dispersion=0.03)
WEEKS, AT = 156, 80
BUDGETS = (0.2, 0.05)
BARS = tuple(MODEL.threshold(budget).close for budget in BUDGETS)
SAME, FEWER = 0.32, 0.32 / 1.6


@cache
def unit(
    share: float, *, rise: float = 1.6, complaints: float = 1.0, known: float = 1.0, seed: int = 1
) -> Unit:
    """A unit whose incidents rise at ``AT``, with a ``share`` of harm from then on.

    ``known`` is the part of the reports since then whose harm is known.
    """
    rng = np.random.default_rng(seed)
    mean = np.repeat(np.array([[8.0], [1.2], [0.7], [0.15]]), WEEKS, axis=1)
    mean[0, AT:] *= rise
    mean[2, AT:] *= complaints
    counts = rng.poisson(mean).astype(np.float64)
    since = np.arange(WEEKS) >= AT
    graded = rng.binomial(counts[0].astype(np.int64), np.where(since, known, 1.0))
    harmed = rng.binomial(graded, np.where(since, share, SAME))
    return Unit(counts, np.ones_like(counts), harmed.astype(float), graded.astype(float))


def findings(one: Unit, end: int = WEEKS) -> list[Finding]:
    return weigh(one, MODEL, BARS, start=26, end=end, state=start_state())


def kinds(found: list[Finding]) -> set[str]:
    return {one.kind for one in found}


def crossings(one: Unit) -> list[tuple[str, int, int]]:
    """Alerts of the counts alone."""
    block = FeedCounts(one.counts[None], one.expected[None], 0)
    path = watch(block, MODEL, budget1=BUDGETS[0], budget2=BUDGETS[1])
    return sorted(
        ("concern" if one.level == 1 else "raised", one.week, one.onset)
        for one in path.crossings(0)
    )


def test_more_incidents_of_which_as_many_have_harm_are_a_concern():
    found = findings(unit(SAME))

    assert "better" not in kinds(found)
    first = min(one.period for one in found if one.kind == "concern")
    assert AT < first < AT + 15


def test_more_incidents_with_no_more_harm_are_better_reporting_and_seldom_a_concern_first():
    found = [findings(unit(FEWER, seed=seed)) for seed in range(1, 13)]
    better = [one for each in found for one in each if one.kind in {"better", "explained"}]

    assert sum("concern" in kinds(each) for each in found) <= 3
    assert all(kinds(each) & {"better", "explained"} for each in found)
    assert all(one.feeds == (True, False, False, False) for one in better)
    assert abs(np.median([one.onset for one in better]) - AT) <= 4


def test_a_rise_beyond_the_level_of_better_reporting_is_heard():
    better, more = unit(FEWER), unit(FEWER, rise=1.6 * 1.7)
    later = AT + 40
    both = Unit(
        np.concatenate([better.counts[:, :later], more.counts[:, later:]], axis=1),
        better.expected,
        np.append(better.harmed[:later], more.harmed[later:]),
        np.append(better.graded[:later], more.graded[later:]),
    )
    found = findings(both)

    assert min(one.period for one in found if one.kind == "concern") in range(later, later + 10)


def test_complaints_that_rise_by_themselves_are_heard_through_better_reporting():
    found = findings(unit(FEWER, complaints=3.0))
    heard = [one for one in found if one.kind == "concern"]

    assert heard
    assert heard[0].feeds[2]
    assert heard[0].period < AT + 15


def test_without_known_harm_the_counts_alone_decide():
    bare = unit(SAME)
    bare = Unit(bare.counts, bare.expected, np.zeros(WEEKS), np.zeros(WEEKS))
    found = findings(bare)
    mine = [(one.kind, one.period, one.onset) for one in found if one.kind != "better"]

    assert crossings(bare)[:1] == sorted(mine)[:1]
    assert {period for _, period, _ in crossings(bare)} <= {period for _, period, _ in mine}


def test_harm_that_is_not_known_yet_holds_no_concern_back():
    """Reports whose harm nobody has graded are not explained by better reporting."""
    waiting = unit(SAME, known=0.0)
    first = next(period for kind, period, _ in crossings(waiting) if kind == "concern")

    assert min(one.period for one in findings(waiting) if one.kind == "concern") == first


def test_what_a_close_says_does_not_depend_on_later_ones():
    whole = findings(unit(FEWER, complaints=2.0))
    for end in range(AT, WEEKS, 7):
        early = unit(FEWER, complaints=2.0)
        cut = Unit(
            early.counts[:, :end], early.expected[:, :end], early.harmed[:end], early.graded[:end]
        )
        assert findings(cut, end) == [one for one in whole if one.period < end]


def test_watching_on_from_a_state_is_watching_at_once():
    one, state = unit(FEWER), start_state()
    parts = [
        found
        for start in range(26, WEEKS, 10)
        for found in weigh(one, MODEL, BARS, start=start, end=min(start + 10, WEEKS), state=state)
    ]

    assert parts == findings(one)


def test_the_odds_at_a_look_are_those_of_the_close_that_told_of_them():
    one = unit(SAME)
    first = next(found for found in findings(one) if found.kind == "concern")
    end = first.period + 1
    seen = Unit(one.counts[:, :end], one.expected[:, :end], one.harmed[:end], one.graded[:end])

    assert odds_at(seen, MODEL, BARS[0], since=0, closed=end) == pytest.approx(first.log_evidence)


def test_the_evidence_of_better_reporting_is_the_sum_that_is_documented():
    one, tab, t = unit(FEWER), tables(MODEL, MODEL.patterns), AT + 12
    sums = np.append(0.0, np.cumsum(one.counts[0]))
    mass = np.append(0.0, np.cumsum(one.expected[0]))
    harm = harm_sums(one.harmed, one.graded, one.counts[0], one.expected[0])
    total = 0.0
    for age, step in zip(AGES, WEIGHTS, strict=True):
        k = t + 1 - age
        if k < 13:
            break
        y, n = harm.harmed, harm.graded
        p = (0.5 + y[k]) / (1.0 + n[k])
        for ratio, part in zip((1.25, 1.5), LEVELS, strict=True):
            rise = (sums[t + 1] - sums[k]) * math.log(ratio) - (
                tab.prior_a[0] + sums[t + 1]
            ) * math.log1p((ratio - 1) * (mass[t + 1] - mass[k]) / (tab.prior_b[0] + mass[t + 1]))
            fall = log_bayes_factor(
                0.5 + y[t + 1], 1.0 + n[k], n[t + 1] - n[k], y[t + 1] - y[k],
                math.log((1 - p) / (ratio - p)),
            )  # fmt: skip
            total += step * part * math.exp(rise + fall)
    found, _, onset = culture(
        sums[t + 1], mass[t + 1], sums, mass, harm, t, t + 1, 13, tab.prior_a[0], tab.prior_b[0],
        tab.log_ratio[0],
    )  # fmt: skip

    assert found == pytest.approx(math.log(total))
    assert abs(onset - AT) <= 4


def test_histories_that_cannot_be_are_refused():
    one = unit(SAME)
    with pytest.raises(ValueError, match="harmed <= graded"):
        Unit(one.counts, one.expected, one.graded + 1.0, one.graded)
    with pytest.raises(ValueError, match="must have shape"):
        Unit(one.counts, one.expected, one.harmed[1:], one.graded)
    with pytest.raises(ValueError, match="must both have shape"):
        Unit(one.counts, one.expected[:2], one.harmed, one.graded)
    falls = EvidenceModel.plain(("falls", "complaints"), (1.2, 0.7))
    with pytest.raises(ValueError, match="incidents"):
        weigh(one, falls, BARS, start=26, end=WEEKS, state=start_state())
