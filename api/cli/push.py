"""``earshot push``: send a file of events, with a progress bar, resumable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn
from rich.progress import TimeRemainingColumn as Remaining

from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, KafkaConfig, Key, TopicPrefix, Url, plain_errors
from api.settings import Settings, SettingsError
from streams.runners.security import SecurityError, read_security
from streams.sending.cells import CsvDialect
from streams.sending.file_kinds import WrongKind, check_csv, check_ndjson
from streams.sending.mapping import MappingError
from streams.sending.mapping_files import load, shipped
from streams.sending.push import Door, Push, PushError, Reader, Totals
from streams.sending.rows import CsvRows, NdjsonRows

_CSV_ENDINGS = {".csv", ".tsv", ".txt"}


def push(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="NDJSON or CSV.")
    ],
    url: Url = DEFAULT_URL,
    key: Key = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "-m",
            help="How CSV columns become events: a TOML file, or one that ships: "
            + ", ".join(shipped())
            + ".",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="Take a field from this column."),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            "--kafka",
            metavar="HOST:PORT,...",
            help="Send straight to these brokers. EARSHOT_KAFKA alone does not do that.",
        ),
    ] = None,
    kafka_config: KafkaConfig = None,
    topic_prefix: TopicPrefix = None,
    batch: Annotated[
        int, typer.Option(min=1, max=5000, help="Events in a request, at most.")
    ] = 500,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a service that does not answer.")
    ] = 600.0,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Send the whole file, whatever was sent before.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to remember how far it is (default: FILE.push-state)."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Send a file of events to a running service, or straight to Kafka.

    NDJSON lines are CloudEvents and are sent as they stand. CSV rows become events by
    a mapping, or by column names that are the contract's own. A push that is stopped
    goes on where it was when the same command runs again. Rows that are refused are
    listed in FILE.rejected.csv (with --state, beside the state) with their number and
    the reason; the exit code is then 2.
    """
    console = Console(stderr=True)
    with plain_errors(
        WrongKind, MappingError, SettingsError, SecurityError, ServiceError, PushError, OSError
    ):
        reader = _reader(file, mapping, tuple(column or ()))
        if isinstance(reader, CsvRows) and reader.unsent:
            console.print(f"Columns not sent: {', '.join(reader.unsent)}", markup=False)
        door = _kafka_door(kafka, kafka_config, topic_prefix) if kafka else _http_door(url, key)
        # Beside the state, so that two pushes with states of their own do not write one list.
        beside = state or file
        rejects = beside.with_name(f"{beside.name}.rejected.csv")
        with _progress(console, file, shown=not quiet) as (bar, show):

            def wait(reason: str, pause: float) -> None:
                bar.console.print(f"{reason}; trying again in {pause:.0f} s", markup=False)

            totals = Push(
                path=file,
                reader=reader,
                door=door,
                state_path=state or file.with_name(f"{file.name}.push-state"),
                rejects_path=rejects,
                fingerprint=_fingerprint(reader),
                batch_events=batch,
                patience=patience,
                on_progress=show,
                on_wait=wait,
            ).run(restart=restart)
    _report(file, totals, door.name, rejects)
    if totals.rejected:
        raise typer.Exit(2)


def _reader(file: Path, mapping: str | None, columns: tuple[str, ...]) -> Reader:
    if mapping or columns or file.suffix.lower() in _CSV_ENDINGS:
        chosen = load(mapping) if mapping else None
        check_csv(file, chosen.dialect if chosen else CsvDialect())
        return CsvRows(file, chosen, columns)
    check_ndjson(file)
    return NdjsonRows()


def _http_door(url: str, key: str | None) -> Door:
    from api.cli.doors import HttpDoor  # noqa: PLC0415 - the help must not wait for intake

    return HttpDoor(Client(url, key))


def _kafka_door(kafka: str, kafka_config: Path | None, topic_prefix: str | None) -> Door:
    from api.cli.doors import KafkaDoor  # noqa: PLC0415 - as above
    from streams.catalogue.indicators import Catalogue  # noqa: PLC0415 - as above
    from streams.catalogue.organisations import Organisations  # noqa: PLC0415 - as above
    from streams.facts.clock import system_clock  # noqa: PLC0415 - as above
    from streams.runners.producer import KafkaLog  # noqa: PLC0415 - as above

    settings = Settings.load(kafka=kafka, kafka_config=kafka_config, topic_prefix=topic_prefix)
    log = KafkaLog(kafka, settings.topic_prefix, security=read_security(settings.kafka_config))
    return KafkaDoor(
        log,
        f"kafka {kafka} {settings.topic_prefix}",
        Organisations.load(settings.organisations),
        Catalogue.load(settings.indicators),
        system_clock,
    )


def _fingerprint(reader: Reader) -> str:
    """Changes when the same file would be read into other events."""
    described = repr(reader.mapping) if isinstance(reader, CsvRows) else "ndjson"
    return hashlib.sha256(described.encode()).hexdigest()[:16]


@contextmanager
def _progress(
    console: Console, file: Path, *, shown: bool
) -> Iterator[tuple[Progress, Callable[[Totals], None]]]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[events]:,} events"),
        Remaining(),
        console=console,
        disable=not shown,
        transient=True,
    )
    with bar:
        task = bar.add_task(file.name, total=file.stat().st_size, events=0)

        def show(totals: Totals) -> None:
            bar.update(task, completed=totals.offset, events=totals.accepted + totals.duplicates)

        yield bar, show


def _report(file: Path, totals: Totals, door: str, rejects: Path) -> None:
    parts = [f"{totals.accepted:,} accepted", f"{totals.duplicates:,} known already"]
    if totals.left_out:
        parts.append(f"{totals.left_out:,} left out by the mapping")
    parts.append(f"{totals.rejected:,} refused")
    typer.echo(f"{file.name}: {totals.rows:,} rows to {door}: {', '.join(parts)}")
    if totals.rejected:
        typer.echo(f"The refused rows and their reasons are in {rejects}")
