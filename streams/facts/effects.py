"""What a batch changes: the pipeline's answer and the store's transaction.

Everything in one ``Effects`` is committed together with the log positions and
the partition's version, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.facts.messages import Fact, Rejection
from streams.facts.periods import Grid


class Tally(msgspec.Struct, frozen=True, gc=False):
    """The stored cells of one leaf unit in one period of one grid.

    ``cells`` is the packed form that ``streams.histories.tallies`` writes and reads; the
    store keeps it as it is. Empty ``cells`` remove the row.
    """

    provider: str
    unit: str
    grid: Grid
    period: int
    cells: bytes


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """A unit seen in events or named in the organisation file.

    ``code`` is the public code; ``local`` the sender's own code of the deepest
    level; ``verified`` is false for a unit first seen in an event.
    """

    code: str
    kind: str
    parent: str | None
    provider: str
    local: str
    name: str
    verified: bool


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """A provider's event-time watermarks: for each feed the last day with a fact, or None.

    ``catalogue`` is the digest of the indicator catalogue that its tallies were
    made with; tallies of another catalogue are made anew from the facts.
    """

    provider: str
    watermarks: tuple[int | None, int | None, int | None, int | None]
    catalogue: str = ""


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert episode as the facts give it. Workflow state is kept apart.

    ``id`` is a hash of unit, kind, direction and ``first_signal_at``, so the same
    facts give the same id on any machine. Times are ISO 8601 UTC strings.
    ``evidence`` is the snapshot that explains and recomputes the alert.
    """

    id: str
    provider: str
    unit: str
    unit_name: str
    unit_kind: str
    level: int
    direction: str
    kind: str
    domains: tuple[str, ...]
    feeds: tuple[str, ...]
    first_signal_at: str
    raised_at: str | None
    onset: str
    subsided_at: str | None
    statement: str
    false_alert_interval: str
    respond_by: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A step in an alert's life that the facts caused.

    ``change`` is ``opened``, ``raised``, ``evidence_added``, ``subsided``,
    ``amended`` or ``retracted``; ``succeeds`` names the alert whose actions an
    opened one inherits because a correction moved its first signal.
    """

    change: str
    alert: AlertRecord
    succeeds: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected event and the place it came from (index within its message)."""

    topic: str
    partition: int
    offset: int
    rejection: Rejection
    sender: str | None


@dataclass(slots=True)
class Effects:
    """All that one batch changes in the store.

    ``facts`` holds the winning version of each fact that changed. ``events``
    counts the events of the batch, duplicates and rejected ones included;
    ``duplicates`` those that changed nothing. ``units_gone`` are the codes of units that
    no fact names any more.
    """

    facts: list[Fact] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    units_gone: list[str] = field(default_factory=list)
    providers: list[ProviderRecord] = field(default_factory=list)
    alerts: list[AlertChange] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
