"""The Faust application: what assigns partitions, brings messages and keeps the worker alive.

Faust gives consumer groups, rebalancing, back-pressure and the agent; the store gives
truth. Therefore there is no table, no changelog and no exactly-once mode, one agent with a
concurrency of one reads all four topics, and on every assignment the consumer is sought to
the positions in the store. What is committed to Kafka only shows lag.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, cast

import faust
import structlog
from faust.streams import Stream
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerT, EventT, StreamT, TransportT
from faust.types import Message as FaustMessage
from yarl import URL

from streams.facts.messages import Message
from streams.runners.security import OPEN, Security
from streams.runners.topics import FEED_TOPICS

_LOG = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who is told of assignments and given messages."""

    async def take_over(self, numbers: Iterable[int]) -> Mapping[int, Mapping[str, int]]:
        """Claim partitions; the next offset of each topic of each of them."""

    def revoke(self, numbers: Iterable[int]) -> None:
        """Let go of partitions."""

    async def take(self, messages: list[Message]) -> None:
        """Commit messages; never raises."""


@dataclass(frozen=True, slots=True)
class Group:
    """A worker's place in its consumer group.

    Args:
        bootstrap: servers as host:port, separated by commas.
        prefix: of the topics' names; the group is named after it.
        worker_id: stable over restarts, so that a restart within the session keeps
            its partitions.
        session_seconds: without a heartbeat until the partitions go to others.
        batch_messages: at most, in one batch over all partitions.
        linger_seconds: how long a batch waits for more messages.
        security: what the brokers ask for.

    """

    bootstrap: str
    prefix: str
    worker_id: str
    session_seconds: float = 8.0
    batch_messages: int = 1000
    linger_seconds: float = 0.1
    security: Security = OPEN

    @property
    def name(self) -> str:
        """The consumer group."""
        return f"{self.prefix}earshot"


class StoreConsumer(driver.Consumer):
    """A consumer that begins where the store stands."""

    app: EarshotApp

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop writing what may soon be somebody else's, then let Faust do its part."""
        self.app.listener.revoke({tp.partition for tp in revoked})
        await super().on_partitions_revoked(revoked)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every assigned partition to the store's position, whatever Kafka remembers."""
        positions = dict(await super().seek_to_committed())
        assigned = self.assignment()
        topics_of = Counter(tp.partition for tp in assigned)
        split = sorted(n for n, count in topics_of.items() if count != len(FEED_TOPICS))
        if split:
            # Two owners would fence each other for ever; exact, but slow. It must be seen.
            _LOG.error("partitions are split between workers", partitions=split)
        stored = await self.app.listener.take_over({tp.partition for tp in assigned})
        for tp in assigned:
            topic = tp.topic.removeprefix(self.app.group.prefix)
            position = stored[tp.partition].get(topic, 0)
            self._thread.seek(tp, position)
            positions[tp] = position
        return positions


class StoreTransport(driver.Transport):
    """Faust's Kafka transport with that consumer."""

    Consumer: ClassVar[type[ConsumerT]] = StoreConsumer


class EarshotApp(faust.App):
    """A Faust application without tables."""

    group: Group
    listener: Listener

    def _new_transport(self) -> TransportT:
        return StoreTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Nothing is kept in files, and a container's file system may be read-only."""


def create_app(group: Group, listener: Listener) -> EarshotApp:
    """Build the application.

    Args:
        group: the worker's place in its consumer group.
        listener: who is told of assignments and given messages.

    """
    session = group.session_seconds
    app = EarshotApp(
        group.name,
        broker=[URL(f"kafka://{server}") for server in group.bootstrap.split(",")],
        broker_credentials=_credentials(group.security),
        autodiscover=False,
        datadir=Path(tempfile.gettempdir()),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Keeps Faust's own assignor, which gives partition n of all four topics to one
        # worker; without standby replicas and tables it would fall back to another one.
        table_standby_replicas=1,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=group.worker_id,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_rebalance_timeout=10.0,
        # A batch that waits for the store must not cost the worker its place.
        broker_max_poll_interval=600.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=2 * group.batch_messages,
        worker_redirect_stdouts=False,
    )
    app.group = group
    app.listener = listener
    topics = app.topic(
        *(group.prefix + name for name in FEED_TOPICS),
        key_serializer="raw",
        value_serializer="raw",
    )

    @app.agent(topics, concurrency=1, name="earshot")
    async def earshot(stream: StreamT[bytes]) -> None:
        # What noack_take gives are events, so that they can be acknowledged after the commit.
        events_stream = cast("Stream[EventT[bytes]]", stream)
        batches = events_stream.noack_take(group.batch_messages, within=group.linger_seconds)
        async for events in batches:
            await listener.take([_message(event.message, group.prefix) for event in events])
            for event in events:
                event.ack()

    return app


def _credentials(security: Security) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """What the brokers ask for, as Faust takes it."""
    if security.mechanism is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            ssl_context=security.tls,
            mechanism=security.mechanism,
        )
    return None if security.tls is None else faust.SSLCredentials(security.tls)


def _message(message: FaustMessage, prefix: str) -> Message:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Message(
        topic=message.topic.removeprefix(prefix),
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        timestamp_ms=round(1000 * message.timestamp),
        headers=tuple((name, value or b"") for name, value in pairs),
    )
