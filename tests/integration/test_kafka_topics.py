from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaAdminClient

from streams.runners import topics
from tests.kafka_broker import KafkaBroker, free_ports
from tests.kafka_workers import EARSHOT

pytestmark = pytest.mark.kafka


def make(broker: KafkaBroker, prefix: str, **partitions: int) -> None:
    """Make topics with so many partitions, as somebody might before Earshot does."""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        wanted = {prefix + name: {"num_partitions": number} for name, number in partitions.items()}
        admin.create_topics(wanted, wait_for_metadata=True)
    finally:
        admin.close()


def test_topics_are_made_once_and_then_left_alone(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    made = topics.create(kafka_broker.bootstrap, topic_prefix, partitions=3)

    assert {name.removeprefix(topic_prefix) for name in made} == {
        "incidents", "complaints", "speakup", "wardmetrics", "deadletters", "signals", "alerts"
    }  # fmt: skip
    assert topics.create(kafka_broker.bootstrap, topic_prefix, partitions=3) == []
    assert topics.create(kafka_broker.bootstrap, topic_prefix) == []
    assert topics.check(kafka_broker.bootstrap, topic_prefix) == 3


def test_two_who_make_topics_at_once_make_each_of_them_once(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    with ThreadPoolExecutor() as both:
        made = list(
            both.map(lambda _: topics.create(kafka_broker.bootstrap, topic_prefix), range(2))
        )

    assert sorted(made[0] + made[1]) == sorted(
        topic.name for topic in topics.describe(kafka_broker.bootstrap, topic_prefix)
    )


def test_copies_that_the_brokers_cannot_keep_are_refused_in_words(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    with pytest.raises(topics.TopicsUnready, match=r"incidents.*replication"):
        topics.create(kafka_broker.bootstrap, topic_prefix, replication=3)


def test_the_alerts_topic_is_compacted_so_that_a_reader_finds_every_alert(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType  # noqa: PLC0415 - used here only

    topics.create(kafka_broker.bootstrap, topic_prefix, partitions=1)

    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    try:
        found = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, f"{topic_prefix}alerts")]
        )
    finally:
        admin.close()
    assert "compact" in str(found)


def test_missing_topics_are_named_with_the_command_that_makes_them(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    with pytest.raises(topics.TopicsUnready, match=r"incidents.*`earshot topics create`"):
        topics.check(kafka_broker.bootstrap, topic_prefix)


def test_unequal_numbers_of_partitions_are_refused(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    others = dict.fromkeys(("incidents", "complaints", "wardmetrics"), 3)
    make(kafka_broker, topic_prefix, speakup=2, **others)

    with pytest.raises(topics.TopicsUnready, match="same number of partitions"):
        topics.create(kafka_broker.bootstrap, topic_prefix)


def test_missing_feeds_get_as_many_partitions_as_the_others_have(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    make(kafka_broker, topic_prefix, speakup=2)

    with pytest.raises(topics.TopicsUnready, match=f"{topic_prefix}speakup has 2"):
        topics.create(kafka_broker.bootstrap, topic_prefix, partitions=4)
    assert len(topics.create(kafka_broker.bootstrap, topic_prefix)) == 6
    assert topics.check(kafka_broker.bootstrap, topic_prefix) == 2


def test_an_absent_broker_is_reported_in_words() -> None:
    (port,) = free_ports(1)

    with pytest.raises(topics.TopicsUnready, match="no Kafka broker answers"):
        topics.check(f"127.0.0.1:{port}", "quality.")


def _earshot(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EARSHOT, "topics", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_makes_lists_and_checks_topics(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    where = ("--kafka", kafka_broker.bootstrap, "--topic-prefix", topic_prefix)

    before = _earshot("check", *where)
    made = _earshot("create", *where, "--partitions", "2")
    again = _earshot("create", *where)
    listed = _earshot("list", *where, "--json")
    more = _earshot("create", *where, "--partitions", "3")
    fewer = _earshot("create", *where, "--partitions", "1")
    after = _earshot("check", *where)

    assert (more.returncode, fewer.returncode) == (1, 1)
    assert f"{topic_prefix}incidents has 2" in more.stderr
    assert "raise all four to 3 with kafka-topics.sh --alter" in more.stderr
    assert "an empty store and another --topic-prefix" in fewer.stderr
    assert before.returncode == 1
    assert "earshot topics create" in before.stderr
    assert made.stdout.count("made ") == 7
    assert again.stdout == "all topics exist\n"
    found = {topic["name"].removeprefix(topic_prefix): topic for topic in json.loads(listed.stdout)}
    assert found["incidents"]["partitions"] == 2
    assert found["alerts"]["role"] == "out"
    assert after.stdout == "ready: 2 partitions for each feed\n"


def test_the_command_says_what_it_lacks() -> None:
    answer = _earshot("list")

    assert answer.returncode == 1
    assert "EARSHOT_KAFKA" in answer.stderr
