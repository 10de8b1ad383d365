"""Supporting monitor: whether a week is unlike a ward's other weeks, over several measures.

One observation is a vector of standardised residuals, one per measure. It gets an anomaly score
from a model learnt online from the vectors before it, and the score is ranked among those of the
last ``reference`` vectors:

    p = (1 + number of earlier scores at least as high) / (number of earlier scores + 1).

A finding is p <= alpha. For exchangeable scores p <= alpha has at most that chance (a conformal
p-value: Vovk, Gammerman & Shafer), so findings come by chance about once in 1 / alpha weeks,
whatever the model; nothing is found before 1 / alpha - 1 scores are known. It is a supporting
monitor all the same: a slow change enters the reference, and a week's oddity is no lasting change.

Two models of a score:

* ``"distance"`` (ours by default): z' S^-1 z with S the second moments of earlier vectors, as if
  ``features + 1`` vectors with the identity had come first, so that it works from the first week
  on (Hotelling's T^2, shrunken). It looks for what residuals are expected to show: large
  values, alone or together. A residual beyond 10,000 counts as 10,000.
* ``"half_space_trees"`` (river): random trees over the box [-span, span]^d, scaled to [0, 1]; a
  vector where few earlier ones fell is odd. It needs a window to fill first, and knows nothing
  of distance, but finds holes inside the cloud as well. Scaling by the normal distribution
  function instead presses all large values together and loses most of what there is to see.

On four independent standard Gaussian residuals, after 312 steady weeks, at alpha 0.02:

==========================================  ============  ====================
a week with                                 distance      half-space trees
==========================================  ============  ====================
one residual raised by 4                    79 %          53 %
all raised by 1.5                           47 %          42 %
nothing (false findings)                    2 %           2 %
==========================================  ============  ====================

Sources: S. C. Tan, K. M. Ting & T. F. Liu, "Fast anomaly detection for streaming data", IJCAI 2011;
H. Hotelling, "Multivariate quality control" (1947); V. Vovk, A. Gammerman & G. Shafer,
*Algorithmic Learning in a Random World* (2005); river, https://riverml.xyz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_inside, check_positive, check_whole, numbers

MODELS = ("distance", "half_space_trees")
# A residual further out counts as lying here: it is as odd as can be, and squares much greater
# than the identity among the moments would lose that in rounding.
_FURTHEST = 1e4


class Score(Protocol):
    """A model of what is usual."""

    def score_then_learn(self, residuals: Floats) -> float:
        """Oddity of the vector (NaN while unknown), which then counts as an earlier one."""


class Distance:
    """z' S^-1 z with S the exponentially weighted second moments of earlier vectors."""

    def __init__(self, features: int, memory: int) -> None:
        self._moments = np.eye(features) * (features + 1.0)
        self._weight = features + 1.0
        self._kept = 1.0 - 1.0 / memory

    def score_then_learn(self, residuals: Floats) -> float:
        """See ``Score``."""
        residuals = np.clip(residuals, -_FURTHEST, _FURTHEST)
        score = float(residuals @ np.linalg.solve(self._moments / self._weight, residuals))
        # What is forgotten is replaced by the identity, so that S stays well conditioned.
        fresh = (1.0 - self._kept) * (len(residuals) + 1.0)
        self._moments = self._kept * self._moments + np.outer(residuals, residuals)
        self._moments += fresh * np.eye(len(residuals))
        self._weight = self._kept * self._weight + 1.0 + fresh
        return score


class HalfSpaceTrees:
    """river's half-space trees over vectors scaled to the unit box."""

    def __init__(self, *, trees: int, height: int, window: int, span: float, seed: int) -> None:
        self._span = span
        self._window = window
        self._seen = 0
        self._forest = _forest(n_trees=trees, height=height, window_size=window, seed=seed)

    def score_then_learn(self, residuals: Floats) -> float:
        """See ``Score``."""
        scaled = np.clip((residuals + self._span) / (2.0 * self._span), 0.0, 1.0)
        features = dict(enumerate(scaled.tolist()))
        known = self._seen >= self._window
        score = float(self._forest.score_one(features)) if known else math.nan
        self._forest.learn_one(features)
        self._seen = min(self._seen + 1, self._window)
        return score


def _forest(**settings: Any) -> Any:  # noqa: ANN401 - river is partly untyped
    from river import anomaly  # noqa: PLC0415 - takes a second

    return anomaly.HalfSpaceTrees(**settings)


@dataclass(frozen=True, slots=True)
class AnomalyPath:
    """Scores, p-values (NaN while unknown or missing) and findings, arrays of shape (points,)."""

    score: Floats
    p_value: Floats
    signals: NDArray[np.int64]


class AnomalyMonitor:
    """Ranks the oddity of vectors of residuals, one at a time.

    A vector with a NaN is missing and ignored.

    Args:
        model: ``"distance"`` or ``"half_space_trees"`` (see the module).
        alpha: Greatest p-value that is a finding. Smaller means fewer findings and a longer wait
            for the first.
        reference: Scores among which a new one is ranked, and for ``"distance"`` the memory of
            its moments in vectors. More make it steadier and slower to forget.
        trees: Trees of the forest. More make scores steadier and cost time.
        height: Levels of each tree. More see finer structure and cost time and memory.
        window: Vectors between renewals of the trees' masses.
        span: Residuals beyond this many standard deviations count as lying at it.
        seed: Seed of the trees.

    Attributes:
        score: Oddity of the last known vector.
        p_value: Its p-value; NaN before there is any earlier score.

    Example:
        >>> monitor = AnomalyMonitor(alpha=0.05)
        >>> steady = [monitor.update([(-1) ** i, (-1) ** (i // 2)]) for i in range(40)]
        >>> sum(steady), monitor.update([4.0, -4.0])
        (0, 1)

    Reference: Tan et al. 2011 and Vovk et al. 2005, see the module.
    """

    def __init__(
        self,
        *,
        model: Literal["distance", "half_space_trees"] = "distance",
        alpha: float = 0.02,
        reference: int = 104,
        trees: int = 25,
        height: int = 6,
        window: int = 52,
        span: float = 6.0,
        seed: int = 1,
    ) -> None:
        check_choice("model", model, MODELS)
        check_inside("alpha", alpha)
        check_whole("reference", reference, 1)
        if (reference + 1) * alpha < 1:
            raise ValueError(f"reference must be at least 1 / alpha - 1, not {reference}")
        for name, value in (("trees", trees), ("height", height), ("window", window)):
            check_whole(name, value, 1)
        check_positive("span", span)
        self.model = model
        self.alpha = alpha
        self.reference = reference
        self.trees = trees
        self.height = height
        self.window = window
        self.span = span
        self.seed = seed
        self.score = math.nan
        self.p_value = math.nan
        self._features = 0
        self._scores: list[float] = []

    def update(self, residuals: ArrayLike) -> int:
        """Take the next vector and give 1 when it is odd, else 0.

        Raises ``ValueError`` for an infinite residual and for another number of them than
        before.
        """
        vector = numbers("residuals", residuals).reshape(-1)
        if np.isinf(vector).any() or not len(vector):
            raise ValueError(f"residuals must be finite or NaN (missing), not {vector}")
        if len(vector) != (self._features or len(vector)):
            raise ValueError(f"there were {self._features} residuals before, not {len(vector)}")
        if np.isnan(vector).any():
            return 0
        if not self._features:
            self._features = len(vector)
            self._model = self._new_model()
        self.score = self._model.score_then_learn(vector)
        if math.isnan(self.score):
            return 0
        known = len(self._scores)
        higher = sum(earlier >= self.score for earlier in self._scores)
        self.p_value = (1 + higher) / (known + 1) if known else math.nan
        self._scores = [*self._scores, self.score][-self.reference :]
        return int(self.p_value <= self.alpha)

    def _new_model(self) -> Score:
        if self.model == "distance":
            return Distance(self._features, self.reference)
        return HalfSpaceTrees(
            trees=self.trees,
            height=self.height,
            window=self.window,
            span=self.span,
            seed=self.seed,
        )


def anomalies(residuals: ArrayLike, **settings: object) -> AnomalyPath:
    """Scores and findings of a whole history, shape (points, features); NaN where missing.

    Settings and errors as for ``AnomalyMonitor``.
    """
    vectors = numbers("residuals", residuals)
    if vectors.ndim != 2:
        raise ValueError(f"residuals must have shape (points, features), not {vectors.shape}")
    monitor = AnomalyMonitor(**settings)  # type: ignore[arg-type] # settings are checked there
    path = AnomalyPath(
        np.full(len(vectors), np.nan),
        np.full(len(vectors), np.nan),
        np.zeros(len(vectors), np.int64),
    )
    for i in np.flatnonzero(~np.isnan(vectors).any(axis=1)).tolist():
        path.signals[i] = monitor.update(vectors[i])
        path.score[i], path.p_value[i] = monitor.score, monitor.p_value
    return path


def _sample(rng: np.random.Generator) -> Floats:
    vectors = rng.normal(size=(70, 3))
    vectors[60] += 5.0
    return vectors


def _subject(name: str, state_bytes: int, **settings: object) -> Subject:
    settings = {"alpha": 0.05, "reference": 40, **settings}
    return Subject(
        name=name,
        make=lambda: AnomalyMonitor(**settings),  # type: ignore[arg-type] # checked in the class
        sample=_sample,
        latest=lambda history: int(anomalies(history, **settings).signals[-1]),
        missing="ignored",
        state_bytes=state_bytes,
    )


CONFORMANCE = (
    _subject("anomaly_distance", 16_384),
    _subject("anomaly_trees", 131_072, model="half_space_trees", trees=5, height=5, window=20),
)
