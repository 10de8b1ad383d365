"""The variable life-adjusted display: expected less observed events, added up.

    V_t = sum_{i <= t} (p_i - y_i)

A rising line says "fewer events than the risks predict" (lives saved, for deaths), a falling
one "more". It speaks in lives and is easily read, and it has no threshold of its own: it
wanders without bound in control, so whether it fell too far is for a risk-adjusted CUSUM to
say (``risk_adjusted_cusum``), with which it is shown.

Source: J. Lovegrove, O. Valencia, T. Treasure, C. Sherlaw-Johnson & S. Gallivan, "Monitoring
the results of cardiac surgery by variable life-adjusted display", Lancet 350 (1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.sequential.cusum_recursion import pair
from detectors.sequential.risk_adjusted_cusum import check_outcomes, sample_of_patients


@dataclass(frozen=True, slots=True)
class VladPath:
    """The display, and how far it typically wanders; shape (patients,).

    ``difference`` is V as it stands after each patient, ``deviation`` its standard deviation
    if the risks are right, sqrt(sum p (1 - p)). A missing patient leaves both as they were.
    """

    difference: Floats
    deviation: Floats


class Vlad:
    """Variable life-adjusted display of (outcome, risk); it has no parameters.

    Example:
        >>> display = Vlad()
        >>> [round(display.update(patient), 2) for patient in [(0, 0.1), (1, 0.3), (0, 0.2)]]
        [0.1, -0.6, -0.4]

    Reference: Lovegrove et al. 1997, see the module.
    """

    def __init__(self) -> None:
        self._difference = 0.0
        self._variance = 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the display so far, if the risks are right."""
        return math.sqrt(self._variance)

    def update(self, observation: ArrayLike) -> float:
        """Take a patient's (outcome, risk) and give V; NaN for a missing patient.

        Raises ``ValueError`` for an outcome other than 0 and 1 or a risk outside [0, 1].
        """
        outcome, risk = check_outcomes(*pair(observation, math.nan))
        y, p = float(outcome), float(risk)
        if math.isnan(y):
            return math.nan
        self._difference += p - y
        self._variance += p * (1.0 - p)
        return self._difference


def vlad(outcomes: ArrayLike, risks: ArrayLike) -> VladPath:
    """The display of a whole series, shape (patients,); NaN in either is a missing patient.

    Raises ``ValueError`` as ``Vlad.update`` does.
    """
    y, p = check_outcomes(outcomes, risks)
    difference = np.cumsum(np.nan_to_num(p - y), axis=0)
    return VladPath(difference, np.sqrt(np.cumsum(np.nan_to_num(p * (1.0 - p)), axis=0)))


CONFORMANCE = (
    Subject(
        name="vlad",
        make=Vlad,
        sample=sample_of_patients,
        latest=lambda history: float(vlad(history[:, 0], history[:, 1]).difference[-1]),
        missing="ignored",
    ),
)
