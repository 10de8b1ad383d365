"""``earshot demo``: a simulated region, replayed fast and then live."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.cli.embedded import embedded, only_one
from api.cli.house import opened
from api.cli.logs import log_to_stderr
from api.cli.options import Port, plain_errors
from api.cli.play import Player
from api.cli.serving import listen, serving, stop_signal
from api.cli.stores import HouseError
from api.settings import STORE_FILE, Settings, SettingsError
from streams.region.plan import Plan
from streams.runners.log import LogUnavailable
from streams.store import StoreUnavailable

_PLAN_FILE = "demo.json"
_ORGANISATIONS_FILE = "organisations.csv"


def demo(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Keep the store here (default: temporary)."),
    ] = None,
    port: Port = None,
    providers: Annotated[int, typer.Option(help="Providers in the region.")] = 4,
    sites: Annotated[int, typer.Option(help="Sites of each provider.")] = 2,
    wards: Annotated[int, typer.Option(help="Wards of each site.")] = 5,
    weeks: Annotated[int, typer.Option(min=20, help="Weeks of history.")] = 80,
    seed: Annotated[int, typer.Option(help="Another seed draws another region.")] = 2026,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Events a second once history is in.")
    ] = 5.0,
    *,
    exit_after_history: Annotated[
        bool, typer.Option("--exit-after-history", help="Stop when history is in and shown.")
    ] = False,
) -> None:
    """Run a simulated region with known troubles: history first, then live.

    Everything takes the way that real events take: intake, log, detection, one
    transaction, page. Nothing in it is about anybody; the hospitals do not exist.
    """
    log_to_stderr(level=logging.ERROR)
    with plain_errors(SettingsError, HouseError, StoreUnavailable, LogUnavailable):
        plan = _plan(weeks, providers, sites, wards, seed)
        with _directory(data) as directory, only_one(directory):
            _claim(directory, plan)
            settings = Settings.load(
                data=directory,
                organisations=directory / _ORGANISATIONS_FILE,
                host="127.0.0.1",
                port=port,
                auth=False,
            ).model_copy(update={"kafka": None, "database_url": None})
            with (
                opened(settings) as house,
                listen(settings.host, settings.port) as door,
                stop_signal() as stop,
                embedded(house) as running,
                serving(running.service, door),
            ):
                url = f"http://127.0.0.1:{door.getsockname()[1]}/"
                player = Player(running, plan, Console(), url, stop)
                player.history()
                if not exit_after_history:
                    player.live(speed)


def _plan(weeks: int, providers: int, sites: int, wards: int, seed: int) -> Plan:
    try:
        return Plan(
            end=datetime.now(UTC).date(),
            weeks=weeks,
            providers=providers,
            sites=sites,
            wards=wards,
            seed=seed,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.expanduser()
    else:
        with tempfile.TemporaryDirectory(prefix="earshot-demo-") as fresh:
            yield Path(fresh)


def _claim(directory: Path, plan: Plan) -> None:
    """Write the region's files, or see that they are of this very region.

    Raises:
        HouseError: the directory holds something else; simulated events never mix
            with others.

    """
    mark = json.dumps({**asdict(plan), "end": plan.start.date().isoformat()}, indent=2)
    file = directory / _PLAN_FILE
    held = file.read_text("utf-8") if file.exists() else None
    if held != mark and (held is not None or (directory / STORE_FILE).exists()):
        raise HouseError(
            f"{directory} holds other data, or the demonstration of another week or size; "
            "choose an empty directory"
        )
    file.write_text(mark, "utf-8")
    (directory / _ORGANISATIONS_FILE).write_text(plan.organisations(), "utf-8")
