"""Series: find one, read its points, see its picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from api import icons
from api.auth import Caller, CallerOf
from api.charts import render
from api.histories import GRID_NAMES, Histories, History
from api.parameters import TEXT, Code, Cursor, Limit, Moment
from api.places import Places, Selection
from api.problems import Problem, openapi_responses
from api.renderings import series_detail, series_summary
from api.schemas import Domain, GridName, Listing, SeriesDetail, SeriesSummary
from api.service import Service
from streams.facts.effects import UnitRecord
from streams.facts.periods import Grid
from streams.store.rows import BadCursor, decode_cursor, encode_cursor

SeriesId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=TEXT,
        description="`unit~indicator~grid`, as the listing gives it.",
    ),
]
SVG = "image/svg+xml"


Position = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of a listing of series; None takes all."""

    indicator: str | None
    domain: str | None
    grid: str | None

    def takes(self, key: str, grid: Grid, domain: str) -> bool:
        """Whether a series passes."""
        return (
            self.indicator in {None, key}
            and self.domain in {None, domain}
            and self.grid in {None, grid.name.lower()}
        )


class Finder:
    """Series as one caller sees them."""

    def __init__(self, service: Service, histories: Histories) -> None:
        self._service = service
        self._histories = histories

    def places(self, caller: Caller) -> Places:
        """The hierarchy today."""
        return Places(self._service, caller, self._service.clock().date())

    def one(self, series_id: str, caller: Caller) -> tuple[History, UnitRecord]:
        """A series by its public name, with its unit.

        Raises:
            Problem: ``not-found``.
        """
        parts = series_id.rsplit("~", 2)
        grid = GRID_NAMES.get(parts[-1])
        if len(parts) == 3 and grid is not None:
            unit = self.places(caller).unit(parts[0])
            reading = self._histories.reading(internal=caller.internal)
            if unit.provider and (parts[1], grid) in reading.listed(unit.provider, unit.code):
                found = reading.history(unit.provider, unit.code, parts[1], grid)
                if found is not None:
                    return found, unit
        raise Problem("not-found", "No such series is visible to this caller.")

    def units(self, chosen: Selection, only: str | None) -> Iterator[UnitRecord]:
        """The units whose series are listed, by provider and code."""
        providers = chosen.providers
        if providers is None:
            providers = frozenset(record.provider for record in self._service.store.providers())
        for provider in sorted(providers):
            for record in self._service.store.units(provider):
                if only is not None and record.code != only:
                    continue
                if chosen.units is None or record.code in chosen.units:
                    yield record

    def found(
        self, units: Iterable[UnitRecord], wanted: Wanted, after: Position | None, caller: Caller
    ) -> Iterator[tuple[Position, History, UnitRecord]]:
        """Series in order, from the one after a position on."""
        reading = self._histories.reading(internal=caller.internal)
        for unit in units:
            for place, (key, grid) in enumerate(reading.listed(unit.provider, unit.code)):
                position = (unit.provider, unit.code, place)
                if after is not None and position <= after:
                    continue
                if not wanted.takes(key, grid, self._service.catalogue[key].domain):
                    continue
                history = reading.history(unit.provider, unit.code, key, grid)
                if history is not None:
                    yield position, history, unit


def series_router(finder: Finder) -> APIRouter:
    """``/v1/series``."""
    router = APIRouter(tags=["series"])

    @router.get(
        "/v1/series",
        response_model=Listing[SeriesSummary],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_series(  # one parameter for each filter
        caller: CallerOf,
        unit: Code | None = None,
        include: Annotated[
            list[Literal["under"]] | None,
            Query(description="`under`: with the units under `unit`."),
        ] = None,
        indicator: Code | None = None,
        domain: Domain | None = None,
        grid: GridName | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Series by unit, in the catalogue's order, each with where it stands."""
        places = finder.places(caller)
        names = {record.code: record.name for record in places.filed()}
        units = finder.units(places.select(unit), None if include else unit)
        wanted = Wanted(indicator, domain, grid)
        items: list[dict[str, Any]] = []
        last: Position | None = None
        for position, history, record in finder.found(units, wanted, _decoded(cursor), caller):
            if last is not None and len(items) == limit:
                return {"items": items, "next": encode_cursor(*last)}
            items.append(series_summary(history, names.get(record.code, record.name)))
            last = position
        return {"items": items, "next": None}

    @router.get(
        "/v1/series/{series_id}",
        response_model=SeriesDetail,
        responses=openapi_responses("not-found"),
    )
    def get_series(series_id: SeriesId, caller: CallerOf) -> dict[str, Any]:
        """A series: points, limits, flags, icons, and what the drift monitors found."""
        history, unit = finder.one(series_id, caller)
        return series_detail(history, unit.name)

    @router.get(
        "/v1/series/{series_id}/chart.svg",
        response_class=Response,
        responses={
            200: {"content": {SVG: {"schema": {"type": "string"}}}},
            **openapi_responses("not-found"),
        },
    )
    def get_chart(
        series_id: SeriesId,
        caller: CallerOf,
        onset: Annotated[
            Moment | None, Query(description="Mark the estimated start of a change.")
        ] = None,
    ) -> Response:
        """The picture of a series; its title and description say what it shows."""
        history, unit = finder.one(series_id, caller)
        picture = history.picture(unit.name, onset=onset)
        return Response(render(history.points, picture), media_type=SVG)

    @router.get(
        "/v1/icons/{name}.svg",
        response_class=Response,
        responses={
            200: {"content": {SVG: {"schema": {"type": "string"}}}},
            **openapi_responses("not-found"),
        },
    )
    def get_icon(name: Annotated[str, Path(max_length=40)], caller: CallerOf) -> Response:  # noqa: ARG001 - asked for so that a key is needed
        """A variation or assurance icon by the name that a series carries."""
        if name not in icons.ICONS:
            raise Problem("not-found", "There is no such icon.")
        return Response(icons.icon(name), media_type=SVG)

    return router


def _decoded(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor, tuple[str, str, int])
    except BadCursor:
        raise Problem("invalid-cursor") from None
