"""What began: the concern signals of alerts, each with its day, unit and claims.

An alert gathers the signals of a unit that overlap, so a later one of another indicator begins
within it. What is counted is therefore a signal's beginning and not an alert's. All are read once;
afterwards only alerts that changed, by the store's own record of changes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from streams.alerts.disclosure import may_be_grouped
from streams.alerts.lifecycle import State
from streams.facts.periods import Grid
from streams.store import Store
from streams.store.beginnings import BegunRow
from streams.together.claims import Key

_EPOCH = date(1970, 1, 1).toordinal()
_GRIDS = {grid.name.lower(): grid for grid in Grid}


@dataclass(frozen=True, slots=True)
class Beginning:
    """A concern signal: the alert that holds it, where, on which claims, and when.

    ``day`` is the last UTC day of the data that opened it; ``open`` says that the alert is not
    closed.
    """

    alert: str
    provider: str
    unit: str
    level: str
    keys: tuple[Key, ...]
    day: int
    open: bool


class BegunReader:
    """The beginnings of all alerts that are not retracted, kept up to date.

    Args:
        store: where alerts are read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._held: dict[str, tuple[Beginning, ...]] = {}
        self._version = 0

    def all(self) -> tuple[int, list[Beginning]]:
        """Every beginning, by the ids of the alerts, and a number that moves when they change."""
        with self._lock:
            changes = self._store.begun(self._seq)
            told = {row.id: found for row in changes.rows if (found := beginnings(row))}
            if changes.gone is not None:
                left = {row.id for row in changes.rows} | changes.gone
                kept = {key: value for key, value in self._held.items() if key not in left}
                told = dict(sorted({**kept, **told}.items())) if left else self._held
            if told != self._held:
                self._held = told
                self._version += 1
            self._seq = changes.seq
            return self._version, [one for some in told.values() for one in some]


def beginnings(row: BegunRow) -> tuple[Beginning, ...]:
    """The concern signals of an alert that may be counted with others.

    Signals that name a protected feed are left out whatever else they name, and so is an
    alert whose series do not tell which signal they belong to.
    """
    if row.direction != "concern" or len(row.series) != sum(len(one.feeds) for one in row.signals):
        return ()
    found, at = [], 0
    for signal in row.signals:
        series = row.series[at : at + len(signal.feeds)]
        at += len(signal.feeds)
        if not may_be_grouped(signal.feeds):
            continue
        keys = _keys(signal.detector, ((one.indicator, one.grid) for one in series))
        day = date.fromisoformat(signal.opened[:10]).toordinal() - _EPOCH - 1
        found.append(
            Beginning(
                row.id, row.provider, row.unit, row.unit_kind, keys, day,
                open=row.state is not State.CLOSED,
            )
        )  # fmt: skip
    return tuple(found)


def _keys(detector: str, series: Iterable[tuple[str, str]]) -> tuple[Key, ...]:
    return tuple(
        (detector, indicator, _GRIDS[grid]) for indicator, grid in series if grid in _GRIDS
    )
