"""Candidate zones for a scan: sets of units that may share a cause.

A zone is a tuple of unit numbers in rising order. More zones find more kinds of cluster and make
each harder to find, so they should be few and natural: a ward, a site, neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from detectors.demands import check_part, check_whole, numbers

Zones = tuple[tuple[int, ...], ...]


def natural_zones(
    units: int,
    *,
    sites: Sequence[Hashable] | None = None,
    order: Sequence[int] | None = None,
    coordinates: ArrayLike | None = None,
    share: float = 0.5,
) -> Zones:
    """Each unit, each site, the whole provider, and neighbours where an order or places are given.

    Args:
        units: Number of units.
        sites: Site of each unit.
        order: All unit numbers in the order of a corridor or a list; neighbours are runs of it.
        coordinates: Places of the units, shape (units, dimensions); neighbours are circles.
        share: Largest part of the units in a zone of neighbours.

    Raises ``ValueError`` for inputs that do not fit the number of units.
    """
    check_whole("units", units, 1)
    _largest(units, share)  # says what is wrong with the share
    zones: list[tuple[int, ...]] = [(unit,) for unit in range(units)]
    if sites is not None:
        if len(sites) != units:
            raise ValueError(f"sites must be one for each of {units} units, not {len(sites)}")
        zones += [
            tuple(unit for unit in range(units) if sites[unit] == site)
            for site in dict.fromkeys(sites)
        ]
    if order is not None:
        zones += runs(order, units, share=share)
    if coordinates is not None:
        zones += circles(coordinates, units, share=share)
    zones.append(tuple(range(units)))
    return tuple(dict.fromkeys(zones))


def runs(order: Sequence[int], units: int, *, share: float = 0.5) -> Zones:
    """Runs of units that follow one another in ``order``, up to ``share`` of all.

    Raises ``ValueError`` unless ``order`` names every unit once.
    """
    if sorted(order) != list(range(units)):
        raise ValueError(f"order must name each of {units} units once, not {list(order)}")
    longest = _largest(units, share)
    return tuple(
        tuple(sorted(order[start : start + length]))
        for length in range(1, longest + 1)
        for start in range(units - length + 1)
    )


def circles(coordinates: ArrayLike, units: int, *, share: float = 0.5) -> Zones:
    """The nearest units around each unit, one more at a time, up to ``share`` of all.

    Units at one distance enter together. Raises ``ValueError`` for places that do not fit.
    """
    places = numbers("coordinates", coordinates)
    if places.ndim != 2 or len(places) != units or not np.isfinite(places).all():
        raise ValueError(f"coordinates must be finite, shape ({units}, any), not {places.shape}")
    longest = _largest(units, share)
    found: dict[tuple[int, ...], None] = {}
    for centre in places:
        distances = np.sqrt(((places - centre) ** 2).sum(axis=1))
        for radius in np.unique(distances):
            inside = np.flatnonzero(distances <= radius)
            if len(inside) > longest:
                break
            found[tuple(inside.tolist())] = None
    return tuple(found)


def _largest(units: int, share: float) -> int:
    check_part("share", share)
    return max(1, math.floor(share * units))
