"""EARS C1, C2 and C3: a count against the week before, without history of past years.

With the mean m and the sample standard deviation s (divisor n - 1) of ``baseline`` counts,

C1
    (y_t - m) / s over lags 1 to 7; a signal above the (1 - alpha) quantile of the Gaussian,
    which for alpha 0.001 is about 3;
C2
    the same over lags 3 to 9, so that the two last days do not raise their own bound;
C3
    max(0, C2_t - 1) + max(0, C2_{t-1} - 1) + max(0, C2_{t-2} - 1); a signal above 2.

In sparse counts s is often 0 and any case is a signal; ``min_sigma`` of 0.5 to 1 keeps it
away from that. Where s is 0 all the same, a count on the mean has the statistic 0 and any
other one an infinite one.

The R package surveillance takes for C3 the current count where its own description has the
mean, so that its alarm does not depend on the current count; that is not offered. Its
description, which sums over t - 1 and t - 2 only and bounds the count by the (1 - alpha)
quantile with alpha 0.025, is ``form="description"``.

Sources: L. Hutwagner, W. Thompson, G. M. Seeman & T. Treadwell, "The bioterrorism
preparedness and response Early Aberration Reporting System (EARS)", Journal of Urban Health
80 (2003) i89-i96; R. D. Fricker, B. L. Hegler & D. A. Dunfee, "Comparing syndromic
surveillance detection methods", Statistics in Medicine 27 (2008) 3407-3429; M. Salmon et
al., Journal of Statistical Software 70 (2016), issue 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_inside, check_not_negative, check_whole
from detectors.surveillance.count_tails import gaussian_quantile
from detectors.surveillance.series import counts_of, like_input, observation_of

METHODS = ("C1", "C2", "C3")
FORMS = ("cdc", "description")
GUARD = {"C1": 0, "C2": 2, "C3": 2}
"""Days between the judged one and the baseline."""

C3_THRESHOLD = 2.0
ALPHA = {"C1": 0.001, "C2": 0.001, "C3": 0.025}


@dataclass(frozen=True, slots=True)
class EarsBounds:
    """What was found at each period; arrays in the shape of the counts.

    Attributes:
        statistic: C1, C2 or C3; NaN where the baseline is incomplete.
        bound: Largest count that is no signal, NaN where there is no statistic. Under C3 it
            is below 0, even minus infinity, where the two days before suffice for a signal.
        alarm: Whether the count exceeds the bound.

    """

    statistic: Floats
    bound: Floats
    alarm: NDArray[np.bool_]


def ears(
    counts: ArrayLike,
    *,
    method: str = "C1",
    baseline: int = 7,
    min_sigma: float = 0.0,
    alpha: float | None = None,
    form: str = "cdc",
) -> EarsBounds:
    """EARS over one or many series.

    Args:
        counts: Shape (series, periods) or (periods,), NaN where missing. Where a count of the
            baseline is missing there is no statistic and no signal.
        method: ``"C1"``, ``"C2"`` or ``"C3"``.
        baseline: Length of the baseline.
        min_sigma: Least standard deviation.
        alpha: Chance of a signal were the counts Gaussian and their parameters known; 0.001,
            and 0.025 for C3 by its description. C3 by the CDC has its threshold 2 instead.
        form: ``"cdc"``, or ``"description"`` for C3 as the R package describes it.

    Raises:
        ValueError: For counts that are negative or infinite, or a setting outside its range.

    """
    check_settings(method, baseline, min_sigma, alpha, form)
    values = counts_of(counts)
    z = gaussian_quantile(1.0 - (ALPHA[method] if alpha is None else alpha))
    mean, sigma = _baselines(values, baseline, GUARD[method], min_sigma)
    score = _score(values, mean, sigma)
    if method != "C3":
        bound = mean + z * sigma
        found = score, bound, values > bound
    else:
        found = _third(values, mean, sigma, score, z if form == "description" else None)
    return EarsBounds(*(like_input(counts, array) for array in found))  # type: ignore[arg-type] # each has its field's type


def check_settings(
    method: str, baseline: int, min_sigma: float, alpha: float | None, form: str
) -> None:
    """Raise ``ValueError`` for a setting of ``ears`` outside its range."""
    check_choice("method", method, METHODS)
    check_whole("baseline", baseline, 3)
    check_not_negative("min_sigma", min_sigma)
    check_choice("form", form, FORMS if method == "C3" else FORMS[:1])
    if alpha is not None:
        check_inside("alpha", alpha)
        if method == "C3" and form == "cdc":
            raise ValueError("alpha has no place in C3 by the CDC, whose threshold is 2")


def _baselines(values: Floats, length: int, guard: int, min_sigma: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation before each period, NaN where not all counts are known."""
    mean, sigma = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    first = length + guard
    if values.shape[1] > first:
        windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=1)
        windows = windows[:, : values.shape[1] - first]
        # Equal counts have no spread; rounding must not give them one.
        largest = windows.max(axis=-1)
        constant = largest == windows.min(axis=-1)
        mean[:, first:] = np.where(constant, largest, windows.mean(axis=-1))
        spread = np.where(constant, 0.0, windows.std(axis=-1, ddof=1))
        sigma[:, first:] = np.maximum(spread, min_sigma)
    return mean, sigma


def _score(values: Floats, mean: Floats, sigma: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((sigma == 0.0) & (values == mean), 0.0, (values - mean) / sigma)


def _third(
    values: Floats, mean: Floats, sigma: Floats, score: Floats, z: float | None
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """C3, its bound and alarms; by the description with quantile ``z``, else by the CDC."""
    above = np.where(np.isnan(score), np.nan, np.maximum(score - 1.0, 0.0))
    before = np.full(values.shape, np.nan)
    before[:, 2:] = above[:, :-2] + above[:, 1:-1]
    statistic = above + before
    with np.errstate(invalid="ignore"):
        if z is not None:
            bound = np.where(np.isinf(before), -np.inf, mean + sigma * (z - before))
        else:
            bound = np.where(
                before > C3_THRESHOLD, -np.inf, mean + sigma * (1.0 + C3_THRESHOLD - before)
            )
            bound = np.where(np.isnan(before), np.nan, bound)
        alarm = values > bound if z is not None else statistic > C3_THRESHOLD
    return statistic, bound, alarm


class EarsMonitor:
    """EARS, one period at a time; keeps the counts of the baseline only.

    Args:
        method: ``"C1"``, ``"C2"`` or ``"C3"``. C1 is quickest at a sudden rise, C2 and C3 see
            a rise over days better.
        baseline: Length of the baseline. Longer is steadier and slower to follow a level.
        min_sigma: Least standard deviation; 0.5 to 1 for sparse counts.
        alpha: Chance of a signal were the counts Gaussian (``ears``). Smaller is rarer.
        form: ``"cdc"`` or, for C3, ``"description"``.

    Example:
        >>> monitor = EarsMonitor(method="C2")
        >>> [monitor.update(y) for y in [3, 4, 3, 5, 4, 4, 3, 4, 4, 12]]
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        method: str = "C1",
        baseline: int = 7,
        min_sigma: float = 0.0,
        alpha: float | None = None,
        form: str = "cdc",
    ) -> None:
        check_settings(method, baseline, min_sigma, alpha, form)
        self.method = method
        self.baseline = baseline
        self.min_sigma = min_sigma
        self.alpha = alpha
        self.form = form
        self._longest = baseline + GUARD[method] + (2 if method == "C3" else 0) + 1
        self._recent: list[float] = []
        self.statistic = float("nan")
        self.bound = float("nan")

    def update(self, observation: float) -> int:
        """Take the count of the next period (NaN if missing); 1 when it is a signal."""
        self._recent.append(observation_of(observation))
        del self._recent[: -self._longest]
        found = ears(
            self._recent,
            method=self.method,
            baseline=self.baseline,
            min_sigma=self.min_sigma,
            alpha=self.alpha,
            form=self.form,
        )
        self.statistic, self.bound = float(found.statistic[-1]), float(found.bound[-1])
        return int(found.alarm[-1])


def _sample(rng: np.random.Generator) -> Floats:
    counts = rng.poisson(4.0, 60).astype(np.float64)
    counts[[30, 31, 50]] += 15.0
    return counts


def _subject(method: str) -> Subject:
    return Subject(
        name=f"ears_{method.lower()}",
        make=lambda: EarsMonitor(method=method, min_sigma=0.5),
        sample=_sample,
        latest=lambda history: int(ears(history, method=method, min_sigma=0.5).alarm[-1]),
        missing="breaks",
    )


CONFORMANCE = tuple(_subject(method) for method in METHODS)
