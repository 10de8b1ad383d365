"""``earshot backtest``: the production evidence over counts of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.backtest_picture import draw
from api.cli.backtest_tables import show, show_scenario, show_scenarios
from api.cli.options import Data, DatabaseUrl, Indicators, fail, plain_errors
from streams.backtests.backtest import Backtest, BacktestError, run
from streams.backtests.backtest import Progress as Tell
from streams.backtests.countsfile import Counts, CountsFileError, read_counts
from streams.backtests.report import report, save
from streams.backtests.scenario_verdict import Outcome, play, told
from streams.backtests.scenarios import Scenario, ScenarioError, scenario
from streams.evidence.reference import InvalidReferenceError, Reference

_ERRORS = (
    BacktestError,
    CountsFileError,
    InvalidReferenceError,
    ScenarioError,
)
_NOTHING_GIVEN = (
    "what is to be watched? Give a file of counts, --data DIR or --database-url for the"
    " stored history of a house, or --scenario NAME (--scenarios lists them)"
)
_NOTHING_TO_CHOOSE = (
    "--class has nothing to choose from: a file without --calibration and a scenario have a fit of"
    " their own. Give --calibration NAME too, or leave --class out"
)
_NO_SCENARIO = "--{option} is of a simulated scenario: give --scenario NAME, or leave it out"
_NO_HOUSE = (
    "--changes is for stored history: a file has the column changed_at, and a scenario knows its"
    " changes. Give --data DIR or --database-url alone, or leave --changes out"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """How the evidence is to be run."""

    budget: float
    budget2: float
    history: int | None
    calibration: str | None
    unit_class: str | None


def backtest(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[COUNTS.csv]",
            help="Columns unit, feed, period_start, period_end, count; optional exposure, "
            "changed_at, rebased_at.",
        ),
    ] = None,
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
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="OUT.svg", help="Draw the comparison here too."),
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
            help="Take a stored calibration (a file, or 'shipped') instead of the data's own fit.",
        ),
    ] = None,
    unit_class: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Which class of the calibration or of the stored units, for example ward.",
        ),
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    indicators: Indicators = None,
    changes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="With stored history: columns unit, changed_at, where the truth is known.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="Watch a simulated scenario (or a file of your own, .toml); 'list' lists them.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the scenario by another seed.")
    ] = None,
    *,
    withheld: Annotated[
        bool,
        typer.Option(
            "--withhold", help="Leave out what tells the control scenario from a failing."
        ),
    ] = False,
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="List the scenarios, a line each.")
    ] = False,
    improvements: Annotated[
        bool, typer.Option("--improvements", help="List improvements too.")
    ] = False,
) -> None:
    """Run the production evidence, unchanged, over counts of the past.

    The counts come from a file, from the stored history of a house (--data or
    --database-url; nothing is written there), or from a simulated scenario. The feeds of a
    unit are weighed together. Each unit's first periods are baseline only; fit and
    thresholds come from them. Nothing later than an alert's first_signal_at is used for
    it. The NHS rules and a CUSUM are run on the same data for comparison.
    """
    console = Console()
    if scenarios or name == "list":
        show_scenarios(console)
        return
    _refuse_idle_options(
        {
            _NOTHING_TO_CHOOSE: unit_class is not None
            and calibration is None
            and (file is not None or name is not None),
            _NO_SCENARIO.format(option="seed"): seed is not None and name is None,
            _NO_SCENARIO.format(option="withhold"): withheld and name is None,
            _NO_HOUSE: changes is not None and (file is not None or name is not None),
        }
    )
    asked = _Asked(
        budget, budget / 4 if budget2 is None else budget2, history, calibration, unit_class
    )
    _check_places(out, picture)
    with plain_errors(*_ERRORS, OSError):
        read: Scenario | None = None
        outcome: Outcome | None = None
        if file is not None and name is not None:
            fail("give a file of counts or --scenario, not both")
        if name is not None:
            read = scenario(name)
            with progress_bar() as tell:
                outcome = _play(read, asked, seed, tell, withheld=withheld)
            found = outcome.test
        elif file is not None:
            with progress_bar() as tell:
                found = _watch(read_counts(file), asked, tell)
        elif data is not None or database_url is not None:
            # The store and all that reads it: a second that a file need not wait for.
            from api.cli.backtest_sources import from_house  # noqa: PLC0415 - said above

            with progress_bar() as tell:
                stored = from_house(
                    data, database_url, indicators, level=unit_class or "ward",
                    calibration=calibration, changes=changes, progress=tell,
                )  # fmt: skip
                found = _watch(stored, asked, tell)
        else:
            fail(_NOTHING_GIVEN)
        result = report(found, improvements=improvements)
        if read is not None and outcome is not None:
            result["scenario"] = told(outcome, budget=budget)
            show_scenario(console, read, result["scenario"])
        if out is not None:
            save(result, out)
        if picture is not None:
            picture.write_text(draw(found, result, outcome), "utf-8")
    show(console, result)


def _refuse_idle_options(idle: Mapping[str, bool]) -> None:
    """An option that would do nothing says something else than whoever gave it believes."""
    for words, given in idle.items():
        if given:
            fail(words, 2)


def _check_places(*results: Path | None) -> None:
    """Where results go is checked before the work, which may take minutes."""
    for place in results:
        if place is None:
            continue
        if not place.absolute().parent.is_dir():
            fail(f"{place} cannot be written: there is no such directory")
        if place.is_dir():
            fail(f"{place} cannot be written: it is a directory")


def _watch(counts: Counts, asked: _Asked, tell: Tell) -> Backtest:
    reference = None if asked.calibration is None else Reference.find(asked.calibration)
    return run(
        counts,
        budget=asked.budget,
        budget2=asked.budget2,
        history=asked.history,
        reference=reference,
        unit_class=asked.unit_class if reference is not None else None,
        progress=tell,
    )


def _play(
    read: Scenario, asked: _Asked, seed: int | None, tell: Tell, *, withheld: bool
) -> Outcome:
    if asked.calibration is not None or asked.history is not None:
        fail("a scenario has its own fit and history: leave out --calibration and --history")
    return play(
        read,
        budget=asked.budget,
        budget2=asked.budget2,
        seed=seed,
        withheld=withheld,
        progress=tell,
    )


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
