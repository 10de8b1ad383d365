"""What is pooled over providers: one calibrated model per class of unit, with a version.

An evaluation is a function of the facts and of one of these. A new fit is a new
version, never a change of an old one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, cast

from detectors.evidence.model import EvidenceModel

CLASSES = ("ward", "site", "provider")
FOUR = frozenset({"incidents", "complaints", "speakup", "falls"})
"""The feeds that the joint watch is made for. A house may add counts of its own."""
SHIPPED = "2026-11-simulated.json"


class InvalidReferenceError(ValueError):
    """A reference file that cannot be used; the message says where and why."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The models in force.

    Args:
        version: name of the calibration, part of every evidence snapshot.
        effective: first day on which it applies.
        models: a model for each of ``ward``, ``site`` and ``provider``.
        origin: one sentence on the data that it was fitted on.

    """

    version: str
    effective: date
    models: Mapping[str, EvidenceModel]
    origin: str = ""

    @classmethod
    def shipped(cls) -> Reference:
        """Give the calibration that comes with the product, fitted on a simulated fleet."""
        text = resources.files("streams.evidence").joinpath("reference", SHIPPED).read_text("utf-8")
        return cls.from_dict(json.loads(text))

    @classmethod
    def load(cls, path: str | Path) -> Reference:
        """Read a calibration from a file, or by the name of a shipped one.

        Raises:
            InvalidReferenceError: no such file, not JSON, or not a calibration.

        """
        place = Path(path)
        try:
            return cls.from_dict(json.loads(place.read_text("utf-8")))
        except OSError as error:
            raise InvalidReferenceError(f"{place}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise InvalidReferenceError(f"{place}: {error}") from error

    @classmethod
    def find(cls, name: str) -> Reference:
        """Give a calibration: ``shipped``, the shipped version's name, or a file.

        Raises:
            InvalidReferenceError: there is none, or the file is not a calibration.

        """
        if name in {"shipped", SHIPPED.removesuffix(".json")}:
            return cls.shipped()
        for place in (Path(name), Path(f"{name}.json")):
            if place.is_file():
                return cls.load(place)
        raise InvalidReferenceError(
            f"no calibration {name}: give a file made by `earshot calibrate`, or 'shipped'"
        )

    def save(self, path: str | Path) -> None:
        """Write the calibration as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", "utf-8")

    def to_dict(self) -> dict[str, Any]:
        """Give the calibration as plain data."""
        return {
            "version": self.version,
            "effective": self.effective.isoformat(),
            "origin": self.origin,
            "models": {name: model.to_dict() for name, model in self.models.items()},
        }

    @classmethod
    def from_dict(cls, plain: object) -> Reference:
        """Read what ``to_dict`` gives.

        Raises:
            InvalidReferenceError: an entry is missing or unusable.

        """
        if not isinstance(plain, dict):
            raise InvalidReferenceError("a calibration is a JSON object")
        values = cast("dict[str, Any]", plain)
        try:
            return cls(
                version=str(values["version"]),
                effective=date.fromisoformat(values["effective"]),
                models={
                    str(name): EvidenceModel.from_dict(model)
                    for name, model in values["models"].items()
                },
                origin=str(values.get("origin", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidReferenceError(f"not a usable calibration: {error!r}") from error
