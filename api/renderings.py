"""From rows to the shapes of answers. Every number comes through ``streams.alerts.disclosure``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from api.captions import delay_words
from api.histories import GRID_NAMES, History, Reading
from api.monitoring import monitor_findings
from api.places import Places
from streams.alerts import disclosure
from streams.alerts.lifecycle import State, allowed
from streams.facts.clock import iso
from streams.facts.effects import UnitRecord
from streams.facts.periods import day_of
from streams.facts.working_days import add_working_days
from streams.histories.points import point_fields
from streams.store import AlertRow, RebaseRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def alert_summary(row: AlertRow) -> dict[str, Any]:
    """An alert as ``AlertOut``, for lists and streams: without what explains its signals.

    An explanation holds the posterior over onsets and the parameters of the model, nine
    tenths of an alert; whoever reads many alerts reads them by ``/v1/alerts/{id}``.
    """
    fields = alert_fields(row)
    evidence = fields["evidence"]
    signals = [
        {name: value for name, value in signal.items() if name != "explanation"}
        for signal in evidence.get("signals", ())
    ]
    return {**fields, "evidence": {**evidence, "signals": signals}}


def alert_fields(row: AlertRow) -> dict[str, Any]:
    """An alert with all its evidence."""
    fields = disclosure.alert(asdict(row))
    del fields["actions"]
    fields["allowed"] = list(allowed(State(row.state)))
    # From the time of opening as it may be told, which may be later than the true one.
    opened = day_of(datetime.fromisoformat(fields["opened_at"]))
    due = _EPOCH + timedelta(days=add_working_days(opened, row.respond_by))
    fields["respond_by_date"] = due.date().isoformat()
    return fields


def action_fields(row: AlertRow) -> list[dict[str, Any]]:
    """What was done with an alert, oldest first, as ``ActionOut``."""
    return [asdict(action) for action in row.actions]


def unit_fields(unit: UnitRecord) -> dict[str, Any]:
    """A unit as ``UnitOut``."""
    return {
        "code": unit.code,
        "kind": unit.kind,
        "name": unit.name,
        "parent": unit.parent,
        "provider": unit.provider or None,
        "verified": unit.verified,
    }


def series_summary(history: History, unit_name: str) -> dict[str, Any]:
    """A series as ``SeriesSummary``."""
    indicator = history.view.indicator
    last = history.last
    return {
        "id": history.id,
        "unit": history.view.unit,
        "unit_name": unit_name,
        "indicator": indicator.key,
        "indicator_name": indicator.name,
        "grid": history.view.grid.name.lower(),
        "feed": indicator.feed.topic,
        "domain": indicator.domain,
        "direction": indicator.direction,
        "measure": indicator.unit,
        "chart": history.chart_kind,
        "last_period_end": last.period_end if last else None,
        "last_value": last.value if last else None,
        "last_reported_share": last.reported_share if last else None,
        "variation": history.variation,
        "assurance": history.assurance,
    }


def series_detail(history: History, unit_name: str, *, monitored: bool = True) -> dict[str, Any]:
    """A series as ``SeriesDetail``; the drift monitors take a while and may be left out."""
    last = history.last
    return {
        **series_summary(history, unit_name),
        "description": history.view.indicator.description,
        "target": history.view.indicator.target,
        "limits": {
            "mean": last.mean if last else None,
            "lower": last.lower if last else None,
            "upper": last.upper if last else None,
        },
        "limits_reason": history.limits_reason,
        "limits_by": history.limits_by,
        "rebases": [rebase_fields(row) for row in history.rebases],
        "reporting_delay": delay_fields(history),
        "reporting_delay_reason": history.delay_reason,
        "monitors": monitor_findings(history) if monitored else [],
        "points": [point_fields(point) for point in history.points],
    }


def delay_fields(history: History) -> dict[str, Any] | None:
    """What a feed's reports say about their delay, as ``ReportingDelayOut``, or None."""
    if history.arrival is None or history.arrival.delay.reason is not None:
        return None
    delay = history.arrival.delay
    return {
        "median_days": delay.median,
        "within_7_days": round(delay.within(7), 2),
        "facts": delay.facts,
        "as_of": iso(delay.as_of),
    }


def delays_told(histories: Sequence[History]) -> dict[str, str]:
    """How soon the reports of each feed among some series arrive, in words, by topic."""
    return {
        one.view.indicator.feed.topic: delay_words(one.arrival.delay.median)
        for one in histories
        if one.arrival is not None and one.arrival.delay.reason is None
    }


def rebase_fields(row: RebaseRow) -> dict[str, Any]:
    """A declared new beginning as ``RebaseOut``."""
    fields = asdict(row)
    del fields["unit"], fields["indicator"]
    return fields


def contributing(row: AlertRow, reading: Reading, *, limit: int = 12) -> list[History]:
    """The series that an alert rests on, each once, in the order of its evidence."""
    found: dict[str, History] = {}
    series = row.evidence.get("series", ())
    for entry in series if isinstance(series, Sequence) else ():
        key, unit = str(entry.get("indicator", "")), str(entry.get("unit", row.unit))
        grid = GRID_NAMES.get(str(entry.get("grid", "")))
        if grid is None or len(found) >= limit:
            continue
        history = reading.history(row.provider, unit, key, grid)
        if history is not None:
            found.setdefault(history.id, history)
    return list(found.values())


def named(places: Places, histories: Sequence[History]) -> list[dict[str, Any]]:
    """Series in detail, each with its unit's name."""
    return [series_detail(one, places.name(one.view.unit)) for one in histories]
