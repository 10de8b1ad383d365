"""The command line: one table of commands, each imported only when it is called.

``earshot --help`` must answer at once, and a command that talks HTTP must not wait
for numba, so that the table below carries the one-line helps and everything else
lives in ``api.cli.<command>``: either a Typer application named ``app`` (a command
with subcommands) or a function named like the command.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click import Command, Context

COMMANDS = {
    "demo": "Run a simulated region: eighty weeks of history, then live.",
    "serve": "Run everything in one process on the embedded store.",
    "push": "Send a file of events (NDJSON or CSV) to a running service or to Kafka.",
    "alerts": "List and show alerts, and say what is done about them.",
    "compare": "Compare units with their peers on one indicator.",
    "explain": "Show why an alert was raised; --verify computes it again.",
    "deadletters": "List refused events, count them by reason, replay them.",
    "keys": "Create, list and revoke organisation keys.",
    "check": "Check settings, files and the store before a start.",
    "migrate": "Bring the tables of an older store up to date.",
    "backtest": "Run the production evidence over a file, a stored history or a scenario.",
    "calibrate": "Fit the fleet and set the thresholds by simulation.",
    "replay": "Rebuild tallies and alerts from the stored facts.",
    "api": "Run the HTTP half on Kafka and PostgreSQL.",
    "worker": "Run the detecting half on Kafka and PostgreSQL.",
    "topics": "Create and inspect the Kafka topics.",
    "bench": "Run the benchmarks and print their ratios.",
}


class LazyCommands(TyperGroup):
    """A group whose commands are imported when they are called, not when they are listed."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on as it comes
        super().__init__(**settings)
        # Stand-ins carry a name and a help: enough for listings and for suggestions.
        self.commands.update((name, TyperCommand(name, help=COMMANDS[name])) for name in COMMANDS)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """The real command, imported now, because it is about to run or to explain itself."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is None or command.name is None:
            return name, command, rest
        return name, load(command.name), rest


def load(name: str) -> Command:
    """Import a command of the table and build it.

    Raises:
        KeyError: the table has no such command.

    """
    summary = COMMANDS[name]
    module = importlib.import_module(f"api.cli.{name}")
    app = getattr(module, "app", None)
    if isinstance(app, typer.Typer):
        command: Command = typer.main.get_group(app)
    else:
        function = cast("Callable[..., Any]", getattr(module, name))
        alone = typer.Typer(
            add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
        )
        alone.command(name)(function)
        command = typer.main.get_command(alone)
    command.name = name
    command.short_help = summary
    return command


# What Kubernetes and Docker's old links set for a service that has the name of a setting.
_LINK = re.compile(r"(tcp|udp|sctp)://\S+")
_PORTS = ("EARSHOT_PORT", "EARSHOT_METRICS_PORT")


def pass_over_links() -> None:
    """Take the addresses of other services out of the ports of this one, and say so.

    Kubernetes gives every container ``EARSHOT_PORT=tcp://10.0.0.1:8470`` where a service is
    called ``earshot``. Nobody wrote that, so it is no mistake that could be put right there.
    """
    for name in _PORTS:
        if _LINK.fullmatch(os.environ.get(name, "")):
            del os.environ[name]
            typer.echo(
                f"earshot: {name} holds the address of another service, as Kubernetes sets it, "
                "and is passed over",
                err=True,
            )


def _show_version(value: bool) -> None:  # noqa: FBT001 - Typer calls it with the flag's value
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - costs 30 ms at every start

        typer.echo(f"earshot {version('earshot')}")
        raise typer.Exit


main = typer.Typer(
    name="earshot",
    cls=LazyCommands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    # Python's own traceback: a decorated one can show local variables, and those could
    # hold what an event said.
    pretty_exceptions_enable=False,
)


@main.callback()
def earshot(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Hear quality failings early: four event feeds in, few and explained alerts out."""
    pass_over_links()
