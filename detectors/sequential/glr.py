"""Generalised likelihood-ratio (GLR) charts for Poisson and negative binomial counts.

At each observation n the chart asks how much better a change that began at some k explains the
counts since then, whatever its size:

    GLR(n) = max over k of  sup over kappa of  sum_{t=k..n} log f(x_t; change) / f(x_t; in control)
    n - window <= k <= n - minimum + 1,          signal when GLR(n) >= threshold

and starts afresh after a signal. Season, trend and exposure come with each count as its in-control
mean; the change multiplies that mean by exp(kappa) (``change="intercept"``), kappa > 0 for a
rise, < 0 for a fall. With ``change="epidemic"`` the mean becomes mu_t + lambda x_{t-1}: counts feed
on the counts before. When the size of the change is known (``shift``) the maximum over k is the
likelihood-ratio CUSUM max(0, S + l_n). The formulae are in ``glr_statistics``.

A GLR chart needs no size of change to be named and tells both the size and the start of what it
found; it costs a little delay against a CUSUM tuned to the true size. Its threshold has no closed
form and differs between rises and falls: find it by simulation for the means in use.

``compat="surveillance"`` reproduces ``algo.glrpois`` and ``algo.glrnb`` of the R package of that
name, where they depart from the paper:

* Poisson falls leave out windows without any count, so a run of zeros alone is no evidence;
* Poisson windows limited to M hold at least minimum + 1 observations; unlimited ones may be as
  short as one observation once ``minimum`` have been seen;
* the epidemic chart loses windows (``epidemic_change_as_surveillance``);
* epidemic charts and known shifts signal above the threshold, not at it.

Source: M. Höhle & M. Paul, "Count data regression charts for the monitoring of surveillance time
series", Computational Statistics & Data Analysis 52 (2008); the window-limited form: T. L. Lai,
"Sequential changepoint detection in quality control and dynamical systems", JRSS-B 57 (1995).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats, Ints
from detectors.conformance import Subject
from detectors.demands import numbers
from detectors.sequential.cusum_recursion import DIRECTIONS
from detectors.sequential.glr_design import Change, Direction, design_of
from detectors.sequential.glr_statistics import Found, change, follow, known_change


@dataclass(frozen=True, slots=True)
class GlrPath:
    """What a GLR chart says at each observation; arrays of shape (points,).

    ``statistic`` is GLR(n) (NaN where the observation is missing), ``signals`` 1 for a rise, -1
    for a fall and 0 for none, ``length`` the known observations since the estimated start of the
    change (0 for none), ``effect`` its kappa (natural log of the ratio of means) or lambda.
    """

    statistic: Floats
    signals: Ints
    length: Ints
    effect: Floats


class GlrChart:
    """GLR chart of counts about known in-control means, one observation at a time.

    An observation is a pair (count, in-control mean). A pair with a NaN is missing and ignored:
    windows are counted in known observations.

    Args:
        threshold: Signal when the statistic reaches this. Higher means fewer false signals and
            later true ones.
        window: M of the paper: a change may have begun up to so many observations before the
            current one. None looks back to the last signal, and then memory grows until the
            next. Longer windows find smaller changes and cost more time.
        minimum: The paper's M-tilde: observations that a change must have lasted. More ignore
            single high counts.
        dispersion: a of the variance mu + a mu^2; 0 is Poisson. One over R's ``size``.
        direction: ``"rise"``, ``"fall"`` or ``"both"``.
        change: ``"intercept"`` or ``"epidemic"`` (Poisson rises only).
        shift: kappa, when it is known; window and minimum then play no part. Its sign must
            agree with the direction.
        compat: ``"published"``, or ``"surveillance"`` for the R package's departures (see the
            module).

    Attributes:
        statistic: GLR at the last known observation.
        length: Observations since the estimated start of the change, 0 for none.
        effect: Estimated kappa or lambda of that change.

    Example:
        >>> chart = GlrChart(threshold=4.0)
        >>> [chart.update((count, 5.0)) for count in [5, 4, 6, 5, 9, 10, 11]]
        [0, 0, 0, 0, 0, 0, 1]
        >>> chart.length, round(chart.effect, 3)
        (3, 0.693)

    Reference: Höhle & Paul 2008, see the module.
    """

    def __init__(
        self,
        *,
        threshold: float = 5.0,
        window: int | None = 104,
        minimum: int = 1,
        dispersion: float = 0.0,
        direction: Direction = "rise",
        change: Change = "intercept",
        shift: float | None = None,
        compat: str = "published",
    ) -> None:
        self.threshold = threshold
        self.window = window
        self.minimum = minimum
        self.dispersion = dispersion
        self.direction = direction
        self.change = change
        self.shift = shift
        self.compat = compat
        self._design = design_of(self)
        self._shift = math.nan if shift is None else shift
        self._last_count = 0.0
        self.reset()

    def follow(self, pairs: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Statistic, length, effect and signal of a history of known pairs, in one go."""
        return follow(
            self._design.family,
            np.ascontiguousarray(pairs[:, 0]),
            np.ascontiguousarray(pairs[:, 1]),
            self.dispersion,
            self.threshold,
            self._design.strict,
            self._design.longest,
            self._design.shortest,
            self.minimum,
            DIRECTIONS[self.direction],
            self._design.skip_empty,
            self._shift,
        )

    def reset(self) -> None:
        """Start afresh, as after a signal."""
        self.statistic = 0.0
        self.length = 0
        self.effect = 0.0
        self._counts = np.empty(0)
        self._means = np.empty(0)
        self._before = np.empty(0)
        self._since = 0
        self._signalled = False

    def update(self, observation: ArrayLike) -> int:
        """Take the next (count, mean) and give 1 for a rise, -1 for a fall, 0 for neither.

        Raises ``ValueError`` for a negative or infinite count or a mean that is not positive.
        """
        count, mean = _pairs(observation, 1)[0].tolist()
        if math.isnan(count) or math.isnan(mean):
            return 0
        if self._signalled:
            self.reset()
        self._since += 1
        step = self._window if self.shift is None else self._known
        self.statistic, self.length, self.effect = step(count, mean)
        self._last_count = count
        beyond = self.statistic > self.threshold
        if beyond or (self.statistic == self.threshold and not self._design.strict):
            self._signalled = True
            return 1 if self.effect > 0 else -1
        return 0

    def _window(self, count: float, mean: float) -> Found:
        keep = self._design.longest - 1
        self._counts = np.append(self._counts[-keep:], count)
        self._means = np.append(self._means[-keep:], mean)
        self._before = np.append(self._before[-keep:], self._last_count)
        if self._since < self.minimum:
            return 0.0, 0, 0.0
        return change(
            self._design.family,
            self._counts,
            self._means,
            self._before,
            self.dispersion,
            self._design.longest,
            self._design.shortest,
            DIRECTIONS[self.direction],
            self._design.skip_empty,
        )

    def _known(self, count: float, mean: float) -> Found:
        total = max(0.0, self.statistic + known_change(count, mean, self.dispersion, self._shift))
        return (total, self.length + 1, self._shift) if total else (0.0, 0, 0.0)


def glr(counts: ArrayLike, means: ArrayLike, **settings: object) -> GlrPath:
    """The GLR chart of a whole series.

    Args:
        counts: Counts, shape (points,), NaN where missing.
        means: In-control means, likewise, or one for all.
        settings: As for ``GlrChart``.

    Raises ``ValueError`` as ``GlrChart`` does, and for shapes that do not agree.
    """
    x = numbers("counts", counts)
    mu = numbers("means", means)
    if x.ndim != 1 or mu.shape not in {(), x.shape}:
        raise ValueError(f"counts {x.shape} and means {mu.shape} must be series of one length")
    pairs = _pairs(np.column_stack([x, np.broadcast_to(mu, x.shape)]), len(x))
    chart = GlrChart(**settings)  # type: ignore[arg-type] # settings are checked there
    known = ~np.isnan(pairs).any(axis=1)
    found = np.column_stack(chart.follow(pairs[known]))
    whole = np.zeros((len(x), 4))
    whole[:, 0] = np.nan
    whole[known] = found
    statistic, length, effect, signal = whole.T
    return GlrPath(statistic, signal.astype(np.int64), length.astype(np.int64), effect)


def _pairs(observations: ArrayLike, points: int) -> Floats:
    """Checked (count, mean) rows, shape (points, 2)."""
    given = numbers("observations", observations).copy()
    if given.size != 2 * points:
        raise ValueError(f"an observation is a pair (count, in-control mean), not {given}")
    pairs = given.reshape(points, 2)
    counts, means = pairs[:, 0], pairs[:, 1]
    for name, values, bad in (
        ("a count must be finite and not negative", counts, (counts < 0) | np.isinf(counts)),
        ("an in-control mean must be finite and positive", means, (means <= 0) | np.isinf(means)),
    ):
        if bad.any():
            raise ValueError(f"{name}, not {values[bad][0]}")
    return pairs


def _sample(rng: np.random.Generator) -> Floats:
    means = 5.0 + 2.0 * np.sin(np.arange(120) / 8.0)
    counts = rng.poisson(means * np.where(np.arange(120) < 70, 1.0, 1.8))
    return np.column_stack([counts.astype(np.float64), means])


def _subject(name: str, **settings: object) -> Subject:
    return Subject(
        name=name,
        make=lambda: GlrChart(**settings),  # type: ignore[arg-type] # checked in the class
        sample=_sample,
        latest=lambda history: int(glr(history[:, 0], history[:, 1], **settings).signals[-1]),
        missing="ignored",
    )


CONFORMANCE = (
    _subject("glr_poisson", window=40, direction="both"),
    _subject("glr_negative_binomial", window=30, dispersion=0.05, threshold=4.0),
    _subject("glr_epidemic", window=20, change="epidemic"),
)
