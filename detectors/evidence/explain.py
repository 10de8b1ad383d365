"""Why an alert was raised: onset, feeds and ways, from the same sums that raised it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.demands import check_kind
from detectors.evidence.counts import F64, I64, FeedCounts
from detectors.evidence.looks import CLOSE, first_with, observed_before
from detectors.evidence.model import EvidenceModel
from detectors.evidence.statistic import (
    AGES,
    Tables,
    accumulate,
    log_terms,
    posterior,
    tables,
    unseen,
)

WAYS_SHOWN = 5


@dataclass(frozen=True)
class FeedEvidence:
    """What one feed shows since the estimated onset.

    ``expected`` is the unit's own rate before the onset times exposure and season;
    ``ratio`` is observed over expected, ``probability`` the posterior probability
    that this feed changed. ``baseline_rate`` is per period at exposure 1.
    """

    feed: str
    contributes: bool
    probability: float
    observed: float
    expected: float
    ratio: float | None
    baseline_rate: float
    baseline_periods: int


@dataclass(frozen=True)
class Explanation:
    """The evidence of one look, in numbers.

    Columns are those of the block; add ``week0`` for absolute periods. ``onsets``
    lists the candidate onsets with their posterior probabilities, oldest first.
    ``data`` holds the counts and exposures that were used, so that ``recompute``
    gives the same numbers from this object and the model alone.
    """

    direction: str
    week: int
    day: int
    since: int
    log_evidence: float
    onset: int
    onset_interval: tuple[int, int]
    onsets: tuple[tuple[int, float], ...]
    feeds: tuple[FeedEvidence, ...]
    ways: tuple[tuple[str, float], ...]
    data: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give the explanation as plain data for JSON."""
        feeds = tuple(vars(feed).copy() for feed in self.feeds)
        return {**vars(self), "feeds": feeds, "data": dict(self.data)}


def explain(
    block: FeedCounts,
    unit: int,
    model: EvidenceModel,
    *,
    week: int,
    day: int = CLOSE,
    since: int = 0,
    direction: str = "concern",
) -> Explanation:
    """Explain the evidence of a unit at a look.

    Args:
        block: the counts; nothing later than the look is read.
        unit: position of the unit in the block.
        model: the model that the unit was watched with.
        week: column of the look.
        day: day of the look, or 7 for the period's close.
        since: earliest onset that counts (the one after the last alert).
        direction: ``concern`` or ``improvement``.

    Raises:
        ValueError: a look without any onset to explain.
        TypeError: a block or model of another kind.

    """
    check_kind("block", block, FeedCounts)
    check_kind("model", model, EvidenceModel)
    counts, exposure = _as_seen(block, unit, model, week, day)
    return _explain(counts, exposure, block.week0, model, week, day, since, direction)


def recompute(plain: Mapping[str, Any], model: EvidenceModel) -> Explanation:
    """Make an explanation again from its own data (as ``to_dict`` gives it) and the model.

    Raises:
        KeyError, ValueError: an explanation without its data.

    """
    data = plain["data"]
    return _explain(
        np.array(data["counts"], dtype=np.float64),
        np.array(data["exposure"], dtype=np.float64),
        int(data["week0"]),
        model,
        int(plain["week"]),
        int(plain["day"]),
        int(plain["since"]),
        str(plain["direction"]),
    )


def _as_seen(
    block: FeedCounts, unit: int, model: EvidenceModel, week: int, day: int
) -> tuple[F64, F64]:
    """Counts and exposures as they stood at the look, its own period being partial."""
    counts = block.counts[unit, :, : week + 1].copy()
    exposure = block.exposure[unit, :, : week + 1].copy()
    if day < CLOSE:
        if block.daily is None:
            raise ValueError("a look within the week needs counts by day")
        so_far = block.daily[unit, :, week, : day + 1].sum(axis=1)
        counts[:, week] = np.where(block.by_day, so_far, 0.0)
        exposure[:, week] *= np.where(block.by_day, model.shape_of_week()[:, day], 0.0)
    return np.where(exposure > 0, counts, 0.0), exposure


def _explain(
    counts: F64,
    exposure: F64,
    week0: int,
    model: EvidenceModel,
    week: int,
    day: int,
    since: int,
    direction: str,
) -> Explanation:
    patterns = model.patterns if direction == "concern" else model.improvements
    tab = tables(model, patterns)
    expected = exposure * model.seasonal(week0, week + 1)
    sums, mass = _sums(counts, expected, tab)
    terms = _terms(expected, sums, mass, model, tab, since)
    reach = len(terms)
    masses = np.zeros(len(model.feeds))
    log_evidence, at = posterior(terms, reach, tab, masses)
    shares = np.exp(terms - log_evidence)
    by_onset, by_way = shares.sum(axis=1), shares.sum(axis=0)
    onsets = week + 1 - AGES[:reach]
    onset = int(onsets[at])
    unseen(mass[-1], mass[onset], masses)
    told = masses > 0.5
    if not told.any():
        told[int(masses.argmax())] = True
    top = np.argsort(-by_way, kind="stable")[:WAYS_SHOWN]
    return Explanation(
        direction=direction,
        week=week,
        day=day,
        since=since,
        log_evidence=log_evidence,
        onset=onset,
        onset_interval=_interval(onsets, by_onset),
        onsets=tuple((int(k), float(p)) for k, p in zip(onsets[::-1], by_onset[::-1], strict=True)),
        feeds=tuple(
            _feed(f, model, counts, expected, sums, mass, onset, float(masses[f]), bool(told[f]))
            for f in range(len(model.feeds))
        ),
        ways=tuple((patterns.describe(int(c)), float(by_way[c])) for c in top),
        data={
            "week0": week0,
            "feeds": list(model.feeds),
            "counts": counts.tolist(),
            "exposure": exposure.tolist(),
        },
    )


def ways_of(plain: Mapping[str, Any], model: EvidenceModel) -> F64:
    """How well each way of failing explains what a concern was raised on.

    Args:
        plain: the explanation of a concern, as ``to_dict`` gives it.
        model: whose ways, rates and dispersions to read it with.

    Returns:
        ``F64[C]``, the likelihood of each row of ``model.patterns``, summed over the onsets
        as the evidence is; prior weights play no part. Scaled to sum to one.

    Raises:
        KeyError, ValueError: an explanation without its data, or of other feeds.

    """
    data = plain["data"]
    if tuple(data["feeds"]) != model.feeds:
        raise ValueError(f"told of {', '.join(data['feeds'])}, not of {', '.join(model.feeds)}")
    tab = tables(model, model.patterns)
    exposure = np.array(data["exposure"], dtype=np.float64)
    expected = exposure * model.seasonal(int(data["week0"]), exposure.shape[1])
    sums, mass = _sums(np.array(data["counts"], dtype=np.float64), expected, tab)
    terms = _terms(expected, sums, mass, model, tab, int(plain["since"])) - np.log(tab.weight)
    likelihood = np.exp(terms - terms.max()).sum(axis=0)
    return np.asarray(likelihood / likelihood.sum())


def _terms(
    expected: F64, sums: F64, mass: F64, model: EvidenceModel, tab: Tables, since: int
) -> F64:
    """Logs of the terms of S at the last period, ``F64[ages that count, C]``."""
    seen = observed_before(expected)
    first = max(since, first_with(seen, model.baseline))
    terms = np.full((len(AGES), len(tab.weight)), -np.inf)
    last = expected.shape[1] - 1
    reach = log_terms(sums[-1], mass[-1], sums, mass, last, first, tab, terms)
    if reach == 0 or not len(tab.weight):
        raise ValueError("no onset lies between the baseline and this look")
    return terms[:reach]


def _sums(counts: F64, expected: F64, tab: Tables) -> tuple[F64, F64]:
    feeds, periods = counts.shape
    sums, mass = np.zeros((periods + 1, feeds)), np.zeros((periods + 1, feeds))
    accumulate(counts, expected, tab, sums, mass, np.zeros((periods, feeds)))
    return sums, mass


def _interval(onsets: I64, probability: F64) -> tuple[int, int]:
    """Central 80 % of the onset's posterior."""
    order = np.argsort(onsets)
    cumulative = np.cumsum(probability[order])
    low = int(np.searchsorted(cumulative, 0.1))
    high = min(int(np.searchsorted(cumulative, 0.9)), len(onsets) - 1)
    return int(onsets[order][low]), int(onsets[order][high])


def _feed(
    f: int,
    model: EvidenceModel,
    counts: F64,
    expected: F64,
    sums: F64,
    mass: F64,
    onset: int,
    probability: float,
    told: bool,  # noqa: FBT001 - a field among nine positional numbers
) -> FeedEvidence:
    rate = float((model.prior_a[f] + sums[onset, f]) / (model.prior_b[f] + mass[onset, f]))
    seen: Sequence[bool] = expected[f] > 0
    observed = float(counts[f, onset:][seen[onset:]].sum())
    foreseen = rate * float(expected[f, onset:].sum())
    return FeedEvidence(
        feed=model.feeds[f],
        contributes=told,
        probability=probability,
        observed=observed,
        expected=foreseen,
        ratio=observed / foreseen if foreseen > 0 else None,
        baseline_rate=rate,
        baseline_periods=int(np.sum(seen[:onset])),
    )
