"""The Kafka topics: their names, how they are made, and what must hold before a worker starts.

The four topics that come in have the same key (the provider) and the same number of
partitions, so that all feeds of a provider meet in the partition of one number. A worker
refuses to start where that does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.facts.feeds import Feed
from streams.runners.security import OPEN, Security, first_words

FEED_TOPICS = tuple(feed.topic for feed in Feed)
DEAD_LETTERS = "deadletters"
SIGNALS = "signals"
ALERTS = "alerts"

DEFAULT_PARTITIONS = 12
"""Twelve workers at most, and shares that are even for 1, 2, 3, 4, 6 and 12 of them."""

_DAY_MS = 86_400_000
_KEEP_FEEDS_DAYS = 90
_KEEP_DEAD_LETTERS_DAYS = 14
_KEEP_SIGNALS_DAYS = 400
# A packet of a hundred events is at most 200 kB; a provider's own may be larger.
_MAX_MESSAGE_BYTES = 1_048_588
# A refused message travels with its reason and place.
MAX_LETTER_BYTES = 2 * _MAX_MESSAGE_BYTES
_OUR_TOPICS = (*FEED_TOPICS, DEAD_LETTERS, SIGNALS, ALERTS)


class TopicsUnready(Exception):  # noqa: N818 - named as the condition that operators read
    """Kafka cannot be used as it is; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker describes it; ``partitions`` is 0 where it does not exist."""

    name: str
    partitions: int
    replicas: int
    role: str


def topic_plan(partitions: int, replication: int = -1) -> dict[str, dict[str, Any]]:
    """The settings of every topic without prefix.

    Args:
        partitions: of each of the four topics that come in.
        replication: copies of each partition; -1 leaves it to the broker.

    """
    feed = {
        "cleanup.policy": "delete",
        "retention.ms": str(_KEEP_FEEDS_DAYS * _DAY_MS),
        "max.message.bytes": str(_MAX_MESSAGE_BYTES),
        # The time of arrival is the broker's: a sender's own stamp could lie in the future,
        # or so far back that retention takes the message before anybody has read it.
        "message.timestamp.type": "LogAppendTime",
    }
    letters = {
        "cleanup.policy": "delete",
        "retention.ms": str(_KEEP_DEAD_LETTERS_DAYS * _DAY_MS),
        "max.message.bytes": str(MAX_LETTER_BYTES),
    }
    signals = {"cleanup.policy": "delete", "retention.ms": str(_KEEP_SIGNALS_DAYS * _DAY_MS)}
    configs = {
        **dict.fromkeys(FEED_TOPICS, feed),
        DEAD_LETTERS: letters,
        SIGNALS: signals,
        ALERTS: {"cleanup.policy": "compact"},
    }
    return {
        name: {
            # What goes out is little, and one partition keeps its order.
            "num_partitions": partitions if name in FEED_TOPICS else 1,
            "replication_factor": replication,
            "configs": config,
        }
        for name, config in configs.items()
    }


def create(
    bootstrap: str,
    prefix: str,
    *,
    partitions: int | None = None,
    replication: int = -1,
    security: Security = OPEN,
) -> list[str]:
    """Make the topics that do not exist; those that do are left as they are.

    Args:
        bootstrap: the brokers.
        prefix: of all names.
        partitions: of each of the four topics that come in; None for as many as those of
            them have that exist, or else ``DEFAULT_PARTITIONS``.
        replication: copies of each partition; -1 leaves it to the broker.
        security: what the brokers ask for.

    Returns:
        The names made, with prefix.

    Raises:
        TopicsUnready: no broker answers, the topics that exist do not fit together, or they
            have another number of partitions than is asked for; then nothing is made.

    """
    with _admin(bootstrap, security) as admin:
        existing = set(admin.list_topics())
        found = _partitions(admin, prefix)
        counts = {prefix + name: len(found[name]) for name in FEED_TOPICS if name in found}
        if partitions is None:
            partitions = max(counts.values(), default=DEFAULT_PARTITIONS)
        else:
            _refuse_others(counts, partitions)
        wanted = {
            prefix + name: settings
            for name, settings in topic_plan(partitions, replication).items()
            if prefix + name not in existing
        }
        made = _make(admin, wanted) if wanted else []
    check(bootstrap, prefix, security)
    return made


def describe(bootstrap: str, prefix: str, security: Security = OPEN) -> list[Topic]:
    """All topics of the prefix, in a fixed order, those that are missing included.

    Raises:
        TopicsUnready: no broker answers.

    """
    with _admin(bootstrap, security) as admin:
        found = _partitions(admin, prefix)
    return [
        Topic(
            name=prefix + name,
            partitions=len(found.get(name, ())),
            replicas=min((len(p["replica_nodes"]) for p in found.get(name, ())), default=0),
            role="in" if name in FEED_TOPICS else "out",
        )
        for name in _OUR_TOPICS
    ]


def check(bootstrap: str, prefix: str, security: Security = OPEN) -> int:
    """How many partitions each of the four topics has.

    Raises:
        TopicsUnready: no broker answers, a topic is missing, or their numbers differ.

    """
    topics = describe(bootstrap, prefix, security)
    missing = [topic.name for topic in topics if not topic.partitions]
    if missing:
        raise TopicsUnready(
            f"topics are missing: {', '.join(missing)}; `earshot topics create` makes them"
        )
    counts = {topic.name: topic.partitions for topic in topics if topic.role == "in"}
    if len(set(counts.values())) != 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise TopicsUnready(
            "the four feeds of a provider must meet in one partition, so their topics need "
            f"the same number of partitions: {listed}"
        )
    return next(iter(counts.values()))


def _make(admin: KafkaAdminClient, wanted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Make topics and wait until all brokers can serve them; the names of those made here."""
    answer = admin.create_topics(wanted, raise_errors=False)
    made: list[str] = []
    for topic in answer["topics"]:
        if not topic["error_code"]:
            made.append(topic["name"])
        elif topic["error_code"] != TopicAlreadyExistsError.errno:
            raise TopicsUnready(f"Kafka does not make {topic['name']}: {topic['error_message']}")
    # Also what somebody else makes at this moment.
    admin.wait_for_topics(list(wanted))
    return made


def _refuse_others(counts: Mapping[str, int], partitions: int) -> None:
    """Refuse topics that exist with another number of partitions than is asked for.

    A provider's key leads to another partition when the number changes, so that it must not
    change under running workers; and Kafka never takes a partition away.
    """
    others = {name: count for name, count in counts.items() if count != partitions}
    if not others:
        return
    way = (
        f"stop the workers, raise all four to {partitions} with kafka-topics.sh --alter, and "
        "start the workers"
        if max(counts.values()) < partitions
        # The store's positions are those of its topics, so neither is new without the other.
        else "begin anew with an empty store and another --topic-prefix, because Kafka takes no "
        "partition away"
    )
    listed = ", ".join(f"{name} has {count}" for name, count in others.items())
    raise TopicsUnready(
        f"topics exist with other numbers of partitions than the {partitions} asked for: {listed}. "
        "Nothing was made or changed: a provider's key leads to another partition when the number "
        f"changes, which running workers must not see. To have {partitions}, {way}; to keep "
        "what there is, leave --partitions out"
    )


def _partitions(admin: KafkaAdminClient, prefix: str) -> Mapping[str, list[Mapping[str, Any]]]:
    wanted = {prefix + name: name for name in _OUR_TOPICS}
    return {
        wanted[topic["name"]]: topic["partitions"]
        for topic in admin.describe_topics(list(wanted))
        if topic["name"] in wanted and not topic["error_code"]
    }


@contextmanager
def _admin(bootstrap: str, security: Security, seconds: float = 5.0) -> Iterator[KafkaAdminClient]:
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=int(1000 * seconds),
            **security.options(),
        )
    except (KafkaError, OSError, ValueError) as error:
        told = first_words(bootstrap.split(",", 1)[0], security, seconds) or str(error)
        raise TopicsUnready(f"no Kafka broker answers at {bootstrap} ({told})") from error
    try:
        yield admin
    except KafkaError as error:
        raise TopicsUnready(f"Kafka at {bootstrap} refused: {error}") from error
    finally:
        admin.close()
