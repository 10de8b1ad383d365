"""Strays: messages that lie in another partition than the one that their key belongs to.

A sender's own Kafka client may choose partitions in another way than the rest of the world
does, but a provider's events must meet in one partition. So strays are sent on, as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from streams.facts.messages import Message
from streams.runners.commits import Patience
from streams.runners.log import LogUnavailable, MessageTooLarge
from streams.runners.worker_metrics import WorkerMetrics

_LOG = structlog.get_logger(__name__)

Refused = dict[int, MessageTooLarge]
"""Messages, by identity, that Kafka never takes, and what it said."""


class Strays:
    """Sends strays on.

    Args:
        home: the partition that a key belongs to.
        relay: sends messages on to the partition of their key, durably.
        metrics: what is counted.
        patience: how long to wait between two tries.

    """

    def __init__(
        self,
        home: Callable[[bytes], int],
        relay: Callable[[Sequence[Message]], Awaitable[None]],
        metrics: WorkerMetrics,
        patience: Patience,
    ) -> None:
        self._home = home
        self._relay = relay
        self._metrics = metrics
        self._patience = patience

    async def send_on(self, messages: Sequence[Message]) -> tuple[list[Message], Refused]:
        """Send on what is in the wrong partition; returns when Kafka has it.

        Returns:
            What was not sent on, in its order: what is in its place, and what is in
            ``Refused`` as well.
        """
        strays = [
            message
            for message in messages
            if message.key is not None and self._home(message.key) != message.partition
        ]
        refused: Refused = {}
        groups = [strays] if strays else []
        delay = self._patience.first
        while groups:
            group = groups[0]
            try:
                await self._relay(group)
            except MessageTooLarge as error:
                # Which one it is shows when each is sent alone.
                groups[:1] = [[one] for one in group] if len(group) > 1 else []
                if len(group) == 1:
                    refused[id(group[0])] = error
            except LogUnavailable as error:
                _LOG.warning("cannot forward", error=str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, self._patience.longest)
            else:
                self._metrics.forwarded.inc(len(group))
                del groups[0]
        gone = {id(one) for one in strays} - refused.keys()
        return [message for message in messages if id(message) not in gone], refused
