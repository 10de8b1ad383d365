"""The risk-adjusted CUSUM of outcomes, after Steiner et al.

Patient t has the risk p_t of an event by a model fitted beforehand. The weight of the outcome
y_t (1 event, 0 none) for odds multiplied by R1 against R0 is

    W_t = y_t log(R1 / R0) - log((1 - p_t + R1 p_t) / (1 - p_t + R0 p_t)),

    S = max(0, S + W),     alarm when S > h.

R1 = 2 looks for doubled odds. Improvement has R1 < 1 on a chart of its own side, positive like
the other. R are ratios of odds: R p may pass one for a ratio of risks. A risk of exactly 0 or
1 tells nothing by an expected outcome; an outcome the model calls impossible is an error.

English hospitals' mortality alerts use such charts with R1 = 2 and one threshold for all;
the false alarm rate then depends on volume and risk, so thresholds should be found for the mix
of patients (``detectors.run_lengths``). With a mix of cardiac operations, h =
4.5 and R1 = 2 give one false alarm in about 7,850 patients.

Source: S. H. Steiner, R. J. Cook, V. T. Farewell & T. Treasure, "Monitoring surgical
performance using risk-adjusted cumulative sum charts", Biostatistics 1 (2000).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_positive, numbers
from detectors.sequential.cusum_recursion import (
    CusumPath,
    Side,
    SidesState,
    TwoSidedCusum,
    follow_sides,
    pair,
)


def check_outcomes(outcomes: ArrayLike, risks: ArrayLike) -> tuple[Floats, Floats]:
    """Outcomes and risks as floats of one shape, missing in both where missing in either.

    Raises ``ValueError`` for an outcome other than 0 and 1, a risk outside [0, 1], or an
    outcome that its risk makes impossible.
    """
    y, p = np.broadcast_arrays(numbers("outcomes", outcomes), numbers("risks", risks))
    missing = np.isnan(y) | np.isnan(p)
    y, p = np.where(missing, np.nan, y), np.where(missing, np.nan, p)
    if not ((y == 0.0) | (y == 1.0) | missing).all():
        raise ValueError("outcomes must be 0 or 1, or NaN (missing)")
    if (p < 0.0).any() or (p > 1.0).any():
        raise ValueError("risks must be from 0 to 1, or NaN (missing)")
    if (np.abs(y - p) == 1.0).any():
        raise ValueError("risks of 0 and 1 contradict the outcomes they come with")
    return y, p


def risk_adjusted_weights(
    outcomes: ArrayLike, risks: ArrayLike, odds_ratio: float, null_odds_ratio: float = 1.0
) -> Floats:
    """Steiner's weights W of outcomes, elementwise; NaN where either number is missing.

    Raises ``ValueError`` as ``check_outcomes`` does, and for odds ratios that are not
    positive.
    """
    y, p = check_outcomes(outcomes, risks)
    check_positive("odds_ratio", odds_ratio)
    check_positive("null_odds_ratio", null_odds_ratio)
    expected = np.log1p(p * (odds_ratio - 1.0)) - np.log1p(p * (null_odds_ratio - 1.0))
    return np.asarray(y * math.log(odds_ratio / null_odds_ratio) - expected)


class RiskAdjustedCusum(TwoSidedCusum):
    """Risk-adjusted CUSUM of (outcome, risk), for worse and for better outcomes.

    Args:
        rise: Odds ratio above the null one to look for, or ``None``.
        fall: Odds ratio below the null one to look for, or ``None``.
        h: Decision interval of the chart for rises, in natural logarithms. More means fewer
            false alarms and later true ones.
        h_low: Decision interval of the chart for falls, ``h`` unless given.
        null_odds_ratio: Odds ratio in control, 1 when the risks are right as they are.
        head_start: Start of the sides, from 0 to below both decision intervals.
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for S > h, ``"reached"`` for S >= h.

    Example:
        >>> chart = RiskAdjustedCusum(h=1.5)
        >>> [chart.update(patient) for patient in [(0, 0.1), (1, 0.05), (1, 0.3), (1, 0.02)]]
        [0, 0, 0, 1]

    Reference: Steiner et al. 2000, see the module.
    """

    def __init__(
        self,
        *,
        rise: float | None = 2.0,
        fall: float | None = None,
        h: float = 4.5,
        h_low: float | None = None,
        null_odds_ratio: float = 1.0,
        head_start: float = 0.0,
        reset: bool = True,
        alarm: str = "exceeded",
    ) -> None:
        self.rise = rise
        self.fall = fall
        self.h = h
        self.h_low = h_low
        self.null_odds_ratio = null_odds_ratio
        self.head_start = head_start
        self.reset = reset
        self.alarm = alarm
        check_positive("null_odds_ratio", null_odds_ratio)
        if rise is not None and not null_odds_ratio < rise < math.inf:
            raise ValueError(f"rise must be above null_odds_ratio {null_odds_ratio}, not {rise}")
        if fall is not None and not 0.0 < fall < null_odds_ratio:
            raise ValueError(f"fall must be below null_odds_ratio {null_odds_ratio}, not {fall}")
        low = Side(h if h_low is None else h_low, head_start, reset, alarm)
        self._rise = None if rise is None else Side(h, head_start, reset, alarm)
        self._fall = None if fall is None else low
        self._state = SidesState(self._rise, self._fall)

    def update(self, observation: ArrayLike) -> int:
        """Take a patient's (outcome, risk) and give the bits of the sides that alarm.

        A NaN in either is a missing patient and is passed over. Raises ``ValueError`` for
        what ``check_outcomes`` refuses, and for an outcome without a risk.
        """
        y, p = pair(observation, math.nan)
        if math.isnan(p) and not math.isnan(y) and np.size(observation) == 1:
            raise ValueError("an outcome needs a risk: give (outcome, risk)")
        if math.isnan(y) or math.isnan(p):
            return self._state.advance(math.nan, math.nan)
        if y not in {0.0, 1.0} or not 0.0 < p < 1.0:
            check_outcomes(y, p)  # says what is wrong, or lets a certain outcome pass
        up = math.nan if self.rise is None else self._weight(y, p, self.rise)
        down = math.nan if self.fall is None else self._weight(y, p, self.fall)
        return self._state.advance(up, down)

    def _weight(self, y: float, p: float, ratio: float) -> float:
        """Steiner's weight of one patient; the same number as ``risk_adjusted_weights`` gives."""
        null = self.null_odds_ratio
        expected = float(np.log1p(p * (ratio - 1.0)) - np.log1p(p * (null - 1.0)))
        return y * math.log(ratio / null) - expected

    def follow(self, outcomes: ArrayLike, risks: ArrayLike) -> CusumPath:
        """The chart of whole series from its start, shape (patients,) or (patients, series)."""
        rise, fall = (
            None
            if side is None or ratio is None
            else (side, risk_adjusted_weights(outcomes, risks, ratio, self.null_odds_ratio))
            for side, ratio in ((self._rise, self.rise), (self._fall, self.fall))
        )
        return follow_sides(rise, fall)


def risk_adjusted_cusum(outcomes: ArrayLike, risks: ArrayLike, **settings: object) -> CusumPath:
    """The risk-adjusted CUSUM of whole series, shape (patients,) or (patients, series).

    ``settings`` are those of ``RiskAdjustedCusum``.
    """
    chart = RiskAdjustedCusum(**settings)  # type: ignore[arg-type] # checked there
    return chart.follow(outcomes, risks)


def sample_of_patients(rng: np.random.Generator) -> Floats:
    """(outcome, risk) of 200 patients, of whom the last hundred do worse than their risk."""
    risk = rng.beta(2.0, 12.0, 200)
    odds = risk / (1.0 - risk) * np.repeat([0.6, 4.0], 100)
    return np.column_stack([rng.random(200) < odds / (1.0 + odds), risk]).astype(np.float64)


def _make() -> RiskAdjustedCusum:
    return RiskAdjustedCusum(fall=0.5, h=2.5, h_low=1.5)


def _latest(history: Floats) -> int:
    return int(_make().follow(history[:, 0], history[:, 1]).signals[-1])


CONFORMANCE = (
    Subject(
        name="risk_adjusted_cusum",
        make=_make,
        sample=sample_of_patients,
        latest=_latest,
        missing="ignored",
    ),
)
