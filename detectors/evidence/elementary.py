"""Logarithms and exponentials of whole arrays, four at a time.

The evidence takes some three hundred of them a week and unit. These use nothing
but additions, products, one division and shifts of bits, so that the compiler can
put them side by side, and so that they give the same last bit on every machine,
which a system's own library does not promise. Errors stay below 4e-16, relative
for the exponential, absolute near one for the logarithm. Ranges are reduced by
powers of two as in W. J. Cody and W. Waite, Software Manual for the Elementary
Functions (1980).
"""

from __future__ import annotations

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64

LOG2_E = 1.4426950408889634
# log 2 in two parts; the first has zeros at its end, so that k times it is exact.
LOG_2_HIGH = 6.93147180369123816490e-01
LOG_2_LOW = 1.90821492927058770002e-10
# Adding 1.5 * 2**52 rounds to a whole number and leaves it in the last bits.
ROUNDER = 6755399441055744.0
ROUNDER_BITS = 0x4338000000000000
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
LARGEST = 700.0


@compiled
def exponentials(values: F64) -> None:
    """Replace each value by its exponential; values beyond +-700 count as that."""
    for i in range(values.shape[0]):
        x = min(max(values[i], -LARGEST), LARGEST)
        shifted = x * LOG2_E + ROUNDER
        k = shifted - ROUNDER
        r = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r * r + r + 1.0
        bits = np.float64(p).view(np.int64) + (np.float64(shifted).view(np.int64) << 52)
        values[i] = np.int64(bits).view(np.float64)


@compiled
def logarithms(values: F64) -> None:
    """Replace each value (positive, normal) by its natural logarithm."""
    for i in range(values.shape[0]):
        bits = np.float64(values[i]).view(np.int64)
        power = (bits - ROOT_HALF_BITS) >> 52
        m = np.int64(bits - (power << 52)).view(np.float64)
        k = np.int64(power + ROUNDER_BITS).view(np.float64) - ROUNDER
        z = (m - 1.0) / (m + 1.0)
        s = z * z
        p = 1.0 / 23.0
        p = p * s + 1.0 / 21.0
        p = p * s + 1.0 / 19.0
        p = p * s + 1.0 / 17.0
        p = p * s + 1.0 / 15.0
        p = p * s + 1.0 / 13.0
        p = p * s + 1.0 / 11.0
        p = p * s + 1.0 / 9.0
        p = p * s + 1.0 / 7.0
        p = p * s + 1.0 / 5.0
        p = p * s + 1.0 / 3.0
        values[i] = k * LOG_2_HIGH + (2.0 * z + (2.0 * z * (p * s) + k * LOG_2_LOW))
