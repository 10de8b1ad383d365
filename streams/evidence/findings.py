"""What a detector found about a unit, and the evidence of an alert, held in little room.

An explanation has some hundred numbers, and is asked for when an alert is written or
shown, which is seldom. So it is held as packed JSON and opened when it is read; what is
read is what the store gives back.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.evidence.rules import DETECTORS
from streams.facts.effects import AlertRecord
from streams.facts.periods import SECONDS_PER_DAY, Grid
from streams.histories.views import series_id


def instant(day: int) -> str:
    """The first instant of a UTC day, RFC 3339."""
    return datetime.fromtimestamp(day * SECONDS_PER_DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(milliseconds: int) -> str:
    """A moment, RFC 3339, to the second."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pack(explanation: Mapping[str, Any]) -> bytes:
    """An explanation as it is held."""
    return zlib.compress(msgspec.json.encode(explanation))


def opened(packed: bytes) -> dict[str, Any]:
    """An explanation as it comes back from the store: numbers, texts, lists and objects."""
    found: dict[str, Any] = msgspec.json.decode(zlib.decompress(packed))
    return found


def raising(unit: str, keys: Iterable[str], grid: Grid) -> tuple[dict[str, str], ...]:
    """The series of a unit that raise a signal, by their indicators."""
    return tuple(
        {
            "id": series_id(unit, key, grid),
            "indicator": key,
            "unit": unit,
            "grid": grid.name.lower(),
            "role": "raises",
        }
        for key in keys
    )


@dataclass(frozen=True, slots=True)
class Signal:
    """One detector's finding about one unit.

    Times are UTC days: ``opened`` is the end (exclusive) of the data that raised
    it, ``raised`` the same for level 2, ``subsided`` for its end, or None;
    ``onset`` the estimated first day of the change. ``series`` lists the series
    it rests on and ``explanation`` holds numbers enough to compute it again, packed.
    """

    detector: str
    unit: str
    kind: str
    direction: str
    opened: int
    raised: int | None
    subsided: int | None
    onset: int
    level: int
    feeds: tuple[str, ...]
    domains: tuple[str, ...]
    series: tuple[Mapping[str, str], ...]
    words: Mapping[str, Any]
    explanation: bytes
    moment: int | None = None

    def told(self) -> dict[str, Any]:
        """The signal as part of an alert's evidence."""
        detector = DETECTORS[self.detector]
        return {
            "detector": self.detector,
            "version": detector.version,
            "rule": detector.rule,
            "level": self.level,
            "opened": instant(self.opened),
            "raised": None if self.raised is None else instant(self.raised),
            "subsided": None if self.subsided is None else instant(self.subsided),
            "onset": instant(self.onset),
            "feeds": list(self.feeds),
            "explanation": opened(self.explanation),
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an alert rests on: the reference and budget it was judged by, and its signals."""

    reference: str
    budget: float
    signals: tuple[Signal, ...]

    def told(self) -> dict[str, Any]:
        """As an alert's ``evidence``: nothing but what JSON has, as the store gives it back."""
        return {
            "reference": self.reference,
            "budget": self.budget,
            "series": [dict(series) for signal in self.signals for series in signal.series],
            "signals": [signal.told() for signal in self.signals],
        }


class ToldAlert(AlertRecord):
    """An alert that was told here and not read from the store; its evidence is opened when read."""

    __slots__ = ("_held",)

    _held: Evidence | dict[str, Any]

    def __init__(self, *, evidence: Evidence | dict[str, Any], **told: Any) -> None:  # noqa: ANN401 - the other fields of the record, by name
        for name, value in told.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_held", evidence)

    @property
    def evidence(self) -> dict[str, Any]:
        """The snapshot that explains and recomputes the alert."""
        return self._held.told() if isinstance(self._held, Evidence) else self._held

    def __eq__(self, other: object) -> bool:
        """Whether two records tell the same, however they hold it."""
        if not isinstance(other, AlertRecord):
            return NotImplemented
        if any(getattr(self, name) != getattr(other, name) for name in _PLAIN):
            return False
        if isinstance(other, ToldAlert) and self._held == other._held:
            return True
        return self.evidence == other.evidence

    __hash__ = None  # type: ignore[assignment]


_PLAIN = tuple(field.name for field in fields(AlertRecord) if field.name != "evidence")
