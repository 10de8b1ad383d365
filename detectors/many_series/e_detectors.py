"""E-detectors: change detection whose false-alert rate holds whatever the data are like.

An e-value is a non-negative number with expectation at most 1 while nothing has changed, given
the past; a likelihood ratio of a changed model to the unchanged one is the usual example. An
e-detector adds up the evidence of a change since every possible onset:

    Shiryaev-Roberts   M_t = (M_{t-1} + 1) e_t        a sum over onsets
    CUSUM              M_t = max(M_{t-1}, 1) e_t      the best onset
    mixture            M_t = sum_j w_j M_t^j          over alternatives, weights w_j

It alarms when M_t reaches a threshold A, and then starts afresh. While nothing changes the mean
time between alarms is at least A observations, for every A, exactly and not in the limit: with
P periods a year, A = P / B keeps false alarms to at most B a year. What must hold is the
expectation of the e-values, nothing else; alternatives may depend on one another in any way.

Everything is kept in logarithms, so evidence neither overflows nor vanishes. A missing e-value
leaves its M as it was: the period does not count.

Source: Shin, Ramdas & Rinaldo, "E-detectors: a nonparametric framework for sequential change
detection", New England Journal of Statistics in Data Science 2 (2023), arXiv 2203.03532.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.demands import check_choice, numbers

Form = Literal["sr", "cusum"]
FORMS = ("sr", "cusum")


@dataclass(frozen=True, slots=True)
class EDetections:
    """Log evidence log M_t by observation (before a restart, NaN where missing), and alarms.

    Both have shape (observations,). ``parts`` are the log M of the parts, log w_j + log M^j, of
    shape (observations, parts).
    """

    evidence: Floats
    alarms: Booleans
    parts: Floats


class EDetector:
    """An e-detector for one stream of e-values.

    Args:
        threshold: A, the guaranteed mean number of observations between false alarms.
        form: ``"sr"`` (quicker when the onset is unclear) or ``"cusum"``.
        logarithmic: Whether ``update`` takes log e-values, as likelihood ratios come.

    Example:
        >>> detector = EDetector(threshold=20.0)
        >>> [detector.update(e) for e in (0.5, 3.0, 4.0)]
        [0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self, *, threshold: float = 260.0, form: Form = "sr", logarithmic: bool = False
    ) -> None:
        check_detector(threshold, form)
        self.threshold = threshold
        self.form = form
        self.logarithmic = logarithmic
        self.evidence = -math.inf
        self._state = unstarted(1)

    def update(self, e_value: float) -> int:
        """Take the next e-value (NaN if missing): 1 when it completes an alarm, else 0.

        ``evidence`` is then log M, before the restart that an alarm brings. Raises
        ``ValueError`` for negative or infinite e-values.
        """
        found = detect(
            [[e_value]],
            threshold=self.threshold,
            form=self.form,
            logarithmic=self.logarithmic,
            state=self._state,
        )
        if not math.isnan(found.evidence[0]):
            self.evidence = float(found.evidence[0])
        return int(found.alarms[0])


class MixtureEDetector:
    """An e-detector over several alternatives, each with its own e-values.

    Args:
        weights: Weight of each alternative, adding up to 1 at most: how likely each is thought.
        threshold: A, the guaranteed mean number of observations between false alarms.
        form: ``"sr"`` or ``"cusum"``, for every alternative.
        logarithmic: Whether ``update`` takes log e-values.

    Example:
        >>> detector = MixtureEDetector(weights=(0.5, 0.5), threshold=20.0)
        >>> [detector.update(e) for e in ([1.2, 0.5], [2.0, 4.0], [1.5, 9.0])]
        [0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] = (1.0,),
        threshold: float = 260.0,
        form: Form = "sr",
        logarithmic: bool = False,
    ) -> None:
        check_detector(threshold, form)
        log_weights(weights)
        self.weights = weights
        self.threshold = threshold
        self.form = form
        self.logarithmic = logarithmic
        self.evidence = -math.inf
        self._state = unstarted(len(weights))

    def update(self, e_values: ArrayLike) -> int:
        """Take the next e-values, shape (alternatives,), NaN where missing; 1 for an alarm.

        Raises ``ValueError`` for negative or infinite e-values or another number of them.
        """
        found = detect(
            numbers("e_values", e_values)[None],
            weights=self.weights,
            threshold=self.threshold,
            form=self.form,
            logarithmic=self.logarithmic,
            state=self._state,
        )
        if not math.isnan(found.evidence[0]):
            self.evidence = float(found.evidence[0])
        return int(found.alarms[0])


def detect(
    e_values: ArrayLike,
    *,
    weights: Sequence[float] = (1.0,),
    threshold: float = 260.0,
    form: Form = "sr",
    logarithmic: bool = False,
    state: Floats | None = None,
) -> EDetections:
    """An e-detector over a whole record of shape (observations,) or (observations, parts).

    ``state`` holds log M by part, shape (parts,), and is moved on in place; without it the
    record starts afresh. Settings are those of ``MixtureEDetector``. Raises ``ValueError`` for
    negative or infinite e-values, shapes that do not fit the weights, or settings out of range.
    """
    check_detector(threshold, form)
    log_w = log_weights(weights)
    e = numbers("e_values", e_values).copy()
    e = e[:, None] if e.ndim == 1 else e
    if e.ndim != 2 or e.shape[1] != len(log_w):
        raise ValueError(f"e_values must have {len(log_w)} columns, not the shape {e.shape}")
    if (e == math.inf).any() or (not logarithmic and (e < 0.0).any()):
        raise ValueError("e_values must be finite and not negative")
    if not logarithmic:
        with np.errstate(divide="ignore"):
            e = np.log(e)
    log_m = unstarted(len(log_w)) if state is None else state
    evidence, parts = np.full(len(e), np.nan), np.full(e.shape, np.nan)
    alarms = np.zeros(len(e), np.bool_)
    _accumulate(e, log_w, math.log(threshold), form == "cusum", log_m, evidence, alarms, parts)
    return EDetections(evidence, alarms, parts)


def unstarted(parts: int) -> Floats:
    """The state before the first observation: log M = -inf in every part."""
    return np.full(parts, -np.inf)


def check_detector(threshold: float, form: str) -> None:
    """Raise ``ValueError`` for a threshold of at most 1 or an unknown form."""
    if not 1.0 < threshold < math.inf:
        raise ValueError(f"threshold must be finite and above 1, not {threshold}")
    check_choice("form", form, FORMS)


def log_weights(weights: Sequence[float]) -> Floats:
    """Logarithms of mixture weights; ``ValueError`` unless positive with a sum of 1 at most."""
    w = np.asarray(weights, np.float64)
    if w.ndim != 1 or not len(w) or not (w > 0.0).all() or w.sum() > 1.0 + 1e-9:
        raise ValueError(f"weights must be positive and add up to 1 at most, not {weights}")
    return np.log(w)


@compiled
def _accumulate(
    log_e: Floats,
    log_w: Floats,
    log_threshold: float,
    best_onset: bool,  # noqa: FBT001 - a compiled kernel takes its arguments by position
    log_m: Floats,
    evidence: Floats,
    alarms: Booleans,
    parts: Floats,
) -> None:
    steps, width = log_e.shape
    for t in range(steps):
        highest, known = -np.inf, False
        for j in range(width):
            if not np.isnan(log_e[t, j]):
                known = True
                before = log_m[j]
                if best_onset:
                    before = max(before, 0.0)
                elif before > 0.0:
                    before += math.log1p(math.exp(-before))
                else:
                    before = math.log1p(math.exp(before))
                log_m[j] = before + log_e[t, j]
            parts[t, j] = log_w[j] + log_m[j]
            highest = max(highest, parts[t, j])
        if not known:
            continue
        total = 0.0
        if highest > -np.inf:
            for j in range(width):
                total += math.exp(parts[t, j] - highest)
            evidence[t] = highest + math.log(total)
        else:
            evidence[t] = -np.inf
        # A rounding error must not decide whether evidence equal to the threshold alarms.
        if evidence[t] >= log_threshold - 1e-12:
            alarms[t] = True
            log_m[:] = -np.inf


def _sample(rng: np.random.Generator) -> Floats:
    z = rng.normal(size=120)
    z[60:] += 1.0
    return np.exp(0.7 * z - 0.245)


def _samples(rng: np.random.Generator) -> Floats:
    z = rng.normal(size=120)
    z[60:] += 1.0
    e: Floats = np.exp(np.outer(z, [0.5, 1.0]) - [0.125, 0.5])
    return e


def _mixture() -> MixtureEDetector:
    return MixtureEDetector(weights=(0.5, 0.5), form="cusum")


CONFORMANCE = (
    Subject(
        name="e_detector",
        make=EDetector,
        sample=_sample,
        latest=lambda history: int(detect(history).alarms[-1]),
        missing="ignored",
    ),
    Subject(
        name="mixture_e_detector",
        make=_mixture,
        sample=_samples,
        latest=lambda history: int(detect(history, weights=(0.5, 0.5), form="cusum").alarms[-1]),
        missing="ignored",
    ),
)
