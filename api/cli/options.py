"""Options that several commands share, each with the environment variable of its setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

DEFAULT_URL = "http://127.0.0.1:8470"

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="EARSHOT_DATA",
        metavar="DIR",
        help="Directory of the embedded store (default: ~/.local/share/earshot).",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host", envvar="EARSHOT_HOST", help="Address to listen on (default: 127.0.0.1)."
    ),
]
Port = Annotated[
    int | None,
    typer.Option("--port", envvar="EARSHOT_PORT", help="Port to listen on (default: 8470)."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="EARSHOT_DATABASE_URL",
        help="Store to use instead of the embedded one (postgresql+psycopg://...).",
    ),
]
Kafka = Annotated[
    str | None,
    typer.Option(
        "--kafka", envvar="EARSHOT_KAFKA", metavar="HOST:PORT,...", help="Bootstrap servers."
    ),
]
TopicPrefix = Annotated[
    str | None,
    typer.Option(
        "--topic-prefix",
        envvar="EARSHOT_TOPIC_PREFIX",
        help="Prefix of the topic names (default: quality.).",
    ),
]
Organisations = Annotated[
    Path | None,
    typer.Option(
        "--organisations",
        envvar="EARSHOT_ORGANISATIONS",
        metavar="FILE",
        help="Organisation file that replaces what ships.",
    ),
]
Indicators = Annotated[
    Path | None,
    typer.Option(
        "--indicators",
        envvar="EARSHOT_INDICATORS",
        metavar="FILE",
        help="Indicator file that extends or replaces what ships.",
    ),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        envvar="EARSHOT_REFERENCE",
        metavar="FILE",
        help="Calibration file to use instead of the shipped one.",
    ),
]
Budget1 = Annotated[
    float | None,
    typer.Option(
        "--budget-level1",
        envvar="EARSHOT_BUDGET_LEVEL1",
        help="Level 1: false alerts per stable unit and year (default: 0.2).",
    ),
]
Budget2 = Annotated[
    float | None,
    typer.Option(
        "--budget-level2",
        envvar="EARSHOT_BUDGET_LEVEL2",
        help="Level 2: false alerts per stable unit and year (default: 0.05).",
    ),
]
Auth = Annotated[
    bool | None,
    typer.Option("--auth/--no-auth", envvar="EARSHOT_AUTH", help="Ask for a key on loopback too."),
]
Url = Annotated[
    str,
    typer.Option("--url", envvar="EARSHOT_URL", help="Address of the running service."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="EARSHOT_KEY",
        show_envvar=True,
        help="Organisation key, where the service asks for one. Prefer the variable: "
        "options can be read by other users of the machine.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document, instead of a table.")]


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message for people on standard error and a non-zero code."""
    typer.echo(f"earshot: {message}", err=True)
    raise typer.Exit(code)


@contextmanager
def plain_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors whose message is meant for people into that message and exit code 1."""
    try:
        yield
    except kinds as error:
        fail(str(error))
