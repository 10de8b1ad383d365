"""The life of a worker process: everything put together, started, watched and ended.

It ends by itself, with a non-zero code, when the store stays away or Faust crashes; its
supervisor starts it again. Nothing has to be saved on the way out: what is committed is in
the store, and the rest is in Kafka.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import structlog
from faust.contrib.asgi import faust_app_running
from prometheus_client import CollectorRegistry, disable_created_metrics

from streams.facts.clock import Clock, system_clock
from streams.facts.messages import Message
from streams.runners import topics
from streams.runners.commits import Commits, Patience
from streams.runners.custody import Custody, Engine
from streams.runners.faust_app import Group, create_app
from streams.runners.log import LogUnavailable
from streams.runners.producer import KafkaLog, home_of
from streams.runners.publisher import Publisher
from streams.runners.side_reader import SideReader
from streams.runners.worker import Worker
from streams.runners.worker_metrics import HealthServer, WorkerMetrics
from streams.store import Store, StoreUnavailable

_LOG = structlog.get_logger(__name__)
_STOP_SECONDS = 15.0
_WATCH_SECONDS = 0.25
# Less than a transaction may wait, so that a store that is silent is soon told of.
_ANSWER_SECONDS = 5.0
# Whoever holds this partition also speaks for all: publishing and housekeeping need one.
_FIRST = 0


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker process needs to be told.

    Args:
        group: its place in the consumer group.
        health_host: where metrics and readiness are served.
        health_port: 0 leaves it to the system.
        look_seconds: between two looks at the ends of the logs, and at the store.
        publish_seconds: between two looks at the outbox.
        house_seconds: between two rounds of housekeeping in the store.
        patience: how long to wait for what.

    """

    group: Group
    health_host: str = "127.0.0.1"
    health_port: int = 8471
    look_seconds: float = 5.0
    publish_seconds: float = 0.5
    house_seconds: float = 60.0
    patience: Patience = field(default_factory=Patience)


def run_worker(plan: WorkerPlan, store: Store, engine: Engine, clock: Clock = system_clock) -> int:
    """Work until SIGTERM or SIGINT; the exit code.

    Raises:
        TopicsUnready: no broker answers, or the topics are not as they must be.

    """
    group = plan.group
    partitions = topics.check(group.bootstrap, group.prefix, group.security)
    return asyncio.run(_Process(plan, store, engine, clock, partitions).run())


class _Process:
    def __init__(
        self, plan: WorkerPlan, store: Store, engine: Engine, clock: Clock, partitions: int
    ) -> None:
        self._plan = plan
        self._store = store
        self._engine = engine
        self._clock = clock
        self._partitions = partitions
        disable_created_metrics()  # type: ignore[no-untyped-call] # untyped upstream
        self._metrics = WorkerMetrics(CollectorRegistry())
        group = plan.group
        self._log = KafkaLog(group.bootstrap, group.prefix, security=group.security)
        self._publisher = Publisher(store, self._log, self._metrics)
        self._log_trouble: str | None = None
        self._store_away_since: float | None = None
        self._publishing_waits = False
        self._started = False

    async def run(self) -> int:
        plan = self._plan
        self._metrics.topic_partitions.set(self._partitions)
        custody = Custody(
            self._store, self._engine, self._clock, patience=plan.group.session_seconds
        )
        self._commits = Commits(self._engine, custody, self._metrics, plan.patience)
        self._worker = Worker(
            self._commits,
            custody,
            stretch=SideReader(plan.group.bootstrap, plan.group.prefix, plan.group.security),
            home=lru_cache(10_000)(partial(home_of, partitions=self._partitions)),
            relay=self._relay,
            metrics=self._metrics,
            patience=plan.patience,
        )
        self._app = create_app(plan.group, self._worker)
        health = HealthServer(self._metrics, self._unready)
        port = health.start(plan.health_host, plan.health_port)
        _LOG.info("worker starts", worker=plan.group.worker_id, health_port=port)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        reason = None
        try:
            async with faust_app_running(self._app, stop_timeout=_STOP_SECONDS):
                self._started = True
                reason = await self._until(stop)
                if reason is not None:
                    _leave(reason)
        except TimeoutError:
            _leave("stopping took too long")
        finally:
            await self._commits.quiet()
            health.stop()
            self._log.close()
        return 0

    async def _until(self, stop: asyncio.Event) -> str | None:
        """Run what repeats until the process should end; the reason where something is wrong."""
        plan = self._plan
        repeating = [
            asyncio.create_task(_every(plan.look_seconds, self._look)),
            asyncio.create_task(_every(plan.look_seconds, self._ask_store)),
            asyncio.create_task(_every(plan.publish_seconds, self._publish)),
            asyncio.create_task(_every(plan.house_seconds, self._keep_house)),
        ]
        try:
            while not stop.is_set():
                if self._commits.gone.done():
                    return self._commits.gone.result()
                if self._app.crashed:
                    return f"Faust crashed: {self._app.crash_reason!r:.300}"
                for task in repeating:
                    if task.done():
                        return f"a task of the worker ended: {task.exception()!r:.300}"
                await asyncio.sleep(_WATCH_SECONDS)
            return None
        finally:
            for task in repeating:
                task.cancel()

    async def _relay(self, messages: Sequence[Message]) -> None:
        await asyncio.to_thread(self._log.relay, messages)

    async def _look(self) -> None:
        if self._app.rebalancing:
            return
        try:
            ends = await asyncio.to_thread(self._log.ends)
        except LogUnavailable as error:
            self._log_trouble = str(error)
            return
        self._log_trouble = None
        await self._worker.look(ends)

    async def _ask_store(self) -> None:
        """See that the store answers, also while there is nothing to commit."""
        try:
            asked = asyncio.to_thread(self._store.counters)
            await asyncio.wait_for(asked, _ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError) as error:
            told = str(error) or "silence"
            self._metrics.store_waits.inc()
            if self._store_away_since is None:
                self._store_away_since = time.monotonic()
                _LOG.warning("the store does not answer", error=told)
            elif time.monotonic() - self._store_away_since > self._plan.patience.store:
                await self._commits.end(f"the store stayed away: {told}")
        else:
            if self._store_away_since is not None:
                _LOG.info("the store answers again")
            self._store_away_since = None

    async def _publish(self) -> None:
        if not self._worker.holds(_FIRST) or self._store_away_since is not None:
            return
        try:
            await asyncio.to_thread(self._publisher.publish, self._clock())
        except (LogUnavailable, StoreUnavailable) as error:
            # Told once: it is tried again twice a second.
            if not self._publishing_waits:
                _LOG.warning("publishing waits", error=str(error))
            self._publishing_waits = True
        else:
            self._publishing_waits = False

    async def _keep_house(self) -> None:
        if self._worker.holds(_FIRST):
            now = self._clock()
            try:
                await asyncio.to_thread(self._store.wake, now)
                await asyncio.to_thread(self._store.prune, now)
            except StoreUnavailable as error:
                _LOG.warning("housekeeping waits", error=str(error))

    def _unready(self) -> list[str]:
        """Why the worker is not ready, for ``/readyz``."""
        found = [] if self._started else ["starting"]
        if self._started and self._app.crashed:
            found.append("Faust crashed")
        if self._started and self._app.rebalancing:
            found.append("partitions are being assigned")
        if self._log_trouble is not None:
            found.append(self._log_trouble)
        if self._store_away_since is not None:
            found.append("the store does not answer")
        if self._started:
            found += self._worker.reasons()
        return found


def _leave(reason: str) -> None:
    """End at once: an orderly stop would wait for what is broken."""
    _LOG.critical("worker ends", reason=reason)
    os._exit(1)


async def _every(seconds: float, job: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await job()
