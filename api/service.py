"""What the doors share: one object that every route, page and stream works with.

``Service`` is wired once, by the command that starts a server or by a test. It
holds no request's data and knows nothing of HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Literal

from api.settings import Settings
from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.reference import Reference
from streams.facts.clock import Clock, system_clock
from streams.intake.context import Context
from streams.runners.log import EventLog
from streams.store import Store

Mode = Literal["embedded", "kafka"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the service is with what it accepted, in events.

    ``accepted`` are durable in the log; ``processed`` of them are reflected in
    series and alerts.
    """

    accepted: int
    processed: int

    @property
    def lag(self) -> int:
        """Durable events whose effect is not visible yet."""
        return max(0, self.accepted - self.processed)


def _nothing() -> None:
    """For what a service does without."""


def _always() -> bool:
    """For what does not go away by itself."""
    return True


@dataclass(slots=True)
class Service:
    """Everything a door needs.

    Args:
        store: the truth.
        catalogue: the indicators.
        organisations: known organisations, by date.
        reference: pooled priors and thresholds in force.
        log: where accepted events go.
        progress: events accepted and processed so far, as a runner counts them; asked
            at each status and scrape.
        settings: as the command line gave them.
        mode: which log and runner are behind it.
        clock: gives the present, aware, UTC.
        accepted: called after events were accepted, to wake the runner.
        failure: what keeps the runner from working at the moment, or None.
        log_takes: whether the log answers and took what it was last given; a journal does when
            its store does.
    """

    store: Store
    catalogue: Catalogue
    organisations: Organisations
    reference: Reference
    log: EventLog
    progress: Callable[[], tuple[int, int]]
    settings: Settings
    mode: Mode = "embedded"
    clock: Clock = system_clock
    accepted: Callable[[], None] = _nothing
    failure: Callable[[], str | None] = _nothing
    log_takes: Callable[[], bool] = _always
    closing: threading.Event = field(default_factory=threading.Event)

    def how_far(self) -> Progress:
        """Where the service stands with what it accepted."""
        return Progress(*self.progress())

    @property
    def open_registration(self) -> bool:
        """Whether an unknown provider is registered at first sight.

        Only where no key is asked for, in one process on one machine: there a
        newcomer needs no file. Elsewhere the organisation file decides, or, where
        there is none, who has been given a key (``context``).
        """
        return self.mode == "embedded" and not self.settings.keys_needed

    def context(self, providers: frozenset[str] | None, now: datetime) -> Context:
        """What intake must know to take events from a key that covers these providers.

        None is all of them, and makes none of them known by itself.
        """
        return Context(
            organisations=self.organisations,
            now=now,
            open_registration=self.open_registration,
            scope=providers,
            vouched=providers or frozenset() if self.settings.keys_vouch else frozenset(),
            metrics=self.catalogue.metrics,
        )

    @property
    def version(self) -> str:
        """The version of the program."""
        try:
            return installed_version("earshot")
        except PackageNotFoundError:
            return "0"

    def close(self) -> None:
        """End the streams that clients listen to, so that the server can stop."""
        self.closing.set()
