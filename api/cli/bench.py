"""``earshot bench``: run the benchmarks of a source checkout and print their ratios."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import fail

_FOLDER = Path(__file__).parents[2] / "bench"


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these, as --list shows them."),
    ] = None,
    *,
    show: Annotated[bool, typer.Option("--list", help="List the benchmarks and leave.")] = False,
) -> None:
    """Run the benchmarks and print their ratios.

    A ratio compares two things measured in one run on one machine, so it travels
    better than a rate. Benchmarks live in bench/ of a source checkout; what a machine
    lacks (a Kafka broker, PostgreSQL) is skipped by name. The exit code is 1 when a
    benchmark fails.
    """
    found = {
        path.stem: path for path in sorted(_FOLDER.glob("*.py")) if not path.stem.startswith("_")
    }
    if not found:
        fail(f"no benchmarks: {_FOLDER} is part of a source checkout")
    if show:
        for name, path in found.items():
            typer.echo(f"{name:<14} {_summary(path)}")
        return
    unknown = sorted(set(names or []) - set(found))
    if unknown:
        fail(f"no benchmark {', '.join(unknown)}; there are {', '.join(found)}", 2)
    failed = [name for name in names or list(found) if not _run(name, found[name])]
    if failed:
        fail(f"failed: {', '.join(failed)}")


def _run(name: str, path: Path) -> bool:
    typer.echo(f"== {name}: {_summary(path)}")
    here = str(_FOLDER.parent)
    environment = {**os.environ, "PYTHONPATH": here}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-m", f"bench.{name}"], cwd=here, env=environment, check=False
    )
    return done.returncode == 0


def _summary(path: Path) -> str:
    for line in path.read_text("utf-8").splitlines():
        text = line.strip().strip('"').strip()
        if text and not text.startswith("#"):
            return text
    return ""
