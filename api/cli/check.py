"""``earshot check``: whether it would start, and with what."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from api.cli.house import Definitions, read_definitions
from api.cli.options import (
    DOOR,
    EVALUATION,
    STORE,
    TOPICS,
    uses_settings,
)
from api.cli.stores import HouseError, kafka_security, open_store
from api.settings import Settings
from streams.evidence.evaluation import SHARES
from streams.facts.clock import system_clock
from streams.store import SchemaOutdated, schema

PREFIX = "EARSHOT_"
# Variables of commands that are no settings of the service.
OPTIONS_ONLY = {
    "URL", "KEY", "METRICS_HOST", "METRICS_PORT", "SESSION_SECONDS", "BATCH_MESSAGES",
    "STORE_PATIENCE", "NO_SKIPS",
}  # fmt: skip


@uses_settings(*STORE, *TOPICS, *DOOR, *EVALUATION)
def check(
    settings: Settings,
    *,
    units: Annotated[
        bool, typer.Option("--units", help="List the organisations as they stand today.")
    ] = False,
) -> None:
    """Check settings, files and connections, and say what would be in force.

    Everything is looked at before the exit, so that one run shows all that is wrong;
    the exit code is 1 when anything is.
    """
    wrong = 0
    for line in _misspelt():
        typer.echo(f"look   settings: {line}")
    for name, look in (
        ("settings", _settings),
        ("files", _files),
        ("store", _store),
        ("kafka", _kafka),
    ):
        try:
            for line in look(settings):
                typer.echo(f"ok     {name}: {line}")
        except HouseError as error:
            wrong += 1
            typer.echo(f"WRONG  {name}: {error}")
    if units and not wrong:
        _list_units(read_definitions(settings))
    if wrong:
        raise typer.Exit(1)


def _misspelt() -> Iterator[str]:
    """Variables that no setting has and that look like one: they would be passed over.

    Others are left alone, because platforms add variables of their own (a Kubernetes
    service called ``earshot`` brings ``EARSHOT_SERVICE_HOST``).
    """
    known = {name.upper() for name in Settings.model_fields} | OPTIONS_ONLY
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known:
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            yield f"{variable} is no setting and has no effect; did you mean {PREFIX}{near[0]}?"


def _settings(settings: Settings) -> Iterator[str]:
    yield (
        f"{'embedded' if settings.embedded else 'kafka'} mode, listens on "
        f"{settings.host}:{settings.port}, "
        + ("every call needs a key" if settings.keys_needed else "no key needed on loopback")
    )
    for level, budget in ((1, settings.budget_level1), (2, settings.budget_level2)):
        yield (
            f"level {level}: at most {budget:g} false alerts per stable unit and year, about "
            f"once in {1 / budget:.3g} years"
        )
    shares = ", ".join(f"{name} {share:.0%}" for name, share in SHARES.items())
    yield f"a unit's budget is shared out as {shares}"


def _files(settings: Settings) -> Iterator[str]:
    parts = read_definitions(settings)
    watched = sum(one.evidence is not None for one in parts.catalogue.indicators)
    yield (
        f"{len(parts.catalogue.indicators)} indicators, {watched} of them watched "
        f"({settings.indicators or 'shipped'}, digest {parts.catalogue.digest[:12]})"
    )
    today = system_clock().date()
    kinds: dict[str, int] = {}
    for unit in parts.organisations.units(today):
        kinds[unit.kind] = kinds.get(unit.kind, 0) + 1
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    yield f"organisations today: {counted} ({settings.organisations or 'shipped'})"
    yield f"reference {parts.reference.version}, in force from {parts.reference.effective}"


def _store(settings: Settings) -> Iterator[str]:
    if settings.database_url is None and not settings.data.exists():
        _writable(settings.data)
        yield f"{settings.store_name} will be made at the first start"
        _opens_with(settings, keys=0)
        return
    try:
        store = open_store(settings, upgrade=False)
    except SchemaOutdated as older:
        if settings.database_url is not None and settings.database_url.startswith("postgresql"):
            raise HouseError(f"the store {settings.store_name} cannot be opened: {older}") from None
        yield (
            f"{settings.store_name} is of revision {older.found} and will be brought to "
            f"{schema.REVISION} at the next start; take a copy of it first"
        )
        return
    try:
        counters = store.counters()
        keys = [key for key in store.list_keys() if key.revoked_at is None]
        yield (
            f"{settings.store_name} answers: {counters.processed:,} events processed, "
            f"{counters.rejected:,} refused"
        )
        _opens_with(settings, keys=len(keys))
        yield f"{len(keys)} valid key(s)"
    finally:
        store.close()


def _opens_with(settings: Settings, *, keys: int) -> None:
    """Nothing, where the service may open its door with so many keys."""
    if not settings.loopback and not keys:
        raise HouseError("no key yet, so the service will not open to other machines")


def _writable(directory: Path) -> None:
    """Nothing, where a directory that is not there yet can be made."""
    above = next(place for place in directory.absolute().parents if place.exists())
    try:
        # Asking for rights is not enough: some file systems refuse in spite of them.
        with TemporaryDirectory(dir=above):
            pass
    except OSError as error:
        raise HouseError(f"{directory} cannot be made: {error.strerror}") from None


def _kafka(settings: Settings) -> Iterator[str]:
    if settings.kafka is None:
        return
    from streams.runners.topics import TopicsUnready  # noqa: PLC0415 - Kafka's client costs 0.3 s
    from streams.runners.topics import check as check_topics  # noqa: PLC0415 - as above

    try:
        number = check_topics(settings.kafka, settings.topic_prefix, kafka_security(settings))
    except TopicsUnready as error:
        raise HouseError(str(error)) from None
    yield f"{settings.kafka} answers: four topics with {number} partition(s) each"


def _list_units(parts: Definitions) -> None:
    today: date = system_clock().date()
    children: dict[str | None, list[str]] = {}
    rows = {unit.code: unit for unit in parts.organisations.units(today)}
    for unit in rows.values():
        above = unit.parent if unit.parent in rows else None
        children.setdefault(above, []).append(unit.code)

    def tell(code: str, depth: int) -> None:
        unit = rows[code]
        typer.echo(f"{'  ' * depth}{unit.code:<8} {unit.kind:<9} {unit.name}")
        for below in sorted(children.get(code, [])):
            tell(below, depth + 1)

    for top in sorted(children.get(None, [])):
        tell(top, 0)
