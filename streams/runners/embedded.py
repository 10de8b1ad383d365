"""The embedded runner: one thread that carries the journal through the engine.

It never dies silently. An engine that fails is tried again; a batch that keeps
failing is halved until the message that fails by itself is alone, and that one
goes to dead letters. A store that does not answer is waited for. What is wrong
at the moment is in ``failure``, for ``/readyz``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from streams.facts.clock import Clock, system_clock
from streams.facts.messages import Message
from streams.runners.journal import PARTITION, Journal
from streams.store import Fenced, Store, StoreUnavailable

_log = structlog.get_logger(__name__)

BATCH = 64
_ATTEMPTS = 3
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
# Appends by this process wake the runner at once; those of another are seen by looking.
_LOOK_EVERY = 0.25
_HOUSEKEEPING_EVERY = timedelta(minutes=1)


class Processor(Protocol):
    """The part of the engine that a runner drives."""

    def assign(self, partition: int) -> Mapping[str, int]:
        """Take a partition over; the next offset of each topic."""

    def revoke(self, partition: int) -> None:
        """Forget a partition."""

    def process(self, partition: int, messages: Sequence[Message]) -> object:
        """Take messages in, in one transaction."""

    def bury(self, partition: int, message: Message, error: BaseException) -> object:
        """Put a message that cannot be processed into dead letters."""


class EmbeddedRunner:
    """Reads the journal and processes it, from ``start`` to ``stop``.

    Args:
        store: for housekeeping: waking snoozed alerts and pruning.
        journal: the log.
        engine: what processes it.
        clock: gives the present.
        batch: messages in one transaction at most.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        engine: Processor,
        *,
        clock: Clock = system_clock,
        batch: int = BATCH,
    ) -> None:
        self.failure: str | None = None
        self._store = store
        self._journal = journal
        self._engine = engine
        self._clock = clock
        self._batch = batch
        self._positions: dict[str, int] | None = None
        self._housekept: datetime | None = None
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        if self.running:
            raise RuntimeError("the runner is running")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="earshot-runner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the transaction under way end, then stop."""
        self._stopping.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Say that there is something to read."""
        self._awake.set()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until all that is in the journal is processed; False after ``timeout`` seconds.

        Raises ``StoreUnavailable`` when the journal cannot be asked.
        """
        deadline = time.monotonic() + timeout
        self.wake()
        with self._moved:
            while not self._caught_up():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._moved.wait(min(left, _LOOK_EVERY))
        return True

    def progress(self) -> tuple[int, int]:
        """Events accepted, and how many of them are reflected in series and alerts."""
        positions = self._positions
        if positions is None:
            positions = dict(self._store.load_partition(PARTITION).positions)
        accepted = self._journal.accepted()
        return accepted, max(0, accepted - self._journal.lag(positions))

    def _caught_up(self) -> bool:
        # The thread may drop its positions at any time, so they are looked at once.
        positions = self._positions
        if positions is None:
            return False
        ends = self._journal.ends()
        return all(positions.get(topic, 0) >= end for topic, end in ends.items())

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                busy = self._step()
            except Fenced:
                # Another process moved the partition on: start from where it got.
                _log.warning("runner_fenced")
                self._positions = None
                busy = True
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever happens
                self.failure = _told(error)
                _log.exception("runner_failed", retry_in_seconds=pause)
                self._positions = None
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            self.failure = None
            pause = _FIRST_PAUSE
            if not busy:
                self._awake.wait(_LOOK_EVERY)
                self._awake.clear()
        self._engine.revoke(PARTITION)

    def _step(self) -> bool:
        """Process one batch; whether there was anything to do."""
        positions = self._positions
        if positions is None:
            positions = self._positions = dict(self._engine.assign(PARTITION))
        self._keep_house()
        messages = self._journal.read(PARTITION, positions, self._batch)
        if not messages:
            return False
        self._process(messages, _ATTEMPTS)
        with self._moved:
            self._positions = positions | {m.topic: m.offset + 1 for m in messages}
            self._moved.notify_all()
        return True

    def _process(self, messages: Sequence[Message], attempts: int) -> None:
        """Process messages, halving them around what fails; a lone one is buried."""
        failed: Exception | None = None
        for attempt in range(attempts):
            if failed is not None:
                self._stopping.wait(_FIRST_PAUSE * 2**attempt)
            try:
                self._engine.process(PARTITION, messages)
            except (Fenced, StoreUnavailable):
                raise
            except Exception as error:  # noqa: BLE001 - a poison message may raise anything
                _log.exception("batch_failed", messages=len(messages), attempt=attempt + 1)
                failed = error
            else:
                return
        if failed is None or self._stopping.is_set():
            raise failed or RuntimeError("a batch needs at least one attempt")
        if len(messages) == 1:
            _log.error("message_buried", topic=messages[0].topic, offset=messages[0].offset)
            self._engine.bury(PARTITION, messages[0], failed)
            return
        middle = len(messages) // 2
        for half in (messages[:middle], messages[middle:]):
            self._process(half, 1 if len(half) > 1 else _ATTEMPTS)

    def _keep_house(self) -> None:
        now = self._clock()
        if self._housekept is not None and now - self._housekept < _HOUSEKEEPING_EVERY:
            return
        self._housekept = now
        self._store.wake(now)
        self._store.prune(now)


def _told(error: Exception) -> str:
    """What may be shown of an error: a message of ours, or only its kind."""
    return str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
