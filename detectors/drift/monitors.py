"""Supporting drift monitors of river, on standardised residuals of a series.

ADWIN keeps a window and drops its older part when two parts of it differ in mean by more
than chance allows. Page-Hinkley is a CUSUM about the running mean. KSWIN (``kswin``) compares
the newest values with older ones as distributions. None comes with a budget of false alerts,
so their findings are shown beside the evidence and raise nothing.

Page-Hinkley's threshold is in units of the series, so it needs standardised residuals.
Our settings differ from river's defaults, which are meant for streams of thousands:

* ADWIN looks at every point (``clock=1``; with river's 32 it can fire at every 32nd only)
  with ``delta=0.05``: on 300 Gaussian streams of 300 points it fired on none, and a shift
  of one standard deviation in 60 points was found in 90 % of runs, after 27 points (median).
* Page-Hinkley allows ``delta=0.25`` standard deviations and fires beyond 10: on Gaussian
  residuals every 850 points on average, in 2 % of runs within 52 points.

Facts about river 0.26 to know when reading findings: a detector that fired starts afresh at
the next value (so its ADWIN forgets the newer part of the window as well); Page-Hinkley's
mean includes the value being judged, and its first maximum is -1 where its first minimum is
infinite, so it is slightly asymmetric.

Sources: A. Bifet & R. Gavaldà, "Learning from time-changing data with adaptive windowing",
SIAM SDM 2007; E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); river,
https://riverml.xyz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import (
    check_choice,
    check_inside,
    check_not_negative,
    check_part,
    check_positive,
    check_whole,
)
from detectors.drift.kswin import Kswin
from detectors.drift.supporting import Monitor, MonitorFinding, RiverMonitor, findings

MODES = ("up", "down", "both")


class Adwin(RiverMonitor):
    """ADWIN over one series, skipping missing values.

    Args:
        delta: Chance of a false cut at a look. Smaller means fewer false findings and later
            true ones.
        clock: Look for a cut at every so many values. Larger is cheaper and later.
        max_buckets: Buckets of a size before they merge; more means finer cuts.
        min_window_length: Least number of values on either side of a cut.
        grace_period: Values before the first look.

    Example:
        >>> adwin = Adwin()
        >>> found = [adwin.update(x) for x in [0.0, 0.1] * 20 + [3.0, 3.1] * 20]
        >>> found.index(1)
        47

    Reference: Bifet & Gavaldà 2007, see the module.
    """

    name: ClassVar[str] = "adwin"
    river_name: ClassVar[str] = "ADWIN"

    def __init__(
        self,
        *,
        delta: float = 0.05,
        clock: int = 1,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        check_inside("delta", delta)
        for name, value in (
            ("clock", clock),
            ("max_buckets", max_buckets),
            ("min_window_length", min_window_length),
            ("grace_period", grace_period),
        ):
            check_whole(name, value, 1)
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        super().__init__()


class PageHinkley(RiverMonitor):
    """Page-Hinkley test over one series, skipping missing values.

    Args:
        min_instances: Values before the first look.
        delta: Change per value that is allowed, in the unit of the values.
        threshold: Accumulated change that is a finding. Larger means fewer and later ones.
        alpha: Forgetting factor of the sums, 1 for none.
        mode: ``"up"``, ``"down"`` or ``"both"``.

    Example:
        >>> test = PageHinkley()
        >>> found = [test.update(x) for x in [0.0, 0.1] * 20 + [3.0, 3.1] * 20]
        >>> found.index(1)
        43

    Reference: Page 1954, see the module.
    """

    name: ClassVar[str] = "page_hinkley"
    river_name: ClassVar[str] = "PageHinkley"

    def __init__(
        self,
        *,
        min_instances: int = 12,
        delta: float = 0.25,
        threshold: float = 10.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ) -> None:
        check_whole("min_instances", min_instances, 0)
        check_not_negative("delta", delta)
        check_positive("threshold", threshold)
        check_part("alpha", alpha)
        check_choice("mode", mode, MODES)
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode
        super().__init__()


def default_monitors() -> list[Monitor]:
    """Fresh ADWIN, Page-Hinkley and KSWIN with our settings; KSWIN's draws are seeded."""
    return [Adwin(), PageHinkley(), Kswin()]


def monitor(residuals: ArrayLike) -> list[MonitorFinding]:
    """What ``default_monitors`` find on one series of residuals (``supporting.findings``)."""
    return findings(residuals, default_monitors())


def _sample(rng: np.random.Generator) -> Floats:
    residuals = rng.normal(size=160)
    residuals[80:] += 2.0
    return residuals


def _latest(make: Callable[[], Monitor]) -> Callable[[Floats], int]:
    def latest(history: Floats) -> int:
        found = findings(history, [make()])
        return int(any(finding.index == len(history) - 1 for finding in found))

    return latest


CONFORMANCE = tuple(
    Subject(
        name=kind.name,
        make=kind,
        sample=_sample,
        latest=_latest(kind),
        missing="ignored",
        state_bytes=65_536,
    )
    for kind in (Adwin, PageHinkley)
)
