"""``earshot api``: the HTTP half, over PostgreSQL and Kafka; ``earshot worker`` is the other."""

from __future__ import annotations

from contextlib import suppress

import typer

from api.cli.house import House, opened
from api.cli.logs import log_to_stderr
from api.cli.options import (
    DOOR,
    EVALUATION,
    TOPICS,
    plain_errors,
    uses_settings,
)
from api.cli.serve import announce, require_keys
from api.cli.serving import listen, serving, stop_signal
from api.cli.stores import PATIENCE, HouseError, kafka_security
from api.service import Service
from api.settings import Settings
from streams.runners.behind import events_behind
from streams.runners.log import LogUnavailable
from streams.runners.producer import KafkaLog
from streams.store import Store, StoreUnavailable


@uses_settings("database_url", *TOPICS, *DOOR, *EVALUATION)
def api(settings: Settings) -> None:
    """Run the HTTP half: events go to Kafka, alerts come from PostgreSQL.

    Needs --database-url and --kafka (or their variables), the topics (earshot topics
    create) and, off loopback, a key.
    """
    log_to_stderr()
    with plain_errors(HouseError, StoreUnavailable):
        servers = _both_halves(settings)
        with opened(settings, patience=PATIENCE) as house:
            require_keys(house)
            security = kafka_security(settings)
            log = KafkaLog(servers, settings.topic_prefix, security=security)
            try:
                _run(house, log)
            finally:
                log.close()


def _run(house: House, log: KafkaLog) -> None:
    settings = house.settings
    service = Service(
        store=house.store,
        catalogue=house.catalogue,
        organisations=house.organisations,
        reference=house.reference,
        log=log,
        progress=Lag(house.store, log),
        log_takes=log.takes,
        settings=settings,
        mode="kafka",
        clock=house.clock,
    )
    with listen(settings.host, settings.port) as door, stop_signal() as stop:
        settings = settings.model_copy(update={"port": door.getsockname()[1]})
        with serving(service, door):
            announce(house, settings)
            stop.wait()
            typer.echo("Stopping: finishing what is under way.", err=True)


def _both_halves(settings: Settings) -> str:
    if settings.kafka is None:
        raise HouseError(
            "earshot api writes to Kafka: give --kafka HOST:PORT (without it: earshot serve)"
        )
    if settings.database_url is None or not settings.database_url.startswith("postgresql"):
        raise HouseError("earshot api reads from PostgreSQL: give --database-url postgresql://...")
    return settings.kafka


class Lag:
    """How far the workers are: Kafka's ends against the positions in the store.

    While no broker answers the last known number of accepted events stands, and nobody waits.
    """

    def __init__(self, store: Store, log: KafkaLog) -> None:
        self._store = store
        self._log = log
        self._accepted = 0

    def __call__(self) -> tuple[int, int]:
        """Events accepted and events processed."""
        processed = self._store.counters().processed
        self._accepted = max(self._accepted, processed)
        if self._log.answers():
            with suppress(LogUnavailable):
                behind = events_behind(self._log.ends(), self._store.positions(), processed)
                self._accepted = processed + behind
        return self._accepted, processed
