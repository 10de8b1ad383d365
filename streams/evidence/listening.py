"""The listening profile of a unit: who is heard there, how safely, and how soon answered.

Twelve aspects, each a share of reports or the time since the last one, over the last
quarter against the year before it. A comparison is weighed as a Bayes factor, so
that a few reports say "not enough data" or "about the same" rather than a trend;
the alerts have their own evidence and budget (``detectors.single_series.shares``,
``detectors.single_series.silence``), the profile describes.

The profile holds true numbers. Whoever shows one passes it through
``streams.alerts.disclosure`` first: ``protected`` marks the aspects about speaking up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.single_series.count_terms import OVERDISPERSION, burstiness, gap_chance
from detectors.single_series.shares import share_change
from streams.facts.periods import Grid

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Series = tuple[I64, F64, F64]
Lookup = Callable[[str], Series | None]
Better = Literal["up", "down", "neutral"]
Variation = Literal[
    "common_cause",
    "improvement_high",
    "improvement_low",
    "concern_high",
    "concern_low",
    "neutral_high",
    "neutral_low",
]

# The last quarter and the year before it, in periods of each grid.
NOW = {Grid.DAY: 91, Grid.WEEK: 13, Grid.MONTH: 3, Grid.QUARTER: 1}
BEFORE = {Grid.DAY: 364, Grid.WEEK: 52, Grid.MONTH: 12, Grid.QUARTER: 4}
# Fewer reports than these say nothing (and, about speaking up, may say too much).
LEAST_NOW, LEAST_BEFORE = 8, 20
# Log Bayes factors: 20 to 1 is a change, 3 to 1 a hint of one.
CLEAR, HINT = math.log(20.0), math.log(3.0)
ODDS_RATIOS = (1.25, 1.5, 2.0, 3.0)
# A gap rarer than one in so many is worth a word.
RARE_GAP = 0.01

NOT_ENOUGH = "not enough data"
WORDS = {
    (1, True): "higher than in the year before",
    (1, False): "may be higher than in the year before",
    (0, False): "about the same as in the year before",
    (-1, False): "may be lower than in the year before",
    (-1, True): "lower than in the year before",
}
REPORTING, QUIET = "reporting as usual", "may have gone quiet"


@dataclass(frozen=True, slots=True)
class Aspect:
    """One line of the profile.

    ``indicator`` is a key of the catalogue; ``better`` the way that is better;
    ``form`` says whether it is a share or the silence of a count.
    """

    key: str
    name: str
    indicator: str
    better: Better
    form: Literal["share", "silence"] = "share"
    grid: Grid = Grid.MONTH
    protected: bool = False


ASPECTS = (
    Aspect("staff_voice", "Incidents reported by staff", "staff_voice_share", "neutral"),
    Aspect("patient_voice", "Incidents reported by patients", "patient_voice_share", "up"),
    Aspect("carer_voice", "Incidents reported by carers", "carer_voice_share", "up"),
    Aspect("anonymous", "Incidents reported anonymously", "anonymous_share", "down"),
    Aspect(
        "anonymous_for_fear",
        "Anonymous reports that give fear of detriment as the reason",
        "anonymity_detriment_share",
        "down",
    ),
    Aspect(
        "speakup_anonymous",
        "Speaking-up cases raised anonymously",
        "speakup_anonymous_share",
        "down",
        protected=True,
    ),
    Aspect(
        "speakup_detriment",
        "Speaking-up cases about detriment",
        "speakup_detriment_share",
        "down",
        protected=True,
    ),
    Aspect("harm", "Incidents with any harm", "any_harm_share", "down", grid=Grid.WEEK),
    Aspect(
        "acknowledged",
        "Complaints acknowledged within three working days",
        "acknowledged_in_time",
        "up",
    ),
    Aspect("answered", "Complaints answered within the agreed time", "answered_in_time", "up"),
    Aspect("incidents_silence", "Incident reporting", "incidents", "neutral", "silence", Grid.WEEK),
    Aspect(
        "complaints_silence", "Complaints received", "complaints", "neutral", "silence", Grid.WEEK
    ),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a unit stands in one aspect.

    Attributes:
        aspect: what is described.
        enough: whether there is enough to say anything; if not, ``words`` says so and
            everything but ``numerator`` and ``denominator`` is None.
        value: the share over the last quarter (0 to 1), or periods without a report.
        numerator: reports with the property in the last quarter.
        denominator: reports in the last quarter.
        before: the share over the year before, or reports per period before the gap.
        change: ``value`` less ``before`` for a share.
        variation: name of the Making Data Count icon.
        words: the trend in words.
        chance: for silence, the probability of so long a gap if nothing had changed.

    """

    aspect: Aspect
    enough: bool
    words: str
    value: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    before: float | None = None
    change: float | None = None
    variation: Variation | None = None
    chance: float | None = None


def listening_profile(
    series: Lookup,
    *,
    level: Literal["ward", "site", "provider"],
    aspects: tuple[Aspect, ...] = ASPECTS,
) -> list[Standing]:
    """The profile of one unit.

    Args:
        series: gives an indicator's closed periods, numerators and denominators (three
            arrays of one length, periods ascending; NaN where missing; denominators are
            not read for silence), on the grid its aspect names, or None.
        level: speaking up is not described below site.
        aspects: the lines, in order.

    Raises:
        ValueError: arrays of different lengths.

    """
    found = []
    for aspect in aspects:
        if aspect.protected and level == "ward":
            continue
        given = series(aspect.indicator)
        if given is not None and len({part.shape for part in given}) != 1:
            raise ValueError(f"{aspect.indicator}: periods, numerators and denominators differ")
        if given is None or given[0].size == 0:
            found.append(Standing(aspect=aspect, enough=False, words=NOT_ENOUGH))
        elif aspect.form == "silence":
            found.append(_silence(aspect, given[0], given[1]))
        else:
            found.append(_share(aspect, *given))
    return found


def variation(better: Better, way: int) -> Variation:
    """The icon of a change: ``way`` is 1 for up, -1 for down, 0 for none."""
    if way == 0:
        return "common_cause"
    if better == "neutral":
        return "neutral_high" if way > 0 else "neutral_low"
    if (better == "up") == (way > 0):
        return "improvement_high" if way > 0 else "improvement_low"
    return "concern_high" if way > 0 else "concern_low"


def compare(y0: F64, n0: F64, y1: F64, n1: F64) -> tuple[int, bool]:
    """Which way a share has moved (1, 0, -1) and whether that is clear, from two stretches.

    The evidence for each way is the mean Bayes factor over a few odds ratios.
    """

    def evidence(sign: int) -> float:
        factors = [share_change(y0, n0, y1, n1, odds_ratio=r**sign) for r in ODDS_RATIOS]
        return float(np.logaddexp.reduce(factors)) - math.log(len(factors))

    up, down = evidence(1), evidence(-1)
    strongest = max(up, down)
    if strongest < HINT:
        return 0, False
    return (1 if up >= down else -1), strongest >= CLEAR


def _share(aspect: Aspect, periods: I64, above: F64, below: F64) -> Standing:
    seen = np.isfinite(above) & np.isfinite(below) & (below > 0) & (above >= 0) & (above <= below)
    above, below = np.where(seen, above, 0.0), np.where(seen, below, 0.0)
    start = periods[-1] - NOW[aspect.grid] + 1
    now = periods >= start
    year = ~now & (periods >= start - BEFORE[aspect.grid])
    numerator, denominator = float(above[now].sum()), float(below[now].sum())
    if denominator < LEAST_NOW or below[year].sum() < LEAST_BEFORE:
        return Standing(
            aspect=aspect,
            enough=False,
            words=NOT_ENOUGH,
            numerator=numerator,
            denominator=denominator,
        )
    way, clear = compare(above[year], below[year], above[now], below[now])
    value = numerator / denominator
    before = float(above[year].sum() / below[year].sum())
    return Standing(
        aspect=aspect,
        enough=True,
        words=WORDS[way, clear],
        value=value,
        numerator=numerator,
        denominator=denominator,
        before=before,
        change=value - before,
        variation=variation(aspect.better, way if clear else 0),
    )


def _silence(aspect: Aspect, periods: I64, counts: F64) -> Standing:
    year = periods > periods[-1] - NOW[aspect.grid] - BEFORE[aspect.grid]
    x = np.nan_to_num(counts[year])
    heard = np.flatnonzero(x > 0)
    if x.sum() < LEAST_BEFORE or heard[-1] < 1:
        return Standing(aspect=aspect, enough=False, words=NOT_ENOUGH, numerator=float(x.sum()))
    known = int(heard[-1]) + 1
    gap = x.size - known
    rate = float(x[:known].mean())
    alpha = burstiness(x, np.ones_like(x), known + 7, *OVERDISPERSION)
    # Counts of one period are alike; each says as much as this part of it.
    weight = 1.0 / (1.0 + alpha * rate)
    chance = gap_chance(weight * float(x[:known].sum()), weight * known, weight * gap)
    quiet = chance < RARE_GAP
    return Standing(
        aspect=aspect,
        enough=True,
        words=QUIET if quiet else REPORTING,
        value=float(gap),
        before=rate,
        variation="concern_low" if quiet else "common_cause",
        chance=chance,
    )
