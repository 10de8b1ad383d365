"""The formulae of the evidence against plain Python and against integrals done by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from detectors.evidence.counts import FeedCounts
from detectors.evidence.crossings import Way
from detectors.evidence.explain import explain, recompute
from detectors.evidence.model import Curve, EvidenceModel
from detectors.evidence.patterns import falls, rises
from detectors.evidence.statistic import AGES, STEPS, accumulate, onset_sums, tables
from detectors.evidence.watch import watch

FEEDS = ("incidents", "complaints", "speakup", "falls")
MODEL = EvidenceModel.plain(FEEDS, (4.0, 0.6, 0.3, 1.0), improvable=(False, False, False, True))


def block(weeks: int = 60, change: float = 2.0, onset: int = 45, seed: int = 3) -> FeedCounts:
    rng = np.random.default_rng(seed)
    mean = np.tile(np.array([4.0, 0.6, 0.3, 1.0])[:, None], (1, weeks))
    mean[:, onset:] *= change
    counts = rng.poisson(mean).astype(float)[None]
    return FeedCounts(counts, np.ones_like(counts), 2500)


def sums_of(counts: FeedCounts, model: EvidenceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (counts.periods + 1, counts.feeds)
    sums, mass, drag = np.zeros(shape), np.zeros(shape), np.zeros((counts.periods, counts.feeds))
    expected = counts.exposure[0] * model.seasonal(counts.week0, counts.periods)
    accumulate(counts.counts[0], expected, tables(model, model.patterns), sums, mass, drag)
    return sums, mass, drag


def test_one_feeds_bayes_factor_is_the_ratio_of_two_integrals_over_the_rate():
    model = replace(
        EvidenceModel.plain(["thing"], [3.0]), dispersion=np.zeros(1)
    )  # no dispersion: every week weighs one
    counts = np.array([2, 4, 3, 1, 3, 6, 7, 5], dtype=float)
    series = FeedCounts(counts[None, None], np.ones((1, 1, 8)), 0)
    onset, ratio = 5, float(model.patterns.ratios[0, 1])

    def marginal(factor: float) -> float:
        mean = np.where(np.arange(8) >= onset, factor, 1.0)
        prior = stats.gamma(model.prior_a[0], scale=1 / model.prior_b[0])

        def density(rate: float) -> float:
            return prior.pdf(rate) * np.exp(stats.poisson.logpmf(counts, rate * mean).sum() + 15)

        return integrate.quad(density, 0, 30)[0]

    sums, mass, _ = sums_of(series, model)
    since, since_mass = sums[8, 0] - sums[onset, 0], mass[8, 0] - mass[onset, 0]
    log_bf = since * math.log(ratio) - (model.prior_a[0] + sums[8, 0]) * math.log(
        1 + (ratio - 1) * since_mass / (model.prior_b[0] + mass[8, 0])
    )

    assert log_bf == pytest.approx(math.log(marginal(ratio) / marginal(1.0)), abs=1e-6)


def test_the_kernel_sums_the_formula_over_onsets_patterns_and_feeds():
    data, table = block(), MODEL.patterns
    sums, mass, _ = sums_of(data, MODEL)
    t = 55
    terms = []
    for age, step in zip(AGES, STEPS, strict=True):
        k = t + 1 - age
        total = 0.0
        for choice, weight in zip(table.choice, table.weight, strict=True):
            value = math.log(weight)
            for f, level in enumerate(choice):
                ratio = table.ratios[f, level - 1] if level else 1.0
                share = (mass[t + 1, f] - mass[k, f]) / (MODEL.prior_b[f] + mass[t + 1, f])
                value += (sums[t + 1, f] - sums[k, f]) * math.log(ratio)
                value -= (MODEL.prior_a[f] + sums[t + 1, f]) * math.log1p((ratio - 1) * share)
            total += math.exp(value)
        terms.append(step * total)
    out = np.zeros(len(AGES))
    room = np.ones((4, 2, len(AGES)))
    tab = tables(MODEL, table)

    reach = onset_sums(sums[t + 1], mass[t + 1], sums, mass, t, 0, tab, room, out)

    assert reach == len(AGES)
    np.testing.assert_allclose(out, np.cumsum(terms), rtol=1e-12)


def test_a_weight_never_depends_on_the_count_it_weighs():
    one, other = block(), block()
    other.counts[0, 0, 30] += 50
    drag, changed = sums_of(one, MODEL)[2], sums_of(other, MODEL)[2]

    np.testing.assert_array_equal(drag[:31], changed[:31])
    assert (drag[31:, 0] < changed[31:, 0]).all()


def test_a_feed_that_was_not_observed_neither_speaks_for_nor_against_a_change():
    seen = block()
    exposure = seen.exposure.copy()
    exposure[0, 1, 50:] = 0.0
    silent = FeedCounts(seen.counts, exposure, seen.week0)
    wild = seen.counts.copy()
    wild[0, 1, 50:] = 99.0
    loud = FeedCounts(wild, exposure, seen.week0)

    assert sums_of(silent, MODEL)[0].tolist() == sums_of(loud, MODEL)[0].tolist()


def test_nothing_alerts_before_the_minimum_history_of_observed_weeks():
    data = block(weeks=60, change=6.0, onset=15)
    path = watch(data, MODEL, budget1=0.2, budget2=0.05)

    assert path.ready.tolist() == [26]
    assert path.crossings(0)[0].week >= 26


def test_a_doubling_of_everything_is_found_named_and_dated():
    data = block(weeks=62, change=2.0, onset=50)
    path = watch(data, MODEL, budget1=0.2, budget2=0.05)
    episode = path.episodes(0)[-1]

    assert episode.direction == "concern"
    assert 50 <= episode.opened_week <= 55
    assert abs(episode.onset_week - 50) <= 3
    assert episode.feeds[0]


def test_an_episode_subsides_after_the_rates_return():
    rng = np.random.default_rng(8)
    mean = np.tile(np.array([4.0, 0.6, 0.3, 1.0])[:, None], (1, 110))
    mean[:, 50:65] *= 2.5
    counts = rng.poisson(mean).astype(float)[None]
    path = watch(FeedCounts(counts, np.ones_like(counts), 2500), MODEL, budget1=0.2, budget2=0.05)
    episode = next(e for e in path.episodes(0) if e.direction == "concern")

    assert episode.level == 2
    assert 50 <= episode.opened_week < 60
    assert 65 < episode.subsided_week < 80


def test_a_fall_is_an_improvement_only_where_a_fall_is_good():
    rng = np.random.default_rng(5)
    mean = np.full((4, 100), 6.0)
    mean[:, 60:] *= 0.3
    counts = rng.poisson(mean).astype(float)[None]
    data = FeedCounts(counts, np.ones_like(counts), 2500)
    good = EvidenceModel.plain(FEEDS, (6.0,) * 4, improvable=(False, False, False, True))
    none = EvidenceModel.plain(FEEDS, (6.0,) * 4)

    found = watch(data, good, budget1=0.2, budget2=0.05).episodes(0)
    assert [(e.direction, e.feeds) for e in found][:1] == [
        ("improvement", (False, False, False, True))
    ]
    assert watch(data, none, budget1=0.2, budget2=0.05).episodes(0) == []


def test_an_explanation_holds_all_that_is_needed_to_make_it_again():
    data = block()
    path = watch(data, MODEL, budget1=0.2, budget2=0.05)
    first = path.crossings(0)[0]
    told = explain(data, 0, MODEL, week=first.week, day=first.day)
    plain = told.to_dict()

    assert told.log_evidence == pytest.approx(first.log_evidence, abs=1e-12)
    assert told.onset == first.onset
    assert tuple(f.contributes for f in told.feeds) == first.feeds
    assert sum(p for _, p in told.onsets) == pytest.approx(1.0)
    assert recompute(plain, MODEL).to_dict() == plain


def test_a_look_within_the_week_is_explained_from_the_days_that_had_passed():
    data = block()
    daily = np.zeros((1, 4, 60, 7), dtype=np.uint16)
    daily[..., 0] = data.counts
    looked = FeedCounts(data.counts, data.exposure, data.week0, daily)
    part = explain(looked, 0, MODEL, week=55, day=2)

    assert part.data["exposure"][0][-1] == pytest.approx(3 / 7)
    assert part.log_evidence > explain(looked, 0, MODEL, week=55).log_evidence


def test_evidence_stays_finite_when_counts_explode():
    counts = block().counts
    counts[0, :, 50:] = 50_000.0
    path = watch(FeedCounts(counts, np.ones_like(counts), 0), MODEL, budget1=0.2, budget2=0.05)

    assert np.isfinite(path.log_evidence(0)[30:]).all()
    assert math.isfinite(path.crossings(0)[0].log_evidence)
    assert path.log_evidence(0, Way.IMPROVEMENT)[-1] < 0


def test_a_feed_without_data_is_never_named_among_those_that_rose():
    counts = np.full((1, 3, 80), 8.0)
    counts[:, :, 70:] = 20.0
    exposure = np.ones_like(counts)
    counts[:, 1], exposure[:, 1] = 0.0, 0.0
    block = FeedCounts(counts, exposure, 2700)
    model = EvidenceModel.plain(("incidents", "falls", "complaints"), (8.0, 2.0, 8.0))
    crossing = watch(block, model, budget1=0.2, budget2=0.05).crossings(0)[0]
    explained = explain(block, 0, model, week=crossing.week)

    assert crossing.feeds == (True, False, True)
    assert [feed.feed for feed in explained.feeds if feed.contributes] == [
        "incidents",
        "complaints",
    ]
    assert explained.feeds[1].probability == 0.0


@pytest.mark.parametrize(
    "feeds", [["a"], ["a", "b"], list("abcdefgh"), list(FEEDS), ["falls", "x"]]
)
def test_every_set_of_feeds_has_ways_of_failing_that_sum_to_one(feeds: list[str]):
    table = rises(feeds)

    assert table.weight.sum() == pytest.approx(1.0)
    alone = {tuple(row) for row in table.choice.tolist() if sum(level > 0 for level in row) == 1}
    assert len(alone) == 2 * len(feeds)
    assert all((table.choice[:, f] > 0).any() for f in range(len(feeds)))
    assert (table.ratios > 1).all()


def test_improvements_cover_only_what_may_improve():
    table = falls(FEEDS, (False, True, False, True))

    assert not table.choice[:, [0, 2]].any()
    assert (table.ratios < 1).all()


def test_thresholds_interpolate_the_curve_of_false_alerts_log_linearly():
    curve = Curve((4.0, 5.0, 6.0), (0.6, 0.2, 0.05))

    assert curve.bar(0.2) == pytest.approx(5.0)
    assert curve.bar(0.1) == pytest.approx(5.5)
    for bar in (3.0, 4.4, 7.5):
        assert curve.bar(curve.rate(bar)) == pytest.approx(bar)


@pytest.mark.parametrize(
    ("bars", "rates"), [((1.0,), (0.1,)), ((2.0, 1.0), (0.2, 0.1)), ((1.0, 2.0), (0.1, 0.2))]
)
def test_a_curve_that_does_not_fall_is_refused(bars: tuple, rates: tuple):
    with pytest.raises(ValueError, match="curve"):
        Curve(bars, rates)


def test_a_model_survives_json():
    plain = MODEL.to_dict()
    again = EvidenceModel.from_dict(plain)

    assert again.to_dict() == plain
    assert again.threshold(0.2) == MODEL.threshold(0.2)


@pytest.mark.parametrize(
    ("budgets", "words"),
    [((0.05, 0.2), "level 2"), ((0.0, 0.0), "positive"), ((-1, -2), "positive")],
)
def test_budgets_that_make_no_sense_are_refused(budgets: tuple[float, float], words: str):
    with pytest.raises(ValueError, match=words):
        watch(block(), MODEL, budget1=budgets[0], budget2=budgets[1])


def test_counts_that_cannot_be_are_refused():
    good = np.ones((1, 1, 4))
    with pytest.raises(ValueError, match="counts must be finite"):
        FeedCounts(-good, good, 0)
    with pytest.raises(ValueError, match="shape"):
        FeedCounts(good, good[0], 0)
