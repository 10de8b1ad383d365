"""New calibrations: fit and thresholds from stored history or from a file of counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np

from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import DAYS, FeedCounts
from detectors.evidence.explain import ways_of
from detectors.evidence.fleet import FleetFit, fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import Patterns, widened
from detectors.evidence.ways import learned_ways
from streams.backtests.additions import FEWEST_UNITS, FEWEST_WEEKS, check, of_class
from streams.backtests.backtest import fit_and_calibrate
from streams.backtests.baseline import baseline, first_judged
from streams.backtests.countsfile import Counts
from streams.catalogue.indicators import Catalogue
from streams.evidence.counting import CountWatch
from streams.evidence.reference import Reference
from streams.facts.effects import AlertRecord
from streams.histories.series import Block, Histories

FEWEST_CONCERNS = 10

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Calibration:
    """A new reference, and for each class what became of it, in words."""

    reference: Reference
    notes: Mapping[str, str]


def from_store(
    store: Histories,
    providers: Iterable[str],
    *,
    catalogue: Catalogue,
    before: Reference,
    version: str,
    effective: date,
    progress: Progress,
    confirmed: Sequence[AlertRecord] | None = None,
    added: Sequence[str] = (),
) -> Calibration:
    """Fit every class of units to the stored history of all providers.

    A class with too few units or weeks keeps the model of ``before``, and the notes
    say so. ``confirmed`` are alerts that turned out to be concerns: where a class has ten or
    more of them, the weights of its ways of failing are learned from them. ``added`` are
    further counts that each class weighs with its feeds where enough of its units report them.

    Raises:
        AdditionError: an indicator that cannot be added.

    """
    wanted = check(catalogue, before, added)
    blocks = [Block.load(store, catalogue, code) for code in providers]
    models: dict[str, EvidenceModel] = {}
    notes: dict[str, str] = {}
    for level, held in before.models.items():
        seen = _history(blocks, level, held)
        reason = _too_small(seen)
        if seen is None or reason:
            left = [f"{key} not added" for key in wanted if key not in held.feeds]
            models[level], notes[level] = held, ", ".join((f"kept as it was: {reason}", *left))
            continue
        model, history, more = _taking_in(wanted, blocks, level, held, seen, catalogue)
        fit = _fitted(history, model)
        told = [f"fitted to {history.units} units over {history.periods} weeks", *more]
        if confirmed is not None:
            ways, note = _ways(confirmed, level, fit.model)
            fit = replace(fit, model=replace(fit.model, patterns=ways))
            told.append(note)
        notes[level] = ", ".join(told)
        models[level] = calibrate(history, fit, progress=partial(progress, level))
    origin = "Fitted to stored history: " + "; ".join(f"{k} {v}" for k, v in notes.items()) + "."
    return Calibration(Reference(version, effective, models, origin), notes)


def from_counts(
    counts: Counts, *, version: str, effective: date, progress: Progress
) -> Calibration:
    """Fit one class of units to all periods of a counts file.

    The class is named ``file``. A unit's periods after a known change stay out.

    Raises:
        ValueError: no unit was observed long enough.

    """
    needed = min(FEWEST_WEEKS, counts.block.periods)
    changed = np.array([np.inf if day is None else day for day in counts.changed_at])
    ends = np.array(counts.end_days, dtype=np.float64)
    quiet = (ends[None, :] <= changed[:, None]).sum(axis=1).astype(np.int64)
    history = baseline(counts.block, quiet, counts.block.periods)
    if not (first_judged(history, needed) <= history.periods).any():
        raise ValueError("no unit of the file was observed long enough to be a baseline")
    model = fit_and_calibrate(counts, history, needed, partial(progress, "file"))
    note = f"fitted to {history.units} units over {history.periods} periods"
    return Calibration(Reference(version, effective, {"file": model}, note), {"file": note})


def stack(parts: list[FeedCounts]) -> FeedCounts:
    """Put blocks of several providers under one another on common weeks."""
    week0 = min(part.week0 for part in parts)
    periods = max(part.week0 + part.periods for part in parts) - week0
    units = sum(part.units for part in parts)
    counts = np.zeros((units, parts[0].feeds, periods))
    exposure = np.zeros_like(counts)
    daily = np.zeros((*counts.shape, DAYS), dtype=np.uint16)
    row = 0
    for part in parts:
        into = slice(part.week0 - week0, part.week0 - week0 + part.periods)
        counts[row : row + part.units, :, into] = part.counts
        exposure[row : row + part.units, :, into] = part.exposure
        if part.daily is not None:
            daily[row : row + part.units, :, into] = part.daily
        row += part.units
    return FeedCounts(counts, exposure, week0, daily, parts[0].daily_feeds)


def _history(blocks: Sequence[Block], level: str, model: EvidenceModel) -> FeedCounts | None:
    """The arrays that the evidence of a level is taken from, exactly as it takes them."""
    parts = []
    for block in blocks:
        found = CountWatch(level, model, budget1=0.2, budget2=0.05).arrays(block)
        if found is not None:
            parts.append(found[1])
    return stack(parts) if parts else None


def _taking_in(
    wanted: Sequence[str],
    blocks: Sequence[Block],
    level: str,
    model: EvidenceModel,
    history: FeedCounts,
    catalogue: Catalogue,
) -> tuple[EvidenceModel, FeedCounts, tuple[str, ...]]:
    """A class's model and history with what its units report of further counts, and notes."""
    asked = [key for key in wanted if key not in model.feeds]
    looked = _history(blocks, level, _with(model, asked, catalogue)) if asked else None
    if looked is None:
        return model, history, ()
    found = of_class(
        looked, (*model.feeds, *asked), asked, catalogue=catalogue, level=level, blocks=blocks
    )
    if not found.keys:
        return model, history, found.notes
    wider = _with(model, found.keys, catalogue)
    return wider, _history(blocks, level, wider) or history, found.notes


def _with(model: EvidenceModel, keys: Sequence[str], catalogue: Catalogue) -> EvidenceModel:
    """The choices of a model for further counts; its laws of them are still to be fitted."""
    feeds = (*model.feeds, *keys)
    improvable = (*model.improvable, *(catalogue[key].direction == "down" for key in keys))
    unfitted = EvidenceModel.plain(feeds, [1.0] * len(feeds), improvable=improvable)
    return replace(
        unfitted,
        patterns=widened(model.patterns, feeds),
        look_margin=model.look_margin,
        minimum_history=model.minimum_history,
        per_year=model.per_year,
    )


def _too_small(history: FeedCounts | None) -> str:
    if history is None:
        return "nothing is stored"
    weeks = np.any(history.exposure > 0, axis=1).sum(axis=1)
    long_enough = int((weeks >= FEWEST_WEEKS).sum())
    if long_enough < FEWEST_UNITS:
        return f"only {long_enough} units with {FEWEST_WEEKS} weeks, {FEWEST_UNITS} are needed"
    return ""


def _fitted(history: FeedCounts, model: EvidenceModel) -> FleetFit:
    """The history's laws, with the choices of the model in force."""
    fit = fit_fleet(
        history,
        model.feeds,
        improvable=model.improvable,
        per_year=model.per_year,
        minimum_history=model.minimum_history,
    )
    alike = replace(
        fit.model,
        patterns=model.patterns,
        improvements=model.improvements,
        look_margin=model.look_margin,
    )
    return replace(fit, model=alike)


def _ways(
    confirmed: Sequence[AlertRecord], level: str, model: EvidenceModel
) -> tuple[Patterns, str]:
    """The table of ways learned from a class's confirmed concerns, and what to say of it."""
    told = [
        signal["explanation"]
        for alert in confirmed
        if alert.unit_kind == level and alert.direction == "concern"
        for signal in alert.evidence["signals"]
        if signal["detector"] == "evidence.counts"
        # Evidence of another catalogue's feeds has other ways.
        and tuple(signal["explanation"]["data"]["feeds"]) == model.feeds
    ]
    if len(told) < FEWEST_CONCERNS:
        found = f"{len(told)} confirmed concerns, {FEWEST_CONCERNS} are needed"
        return model.patterns, f"ways of failing kept: {found}"
    likelihoods = np.array([ways_of(explanation, model) for explanation in told])
    return learned_ways(model.patterns, likelihoods), (
        f"ways of failing learned from {len(told)} confirmed concerns"
    )
