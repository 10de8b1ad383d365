"""How the commands that run for long write their logs."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


class _Lines:
    """Standard error, where a line that cannot be written is left out.

    A full disk or a reader that has gone must not end whoever has something to say: the
    runner tells of the full disk it has met, and goes on when there is room again.
    """

    def write(self, text: str) -> int:
        """Write, or do without."""
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Send off what was written, or do without."""
        with suppress(OSError):
            sys.stderr.flush()


def log_to_stderr(level: int = logging.INFO) -> None:
    """One line for each entry on standard error: readable on a terminal, JSON otherwise.

    Tracebacks carry no local variables, because those could hold what an event said.
    """
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not terminal:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lines())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s"
    )
