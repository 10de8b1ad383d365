"""Units and alerts for tests of what began together, made without any evidence behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from streams.facts.effects import (
    AlertChange,
    AlertRecord,
    Effects,
    ProviderRecord,
    Tally,
    UnitRecord,
)
from streams.facts.periods import Grid, first_day, week_of_day
from streams.store import Store
from tests.alerts import alert

PROVIDERS = ("RA1", "RB2", "RC3")
WARDS = 20
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TODAY = (NOW.date() - date(1970, 1, 1)).days
WEEK = week_of_day(TODAY) - 2
"""The first of two weeks in which many wards begin."""


def instant(day: int) -> str:
    """The first instant of a UTC day, RFC 3339."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ward(provider: str, number: int) -> str:
    """The code of a ward."""
    return f"{provider}01:W{number}"


def place(code: str, kind: str, parent: str | None) -> UnitRecord:
    """A unit."""
    return UnitRecord(code, kind, parent, code[:3], code, code, verified=False)


def began(
    name: str, unit: str, week: int, *feeds: str, kind: str = "ward", **changes: Any
) -> AlertRecord:
    """An alert of one joint signal that opened with the close of a week."""
    feeds = feeds or ("incidents",)
    opened = instant(first_day(Grid.WEEK, week + 1))
    evidence = {
        "reference": "test",
        "budget": 0.2,
        "series": [
            {"id": f"{unit}~{feed}~week", "indicator": feed, "unit": unit, "grid": "week",
             "role": "raises"}
            for feed in feeds
        ],
        "signals": [
            {"detector": "evidence.counts", "version": "2", "rule": "a rule", "level": 1,
             "opened": opened, "raised": None, "subsided": None, "onset": opened,
             "feeds": list(feeds), "explanation": {}}
        ],
    }  # fmt: skip
    told = alert(
        name, provider=unit[:3], unit=unit, unit_name=unit, unit_kind=kind, feeds=feeds,
        first_signal_at=opened, onset=opened, evidence=evidence,
    )  # fmt: skip
    return replace(told, **changes)


def furnish(store: Store) -> None:
    """Units of three providers with two years of weeks, and no event behind them."""
    units, tallies, providers = [], [], []
    for provider in PROVIDERS:
        site = f"{provider}01"
        units.append(place(provider, "provider", None))
        units.append(place(site, "site", provider))
        for number in range(WARDS):
            code = ward(provider, number)
            units.append(place(code, "ward", site))
            tallies.append(Tally(provider, code, Grid.WEEK, WEEK - 100, b"x"))
        providers.append(ProviderRecord(provider, (TODAY, TODAY, TODAY, TODAY)))
    write(store, Effects(units=units, tallies=tallies, providers=providers))


def write(store: Store, effects: Effects) -> None:
    """Commit a batch as a runner would."""
    held = store.load_partition(0)
    store.commit(0, held.version, effects, held.positions, NOW)


def tell(store: Store, *records: AlertRecord, change: str = "opened") -> None:
    """Open these alerts, or change them so."""
    write(store, Effects(alerts=[AlertChange(change, record) for record in records]))


def shock(each: int = 8) -> list[AlertRecord]:
    """So many wards of every provider begin within two weeks."""
    return [
        began(f"{provider}-{number}", ward(provider, number), WEEK + number % 2)
        for provider in PROVIDERS
        for number in range(each)
    ]


def shake(data: Path) -> None:
    """Make a data directory in which 24 wards of three providers began together."""
    data.mkdir()
    store = Store.open(f"sqlite:///{data}/earshot.db")
    furnish(store)
    tell(store, *shock())
    store.close()
