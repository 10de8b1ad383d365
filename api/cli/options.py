"""Options that several commands share, each with the environment variable of its setting.

A command names the settings it uses (``uses_settings``) and is given them loaded; how
each of them is spelt and explained stands here alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

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
KafkaConfig = Annotated[
    Path | None,
    typer.Option(
        "--kafka-config",
        envvar="EARSHOT_KAFKA_CONFIG",
        metavar="FILE",
        help="How Kafka is reached where it asks for TLS and a sign-in, as security.protocol, "
        "sasl.username and others, each with = and a value.",
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
WorkerId = Annotated[
    str | None,
    typer.Option(
        "--worker-id",
        envvar="EARSHOT_WORKER_ID",
        help="Stable name in the consumer group; no two workers may share it "
        "[default: the host's name].",
    ),
]
RateEvents = Annotated[
    float | None,
    typer.Option(
        "--rate-events",
        envvar="EARSHOT_RATE_EVENTS",
        help="Events a second that a key may send on average; 0 sets no limit (default: 5000).",
    ),
]
RateRequests = Annotated[
    float | None,
    typer.Option(
        "--rate-requests",
        envvar="EARSHOT_RATE_REQUESTS",
        help="Requests a second that a key may make on average; 0 sets no limit (default: 200).",
    ),
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

_OF_SETTINGS: dict[str, Any] = {
    "data": Data,
    "database_url": DatabaseUrl,
    "kafka": Kafka,
    "kafka_config": KafkaConfig,
    "topic_prefix": TopicPrefix,
    "worker_id": WorkerId,
    "host": Host,
    "port": Port,
    "auth": Auth,
    "rate_events": RateEvents,
    "rate_requests": RateRequests,
    "organisations": Organisations,
    "indicators": Indicators,
    "reference": Reference,
    "budget_level1": Budget1,
    "budget_level2": Budget2,
}
STORE = ("data", "database_url")
TOPICS = ("kafka", "kafka_config", "topic_prefix")
DOOR = ("host", "port", "auth", "rate_events", "rate_requests")
EVALUATION = ("organisations", "indicators", "reference", "budget_level1", "budget_level2")


def uses_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these settings, and call it with the settings loaded.

    The command's first parameter takes the ``Settings``; its own arguments and options
    stay. A setting that cannot be used ends it with one sentence and exit code 1.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options' types give
            # Here, because commands without settings share this module and pydantic is slow.
            from api.settings import Settings, SettingsError  # noqa: PLC0415 - as said

            options = {name: given.pop(name) for name in names}
            with plain_errors(SettingsError):
                settings = Settings.load(**options)
            command(settings, **given)

        return graft(run, command, {name: (_OF_SETTINGS[name], None) for name in names})

    return decorate


def graft(
    run: Callable[..., None],
    command: Callable[..., None],
    options: Mapping[str, tuple[Any, Any]],
) -> Callable[..., None]:
    """Give ``run`` the name, help and parameters of a command, and options on top.

    Args:
        run: called with all of them by name.
        command: its first parameter is what ``run`` makes of the options.
        options: the type of each, as Typer reads it, and its default.

    """
    types = get_type_hints(command, include_extras=True) | {
        name: kind for name, (kind, _) in options.items()
    }
    own = list(inspect.signature(command).parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, (_, default) in options.items()
    ]
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=types[one.name])
        for one in (*own, *added)
    ]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    # Typer reads a command's parameters here.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # any function may have one
    run.__name__, run.__doc__, run.__module__ = (
        command.__name__,
        command.__doc__,
        command.__module__,
    )
    return run


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
