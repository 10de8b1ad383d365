"""Supporting drift monitor: Kolmogorov-Smirnov windowing (KSWIN) of river.

The newest ``stat_size`` values of a window are compared with as many drawn at random from the
older ones, by the two-sample Kolmogorov-Smirnov test. As with ADWIN and Page-Hinkley, findings are
shown beside the evidence and raise nothing: the test is repeated at every value on overlapping
windows, so alpha is no rate of false findings.

Our settings differ from river's defaults (a window of 100 with 30 newest values, alpha 0.005),
which find drift where there is none: on 40 Gaussian streams of 300 values river's fired on 13, ours
on 6 of 100. A shift of two standard deviations was found in all of 100 streams, after 15 values
(median). KSWIN compares whole distributions, but with few values it sees little but shifts: a
tripled standard deviation was found within 100 values in no stream by ours and in half of them by
river's.

Facts about river 0.26 to know when reading findings: the draw comes from a generator that is
seeded afresh after each finding; a finding needs a distance above 0.1 besides p <= alpha; and
after a finding the whole window is dropped, so the next can come ``window_size`` values later
at the earliest.

Sources: C. Raab, M. Heusinger & F.-M. Schleif, "Reactive soft prototype computing for concept
drift streams", Neurocomputing 416 (2020); river, https://riverml.xyz.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_inside, check_whole
from detectors.drift.supporting import RiverMonitor, findings


class Kswin(RiverMonitor):
    """KSWIN over one series, skipping missing values.

    Args:
        alpha: Greatest p-value of a single test that is a finding. Smaller means fewer false
            findings and later true ones.
        window_size: Values in the window; nothing is found before it is full.
        stat_size: Newest values, compared with as many older ones. More find smaller changes,
            later.
        seed: Seed of the draws.

    Example:
        >>> kswin = Kswin()
        >>> found = [kswin.update(x) for x in [0.0, 0.1] * 40 + [3.0, 3.1] * 20]
        >>> found.index(1)
        92

    Reference: Raab et al. 2020, see the module.
    """

    name: ClassVar[str] = "kswin"
    river_name: ClassVar[str] = "KSWIN"

    def __init__(
        self,
        *,
        alpha: float = 0.0005,
        window_size: int = 60,
        stat_size: int = 20,
        seed: int = 1,
    ) -> None:
        check_inside("alpha", alpha)
        check_whole("stat_size", stat_size, 2)
        check_whole("window_size", window_size, 1)
        if window_size < 2 * stat_size:
            raise ValueError(f"window_size must be at least twice stat_size, not {window_size}")
        self.alpha = alpha
        self.window_size = window_size
        self.stat_size = stat_size
        self.seed = seed
        super().__init__()


def _sample(rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.normal(np.repeat([0.0, 3.0], [50, 20]))
    return drawn


def _make() -> Kswin:
    return Kswin(alpha=0.005, window_size=30, stat_size=10)


CONFORMANCE = (
    Subject(
        name=Kswin.name,
        make=_make,
        sample=_sample,
        latest=lambda history: int(
            any(finding.index == len(history) - 1 for finding in findings(history, [_make()]))
        ),
        missing="ignored",
        state_bytes=65_536,
    ),
)
