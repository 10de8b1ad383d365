"""Reading a stretch of a partition beside the consumer group.

The group's consumer is never sought back: that stalled it and made holes of its own.
What it did not bring is read by a consumer that lives as long as the reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.facts.messages import Message
from streams.runners.security import OPEN, Security

_CHUNK = 64
_PATIENCE_SECONDS = 15.0


class SideReadFailed(Exception):  # noqa: N818 - named as what happened
    """The stretch could not be read now; try again."""


class Stretch(Protocol):
    """How the worker reads what its stream did not bring."""

    def __call__(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[Message]]:
        """The messages of ``[start, end)`` that exist, in order, in chunks."""


class SideReader:
    """Reads stretches of the feeds' topics.

    Args:
        bootstrap: servers as host:port, separated by commas.
        prefix: of the topics' names.
        security: what the brokers ask for.

    """

    def __init__(self, bootstrap: str, prefix: str, security: Security = OPEN) -> None:
        self._reached = {"bootstrap_servers": bootstrap, **security.options()}
        self._prefix = prefix

    async def __call__(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[Message]]:
        """The messages of ``[start, end)`` that exist, in order, in chunks.

        Nothing at all means that the stretch is empty: compacted, past its retention,
        or made of control records.

        Raises:
            SideReadFailed: Kafka did not give the stretch.

        """
        place = TopicPartition(self._prefix + topic, partition)
        consumer = AIOKafkaConsumer(
            **self._reached,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=200,
        )
        try:
            await asyncio.wait_for(consumer.start(), _PATIENCE_SECONDS)
            consumer.assign([place])
            consumer.seek(place, start)
            quiet = 0.0
            while await consumer.position(place) < end:
                records = (await consumer.getmany(place, timeout_ms=500, max_records=_CHUNK)).get(
                    place, []
                )
                quiet = 0.0 if records else quiet + 0.5
                if quiet > _PATIENCE_SECONDS:
                    raise SideReadFailed(f"{place.topic}[{partition}] gave nothing")
                found = [_message(topic, r) for r in records if start <= r.offset < end]
                if found:
                    yield found
        except (KafkaError, TimeoutError, OSError) as error:
            raise SideReadFailed(f"{place.topic}[{partition}]: {error}") from error
        finally:
            await consumer.stop()


def _message(topic: str, record: Any) -> Message:  # noqa: ANN401 - aiokafka is untyped
    return Message(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp_ms=record.timestamp,
        headers=tuple((name, value or b"") for name, value in record.headers),
    )
