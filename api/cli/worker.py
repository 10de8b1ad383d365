"""``earshot worker``: the detecting half, from Kafka to PostgreSQL, beside ``earshot api``."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import make_url

from api.cli.house import opened
from api.cli.logs import log_to_stderr
from api.cli.options import (
    EVALUATION,
    TOPICS,
    fail,
    plain_errors,
    uses_settings,
)
from api.cli.stores import PATIENCE, HouseError, kafka_security
from api.settings import Settings
from streams.runners.topics import TopicsUnready
from streams.store import StoreUnavailable

MetricsHost = Annotated[
    str,
    typer.Option(
        "--metrics-host",
        envvar="EARSHOT_METRICS_HOST",
        help="Address of /metrics, /healthz and /readyz.",
    ),
]
MetricsPort = Annotated[
    int,
    typer.Option(
        "--metrics-port",
        envvar="EARSHOT_METRICS_PORT",
        help="Port of /metrics, /healthz and /readyz; 0 takes a free one.",
    ),
]
Session = Annotated[
    float,
    typer.Option(
        "--session-seconds",
        envvar="EARSHOT_SESSION_SECONDS",
        min=3,
        max=60,
        help="Without a sign of life until the partitions go to other workers.",
    ),
]
BatchMessages = Annotated[
    int,
    typer.Option(
        "--batch-messages",
        envvar="EARSHOT_BATCH_MESSAGES",
        min=1,
        max=100_000,
        help="Messages taken from Kafka at once, at most; smaller ones commit more often.",
    ),
]
Patient = Annotated[
    float,
    typer.Option(
        "--store-patience",
        envvar="EARSHOT_STORE_PATIENCE",
        min=1,
        max=3600,
        metavar="SECONDS",
        help="How long the database may stay away before the worker ends.",
    ),
]


@uses_settings("database_url", *TOPICS, "worker_id", *EVALUATION)
def worker(
    settings: Settings,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = 8471,
    session_seconds: Session = 8.0,
    batch_messages: BatchMessages = 1000,
    store_patience: Patient = 60.0,
) -> None:
    """Run the detecting half: events come from Kafka, facts and alerts go to PostgreSQL.

    Needs --database-url and --kafka (or their variables) and the topics (earshot topics
    create). Any number of workers up to the number of partitions share the work; each
    may be killed at any time. Ends with a non-zero code when the database stays away.
    """
    log_to_stderr()
    with plain_errors(HouseError, StoreUnavailable, TopicsUnready):
        servers, url = _both_halves(settings)
        # Faust is imported after the settings are known to be good.
        from streams.runners.commits import Patience  # noqa: PLC0415 - as said
        from streams.runners.faust_app import Group  # noqa: PLC0415 - as said
        from streams.runners.worker_process import WorkerPlan, run_worker  # noqa: PLC0415 - as said

        plan = WorkerPlan(
            Group(
                servers,
                settings.topic_prefix,
                settings.worker_id,
                session_seconds=session_seconds,
                batch_messages=batch_messages,
                security=kafka_security(settings),
            ),
            health_host=metrics_host,
            health_port=metrics_port,
            patience=Patience(store=store_patience, fence=4 * session_seconds),
        )
        bounded = settings.model_copy(update={"database_url": _bounded(url, session_seconds)})
        # A claim waits for a former owner for the length of a session, within one statement.
        with opened(bounded, patience=PATIENCE + session_seconds) as house:
            code = run_worker(plan, house.store, house.engine(), house.clock)
    raise typer.Exit(code)


def _both_halves(settings: Settings) -> tuple[str, str]:
    if settings.kafka is None:
        fail("earshot worker reads from Kafka: give --kafka HOST:PORT (without it: earshot serve)")
    if settings.database_url is None or not settings.database_url.startswith("postgresql"):
        fail("earshot worker writes to PostgreSQL: give --database-url postgresql://...")
    return settings.kafka, settings.database_url


def _bounded(url: str, seconds: float) -> str:
    """The URL with a bound on transactions that stand open, unless it has one of its own.

    A worker that is suspended within a transaction would keep its locks, and whoever
    takes its partitions over would wait for them; the server ends it after a session.
    """
    from streams.store.postgresql import options_of  # noqa: PLC0415 - only a worker needs it

    parsed = make_url(url)
    bound = f"-c idle_in_transaction_session_timeout={int(1000 * seconds)} {options_of(parsed)}"
    return parsed.update_query_dict({"options": bound}).render_as_string(hide_password=False)
