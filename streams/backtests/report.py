"""What a backtest says: alerts, false-alert rates and delays as plain data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from detectors.evidence.model import EvidenceModel
from streams.backtests.backtest import Alert, Backtest
from streams.backtests.countsfile import Counts
from streams.backtests.peers import Unlike
from streams.backtests.rivals import Rival, rivals
from streams.backtests.scores import (
    Truth,
    delays,
    false_alerts,
    interpolated_median,
    median_delay,
    precision,
)

__all__ = ["gaps", "interpolated_median", "report", "save"]

EARSHOT_WORDS = "the evidence of all feeds together, level 1"


def report(test: Backtest, *, improvements: bool = False, compare: bool = True) -> dict[str, Any]:
    """Give the result in the shape of the published file.

    ``first_signal_at``, ``raised_at`` and ``onset`` are written as the file writes
    its periods: the end of the period whose data raised the alert, and the start of
    the period in which the change may have begun. ``comparison`` sets the evidence
    beside the usual ways of watching (``streams.backtests.rivals``) on the same data.
    """
    told = [*test.alerts, *(test.improvements if improvements else ())]
    told.sort(key=lambda alert: (alert.column, test.counts.units[alert.unit], alert.direction))
    names = test.stages[0].model.feeds
    truth = Truth.of(test.counts, test.judged)
    first = [(alert.unit, alert.column) for alert in test.alerts]
    second = [
        (alert.unit, alert.raised_column) for alert in test.alerts if alert.raised_column >= 0
    ]
    others = rivals(test.counts, test.history, test.judged) if compare else ()
    return {
        "alerts": [
            _item(test, alert, names, first_one)
            for alert, first_one in zip(told, _firsts(told), strict=True)
        ],
        "unit_years": truth.years(test.judged),
        "false_alerts_per_unit_year": _false_alerts(truth, first, second),
        "delay": _delay(truth, first, second),
        "changed_before_watching": [
            test.counts.units[unit] for unit in np.flatnonzero(truth.too_early)
        ],
        "precision": {**precision(truth, first), "level2": precision(truth, second)},
        "comparison": _comparison(truth, first, others),
        "not_watched": _resting(truth, test),
        "unlike_peers": [_unlike(test, one) for one in test.unlike],
        "budgets": {"level1": test.budgets[0], "level2": test.budgets[1]},
        "history_periods": test.history,
        "calibration": {
            "source": test.calibration,
            "stages": [
                {
                    "judges_from": test.counts.starts[max(stage.start, int(test.ready.min()))],
                    "thresholds": {"level1": stage.level1.close, "level2": stage.level2.close},
                    **_fitted(stage.model),
                }
                for stage in test.stages
            ],
        },
    }


def save(result: dict[str, Any], path: str | Path) -> None:
    """Write a result as JSON."""
    Path(path).write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", "utf-8")


def _firsts(told: Sequence[Alert]) -> list[Alert]:
    """The first alert told of the episode that each alert belongs to."""
    firsts: dict[tuple[int, str, str, int], Alert] = {}
    return [
        firsts.setdefault((alert.unit, alert.direction, alert.kind, alert.episode), alert)
        for alert in told
    ]


def _item(test: Backtest, alert: Alert, names: Sequence[str], first: Alert) -> dict[str, Any]:
    """One alert: the first of an episode says when that subsided, others to which one they add."""
    counts = test.counts
    item: dict[str, Any] = {
        "unit": counts.units[alert.unit],
        "level": alert.level,
        "direction": alert.direction,
        "first_signal_at": counts.ends[alert.column],
        "onset": counts.starts[alert.onset],
        "feeds": [names[f] for f in alert.feeds],
        "log_evidence": round(alert.log_evidence, 6),
        "kind": alert.kind,
    }
    if alert.withdrawn >= 0:
        item["explained_at"] = counts.ends[alert.withdrawn]
    if alert.raised_column >= 0:
        item["raised_at"] = counts.ends[alert.raised_column]
    if alert is not first:
        item["adds_to"] = counts.ends[first.column]
    elif alert.subsided >= 0:
        item["subsided_at"] = counts.ends[alert.subsided]
    return item


def _unlike(test: Backtest, one: Unlike) -> dict[str, Any]:
    names = test.stages[0].model.feeds
    return {
        "unit": test.counts.units[one.unit],
        "from_data_before": test.counts.starts[one.column],
        "log_evidence": round(one.log_evidence, 6),
        "feeds": {names[feed]: round(ratio, 4) for feed, ratio in one.feeds},
    }


def _fitted(model: EvidenceModel) -> dict[str, Any]:
    return {
        "feeds": {
            name: {
                "mean_rate": float(model.prior_a[f] / model.prior_b[f]),
                "between_units_cv": float(model.prior_a[f] ** -0.5),
                "dispersion": float(model.dispersion[f]),
                "season_amplitude": float(np.hypot(model.season[f, 0], model.season[f, 1])),
            }
            for f, name in enumerate(model.feeds)
        },
        "common_effect": {"variance": model.sigma2, "autocorrelation": model.rho},
    }


def _comparison(
    truth: Truth, level1: list[tuple[int, int]], others: Sequence[Rival]
) -> dict[str, Any]:
    """The evidence at level 1 and its rivals, scored alike."""
    rows = [Rival("earshot", EARSHOT_WORDS, tuple(level1), 0, tuple(level1)), *others]
    return {
        row.name: {
            "words": row.words,
            "alerts": len(row.alerts),
            "false_alerts_per_unit_year": false_alerts(truth, row.alerts),
            "delay": {
                "unit_of_time": "weeks",
                **median_delay(delays(truth, row.heard).values(), truth.step),
            },
            "precision": precision(truth, row.alerts, row.heard),
            "series_without_limits": row.unjudged,
        }
        for row in rows
    }


def _false_alerts(
    truth: Truth, first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> dict[str, Any]:
    level1, level2 = false_alerts(truth, first), false_alerts(truth, second)
    assumed = "alerts before changed_at" if truth.counts.knows_changes else "no unit changed"
    return {
        **level1,
        "counted": assumed,
        "unit_years": truth.years(truth.quiet),
        "level1": level1,
        "level2": level2,
    }


def _delay(
    truth: Truth, first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> dict[str, Any]:
    level1, level2 = delays(truth, first), delays(truth, second)
    told = median_delay(level1.values(), truth.step)
    if not level1:
        return {**told, "per_unit": {}}
    return {
        "unit_of_time": "weeks",
        **told,
        "level2": median_delay(level2.values(), truth.step),
        "per_unit": {
            truth.counts.units[unit]: {"level1_weeks": level1[unit], "level2_weeks": level2[unit]}
            for unit in level1
        },
    }


def _resting(truth: Truth, test: Backtest) -> dict[str, Any]:
    """What nobody watched: short units, rests after declared beginnings, and gaps of feeds."""
    counts = test.counts
    observed = np.any(counts.block.exposure > 0, axis=1)
    after = np.arange(counts.block.periods) >= test.ready[:, None]
    return {
        "too_short": [counts.units[unit] for unit in np.flatnonzero(~test.judged.any(axis=1))],
        "rested_unit_years": truth.years(observed & after & ~test.judged),
        "gaps": gaps(counts),
    }


def gaps(counts: Counts) -> list[dict[str, Any]]:
    """Stretches in which a feed sent nothing though it had begun, and of how many units.

    A gap is a matter of data, not of care: its periods are not observed.
    """
    found: Counter[tuple[int, int, int]] = Counter()
    for unit, feed in np.argwhere((counts.block.exposure > 0).any(axis=2)).tolist():
        seen = np.flatnonzero(counts.block.exposure[unit, feed] > 0)
        edges = [*seen.tolist(), counts.block.periods]
        for before, after in pairwise(edges):
            if after > before + 1:
                found[feed, before + 1, after - 1] += 1
    return [
        {
            "kind": "data_quality",
            "feed": counts.feeds[feed],
            "from": counts.starts[first],
            "to": counts.ends[last],
            "units": units,
        }
        for (feed, first, last), units in sorted(found.items(), key=lambda one: one[0][1:])
    ]
