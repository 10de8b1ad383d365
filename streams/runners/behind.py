"""How far the store is behind the log, in messages and in events."""

from __future__ import annotations

from collections.abc import Mapping


def messages_behind(
    ends: Mapping[tuple[int, str], int], positions: Mapping[tuple[int, str], int]
) -> int:
    """How many messages are durable but not committed to the store.

    Args:
        ends: the next offset of each (partition, topic), as the log has it.
        positions: the same as the store has it; what it does not name stands at 0.

    """
    return sum(max(0, end - positions.get(place, 0)) for place, end in ends.items())


def events_behind(
    ends: Mapping[tuple[int, str], int],
    positions: Mapping[tuple[int, str], int],
    processed: int,
) -> int:
    """About how many events are durable but not committed: 0 exactly when none is.

    A message holds one event or an array, and only reading it tells; the estimate takes
    the mean of the messages processed so far, at least one event each.

    Args:
        ends: as for ``messages_behind``.
        positions: as for ``messages_behind``.
        processed: events processed so far.

    """
    behind = messages_behind(ends, positions)
    taken = sum(positions.values())
    return round(behind * max(1.0, processed / taken)) if taken else behind
