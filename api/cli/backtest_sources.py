"""Where a backtest takes stored counts from: the house, opened for reading."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from api.cli.house import read_definitions
from api.cli.stores import HouseError
from api.settings import Settings, SettingsError
from streams.backtests.backtest import BacktestError, Progress
from streams.backtests.countsfile import Counts
from streams.backtests.stored import read_changes, stored_counts
from streams.evidence.reference import CLASSES, Reference
from streams.store import SchemaMismatch, Store, StoreUnavailable

_READ_ONLY = "-c default_transaction_read_only=on"


def from_house(
    data: Path | None,
    database_url: str | None,
    indicators: Path | None,
    *,
    level: str,
    calibration: str | None,
    changes: Path | None,
    progress: Progress,
) -> Counts:
    """The weekly counts of all units of a level.

    Raises:
        BacktestError: there is no store, it or a file of definitions cannot be used, or the
            level or a unit that changed is not there.

    """
    try:
        return _read(
            data, database_url, indicators,
            level=level, calibration=calibration, changes=changes, progress=progress,
        )  # fmt: skip
    except (HouseError, SettingsError, StoreUnavailable) as error:
        raise BacktestError(str(error)) from None


def _read(
    data: Path | None,
    database_url: str | None,
    indicators: Path | None,
    *,
    level: str,
    calibration: str | None,
    changes: Path | None,
    progress: Progress,
) -> Counts:
    if level not in CLASSES:
        raise BacktestError(f"--class must be one of {', '.join(CLASSES)}, not {level}")
    settings = Settings.load(data=data, database_url=database_url, indicators=indicators)
    parts = read_definitions(settings)
    reference = parts.reference if calibration is None else Reference.find(calibration)
    model = reference.models.get(level)
    if model is None:
        raise BacktestError(f"the calibration has no class {level}")
    changed = None if changes is None else read_changes(changes)
    store = _open(settings)
    try:
        return stored_counts(
            store,
            sorted(store.providers_with_facts()),
            catalogue=parts.catalogue,
            level=level,
            model=model,
            changed=changed,
            progress=lambda share: progress("stored history", share),
        )
    finally:
        store.close()


def _open(settings: Settings) -> Store:
    """The store, neither made nor upgraded; PostgreSQL refuses writes by itself."""
    url = make_url(settings.store_url)
    if url.get_backend_name() == "sqlite":
        if not Path(url.database or "").is_file():
            raise HouseError(
                f"there is no store at {url.database}: give the directory that `earshot serve`"
                " was started with (--data)"
            )
    elif "options" not in url.query:
        url = url.update_query_dict({"options": _READ_ONLY})
    try:
        return Store.open(url.render_as_string(hide_password=False), upgrade=False)
    except (SchemaMismatch, ValueError, OSError) as error:
        raise HouseError(f"the store {settings.store_name} cannot be opened: {error}") from None
