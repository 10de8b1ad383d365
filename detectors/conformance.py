"""What every detector promises, as checks anyone can run.

A *detector* here is a class with ``update(observation)``: it takes the next observation and
gives its signal (an int, a float, or an array of them). A module that defines one describes
it with a ``Subject`` in its ``CONFORMANCE`` tuple; ``subjects()`` finds them all, and
``strays()`` lists detectors that nobody described, so a new one cannot be forgotten.

The checks, each raising ``NonConformanceError`` with the reason:

=================  ==========================================================================
deterministic      the same observations give the same signals, and no global random state
                   is read or moved
online_is_batch    after every prefix, the online signal equals the one recomputed from history
round_trip         stored and restored at any point, it goes on as if nothing had happened
bounded_memory     its stored state stops growing
order              what was said does not depend on what came later
missing            a missing observation is no signal and no error, and does what was declared
no_clock           its module imports no clock and no global randomness
parameters         every parameter is stored unchanged, immutable by default and documented
=================  ==========================================================================

Detectors that judge a whole history at once have their own suite, ``conformance_watch``.
The idea of checks that travel with the library is river's (``river.checks``).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Observations = NDArray[Any]
CLOCKS_AND_DICE = frozenset({"time", "datetime", "random", "secrets", "uuid"})
SEED = 20_240_229


class NonConformanceError(AssertionError):
    """A detector breaks a promise; the message names the detector and the promise."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A detector and how to exercise it.

    Args:
        name: Short name, shown by the tests.
        make: Gives a fresh detector with usable settings.
        sample: Gives observations, first axis time, from a generator; they should make the
            detector signal at least once.
        latest: Recomputes, from a whole history, the signal at its last observation.
        missing: ``"ignored"`` when a missing observation leaves the detector as it was,
            ``"breaks"`` when it counts as an observation without a value.
        state_bytes: Greatest size of the stored state (pickled) that is acceptable.
    """

    name: str
    make: Callable[[], Any]
    sample: Callable[[np.random.Generator], Observations]
    latest: Callable[[Observations], object]
    missing: Literal["ignored", "breaks"] = "breaks"
    state_bytes: int = 16_384

    @property
    def detector(self) -> type:
        """The class of the detector."""
        return type(self.make())

    def observations(self) -> Observations:
        """The sample, the same at each call."""
        return self.sample(np.random.default_rng(SEED))


def subjects() -> list[Subject]:
    """Every subject of the modules of ``detectors``; ``NonConformanceError`` for a name twice."""
    found: list[Subject] = []
    for module in detector_modules():
        found.extend(getattr(module, "CONFORMANCE", ()))
    names = [subject.name for subject in found]
    if len(set(names)) != len(names):
        raise NonConformanceError(f"two subjects share a name: {sorted(names)}")
    return sorted(found, key=lambda subject: subject.name)


def strays() -> list[str]:
    """Public detector classes (those with ``update``) that no subject describes."""
    described = {subject.detector for subject in subjects()}
    return sorted(
        f"{module.__name__}.{name}"
        for module in detector_modules()
        for name, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
        and not name.startswith("_")
        and callable(getattr(member, "update", None))
        and not getattr(member, "_is_protocol", False)
        and not inspect.isabstract(member)
        and member not in described
    )


def detector_modules() -> list[Any]:
    """Every module of ``detectors``, imported."""
    package = importlib.import_module("detectors")
    names = sorted(info.name for info in pkgutil.walk_packages(package.__path__, "detectors."))
    return [importlib.import_module(name) for name in names]


def _signals(detector: Any, observations: Observations) -> list[object]:  # noqa: ANN401 - any detector
    return [_frozen(detector.update(observation)) for observation in observations]


def _frozen(signal: object) -> object:
    """A copy that later updates cannot change, comparable with ``==`` and NaN equal to NaN."""
    array = np.asarray(signal)
    return (array.shape, array.astype(np.float64).tobytes())


def _require(holds: bool, subject: Subject, promise: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise NonConformanceError(f"{subject.name}: {promise}")


def _is_silent(signal: object) -> bool:
    return not np.any(np.nan_to_num(np.asarray(signal, np.float64)))


def clocks_and_dice_of(member: type | Callable[..., Any]) -> list[str]:
    """Clocks and global sources of randomness that the member's module imports."""
    source = Path(inspect.getfile(member)).read_text(encoding="utf-8")
    imported: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    return sorted(imported & CLOCKS_AND_DICE)


def check_deterministic(subject: Subject) -> None:
    """Two fresh detectors agree, signal at least once and leave global randomness alone."""
    observations = subject.observations()
    dice = pickle.dumps(np.random.get_state())
    first = _signals(subject.make(), observations)
    _require(first == _signals(subject.make(), observations), subject, "two runs differ")
    _require(pickle.dumps(np.random.get_state()) == dice, subject, "moves the global random state")
    detector = subject.make()
    silent = all(_is_silent(detector.update(observation)) for observation in observations)
    _require(not silent, subject, "its sample never makes it signal")


def check_online_is_batch(subject: Subject) -> None:
    """After every prefix the online signal equals the one recomputed from the history."""
    observations = subject.observations()
    for i, signal in enumerate(_signals(subject.make(), observations)):
        again = _frozen(subject.latest(observations[: i + 1]))
        _require(signal == again, subject, f"online and batch differ after {i + 1} observations")


def check_round_trip(subject: Subject) -> None:
    """Stored and restored anywhere, a detector goes on as one that was left running."""
    observations = subject.observations()
    whole = _signals(subject.make(), observations)
    for cut in range(0, len(observations), max(1, len(observations) // 12)):
        detector = subject.make()
        _signals(detector, observations[:cut])
        restored = pickle.loads(pickle.dumps(detector))  # noqa: S301 - bytes made on this line
        rest = _signals(restored, observations[cut:])
        _require(rest == whole[cut:], subject, f"differs when restored after {cut} observations")


def check_bounded_memory(subject: Subject) -> None:
    """The stored state stays below its bound and stops growing."""
    observations = subject.observations()
    detector = subject.make()
    sizes = []
    for _ in range(12):
        _signals(detector, observations)
        sizes.append(len(pickle.dumps(detector)))
    _require(max(sizes) <= subject.state_bytes, subject, f"stores {max(sizes)} bytes")
    growth = max(sizes[6:]) - max(sizes[:6])
    _require(growth <= max(sizes[:6]) // 4, subject, f"grew by {growth} bytes")


def check_order(subject: Subject) -> None:
    """A signal depends on what came before it only: another future changes none of the past."""
    observations = subject.observations()
    cut = len(observations) // 2
    other = np.concatenate([observations[:cut], observations[cut:][::-1]])
    past = _signals(subject.make(), observations)[:cut]
    _require(
        past == _signals(subject.make(), other)[:cut], subject, "the past depends on the future"
    )


def check_missing(subject: Subject) -> None:
    """A missing observation is no signal and no error, and has the declared effect."""
    observations = subject.observations()
    absent = np.full_like(observations[0], np.nan)
    detector = subject.make()
    _require(_is_silent(detector.update(absent)), subject, "signals on a missing start")
    detector = subject.make()
    with_gaps: list[object] = []
    for i, observation in enumerate(observations):
        if i % 9 == 4:
            _require(_is_silent(detector.update(absent)), subject, "signals on a missing value")
        with_gaps.append(_frozen(detector.update(observation)))
    if subject.missing == "ignored":
        whole = _signals(subject.make(), observations)
        _require(with_gaps == whole, subject, "a missing value is not ignored as declared")


def check_no_clock(subject: Subject) -> None:
    """The detector's module imports no clock and no global source of randomness."""
    forbidden = clocks_and_dice_of(subject.detector)
    _require(not forbidden, subject, f"imports {', '.join(forbidden)}")


def check_parameters(subject: Subject) -> None:
    """Parameters are stored unchanged under their names, never mutable defaults, documented."""
    kind = subject.detector
    documentation = f"{inspect.getdoc(kind)}\n{inspect.getdoc(sys.modules[kind.__module__])}"
    detector = subject.make()
    before = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        _require(hasattr(detector, name), subject, f"does not store its parameter {name}")
        _require(f"{name}:" in documentation, subject, f"does not document {name}")
        mutable = isinstance(parameter.default, list | dict | set | np.ndarray)
        _require(not mutable, subject, f"has a mutable default for {name}")
        before[name] = pickle.dumps(getattr(detector, name))
    _signals(detector, subject.observations())
    for name, stored in before.items():
        same = pickle.dumps(getattr(detector, name)) == stored
        _require(same, subject, f"changes its parameter {name}")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_deterministic,
    check_online_is_batch,
    check_round_trip,
    check_bounded_memory,
    check_order,
    check_missing,
    check_no_clock,
    check_parameters,
)
