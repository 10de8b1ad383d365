"""``earshot serve``: everything in one process, on the embedded log and store."""

from __future__ import annotations

from contextlib import nullcontext

import typer

from api.cli.embedded import embedded, only_one
from api.cli.house import House, opened
from api.cli.logs import log_to_stderr
from api.cli.options import (
    DOOR,
    EVALUATION,
    STORE,
    plain_errors,
    uses_settings,
)
from api.cli.serving import listen, serving, stop_signal
from api.cli.stores import PATIENCE, HouseError
from api.settings import Settings
from streams.store import StoreUnavailable


@uses_settings(*STORE, *DOOR, *EVALUATION)
def serve(settings: Settings) -> None:
    """Run everything in one process: HTTP door, page, log, detection and store.

    On loopback nobody has to sign in and unknown providers register themselves. On
    any other address, or with --auth, every call needs a key (earshot keys create),
    and the service does not start off loopback before there is one.
    """
    log_to_stderr()
    with plain_errors(HouseError, StoreUnavailable):
        settings = settings.model_copy(update={"kafka": None})
        alone = settings.database_url is None
        lock = only_one(settings.data) if alone else nullcontext()
        with lock, opened(settings, patience=PATIENCE) as house:
            require_keys(house)
            with listen(settings.host, settings.port) as door, stop_signal() as stop:
                settings = settings.model_copy(update={"port": door.getsockname()[1]})
                if alone:
                    # Senders whose requests died with a killed service need not wait.
                    house.store.release_abandoned()
                with embedded(house) as running, serving(running.service, door):
                    announce(house, settings)
                    stop.wait()
                    typer.echo("Stopping: finishing what is under way.", err=True)


def announce(house: House, settings: Settings) -> None:
    """Say where the page is and where the data are."""
    typer.echo(f"Earshot is listening: {settings.url}/")
    typer.echo(f"Store: {settings.store_name}")
    if settings.keys_needed and not any_key(house):
        typer.echo("No key can call it yet: earshot keys create --scope RXX", err=True)


def require_keys(house: House) -> None:
    """Refuse to open a door to other machines that nobody has a key for.

    Raises:
        HouseError: the address is not loopback and the store has no valid key.

    """
    if not house.settings.loopback and not any_key(house):
        raise HouseError(
            f"{house.settings.host} can be reached from other machines and the store has no key; "
            "make one first: earshot keys create --scope RXX"
        )


def any_key(house: House) -> bool:
    """Whether the store has a key that is not revoked."""
    return any(key.revoked_at is None for key in house.store.list_keys())
