"""Western Electric and Nelson rules, at the point that completes a pattern.

Zones are bands of one standard deviation about the centre line. Beyond is strict, and a
pattern must lie on one side unless said otherwise.

================  ================================================  ================
Western Electric  pattern                                           Nelson
================  ================================================  ================
1                 a point beyond three sigma                        1
2                 two of three successive points beyond two sigma   5
3                 four of five successive points beyond one sigma   6
4                 eight points in a row on one side of the centre   (2: nine points)
none              six points in a row rising, or falling            3
none              fourteen points in a row alternating up and down  4
none              fifteen points in a row within one sigma          7
none              eight points in a row beyond one sigma, with      8
                  points on both sides
================  ================================================  ================

Only the point that completes a pattern is flagged, and it must belong to it: of two points
beyond two sigma and a third within, the third is not flagged. A pattern of m points needs m
known points; a missing value, or one without a sigma, breaks every pattern, as does a new
stretch. A point on the centre line breaks runs and equal neighbours break trends.

Each point is placed by its own centre and sigma, so the rules hold for varying subgroup
sizes too. ``compat="qcc"`` does as the R package does in rules 2, 3 (Nelson 5, 6): every point
of the window is placed by the limits of the last.

With known limits and independent Gaussian data the average run lengths to a false signal are
370.4 for Western Electric rule 1 alone, 225.4 for {1, 2}, 166.1 for {1, 3}, 152.7 for {1, 4},
91.8 for all four (Champ & Woodall).

Sources: Western Electric Company, *Statistical Quality Control Handbook* (1956);
L. S. Nelson, "The Shewhart control chart: tests for special causes", Journal of Quality
Technology 16 (1984); C. W. Champ & W. H. Woodall, "Exact results for Shewhart control charts
with supplementary runs rules", Technometrics 29 (1987).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Bits, Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, numbers

RULES: dict[str, tuple[str, ...]] = {
    "western_electric": (
        "beyond three sigma",
        "two of three beyond two sigma",
        "four of five beyond one sigma",
        "eight on one side",
    ),
    "nelson": (
        "beyond three sigma",
        "nine on one side",
        "six rising or falling",
        "fourteen alternating",
        "two of three beyond two sigma",
        "four of five beyond one sigma",
        "fifteen within one sigma",
        "eight beyond one sigma on both sides",
    ),
}
"""Rules of each set, in order: rule number r is bit r - 1 of a signal."""

LONGEST_RULE = 15
COMPATS = ("published", "qcc")


@compiled
def _zone_pattern(
    values: Floats, centre: Floats, sigma: Floats, i: int, needed: int, window: int, now: int
) -> bool:
    """Whether point ``i`` completes ``needed`` of ``window`` beyond a line on its side.

    The line is two sigma for windows of three, one sigma for windows of five.
    """
    reach = 2.0 if window == 3 else 1.0
    for side in (1.0, -1.0):
        beyond = 0
        for j in range(i, i - window, -1):
            at = i if now else j
            line = centre[at] + side * reach * sigma[at]
            outside = side * values[j] > side * line
            if j == i and not outside:
                break
            beyond += int(outside)
        if beyond >= needed:
            return True
    return False


@compiled
def _one_side(values: Floats, centre: Floats, i: int, points: int) -> bool:
    for side in (1.0, -1.0):
        run = 0
        while run < points and side * values[i - run] > side * centre[i - run]:
            run += 1
        if run == points:
            return True
    return False


@compiled
def _steady(values: Floats, i: int, points: int) -> bool:
    for side in (1.0, -1.0):
        run = 1
        while run < points and side * values[i - run + 1] > side * values[i - run]:
            run += 1
        if run == points:
            return True
    return False


@compiled
def _alternating(values: Floats, i: int, points: int) -> bool:
    for j in range(i - points + 3, i + 1):
        later, earlier = values[j] - values[j - 1], values[j - 1] - values[j - 2]
        if not ((later > 0.0 and earlier < 0.0) or (later < 0.0 and earlier > 0.0)):
            return False
    return True


@compiled
def _within(values: Floats, centre: Floats, sigma: Floats, i: int, points: int) -> bool:
    for j in range(i - points + 1, i + 1):
        if values[j] > centre[j] + sigma[j] or values[j] < centre[j] - sigma[j]:
            return False
    return True


@compiled
def _both_sides(values: Floats, centre: Floats, sigma: Floats, i: int, points: int) -> bool:
    above, below = 0, 0
    for j in range(i - points + 1, i + 1):
        above += int(values[j] > centre[j] + sigma[j])
        below += int(values[j] < centre[j] - sigma[j])
    return above > 0 and below > 0 and above + below == points


@compiled
def _judge(
    values: Floats,
    centre: Floats,
    sigma: Floats,
    group: NDArray[np.int32],
    nelson: int,
    now: int,
    bits: Bits,
) -> None:
    """Bits of the rules complete at each point; ``nelson`` and ``now`` are 1 or 0."""
    run = 0  # known points of the stretch so far
    for i in range(len(values)):
        if i > 0 and group[i] != group[i - 1]:
            run = 0
        known = abs(values[i] - centre[i]) < np.inf and 0.0 < sigma[i] < np.inf
        run = run + 1 if known else 0
        if not known:
            continue
        three = 3.0 * sigma[i]
        found = int(values[i] > centre[i] + three or values[i] < centre[i] - three)
        two = run >= 3 and _zone_pattern(values, centre, sigma, i, 2, 3, now)
        four = run >= 5 and _zone_pattern(values, centre, sigma, i, 4, 5, now)
        points = 9 if nelson else 8
        side = run >= points and _one_side(values, centre, i, points)
        if nelson:
            found |= int(side) << 1
            found |= int(run >= 6 and _steady(values, i, 6)) << 2
            found |= int(run >= 14 and _alternating(values, i, 14)) << 3
            found |= int(two) << 4
            found |= int(four) << 5
            found |= int(run >= 15 and _within(values, centre, sigma, i, 15)) << 6
            found |= int(run >= 8 and _both_sides(values, centre, sigma, i, 8)) << 7
        else:
            found |= int(two) << 1 | int(four) << 2 | int(side) << 3
        bits[i] = found


def check_rules(rule_set: str, rules: Sequence[int], compat: str) -> int:
    """Bits of the chosen ``rules`` (all when empty); ``ValueError`` for what does not exist."""
    check_choice("rule_set", rule_set, RULES)
    check_choice("compat", compat, COMPATS)
    known = range(1, len(RULES[rule_set]) + 1)
    for rule in rules:
        if rule not in known:
            raise ValueError(f"rules of {rule_set} go from 1 to {known[-1]}, not {rule}")
    return sum(1 << (rule - 1) for rule in set(rules or known))


def zone_signals(
    values: ArrayLike,
    centre: ArrayLike,
    sigma: ArrayLike,
    *,
    rule_set: str = "western_electric",
    rules: Sequence[int] = (),
    group: NDArray[np.int32] | None = None,
    compat: str = "published",
) -> Bits:
    """Bits of the rules complete at each point of one series, shape (points,).

    Args:
        values: Shape (points,); NaN is missing.
        centre: Centre line, one number or one per point.
        sigma: Standard deviation of each plotted value, one number or one per point; a point
            whose sigma is not positive is not judged.
        rule_set: A key of ``RULES``.
        rules: Numbers of the rules to apply, all by default.
        group: Number of the stretch of each point; nothing crosses into another.
        compat: ``"published"`` or ``"qcc"``, see the module.

    Raises:
        ValueError: for unknown rules or compat, shapes that differ, or infinite values.

    Example:
        >>> zone_signals([0.1, 2.5, -0.3, 2.2, 0.0], centre=0.0, sigma=1.0)
        array([0, 0, 0, 2, 0], dtype=uint8)
    """
    chosen = check_rules(rule_set, rules, compat)
    series = numbers("values", values).copy()
    if series.ndim != 1 or np.isinf(series).any():
        raise ValueError("values must be one series, finite or NaN (missing)")
    length = len(series)
    groups = np.zeros(length, np.int32) if group is None else group
    lines = []
    for name, given in (("centre", centre), ("sigma", sigma)):
        line = np.array(given, dtype=np.float64)
        if line.ndim and line.shape != series.shape:
            raise ValueError(f"{length} values but {name} of shape {line.shape}")
        lines.append(np.ascontiguousarray(np.broadcast_to(line, series.shape)))
    bits = np.zeros(length, np.uint8)
    nelson, now = int(rule_set == "nelson"), int(compat == "qcc")
    _judge(series, lines[0], lines[1], groups, nelson, now, bits)
    return bits & np.uint8(chosen)
