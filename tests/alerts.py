"""Alerts for tests of the store, made without any evidence behind them."""

from __future__ import annotations

from typing import Any

from streams.facts.effects import AlertChange, AlertRecord, Effects


def alert(alert_id: str = "a1", **changes: Any) -> AlertRecord:
    """A level 1 alert of ward W1; ``changes`` replace fields."""
    values: dict[str, Any] = {
        "id": alert_id,
        "provider": "RXX",
        "unit": "RXX01:W1",
        "unit_name": "Ward 1",
        "unit_kind": "ward",
        "level": 1,
        "direction": "concern",
        "kind": "quality",
        "domains": ("safety",),
        "feeds": ("incidents",),
        "first_signal_at": "2026-01-05T00:00:00Z",
        "raised_at": None,
        "onset": "2025-12-29T00:00:00Z",
        "subsided_at": None,
        "statement": "Falls may have risen.",
        "false_alert_interval": "about once in 20 years for a stable ward",
        "respond_by": 8,
        "evidence": {"series": [], "signals": [], "weight": 0.1 + 0.2},
    }
    return AlertRecord(**(values | changes))


def changed(change: str, record: AlertRecord, succeeds: str | None = None) -> Effects:
    """A batch that does one thing to one alert."""
    return Effects(alerts=[AlertChange(change, record, succeeds)], events=1)
