"""g and t charts: the gaps between rare events.

Where events are few, the number of cases between them (g) or the time between them (t)
says more than a row of zeros. A *short* gap is then the worrying one. Both charts show an
improvement well and a deterioration poorly: the lower limit of a g chart is zero, so only
its runs can speak of shorter gaps. A count CUSUM is the quicker test for a rise.

g: gaps are geometric with mean m (cases strictly between two events), variance m (m + 1),
limits m +- 3 sqrt(m (m + 1)) cut at 0; the centre line is the median of the gaps, because
63 % of a geometric distribution lies below its mean and would make false runs. ``exact``
takes the 0.135 % and 99.865 % points of the geometric distribution instead (and 2.275 %,
97.725 % for the near limits), which are attained with the stated chance.

t: the gaps to the power 1/3.6 are nearly Gaussian when the times are exponential; an XmR
chart of them is transformed back, the lower limits cut at 0.

Sources: J. C. Benneyan, "Performance of number-between g-type statistical control charts
for monitoring adverse events", Health Care Management Science 4 (2001); L. S. Nelson, "A
control chart for parts-per-million nonconforming items", Journal of Quality Technology 26
(1994).
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Booleans, Floats
from detectors.charts.nhs_rules import Limits
from detectors.charts.sparse import TAILS
from detectors.charts.xmr import D2, XmrLimits, exact_mean, xmr_limits

T_POWER = 3.6


def geometric_quantile(mean: float, chance: float) -> float:
    """Smallest gap whose cumulative chance reaches ``chance``, for gaps 0, 1, 2, ... of ``mean``.

    P(gap <= g) = 1 - (1 - q)^(g + 1) with q = 1 / (mean + 1).
    """
    if mean <= 0.0:
        return 0.0
    stay = np.log(mean / (mean + 1.0))
    return float(max(np.ceil(np.log1p(-chance) / stay - 1.0 - 1e-12), 0.0))


def g_limits(gaps: Floats, base: Booleans, *, exact: bool = False) -> Limits:
    """Limits of a g chart at every point, from the gaps in ``base``; shape (points,).

    All NaN when no gap in ``base`` is known.
    """
    known = gaps[base & ~np.isnan(gaps)]
    if not len(known):
        return Limits(*(np.full(len(gaps), np.nan) for _ in range(5)))
    mean = exact_mean(known)
    if exact:
        lower, near_lower = (geometric_quantile(mean, tail) for tail in TAILS)
        upper, near_upper = (geometric_quantile(mean, 1.0 - tail) for tail in TAILS)
    else:
        sigma = np.sqrt(mean * (mean + 1.0))
        lower, near_lower = max(mean - 3.0 * sigma, 0.0), max(mean - 2.0 * sigma, 0.0)
        upper, near_upper = mean + 3.0 * sigma, mean + 2.0 * sigma
    lines = (float(np.median(known)), lower, upper, near_lower, near_upper)
    return Limits(*(np.full(len(gaps), line) for line in lines))


def t_limits(
    gaps: Floats, base: Booleans, *, screen: bool = True, adjoin: bool = False
) -> tuple[Limits, XmrLimits]:
    """Limits of a t chart at every point, from the gaps in ``base``, and the XmR limits behind.

    Gaps are times in any unit, greater than zero; check ``XmrLimits.reason`` for charts that
    are not meaningful. The factor is 3 / 1.128, unrounded. A gap outside ``base`` breaks the
    moving ranges, unless ``adjoin`` makes its neighbours adjacent.
    """
    roots = gaps ** (1.0 / T_POWER)
    transformed = roots[base] if adjoin else np.where(base, roots, np.nan)
    inner = xmr_limits(transformed, screen=screen, factor=3.0 / D2)
    lines = (inner.mean, inner.lower, inner.upper, inner.near_lower, inner.near_upper)
    back = (np.maximum(line, 0.0) ** T_POWER for line in lines)
    return Limits(*(np.full(len(gaps), float(line)) for line in back)), inner
