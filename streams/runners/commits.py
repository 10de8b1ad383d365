"""Commits that are tried until they are through, refused by the fence, or proved impossible.

A batch that fails changed nothing and is tried again. One that fails again is halved until
the message that fails by itself stands alone and goes to dead letters. A store that does
not answer is waited for, and when it stays away the process is asked to end; where it only
does not bear a batch, as when a statement takes too long, the batch is halved as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, ParamSpec, TypeVar

import structlog

from streams.facts.messages import Message
from streams.runners.custody import Custody, Engine, Holding
from streams.runners.worker_metrics import WorkerMetrics
from streams.store import Fenced, StoreUnavailable

_LOG = structlog.get_logger(__name__)
_TRIES = 2
# A store that fails so often and answers in between may find the batch too large.
_INTERRUPTIONS = 5
_THREADS = 3
_POLL_SECONDS = 0.01
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    Args:
        store: without an answer of the store before the process ends.
        fence: after another owner was noticed, before the partition is claimed again if
            Kafka still assigns it here; several session timeouts.
        first: between the first two tries; it doubles from try to try up to ``longest``.
        longest: between two tries.

    """

    store: float = 60.0
    fence: float = 30.0
    first: float = 0.1
    longest: float = 2.0


class Commits:
    """Gets batches into the store.

    ``gone`` is set, with the reason, when the process should end.

    Args:
        engine: turns messages into transactions.
        custody: whether a partition is still held.
        metrics: what is counted.
        patience: how long to wait for what.

    """

    def __init__(
        self, engine: Engine, custody: Custody, metrics: WorkerMetrics, patience: Patience
    ) -> None:
        self._engine = engine
        self._custody = custody
        self._metrics = metrics
        self._patience = patience
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="earshot-commit")
        self._running: set[Future[Any]] = set()
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def commit(self, holding: Holding, messages: Sequence[Message]) -> bool:
        """Commit messages; False where the partition is somebody else's by now."""
        failures = interruptions = 0
        while holding.ours():
            failure: Exception | None = None
            try:
                # An engine that dropped its caches would load whatever version there is.
                self._engine.positions(holding.number)
                events = await self._aside(self._engine.process, holding.number, messages)
            except Fenced:
                self._lose(holding)
                break
            except StoreUnavailable as error:
                _LOG.warning("store unavailable", error=str(error))
                interruptions += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the partition goes on
                failure = error
                failures += 1
            else:
                holding.committed(messages)
                self._metrics.events.inc(events)
                return True
            if not await self._recover(holding, messages):
                break
            if holding.has(messages):
                return True
            if failure is not None and failures >= _TRIES:
                return await self._isolate(holding, messages, failure)
            if interruptions >= _INTERRUPTIONS and len(messages) > 1:
                return await self._halve(holding, messages)
        return False

    async def _isolate(
        self, holding: Holding, messages: Sequence[Message], error: Exception
    ) -> bool:
        """Halve a batch that cannot be committed until the one message stands alone."""
        if len(messages) == 1:
            return await self.bury(holding, messages[0], error)
        return await self._halve(holding, messages)

    async def _halve(self, holding: Holding, messages: Sequence[Message]) -> bool:
        middle = len(messages) // 2
        first, second = messages[:middle], messages[middle:]
        return await self.commit(holding, first) and await self.commit(holding, second)

    async def bury(self, holding: Holding, message: Message, error: Exception) -> bool:
        """Put a message into dead letters; False where the partition is somebody else's by now."""
        place = f"{message.topic}[{message.partition}]@{message.offset}"
        _LOG.error("message buried", place=place, error=type(error).__name__)
        while holding.ours():
            try:
                await self._aside(self._engine.bury, holding.number, message, error)
            except Fenced:
                self._lose(holding)
            except StoreUnavailable:
                if await self._recover(holding, [message]) and holding.has([message]):
                    return True
            except Exception as again:  # noqa: BLE001 - nothing is raised to the driver
                await self.end(f"{place} can neither be processed nor buried: {again!r:.200}")
            else:
                holding.committed([message])
                self._metrics.buried.inc()
                return True
        return False

    async def _recover(self, holding: Holding, messages: Sequence[Message]) -> bool:
        """After a failed commit, wait for the store; whether the partition is still ours."""
        if await self.patiently(self._left_alone, holding, messages):
            return holding.ours()
        self._lose(holding)
        return False

    def _left_alone(self, holding: Holding, messages: Sequence[Message]) -> bool:
        return holding.ours() and self._custody.still_held(holding, messages)

    async def _aside(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call in a thread: while one partition waits for the store, another is computed."""
        running = self._pool.submit(call, *args, **kwargs)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(running)

    async def quiet(self) -> None:
        """Wait until no transaction is under way."""
        while self._running:
            await asyncio.sleep(_POLL_SECONDS)

    def _lose(self, holding: Holding) -> None:
        if not holding.ours():
            return
        holding.lost_at = time.monotonic()
        self._custody.let_go(holding.number)
        self._metrics.fenced.inc()
        _LOG.warning("fenced: another worker holds the partition", partition=holding.number)

    async def patiently(self, ask: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Ask the store until it answers; end the process when it stays away."""
        began = time.monotonic()
        delay = self._patience.first
        while True:
            try:
                return ask(*args, **kwargs)
            except (StoreUnavailable, Fenced) as error:
                self._metrics.store_waits.inc()
                if time.monotonic() - began > self._patience.store:
                    await self.end(f"the store stayed away: {error}")
            await asyncio.sleep(delay)
            delay = min(2 * delay, self._patience.longest)

    async def step_over(self, holding: Holding) -> None:
        """Store positions behind which there was nothing to commit."""
        try:
            self._custody.step_over(holding)
        except Fenced:
            self._lose(holding)
        except StoreUnavailable as error:
            _LOG.warning("store unavailable", error=str(error))
            await self._recover(holding, [])

    async def end(self, reason: str) -> NoReturn:
        """Ask for the end of the process, and wait for it."""
        if not self.gone.done():
            _LOG.critical("giving up", reason=reason)
            self.gone.set_result(reason)
        while True:
            await asyncio.sleep(60)
