"""Kafka as the log behind the doors: appends that are durable when they return.

kafka-python's producer has an I/O thread of its own and may be shared by all threads of
the service. It is made at the first append and thrown away after a failure, so that a
broker that was away is found again without a restart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.partitioner.default import murmur2

from streams.facts.clock import to_ms
from streams.facts.messages import Message
from streams.runners.log import LogUnavailable, MessageTooLarge, Packed
from streams.runners.security import OPEN, Security
from streams.runners.topics import FEED_TOPICS, MAX_LETTER_BYTES

EVENTS_HEADER = "earshot-events"
"""How many events a packet holds, so that tools can count without opening it."""

_LOG = structlog.get_logger(__name__)
# After a failure the next senders are answered at once instead of waiting in a row.
_REST_SECONDS = 1.0
# What Kafka said of its ends stands so long, also that it said nothing; after the longer time
# whoever wants to know whether it answers has it asked again.
_ENDS_SECONDS, _LOOK_SECONDS = 0.5, 5.0
# Senders that were refused try again within half of this; until then their word stands.
_REFUSED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is written to a topic that goes out; without ``timestamp_ms`` stamped on sending."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


class KafkaLog:
    """The log of ``earshot api``: packets in, durable on all in-sync replicas.

    Args:
        bootstrap: servers as host:port, separated by commas.
        prefix: of the topics' names.
        security: what the brokers ask for.
        patience: seconds after which an append gives up.

    """

    def __init__(
        self, bootstrap: str, prefix: str, *, security: Security = OPEN, patience: float = 10.0
    ) -> None:
        self._reached = {"bootstrap_servers": bootstrap.split(","), **security.options()}
        self._prefix = prefix
        self._patience = patience
        self._making = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._admin: KafkaAdminClient | None = None
        self._ends: dict[tuple[int, str], int] = {}
        self._asked_at = float("-inf")
        self._answered = True
        self._failed_at = float("-inf")
        self._refused_at = float("-inf")
        self._asking = threading.Lock()

    def append(self, packets: Sequence[Packed], now: datetime) -> None:
        """Make all packets durable.

        A part may have been written when this raises. That is harmless: facts are
        known by their source and id, and the sender's next try counts as a repeat.

        Raises:
            LogUnavailable: not all are durable within ``patience`` seconds.

        """
        stamp = to_ms(now)
        self._send(
            {
                "topic": self._prefix + packet.topic,
                "key": packet.key,
                "value": packet.value,
                "headers": [(EVENTS_HEADER, str(packet.events).encode())],
                "timestamp_ms": stamp,
            }
            for packet in packets
        )

    def relay(self, messages: Sequence[Message]) -> None:
        """Send messages as they are to the partitions that their keys belong to.

        Raises:
            MessageTooLarge: one of them is never taken, though it came: a sender's own client
                may have compressed it, and it is sent on as it is.
            LogUnavailable: not all are durable within ``patience`` seconds.

        """
        self._send(
            {
                "topic": self._prefix + message.topic,
                "key": message.key,
                "value": message.value,
                "headers": list(message.headers),
                "timestamp_ms": message.timestamp_ms,
            }
            for message in messages
        )

    def publish(self, topic: str, records: Iterable[Record]) -> None:
        """Write records to a topic of ours, in their order.

        Raises:
            MessageTooLarge: one of them is never taken.
            LogUnavailable: not all are durable within ``patience`` seconds.

        """
        name = self._prefix + topic
        self._send(
            {
                "topic": name,
                "key": record.key,
                "value": record.value,
                "headers": list(record.headers),
                **({} if record.timestamp_ms is None else {"timestamp_ms": record.timestamp_ms}),
            }
            for record in records
        )

    def ends(self) -> dict[tuple[int, str], int]:
        """The next offset of each (partition, topic without prefix); half a second old at most.

        Raises:
            LogUnavailable: no broker answers, or none did half a second ago.

        """
        with self._asking:
            if time.monotonic() - self._asked_at > _ENDS_SECONDS:
                try:
                    self._ends = self._ask_ends()
                    self._answered = True
                except (KafkaError, OSError) as error:
                    self._answered = False
                    self._close_admin()
                    raise LogUnavailable(f"Kafka does not answer: {error}") from error
                finally:
                    self._asked_at = time.monotonic()
            if not self._answered:
                raise LogUnavailable("Kafka did not answer a moment ago")
            return dict(self._ends)

    def answers(self) -> bool:
        """Whether Kafka answered when last asked. Nobody waits: it is asked again aside."""
        if time.monotonic() - self._asked_at > _LOOK_SECONDS and not self._asking.locked():
            threading.Thread(target=self._look, daemon=True).start()
        return self._answered

    def takes(self) -> bool:
        """Whether Kafka answers and took what it was last given. Nobody waits.

        Brokers that miss replicas or room answer every question and refuse every message.
        """
        return self.answers() and time.monotonic() - self._refused_at > _REFUSED_SECONDS

    def _look(self) -> None:
        with suppress(LogUnavailable):
            self.ends()

    def _send(self, records: Iterable[dict[str, Any]]) -> None:
        records = list(records)
        if not records:
            return
        try:
            self._deliver(records)
        except MessageTooLarge:
            raise
        except LogUnavailable:
            self._refused_at = time.monotonic()
            raise
        self._refused_at = float("-inf")

    def _deliver(self, records: Sequence[dict[str, Any]]) -> None:
        deadline = time.monotonic() + self._patience
        producer = self._ready_producer()
        try:
            pending = [producer.send(**record) for record in records]
            for future in pending:
                future.get(timeout=max(0.001, deadline - time.monotonic()))
        except MessageSizeTooLargeError as error:
            # Fatal to an idempotent producer, but no reason for others to wait.
            self._discard(producer, error, rest=0.0)
            raise MessageTooLarge("a message is larger than Kafka takes") from error
        except (KafkaError, OSError) as error:
            self._discard(producer, error)
            raise LogUnavailable(f"Kafka did not take the events: {error}") from error

    def close(self) -> None:
        """Send what is on its way and let go of the connections."""
        with self._making:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._patience)
        with self._asking:
            self._close_admin()

    def _ready_producer(self) -> KafkaProducer:
        with self._making:
            if self._producer is not None:
                return self._producer
            if time.monotonic() - self._failed_at < _REST_SECONDS:
                raise LogUnavailable("Kafka was not there a moment ago")
            wait = int(1000 * self._patience / 2)
            try:
                self._producer = KafkaProducer(
                    **self._reached,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=2,
                    batch_size=262_144,
                    max_request_size=MAX_LETTER_BYTES,
                    bootstrap_timeout_ms=wait,
                    max_block_ms=wait,
                    request_timeout_ms=wait,
                    delivery_timeout_ms=int(900 * self._patience),
                    reconnect_backoff_max_ms=1000,
                    allow_auto_create_topics=False,
                    metrics_enabled=False,
                )
            except (KafkaError, OSError) as error:
                self._failed_at = time.monotonic()
                raise LogUnavailable(f"no Kafka broker answers: {error}") from error
            return self._producer

    def _discard(
        self, producer: KafkaProducer, error: BaseException, rest: float = _REST_SECONDS
    ) -> None:
        with self._making:
            replaced = self._producer is not producer
            if replaced:
                return
            self._producer = None
            self._failed_at = time.monotonic() - _REST_SECONDS + rest
        _LOG.warning("log unavailable", error=type(error).__name__)
        # Aside, because closing waits until everything on its way is delivered or has expired;
        # a late delivery is a repeat of what its sender sends again.
        closing = threading.Thread(target=_close, args=(producer, 2 * self._patience), daemon=True)
        closing.start()

    def _ask_ends(self) -> dict[tuple[int, str], int]:
        if self._admin is None:
            wait = int(1000 * self._patience / 2)
            self._admin = KafkaAdminClient(
                **self._reached,
                bootstrap_timeout_ms=wait,
                request_timeout_ms=wait,
                reconnect_backoff_max_ms=1000,
            )
        names = {self._prefix + name: name for name in FEED_TOPICS}
        asked = {
            TopicPartition(topic["name"], partition["partition_index"]): OffsetSpec.LATEST
            for topic in self._admin.describe_topics(list(names))
            for partition in topic["partitions"]
        }
        if not asked:
            return {}
        return {
            (place.partition, names[place.topic]): answer.offset
            for place, answer in self._admin.list_partition_offsets(asked).items()
        }

    def _close_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()


def _close(producer: KafkaProducer, seconds: float) -> None:
    with suppress(KafkaError):
        producer.close(timeout=seconds)


def home_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own clients choose for a key: murmur2, as in the Java client."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
