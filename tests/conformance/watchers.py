"""The watchers of the evidence, described for the conformance suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.conformance_watch import Watcher
from detectors.evidence.counts import FeedCounts
from detectors.evidence.crossings import Way
from detectors.evidence.model import EvidenceModel
from detectors.evidence.watch import watch
from detectors.single_series.counts import watch_counts
from detectors.single_series.episodes import SeriesEpisode
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.shares import watch_shares
from detectors.single_series.silence import feed_outage, watch_silence

BUDGETS = {"budget1": 2.0, "budget2": 0.2}
MODEL = replace(EvidenceModel.plain(("incidents", "complaints"), (4.0, 1.0)), minimum_history=8)


def statements(episodes: list[SeriesEpisode]):
    """What was said, when: an episode opened, was raised, subsided."""
    said = []
    for one in episodes:
        whose = (one.series, one.direction, one.opened)
        said.append((one.opened, "opened", *whose, one.onset, one.log_evidence))
        if one.raised >= 0:
            said.append((one.raised, "raised", *whose))
        if one.subsided >= 0:
            said.append((one.subsided, "subsided", *whose))
    return sorted(said)


def silence(history):
    found = watch_silence(
        history[:, :, 0].T, history[:, :, 1].T, per_year=52.0, minimum=8, **BUDGETS
    )
    return statements(found)


def counts_alone(history):
    found = watch_counts(
        history[:, :, 0].T, history[:, :, 1].T, concern="rise", improvement_budget=2.0,
        per_year=12.0, minimum=8, **BUDGETS,
    )  # fmt: skip
    return statements(found)


def more_ulcers(rng):
    counts = rng.poisson(3.0, (60, 3)).astype(float)
    counts[30:45, 1] *= 3.0
    return np.stack([counts, np.ones((60, 3))], axis=2)


def quiet_wards(rng):
    counts = rng.poisson(6.0, (60, 3)).astype(float)
    counts[30:45, 1] = 0.0
    return np.stack([counts, np.ones((60, 3))], axis=2)


def outage(history):
    return statements(
        feed_outage(history[:, 0], history[:, 1], per_year=52.0, minimum=8, **BUDGETS)
    )


def stopped_feed(rng):
    totals = rng.poisson(40.0, 60).astype(float)
    totals[30:40] = 0.0
    return np.stack([totals, np.ones(60)], axis=1)


def shares(history):
    found = watch_shares(
        history[:, :, 0].T,
        history[:, :, 1].T,
        concern="rise",
        improvement_budget=2.0,
        per_year=52.0,
        minimum=8,
        **BUDGETS,
    )
    return statements(found)


def worse_shares(rng):
    of = np.full((60, 3), 20.0)
    chance = np.full((60, 3), 0.2)
    chance[30:45, 1] = 0.6
    return np.stack([rng.binomial(20, chance).astype(float), of], axis=2)


def measurements(history):
    found = watch_measurements(
        history.T, concern="rise", improvement_budget=2.0, per_year=52.0, minimum=12, **BUDGETS
    )
    return statements(found)


def raised_measurements(rng):
    values = rng.normal(10.0, 1.0, (60, 3))
    values[30:45, 1] += 3.0
    values[20, 0] = np.nan
    return values


def gaps(history):
    return statements(watch_gaps(history.T, improvement_budget=2.0, **BUDGETS))


def shorter_gaps(rng):
    between = rng.exponential(60.0, (60, 2)) + 0.5
    between[30:, 1] /= 6.0
    return between


def counts(history, budget1=0.2, budget2=0.05):
    block = FeedCounts(
        history[..., 0].transpose(1, 2, 0).copy(), history[..., 1].transpose(1, 2, 0).copy(), 2000
    )
    path = watch(block, MODEL, budget1=budget1, budget2=budget2)
    return sorted(
        (one.week, one.day, unit, int(way), one.level, one.onset, one.log_evidence, one.feeds)
        for unit in range(block.units)
        for way in Way
        for one in path.crossings(unit, way)
    )


def busier_wards(rng):
    means = np.broadcast_to([4.0, 1.0], (50, 3, 2)).copy()
    means[25:40, 1] *= 3.0
    return np.stack([rng.poisson(means).astype(float), np.ones((50, 3, 2))], axis=3)


WATCHERS = (
    Watcher("counts", watch, counts, busier_wards, missing=0.0),
    Watcher("counts of one series", watch_counts, counts_alone, more_ulcers, missing=0.0),
    Watcher("gaps", watch_gaps, gaps, shorter_gaps),
    Watcher("measurements", watch_measurements, measurements, raised_measurements),
    Watcher("outage", feed_outage, outage, stopped_feed, missing=0.0),
    Watcher("shares", watch_shares, shares, worse_shares, missing=0.0),
    Watcher("silence", watch_silence, silence, quiet_wards, missing=0.0),
)
