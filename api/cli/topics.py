"""``earshot topics``: make, show and check the Kafka topics."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import Json, Kafka, KafkaConfig, TopicPrefix, fail, plain_errors
from api.cli.stores import HouseError, kafka_security
from api.settings import Settings, SettingsError
from streams.runners import topics
from streams.runners.security import Security

app = typer.Typer(no_args_is_help=True, help="Create and inspect the Kafka topics.")

Partitions = Annotated[
    int | None,
    typer.Option(
        "--partitions",
        min=1,
        max=1000,
        help="Of each of the four topics that come in: the most workers that can share the work"
        f" [default: as many as those that exist have, or {topics.DEFAULT_PARTITIONS}].",
    ),
]
Replication = Annotated[
    int,
    typer.Option(
        "--replication", min=-1, max=10, help="Copies of each partition; -1 is the broker's."
    ),
]


@app.command()
def create(
    kafka: Kafka = None,
    kafka_config: KafkaConfig = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    replication: Replication = -1,
) -> None:
    """Make the topics that do not exist; those that do are left as they are.

    Where they have another number of partitions than is asked for, nothing is made.
    """
    servers, prefix, security = _where(kafka, kafka_config, topic_prefix)
    with plain_errors(topics.TopicsUnready):
        made = topics.create(
            servers, prefix, partitions=partitions, replication=replication, security=security
        )
    for name in made:
        typer.echo(f"made {name}")
    if not made:
        typer.echo("all topics exist")


@app.command("list")
def list_topics(
    kafka: Kafka = None,
    kafka_config: KafkaConfig = None,
    topic_prefix: TopicPrefix = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the topics, their partitions and copies."""
    servers, prefix, security = _where(kafka, kafka_config, topic_prefix)
    with plain_errors(topics.TopicsUnready):
        found = topics.describe(servers, prefix, security)
    if as_json:
        typer.echo(json.dumps([asdict(topic) for topic in found]))
        return
    width = max(len(topic.name) for topic in found)
    typer.echo(f"{'topic':{width}}  goes  partitions  copies")
    for topic in found:
        state = f"{topic.partitions:10}  {topic.replicas:6}" if topic.partitions else "   missing"
        typer.echo(f"{topic.name:{width}}  {topic.role:4}  {state}")


@app.command()
def check(
    kafka: Kafka = None, kafka_config: KafkaConfig = None, topic_prefix: TopicPrefix = None
) -> None:
    """Say whether workers can start: all topics there, equal numbers of partitions."""
    servers, prefix, security = _where(kafka, kafka_config, topic_prefix)
    with plain_errors(topics.TopicsUnready):
        partitions = topics.check(servers, prefix, security)
    typer.echo(f"ready: {partitions} partitions for each feed")


def _where(
    kafka: str | None, kafka_config: Path | None, topic_prefix: str | None
) -> tuple[str, str, Security]:
    with plain_errors(SettingsError, HouseError):
        settings = Settings.load(kafka=kafka, kafka_config=kafka_config, topic_prefix=topic_prefix)
        security = kafka_security(settings)
    if settings.kafka is None:
        fail("the topics are Kafka's: give --kafka HOST:PORT or EARSHOT_KAFKA")
    return settings.kafka, settings.topic_prefix, security
