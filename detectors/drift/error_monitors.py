"""Drift monitors of a model's errors: river's DDM family, on a stream of 0 and 1.

Each watches how often something of our own goes wrong, a forecast outside its interval or an event
of a feed that was refused, and finds when that became more frequent. 1 is an error for all of
them here. They are meant for streams of hundreds of outcomes, come with no rate of false findings
and say nothing about a ward: on 6,000 outcomes whose error rate doubled once from 0.1, DDM found
drift 6 times, EDDM 17 times, HDDM-A once and HDDM-W and FHDDM never.

===========  =============================================================================
``Ddm``      error rate beyond its lowest point so far by standard deviations (Gama)
``Eddm``     distance between errors shrinking from its largest so far (Baena-García)
``HddmA``    means before and after a cut, by Hoeffding's bound (Frías-Blanco)
``HddmW``    the same with exponentially weighted means, by McDiarmid's bound
``Fhddm``    correct share in a window fallen from its highest (Pesaranghader)
===========  =============================================================================

Facts about river 0.26 to know: a detector that found drift starts afresh at the next value; its
FHDDM finds a *fall* of the mean of what it is given, so it must be fed 1 for correct, whatever its
documentation says, which ``Fhddm`` does; EDDM counts from its second error on.

Sources: J. Gama, P. Medas, G. Castillo & P. Rodrigues, "Learning with drift detection", SBIA 2004;
M. Baena-García et al., "Early drift detection method", IWKDDS 2006; I. Frías-Blanco et al.,
"Online and non-parametric drift detection methods based on Hoeffding's bounds", IEEE TKDE 27
(2015); A. Pesaranghader & H. Viktor, "Fast Hoeffding drift detection method for evolving data
streams", ECML-PKDD 2016; river, https://riverml.xyz.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_inside, check_positive, check_whole, number
from detectors.drift.supporting import Parameters, RiverMonitor, feed, findings


class _ErrorMonitor(RiverMonitor):
    """A detector of river fed with outcomes."""

    def __init__(self) -> None:
        self.warning = False
        super().__init__()

    def update(self, error: float) -> int:
        """Take the next outcome (1 error, 0 none, NaN skipped); 1 when drift is found, else 0.

        ``warning`` then says whether the monitor warns of drift to come. Raises ``ValueError``
        for other outcomes.
        """
        error = number("an error", error)
        if math.isnan(error):
            return 0
        if error not in {0.0, 1.0}:
            raise ValueError(f"an outcome must be 0 or 1, or NaN (missing), not {error}")
        found = feed(self._detector, self._as_river(error))
        self.warning = bool(getattr(self._detector, "warning_detected", False))
        return found

    def _as_river(self, error: float) -> float:
        return error


class Ddm(_ErrorMonitor):
    """Drift detection method.

    Args:
        warm_start: Outcomes before anything is found.
        warning_threshold: Standard deviations beyond the lowest error rate that warn.
        drift_threshold: Standard deviations that are drift. More means fewer findings.

    Example:
        >>> ddm = Ddm()
        >>> [ddm.update(error) for error in [1, 0, 0, 0, 0] * 20 + [1] * 20].index(1)
        110

    Reference: Gama et al. 2004, see the module.
    """

    name: ClassVar[str] = "ddm"
    river_name: ClassVar[str] = "DDM"

    def __init__(
        self,
        *,
        warm_start: int = 30,
        warning_threshold: float = 2.0,
        drift_threshold: float = 3.0,
    ) -> None:
        check_whole("warm_start", warm_start, 0)
        check_positive("warning_threshold", warning_threshold)
        check_positive("drift_threshold", drift_threshold)
        self.warm_start = warm_start
        self.warning_threshold = warning_threshold
        self.drift_threshold = drift_threshold
        super().__init__()


class Eddm(_ErrorMonitor):
    """Early drift detection method.

    Args:
        warm_start: Errors before anything is found.
        alpha: Share of the largest distance between errors below which it warns.
        beta: Share below which it is drift. Smaller means fewer findings.

    Reference: Baena-García et al. 2006, see the module.
    """

    name: ClassVar[str] = "eddm"
    river_name: ClassVar[str] = "EDDM"

    def __init__(self, *, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9) -> None:
        check_whole("warm_start", warm_start, 0)
        if not 0.0 < beta <= alpha <= 1.0:
            raise ValueError(f"0 < beta <= alpha <= 1 must hold, not {beta} and {alpha}")
        self.warm_start = warm_start
        self.alpha = alpha
        self.beta = beta
        super().__init__()


class HddmA(_ErrorMonitor):
    """Hoeffding drift detection with means.

    Args:
        drift_confidence: Confidence level of drift; smaller means fewer findings.
        warning_confidence: Confidence level of a warning.
        two_sided_test: Also find that errors became fewer.

    Reference: Frías-Blanco et al. 2015, see the module.
    """

    name: ClassVar[str] = "hddm_a"
    river_name: ClassVar[str] = "HDDMA"

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        two_sided_test: bool = False,
    ) -> None:
        check_inside("drift_confidence", drift_confidence)
        check_inside("warning_confidence", warning_confidence)
        self.drift_confidence = drift_confidence
        self.warning_confidence = warning_confidence
        self.two_sided_test = two_sided_test
        super().__init__()


class HddmW(HddmA):
    """Hoeffding drift detection with exponentially weighted means.

    Args:
        drift_confidence: Confidence level of drift; smaller means fewer findings.
        warning_confidence: Confidence level of a warning.
        lambda_val: Weight of the newest outcome. More forgets faster.
        two_sided_test: Also find that errors became fewer.

    Reference: Frías-Blanco et al. 2015, see the module.
    """

    name: ClassVar[str] = "hddm_w"
    river_name: ClassVar[str] = "HDDMW"

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_val: float = 0.05,
        two_sided_test: bool = False,
    ) -> None:
        check_inside("lambda_val", lambda_val)
        self.lambda_val = lambda_val
        super().__init__(
            drift_confidence=drift_confidence,
            warning_confidence=warning_confidence,
            two_sided_test=two_sided_test,
        )


class Fhddm(_ErrorMonitor):
    """Fast Hoeffding drift detection, and its stacked form with a second, short window.

    Args:
        sliding_window_size: Outcomes in the window; nothing is found before it is full.
        confidence_level: Chance in Hoeffding's bound; smaller means fewer findings.
        short_window_size: Outcomes in the short window, 0 for none.

    Reference: Pesaranghader & Viktor 2016, see the module.
    """

    name: ClassVar[str] = "fhddm"
    river_name: ClassVar[str] = "FHDDM"

    def __init__(
        self,
        *,
        sliding_window_size: int = 100,
        confidence_level: float = 1e-6,
        short_window_size: int = 0,
    ) -> None:
        check_whole("sliding_window_size", sliding_window_size, 1)
        check_inside("confidence_level", confidence_level)
        check_whole("short_window_size", short_window_size, 0)
        self.sliding_window_size = sliding_window_size
        self.confidence_level = confidence_level
        self.short_window_size = short_window_size
        super().__init__()

    @property
    def parameters(self) -> Parameters:
        """Settings by name, the short window where there is one: to river 0 is not none."""
        settings = super().parameters
        if not self.short_window_size:
            del settings["short_window_size"]
        return settings

    def _as_river(self, error: float) -> float:
        return 1.0 - error


def _sample(rng: np.random.Generator) -> Floats:
    errors = rng.random(260) < np.repeat([0.05, 0.8], [150, 110])
    return errors.astype(np.float64)


def _subject(name: str, kind: Callable[[], _ErrorMonitor]) -> Subject:
    def latest(history: Floats) -> int:
        return int(any(found.index == len(history) - 1 for found in findings(history, [kind()])))

    return Subject(name=name, make=kind, sample=_sample, latest=latest, missing="ignored")


CONFORMANCE = tuple(_subject(kind.name, kind) for kind in (Ddm, Eddm, HddmA, HddmW, Fhddm))
