"""The kinds of arrays that detectors take and give, each under one name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Bits = NDArray[np.uint8]
"""What signalled at a point, one bit a rule or side."""
