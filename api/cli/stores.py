"""Reaching the store and Kafka, for commands that need nothing else of the house."""

from __future__ import annotations

from api.settings import Settings
from streams.runners.security import Security, SecurityError, read_security
from streams.store import SchemaMismatch, SchemaOutdated, Store, StoreUnavailable

PATIENCE = 30.0
"""Seconds that a service waits for the answer to one statement; commands wait for theirs."""


class HouseError(Exception):
    """The parts cannot be put together; the message says which one and why."""


def open_store(
    settings: Settings, *, upgrade: bool | None = None, patience: float | None = None
) -> Store:
    """The store of the settings.

    Args:
        settings: where it is.
        upgrade: as ``Store.open`` takes it.
        patience: as ``Store.open`` takes it.

    Raises:
        HouseError: it cannot be opened.
        SchemaOutdated: it is older and ``upgrade`` is False.

    """
    try:
        return Store.open(settings.store_url, upgrade=upgrade, patience=patience)
    except SchemaOutdated as error:
        if upgrade is False:
            raise
        raise HouseError(f"the store {settings.store_name} cannot be opened: {error}") from None
    except (StoreUnavailable, SchemaMismatch, ValueError, OSError) as error:
        raise HouseError(f"the store {settings.store_name} cannot be opened: {error}") from None


def kafka_security(settings: Settings) -> Security:
    """What Kafka asks for, by the file of the settings; nothing where they name none.

    Raises:
        HouseError: the file cannot be used.

    """
    try:
        return read_security(settings.kafka_config)
    except SecurityError as error:
        raise HouseError(str(error)) from None
