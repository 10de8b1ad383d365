"""How an error budget is divided over an endless row of tests.

A sequence gamma_1 >= gamma_2 >= ... >= 0 with sum 1 says which share of the budget the j-th
test (since the start, or since a discovery) may use. Three published families are given:

    logarithmic   0.07720838 log(max(j, 2)) / (j exp(sqrt(log j)))
    power         1 / (zeta(s) j^s),  s = 1.6 unless said otherwise
    dependent     0.139307 / (j log(max(j, 2))^3)

The first is equation 31 of Javanmard & Montanari, "Online rules for control of false discovery
rate and false discovery exceedance", Annals of Statistics 46 (2018). The second is used by
Ramdas, Zrnic, Wainwright & Jordan, "SAFFRON" (ICML 2018) and by Tian & Ramdas, "ADDIS"
(NeurIPS 2019). The third is example 3.8 of Javanmard & Montanari; it is made so that
sum gamma_j (1 + log j) = 1, which LORD needs under dependence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from detectors.arrays import Floats
from detectors.compiled import compiled

LOGARITHMIC, POWER, DEPENDENT, LISTED = range(4)
LOGARITHMIC_SCALE = 0.07720838
DEPENDENT_SCALE = 0.139307


@dataclass(frozen=True, slots=True)
class LevelSequence:
    """One sequence of shares; made by the functions of this module.

    ``family`` is the code of the family, ``exponent`` the power's s, ``scale`` the factor that
    makes the sum 1, and ``listed`` the shares of a sequence given one by one (0 after them).
    """

    family: int
    scale: float
    exponent: float = 0.0
    listed: tuple[float, ...] = field(default=())

    @property
    def table(self) -> Floats:
        """The listed shares as an array, empty for a formula."""
        return np.array(self.listed, np.float64)

    def shares(self, length: int) -> Floats:
        """gamma_1 to gamma_length, shape (length,)."""
        table = self.table
        return np.array(
            [share(j, self.family, self.scale, self.exponent, table) for j in range(1, length + 1)]
        )


def logarithmic() -> LevelSequence:
    """The sequence of Javanmard & Montanari, equation 31."""
    return LevelSequence(LOGARITHMIC, LOGARITHMIC_SCALE)


def power(exponent: float = 1.6) -> LevelSequence:
    """The sequence j^-exponent over its sum; ``ValueError`` unless the exponent exceeds 1."""
    if not exponent > 1.0 or math.isinf(exponent):
        raise ValueError(f"exponent must be finite and above 1, not {exponent}")
    from scipy import special  # noqa: PLC0415 - slow to import, wanted here only

    return LevelSequence(POWER, 1.0 / float(special.zeta(exponent)), exponent)


def dependent() -> LevelSequence:
    """The sequence for dependent p-values of Javanmard & Montanari, example 3.8."""
    return LevelSequence(DEPENDENT, DEPENDENT_SCALE)


def listed(shares: tuple[float, ...]) -> LevelSequence:
    """A sequence given one by one and 0 afterwards.

    Raises ``ValueError`` for a negative or non-finite share or a sum above 1.
    """
    values = tuple(float(one) for one in shares)
    if not values or any(one < 0.0 or not math.isfinite(one) for one in values):
        raise ValueError(f"shares must be not negative and finite, not {shares}")
    if math.fsum(values) > 1.0 + 1e-12:
        raise ValueError(f"shares must add up to 1 at most, not {math.fsum(values)}")
    return LevelSequence(LISTED, 1.0, listed=values)


@compiled
def share(j: int, family: int, scale: float, exponent: float, table: Floats) -> float:
    """gamma_j of a sequence, j from 1."""
    if family == LISTED:
        return float(table[j - 1]) if j <= len(table) else 0.0
    if family == POWER:
        return scale * math.exp(-exponent * math.log(j))
    log = math.log(max(j, 2))
    if family == LOGARITHMIC:
        return scale * log / (j * math.exp(math.sqrt(math.log(j))))
    return scale / (j * log**3)
