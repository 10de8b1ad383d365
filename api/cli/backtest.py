"""``earshot backtest``: the production evidence over a file of counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.cli.options import plain_errors
from streams.backtest import BacktestError, run
from streams.backtest_report import report, save
from streams.countsfile import CountsFileError, read_counts
from streams.reference import InvalidReferenceError, Reference

_ROWS_SHOWN = 40


def backtest(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="COUNTS.csv",
            help="Columns unit, feed, period_start, period_end, count; optional exposure, "
            "changed_at.",
        ),
    ],
    budget: Annotated[
        float,
        typer.Option(envvar="EARSHOT_BUDGET_LEVEL1", help="False alerts per stable unit and year."),
    ] = 0.2,
    budget2: Annotated[
        float | None,
        typer.Option("--budget2", help="The same for level 2 [default: a quarter of it]."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT.json", help="Write the result here too.")
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(
            min=1, help="Periods of each unit that are baseline only [default: 52 weeks]."
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take a stored calibration (a file, or 'shipped') instead of the file's own fit.",
        ),
    ] = None,
    unit_class: Annotated[
        str | None,
        typer.Option("--class", help="Which class of the calibration, for example ward."),
    ] = None,
    *,
    improvements: Annotated[
        bool, typer.Option("--improvements", help="List improvements too.")
    ] = False,
) -> None:
    """Run the production evidence, unchanged, over a file of counts.

    The feeds of a unit are weighed together. Each unit's first periods are baseline
    only; fit and thresholds come from them. Nothing later than an alert's
    first_signal_at is used for it.
    """
    with plain_errors(CountsFileError, BacktestError, InvalidReferenceError):
        counts = read_counts(file)
        reference = None if calibration is None else Reference.find(calibration)
        with progress_bar() as tell:
            found = run(
                counts,
                budget=budget,
                budget2=budget / 4 if budget2 is None else budget2,
                history=history,
                reference=reference,
                unit_class=unit_class,
                progress=tell,
            )
    result = report(found, improvements=improvements)
    if out is not None:
        with plain_errors(OSError):
            save(result, out)
    _show(Console(), result)


class _Bar:
    """One line of progress per thing that is being done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, share: float) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=1.0)
        self._progress.update(self._tasks[what], completed=share)


@contextmanager
def progress_bar() -> Iterator[_Bar]:
    """Show what takes time, on standard error, and leave nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress)


def _show(console: Console, result: dict[str, Any]) -> None:
    alerts = result["alerts"]
    table = Table(title=f"{len(alerts)} alerts in {result['unit_years']:.1f} unit-years")
    for name in ("unit", "level", "direction", "first signal", "onset", "feeds"):
        table.add_column(name)
    for alert in alerts[:_ROWS_SHOWN]:
        table.add_row(
            escape(alert["unit"]),
            str(alert["level"]),
            alert["direction"],
            alert["first_signal_at"],
            alert["onset"],
            escape(", ".join(alert["feeds"])),
        )
    console.print(table)
    if len(alerts) > _ROWS_SHOWN:
        console.print(f"... and {len(alerts) - _ROWS_SHOWN} more (--json writes all)")
    rates = result["false_alerts_per_unit_year"]
    for level in ("level1", "level2"):
        rate = rates[level]
        if rate["value"] is not None:
            console.print(
                f"{level}: {rate['value']:.3f} alerts per unit-year ({rates['counted']}),"
                f" 95 % interval {rate['lower']:.3f} to {rate['upper']:.3f},"
                f" budget {result['budgets'][level]:g}",
                highlight=False,
            )
    delay = result["delay"]
    if delay["units"]:
        median = delay["interpolated"]
        told = "not reached" if median is None else f"{median:.1f} weeks"
        console.print(
            f"{delay['detected']} of {delay['units']} changed units alerted; median delay {told}",
            highlight=False,
        )
