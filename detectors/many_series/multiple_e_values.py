"""Many hypotheses or many streams at once by e-values.

    e-BH            reject the k largest of K e-values, k the largest with e_(k) >= K / (alpha k)
    e-d-BH          the same on the running e-detectors of K streams
    e-d-Bonferroni  every stream whose e-detector is at least K / alpha

e-BH keeps the false discovery rate at alpha under any dependence. No procedure that always
alarms in the end can do that over time, so its running forms keep the *error over patience*: the
expected false discovery proportion at the time of looking (e-d-BH), or the expected number of
false alarms (e-d-Bonferroni), is at most alpha times the expected number of periods waited,
whenever one chooses to look, and however the streams depend on one another.

The running value is what counts. The largest value so far is not an e-value: applying e-BH to
running maxima breaks the promise (Tavyrikov et al., arXiv 2501.19360).

Sources: R. Wang & A. Ramdas, "False discovery rate control with e-values", Journal of the Royal
Statistical Society B 84 (2022); S. Dandapanthula & A. Ramdas, "Multiple testing in multi-stream
sequential change detection", arXiv 2501.04130.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Booleans, Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_inside, check_positive, check_whole, numbers
from detectors.many_series.e_detectors import FORMS, Form, unstarted

Rule = Literal["e-d-BH", "e-d-Bonferroni"]
Marks = NDArray[np.int8]


def e_bh(e_values: ArrayLike, *, alpha: float = 0.05) -> Booleans:
    """Which of K e-values are rejected at false discovery rate ``alpha``, shape (K,).

    A missing e-value (NaN) is no hypothesis: it is not rejected and not counted in K. Raises
    ``ValueError`` for negative e-values or an ``alpha`` outside 0 to 1.
    """
    check_inside("alpha", alpha)
    e = numbers("e_values", e_values)
    if e.ndim != 1 or (e < 0.0).any():
        raise ValueError("e_values must be one row of numbers that are not negative")
    rejected = np.zeros(len(e), np.bool_)
    known = ~np.isnan(e)
    with np.errstate(divide="ignore"):
        rejected[known] = _largest(np.log(e[known]), int(known.sum()), alpha)
    return rejected


def e_d_bh(log_evidence: ArrayLike, *, alpha: float) -> Booleans:
    """Streams in e-d-BH's set from log M of each, shape (streams,), -inf before its start.

    ``alpha`` is error per period waited: 1 / 52 is one a year of weeks. Raises ``ValueError``
    for missing values or an ``alpha`` that is not positive.
    """
    log_m = _evidence(log_evidence, alpha)
    return _largest(log_m, len(log_m), alpha)


def e_d_bonferroni(log_evidence: ArrayLike, *, alpha: float) -> Booleans:
    """Streams whose M is at least K / alpha, from log M of each, as ``e_d_bh`` takes it."""
    log_m = _evidence(log_evidence, alpha)
    found: Booleans = log_m >= math.log(max(1, len(log_m)) / alpha) - 1e-12
    return found


class StreamBank:
    """E-detectors of many streams with e-d-BH or e-d-Bonferroni over them, period by period.

    The detectors run on: a stream stays in the set while its evidence supports it.

    Args:
        streams: Number of streams K.
        alpha: Error per period waited, for instance 1 / 52 for one a year of weeks.
        rule: ``"e-d-BH"`` (a list with few false members) or ``"e-d-Bonferroni"`` (few false
            alarms at all).
        form: ``"sr"`` or ``"cusum"``, of every detector.

    Example:
        >>> bank = StreamBank(streams=2, alpha=0.1)
        >>> bank.update([1.0, 30.0]).tolist()
        [0, 1]

    Reference: Dandapanthula & Ramdas, see the module.
    """

    def __init__(
        self, *, streams: int, alpha: float = 1 / 52, rule: Rule = "e-d-BH", form: Form = "sr"
    ) -> None:
        check_whole("streams", streams, 1)
        check_choice("rule", rule, ("e-d-BH", "e-d-Bonferroni"))
        check_choice("form", form, FORMS)
        check_positive("alpha", alpha)
        self.streams = streams
        self.alpha = alpha
        self.rule = rule
        self.form = form
        self.log_evidence = unstarted(streams)

    def update(self, e_values: ArrayLike) -> Marks:
        """Take the period's e-values, shape (streams,), NaN where missing; give the set.

        The answer marks the streams, shape (streams,); a period without any e-value marks none.
        Raises ``ValueError`` for negative or infinite e-values or another number of them.
        """
        e = numbers("e_values", e_values)
        if e.shape != (self.streams,):
            raise ValueError(f"e_values must have the shape ({self.streams},), not {e.shape}")
        if (e < 0.0).any() or np.isinf(e).any():
            raise ValueError("e_values must be finite and not negative")
        if np.isnan(e).all():
            return np.zeros(self.streams, np.int8)
        self.log_evidence = _advanced(self.log_evidence, e, self.form)
        choose = e_d_bh if self.rule == "e-d-BH" else e_d_bonferroni
        return choose(self.log_evidence, alpha=self.alpha).astype(np.int8)


def sets_over_time(
    e_values: ArrayLike, *, alpha: float = 1 / 52, rule: Rule = "e-d-BH", form: Form = "sr"
) -> Marks:
    """The sets of ``StreamBank`` over a whole record, in and out of shape (periods, streams).

    Raises ``ValueError`` as ``StreamBank`` does, and for another shape.
    """
    e = numbers("e_values", e_values)
    if e.ndim != 2:
        raise ValueError(f"e_values must have the shape (periods, streams), not {e.shape}")
    bank = StreamBank(streams=e.shape[1], alpha=alpha, rule=rule, form=form)
    return np.array([bank.update(row) for row in e], np.int8).reshape(e.shape)


def _advanced(log_m: Floats, e: Floats, form: Form) -> Floats:
    """Log M after one more period; unlike an alarming detector these never start afresh."""
    before = np.maximum(log_m, 0.0) if form == "cusum" else np.logaddexp(log_m, 0.0)
    with np.errstate(divide="ignore"):
        after: Floats = np.where(np.isnan(e), log_m, before + np.log(e))
    return after


def _largest(log_e: Floats, total: int, alpha: float) -> Booleans:
    found = np.zeros(len(log_e), np.bool_)
    order = np.argsort(-log_e, kind="stable")
    rank = np.arange(1, len(log_e) + 1)
    enough = log_e[order] >= np.log(total / (alpha * rank)) - 1e-12
    if enough.any():
        found[order[: np.flatnonzero(enough)[-1] + 1]] = True
    return found


def _evidence(log_evidence: ArrayLike, alpha: float) -> Floats:
    check_positive("alpha", alpha)
    log_m = numbers("log_evidence", log_evidence)
    if log_m.ndim != 1 or np.isnan(log_m).any():
        raise ValueError("log_evidence must be one row of numbers, none of them missing")
    return log_m


def _sample(rng: np.random.Generator) -> Floats:
    z = rng.normal(size=(120, 5))
    z[60:, :2] += 1.5
    return np.exp(z - 0.5)


def _subject(name: str, rule: Rule) -> Subject:
    return Subject(
        name=name,
        make=lambda: StreamBank(streams=5, alpha=0.02, rule=rule),
        sample=_sample,
        latest=lambda history: sets_over_time(history, alpha=0.02, rule=rule)[-1],
        missing="ignored",
    )


CONFORMANCE = (_subject("e_d_bh", "e-d-BH"), _subject("e_d_bonferroni", "e-d-Bonferroni"))
