"""The four feeds: their numbers, event types and topic names."""

from __future__ import annotations

from enum import IntEnum


class Feed(IntEnum):
    """A feed is one event type, one Kafka topic and one watermark per provider."""

    INCIDENTS = 0
    COMPLAINTS = 1
    SPEAKUP = 2
    WARDMETRICS = 3

    @property
    def event_type(self) -> str:
        """The CloudEvents ``type`` of this feed's events."""
        return EVENT_TYPES[self]

    @property
    def topic(self) -> str:
        """The topic's name without its configurable prefix."""
        return TOPICS[self]


EVENT_TYPES = {
    Feed.INCIDENTS: "uk.nhs.quality.incident.v1",
    Feed.COMPLAINTS: "uk.nhs.quality.complaint.v1",
    Feed.SPEAKUP: "uk.nhs.quality.speakup.v1",
    Feed.WARDMETRICS: "uk.nhs.quality.wardmetric.v1",
}
TOPICS = {
    Feed.INCIDENTS: "incidents",
    Feed.COMPLAINTS: "complaints",
    Feed.SPEAKUP: "speakup",
    Feed.WARDMETRICS: "wardmetrics",
}
PROTECTED = frozenset({Feed.SPEAKUP})
"""Feeds whose single events nobody may read, not even from the time of a signal."""

FEED_OF_TYPE = {event_type: feed for feed, event_type in EVENT_TYPES.items()}
FEED_OF_TOPIC = {topic: feed for feed, topic in TOPICS.items()}
