"""The embedded service: journal, runner and HTTP door over one house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.cli.house import House
from api.cli.stores import HouseError
from api.service import Service
from streams.facts.turns import TakenError, held
from streams.runners.embedded import EmbeddedRunner
from streams.runners.journal import Journal


@dataclass(frozen=True, slots=True)
class Embedded:
    """The parts that are at work."""

    house: House
    journal: Journal
    runner: EmbeddedRunner
    service: Service


@contextmanager
def embedded(house: House) -> Iterator[Embedded]:
    """Start the runner over a house's store; the last transaction ends before this does."""
    journal = Journal(house.store)
    runner = EmbeddedRunner(house.store, journal, house.engine(), clock=house.clock)
    service = Service(
        store=house.store,
        catalogue=house.catalogue,
        organisations=house.organisations,
        reference=house.reference,
        log=journal,
        progress=runner.progress,
        settings=house.settings,
        mode="embedded",
        clock=house.clock,
        accepted=runner.wake,
        failure=lambda: runner.failure,
    )
    runner.start()
    try:
        yield Embedded(house, journal, runner, service)
    finally:
        runner.stop()


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep a second service off the same directory: two would only fence each other.

    Raises:
        HouseError: another service holds it, or it cannot be written.

    """
    with ExitStack() as holding:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            holding.enter_context(held(directory / "earshot.lock"))
        except TakenError:
            raise HouseError(
                f"another earshot serves {directory}; stop it or choose another --data"
            ) from None
        except OSError as error:
            raise HouseError(f"{directory} cannot be used: {error.strerror or error}") from None
        yield
