"""``earshot calibrate``: fit the fleet and set the thresholds by simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.backtest import progress_bar
from api.cli.house import opened
from api.cli.options import (
    Data,
    DatabaseUrl,
    Indicators,
    Organisations,
    Reference,
    fail,
    plain_errors,
)
from api.cli.stores import HouseError
from api.settings import Settings, SettingsError
from streams.backtests.additions import AdditionError
from streams.backtests.calibration import Calibration, from_counts, from_store
from streams.backtests.countsfile import CountsFileError, read_counts
from streams.facts.clock import system_clock
from streams.store import StoreUnavailable


def calibrate(
    name: Annotated[str, typer.Argument(help="Name of the new version.")],
    counts: Annotated[
        Path | None,
        typer.Option(metavar="COUNTS.csv", help="Fit a counts file instead of the store."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it [default: NAME.json].")
    ] = None,
    *,
    added: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="INDICATOR",
            help="Also weigh this count with the feeds of each unit; may be repeated.",
        ),
    ] = None,
    learn_ways: Annotated[
        bool,
        typer.Option(
            "--learn-ways",
            help="Also learn from alerts closed as confirmed concerns which feeds rise together"
            " when care fails here.",
        ),
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    organisations: Organisations = None,
    indicators: Indicators = None,
    reference: Reference = None,
) -> None:
    """Fit the fleet and set the thresholds by simulation.

    Reads the stored history of all providers and writes a calibration file, a new
    version; nothing changes until a service is started with it (--reference). A class
    of units with too little history keeps the model in force. Counts that --with names are
    weighed where enough units report them by week.
    """
    if learn_ways and counts is not None:
        fail("--learn-ways reads the alerts of the store; a counts file has none")
    if added and counts is not None:
        fail("--with names indicators of the store; a counts file is weighed with all its feeds")
    place = out or Path(f"{name}.json")
    if place.exists():
        fail(f"{place} exists; a calibration is never overwritten, choose another name")
    with plain_errors(
        SettingsError, HouseError, StoreUnavailable, CountsFileError, AdditionError, OSError
    ):
        today = system_clock().date()
        if counts is not None:
            table = read_counts(counts)
            with progress_bar() as tell:
                made = from_counts(table, version=name, effective=today, progress=tell)
        else:
            settings = Settings.load(
                data=data,
                database_url=database_url,
                organisations=organisations,
                indicators=indicators,
                reference=reference,
            )
            with opened(settings) as house, progress_bar() as tell:
                made = from_store(
                    house.store,
                    house.store.providers_with_facts(),
                    catalogue=house.catalogue,
                    before=house.reference,
                    version=name,
                    effective=today,
                    progress=tell,
                    confirmed=house.store.confirmed_concerns() if learn_ways else None,
                    added=added or (),
                )
        made.reference.save(place)
    _tell(made, place)


def _tell(made: Calibration, place: Path) -> None:
    for level, note in made.notes.items():
        model = made.reference.models[level]
        bars = [model.threshold(b, within_week=level != "file").close for b in (0.2, 0.05)]
        typer.echo(f"{level}: {note}; bars {bars[0]:.2f} (0.2) and {bars[1]:.2f} (0.05)")
    typer.echo(f"written to {place}; it applies where a service starts with --reference {place}")
