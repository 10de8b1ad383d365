"""``earshot replay``: rebuild tallies and alerts from the stored facts."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.house import House, opened
from api.cli.options import (
    EVALUATION,
    STORE,
    TOPICS,
    plain_errors,
    uses_settings,
)
from api.cli.stores import HouseError, kafka_security
from api.settings import Settings
from streams.runners.replay import Rebuilt, rebuild
from streams.store import Fenced, StoreUnavailable

_TRIES = 5


@uses_settings(*STORE, *TOPICS, *EVALUATION)
def replay(
    settings: Settings,
    provider: Annotated[
        list[str] | None, typer.Option(help="Only this provider; may be repeated.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
) -> None:
    """Rebuild tallies and alerts from the stored facts.

    Use it after a change of the indicators, the reference or the budgets, or to see
    that nothing changes. What people did with alerts is kept. It may run beside the
    service.
    """
    with plain_errors(HouseError, StoreUnavailable):
        partitions = _partitions(settings)
        with opened(settings) as house:
            codes = provider or house.store.providers_with_facts()
            for code in codes:
                _print(_rebuild(house, code, _partition(code, partitions), dry_run=dry_run))
    if not codes:
        typer.echo("The store holds no facts.")


def _rebuild(house: House, provider: str, partition: int, *, dry_run: bool) -> Rebuilt:
    for _ in range(_TRIES):
        try:
            return rebuild(
                house.store,
                provider,
                partition,
                catalogue=house.catalogue,
                reference=house.reference,
                budgets=house.budgets,
                name_of=house.unit_name,
                now=house.clock(),
                dry_run=dry_run,
            )
        except Fenced:
            # The service took events in meanwhile; its state is the newer one.
            continue
    raise HouseError(
        f"{provider}: the service was faster {_TRIES} times; try again when it is less busy"
    )


def _partitions(settings: Settings) -> int:
    if settings.kafka is None:
        return 1
    from streams.runners.topics import TopicsUnready, check  # noqa: PLC0415 - Kafka's client costs 0.3 s

    try:
        return check(settings.kafka, settings.topic_prefix, kafka_security(settings))
    except TopicsUnready as error:
        raise HouseError(str(error)) from None


def _partition(provider: str, partitions: int) -> int:
    """The partition that owns a provider: Kafka's own rule for keyed messages."""
    if partitions == 1:
        return 0
    from kafka.partitioner.default import murmur2  # noqa: PLC0415 - as above

    return int((murmur2(provider.encode()) & 0x7FFFFFFF) % partitions)


def _print(found: Rebuilt) -> None:
    alerts = ", ".join(f"{number} {kind}" for kind, number in sorted(found.changes.items()))
    typer.echo(
        f"{found.provider}: {found.facts:,} facts, {found.tallies_changed:,} tallies changed, "
        f"alerts: {alerts or 'as they were'}"
    )
