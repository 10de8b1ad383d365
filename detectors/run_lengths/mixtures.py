"""Run lengths of CUSUM charts whose increments take finitely many values, in any mixture.

A risk-adjusted chart meets a mixture of patients: with a share of patients at risk p, the
increment of a death is w_1(p) and that of a survivor w_0(p). A categorical chart of single
cases has one value for each category. The statistic then lies on no lattice; passages
(``passages``) are solved for at equidistant values of the statistic, with linear
interpolation between them,

    m(s) = 1 + sum_i q_i m(s + y_i),   u(s) = sum_i q_i u(s + y_i),

m = u = 0 at and below zero, m = 0 and u = 1 above h. Rounding the increments themselves to a
grid, as the Markov chain of S. H. Steiner, R. J. Cook, V. T. Farewell & T. Treasure
("Monitoring surgical performance using risk-adjusted cumulative sum charts", Biostatistics 1,
2000) does, biases their mean and with it the run length; interpolation does not (S. Knoth,
P. Wittenberg & F. F. Gan, "Risk-adjusted CUSUM charts under model error", Statistics in
Medicine 38, 2019, treat the problem).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.demands import check_positive
from detectors.run_lengths.passages import Passage, run_length
from detectors.sequential.cusum_recursion import check_interval


def mixture_cusum_run_length(
    increments: ArrayLike,
    chances: ArrayLike,
    h: float,
    *,
    head_start: float = 0.0,
    cells: int = 1_000,
) -> float:
    """Average run length of S = max(0, S + Y), alarm when S > h, for a discrete Y.

    Args:
        increments: The values of Y, shape (values,).
        chances: Their probabilities, shape (values,), summing to one.
        h: Decision interval.
        head_start: Value of S before the first point, from 0 to below ``h``.
        cells: Cells between 0 and ``h``. The error falls with their number (with its square
            where the distribution of Y is rich), the cost grows with its cube.

    Raises ``ValueError`` for values out of range.
    """
    values = np.asarray(increments, np.float64)
    q = np.asarray(chances, np.float64)
    if values.ndim != 1 or values.shape != q.shape or not len(values):
        raise ValueError(
            "increments and chances must have one shape (values,), "
            f"not {values.shape} and {q.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("increments must be finite")
    if not ((q >= 0.0).all() and math.isclose(float(q.sum()), 1.0, rel_tol=1e-9)):
        raise ValueError(f"chances must be probabilities that sum to 1, not to {q.sum()}")
    check_interval(h, head_start)
    if not 2 <= cells <= 6_000:
        raise ValueError(f"cells must be from 2 to 6000, not {cells}")
    if not (values > 0.0).any():
        return math.inf
    starts = np.linspace(0.0, h, cells + 1)
    moves, alarms = _moves(starts, values, q, h)
    right = np.column_stack([np.ones(cells + 1), alarms])
    length, alarm = np.linalg.solve(np.eye(cells + 1) - moves, right).T
    later = Passage(float(length[0]), float(alarm[0]))
    moves, alarms = _moves(np.array([head_start]), values, q, h, cells)
    first = Passage(float(1.0 + moves[0] @ length), float(alarms[0] + moves[0] @ alarm))
    return run_length(first, later)


def _moves(
    starts: Floats, values: Floats, q: Floats, h: float, cells: int | None = None
) -> tuple[Floats, Floats]:
    """Weights of the grid's values after one point, and the chance of an alarm at it."""
    cells = len(starts) - 1 if cells is None else cells
    moves = np.zeros((len(starts), cells + 1))
    alarms = np.zeros(len(starts))
    rows = np.arange(len(starts))
    for value, chance in zip(values.tolist(), q.tolist(), strict=True):
        place = (starts + value) / h * cells
        alarms[place > cells * (1.0 + 1e-12)] += chance
        inside = (place > 0.0) & (place <= cells * (1.0 + 1e-12))
        below = np.minimum(place[inside].astype(np.int64), cells - 1)
        part = place[inside] - below
        moves[rows[inside], below] += chance * (1.0 - part)
        moves[rows[inside], below + 1] += chance * part
    return moves, alarms


def risk_adjusted_increments(
    risks: ArrayLike,
    shares: ArrayLike,
    *,
    odds_ratio: float = 2.0,
    true_odds_ratio: float = 1.0,
) -> tuple[Floats, Floats]:
    """Increments of Steiner's risk-adjusted CUSUM over a mix of patients, and their chances.

    Args:
        risks: Risk of a death for each kind of patient, shape (kinds,), inside (0, 1).
        shares: Share of each kind among the patients, shape (kinds,), summing to one.
        odds_ratio: Odds ratio the chart is made to find.
        true_odds_ratio: Odds ratio that the patients really have, 1 when in control.

    Raises ``ValueError`` for values out of range.
    """
    p = np.asarray(risks, np.float64)
    share = np.asarray(shares, np.float64)
    if p.ndim != 1 or p.shape != share.shape:
        raise ValueError(f"risks and shares must have one shape, not {p.shape} and {share.shape}")
    if not ((p > 0.0) & (p < 1.0)).all():
        raise ValueError("risks must be inside (0, 1)")
    check_positive("odds_ratio", odds_ratio)
    check_positive("true_odds_ratio", true_odds_ratio)
    survivor = -np.log1p(p * (odds_ratio - 1.0))
    true = true_odds_ratio * p / (1.0 + p * (true_odds_ratio - 1.0))
    increments = np.concatenate([survivor, survivor + math.log(odds_ratio)])
    return increments, np.concatenate([share * (1.0 - true), share * true])
