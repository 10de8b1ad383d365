"""What a backtest says: alerts, false-alert rates and delays as plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.evidence.model import EvidenceModel
from streams.backtest import Alert, Backtest

INTERVAL = 0.95


def report(test: Backtest, *, improvements: bool = False) -> dict[str, Any]:
    """Give the result in the shape of the published file.

    ``first_signal_at``, ``raised_at`` and ``onset`` are written as the file writes
    its periods: the end of the period whose data raised the alert, and the start of
    the period in which the change may have begun.
    """
    told = [*test.alerts, *(test.improvements if improvements else ())]
    told.sort(key=lambda alert: (alert.column, test.counts.units[alert.unit], alert.direction))
    names = _feed_names(test)
    return {
        "alerts": [_item(test, alert, names) for alert in told],
        "unit_years": _years(test, test.judged),
        "false_alerts_per_unit_year": _false_alerts(test),
        "delay": _delay(test),
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


def _feed_names(test: Backtest) -> tuple[str, ...]:
    return test.stages[0].model.feeds


def _item(test: Backtest, alert: Alert, names: Sequence[str]) -> dict[str, Any]:
    counts = test.counts
    item: dict[str, Any] = {
        "unit": counts.units[alert.unit],
        "level": alert.level,
        "direction": alert.direction,
        "first_signal_at": counts.ends[alert.column],
        "onset": counts.starts[alert.onset],
        "feeds": [names[f] for f in alert.feeds],
        "log_evidence": round(alert.log_evidence, 6),
    }
    if alert.raised_column >= 0:
        item["raised_at"] = counts.ends[alert.raised_column]
    return item


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


def _years(test: Backtest, judged: np.ndarray) -> float:
    return float(judged.sum()) / test.counts.per_year


def _before_change(test: Backtest) -> np.ndarray:
    """Judged unit-periods that had ended when the unit's truth changed, if it did."""
    ends = np.array(test.counts.end_days, dtype=np.float64)
    changed = np.array([np.inf if day is None else day for day in test.counts.changed_at])
    return np.asarray(test.judged & (ends <= changed[:, None]))


def _false_alerts(test: Backtest) -> dict[str, Any]:
    """Alerts that no change explains, per unit-year, with exact Poisson intervals."""
    quiet = _before_change(test)
    years = _years(test, quiet)
    first = [alert for alert in test.alerts if quiet[alert.unit, alert.column]]
    second = [
        alert
        for alert in test.alerts
        if alert.raised_column >= 0 and quiet[alert.unit, alert.raised_column]
    ]
    level1, level2 = _rate(len(first), years), _rate(len(second), years)
    assumed = "alerts before changed_at" if test.counts.knows_changes else "no unit changed"
    return {**level1, "counted": assumed, "unit_years": years, "level1": level1, "level2": level2}


def _rate(alerts: int, years: float) -> dict[str, Any]:
    from scipy.stats import chi2  # noqa: PLC0415 - costs a command-line start a second

    if years <= 0:
        return {"value": None, "lower": None, "upper": None, "alerts": alerts}
    tail = (1 - INTERVAL) / 2
    lower = float(chi2.ppf(tail, 2 * alerts)) / 2 if alerts else 0.0
    upper = float(chi2.ppf(1 - tail, 2 * alerts + 2)) / 2
    return {
        "value": alerts / years,
        "lower": lower / years,
        "upper": upper / years,
        "alerts": alerts,
    }


def _delay(test: Backtest) -> dict[str, Any]:
    """Weeks from each unit's change to its first alert that ended after it."""
    counts = test.counts
    ends = counts.end_days
    unit_delays: dict[str, dict[str, float | None]] = {}
    columns = {1: _columns(test, 1), 2: _columns(test, 2)}
    for unit, changed in enumerate(counts.changed_at):
        if changed is None or not test.judged[unit].any() or changed >= ends[-1]:
            continue
        delays: dict[str, float | None] = {}
        for level in (1, 2):
            after = [(ends[c] - changed) / 7 for c in columns[level][unit] if ends[c] > changed]
            delays[f"level{level}_weeks"] = min(after) if after else None
        unit_delays[counts.units[unit]] = delays
    if not unit_delays:
        return {"units": 0, "detected": 0, "median": None, "interpolated": None, "per_unit": {}}
    level1 = [delays["level1_weeks"] for delays in unit_delays.values()]
    level2 = [delays["level2_weeks"] for delays in unit_delays.values()]
    return {
        "unit_of_time": "weeks",
        **_median(level1),
        "level2": _median(level2),
        "per_unit": unit_delays,
    }


def _columns(test: Backtest, level: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in test.counts.units]
    for alert in test.alerts:
        column = alert.column if level == 1 else alert.raised_column
        if column >= 0:
            found[alert.unit].append(column)
    return found


def _median(delays: Sequence[float | None]) -> dict[str, Any]:
    """Median over all changed units, those not found counting as later than any."""
    values = np.array([np.inf if delay is None else delay for delay in delays])
    return {
        "units": len(delays),
        "detected": int(np.isfinite(values).sum()),
        "median": _finite(float(np.median(values))),
        "interpolated": interpolated_median(values),
    }


def interpolated_median(values: np.ndarray) -> float | None:
    """Median of grouped values: ties are spread evenly over the step before them."""
    finite = np.unique(values[np.isfinite(values)])
    half = len(values) / 2
    below = 0
    previous = max(0.0, float(finite[0]) - 1.0) if len(finite) else 0.0
    for value in finite:
        here = int((values == value).sum())
        if below + here >= half:
            return float(previous + (half - below) / here * (value - previous))
        below += here
        previous = float(value)
    return None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
