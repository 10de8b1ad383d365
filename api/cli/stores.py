"""Opening the store, for commands that need nothing else of the house."""

from __future__ import annotations

from api.settings import Settings
from streams.store import SchemaMismatch, Store, StoreUnavailable


class HouseError(Exception):
    """The parts cannot be put together; the message says which one and why."""


def open_store(settings: Settings) -> Store:
    """The store of the settings; raises ``HouseError`` where it cannot be opened."""
    try:
        return Store.open(settings.store_url)
    except (StoreUnavailable, SchemaMismatch, ValueError, OSError) as error:
        raise HouseError(f"the store {settings.store_name} cannot be opened: {error}") from None
