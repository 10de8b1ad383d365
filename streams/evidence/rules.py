"""The detectors that raise alerts, as an alert tells of them: name, version and rule.

A version is of the detector's own law: it moves when the same facts, reference and budgets may
give another signal. What the law is, with its formulae, stands in ``docs/methods.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Detector:
    """The version of a detector, and in a sentence when it raises a signal."""

    version: str
    rule: str


_BAR: Final = "passes the bar that keeps the false alerts of its level within their budget"

DETECTORS: Final = {
    "evidence.counts": Detector(
        "2",
        "The evidence that rates have changed since some week, over the unit's feeds together, "
        f"{_BAR}. A rise of incidents is weighed against better reporting.",
    ),
    "evidence.count": Detector(
        "1",
        "The evidence that the rate has changed since some period, against the unit's own past, "
        f"{_BAR}.",
    ),
    "evidence.share": Detector(
        "1",
        "The evidence that the share has changed since some period, against the unit's own past, "
        f"{_BAR}.",
    ),
    "evidence.measurement": Detector(
        "1",
        "The evidence that the level has changed since some period, against the unit's own past, "
        f"{_BAR}.",
    ),
    "evidence.silence": Detector(
        "1",
        "The evidence that a unit which used to report has stopped, while its feed goes on, "
        f"{_BAR}.",
    ),
    "evidence.outage": Detector(
        "1", f"The evidence that the feed of a provider has stopped as a whole, {_BAR}."
    ),
}
"""By the name under which a signal gives its detector."""

ALONE: Final = {
    "counts": "evidence.count",
    "share": "evidence.share",
    "measurement": "evidence.measurement",
}
"""Who watches an indicator by itself, by the ``evidence`` that the catalogue wants for it."""
