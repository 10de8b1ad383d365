"""The promises of detectors that judge whole histories.

A *watcher* is a function from a history to what it says about it: statements, each with the
position whose observation allowed it to be made. It keeps no state between calls, so its
promises are about the function; with them, running it again after every observation is the
same as running online.

==============  =============================================================================
repeatable      the same history gives the same statements and is left as it was
causal          the statements up to any position are those of the history up to there:
                nothing is taken back, nothing was known early
quiet           a history that is empty, or all missing, is no error and no statement
no_clock        its module imports no clock and no global randomness
==============  =============================================================================
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.conformance import (
    SEED,
    NonConformanceError,
    Observations,
    clocks_and_dice_of,
    detector_modules,
)

Statement = tuple[object, ...]
"""Position (int) first, then anything comparable."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A watcher and how to exercise it.

    Args:
        name: Short name, shown by the tests.
        function: The function that watches, as its module defines it.
        say: Gives the statements about a history, first axis time.
        sample: Gives a history that makes it say something.
        missing: What a missing observation is, broadcast to the shape of one.
    """

    name: str
    function: Callable[..., Any]
    say: Callable[[Observations], list[Statement]]
    sample: Callable[[np.random.Generator], Observations]
    missing: object = np.nan

    def history(self) -> Observations:
        """The sample, the same at each call."""
        return self.sample(np.random.default_rng(SEED))


def stray_watchers(described: Iterable[Watcher]) -> list[str]:
    """Public functions named ``watch`` or ``watch_...`` that nobody describes."""
    known = {watcher.function for watcher in described}
    return sorted(
        f"{module.__name__}.{name}"
        for module in detector_modules()
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__
        and (name == "watch" or name.startswith("watch_"))
        and member not in known
    )


def check_repeatable(watcher: Watcher) -> None:
    """The same history gives the same statements, at least one, and is left as it was."""
    history = watcher.history()
    kept = history.copy()
    said = watcher.say(history)
    if not said:
        raise NonConformanceError(f"{watcher.name}: its sample makes it say nothing")
    if said != watcher.say(history):
        raise NonConformanceError(f"{watcher.name}: two runs differ")
    if history.tobytes() != kept.tobytes():
        raise NonConformanceError(f"{watcher.name}: changes the history it is given")


def check_causal(watcher: Watcher) -> None:
    """The statements up to any position are those of the history up to there."""
    history = watcher.history()
    said = watcher.say(history)
    for length in range(1, len(history)):
        then = watcher.say(history[:length].copy())
        now = [statement for statement in said if int(str(statement[0])) < length]
        if then != now:
            raise NonConformanceError(
                f"{watcher.name}: after {length} observations it said {then}, later {now}"
            )


def check_quiet(watcher: Watcher) -> None:
    """An empty history and one that is all missing give no statement and no error."""
    history = watcher.history()
    absent = np.empty_like(history)
    absent[...] = watcher.missing
    for nothing in (history[:0], history[:1], absent):
        said = watcher.say(nothing.copy())
        if said:
            raise NonConformanceError(f"{watcher.name}: says {said} about nothing")


def check_no_clock(watcher: Watcher) -> None:
    """The watcher's module imports no clock and no global source of randomness."""
    forbidden = clocks_and_dice_of(watcher.function)
    if forbidden:
        raise NonConformanceError(f"{watcher.name}: imports {', '.join(forbidden)}")


WATCHER_CHECKS: tuple[Callable[[Watcher], None], ...] = (
    check_repeatable,
    check_causal,
    check_quiet,
    check_no_clock,
)
