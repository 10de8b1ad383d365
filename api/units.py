"""Units: the hierarchy as it stood on a day, and how each unit listens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.auth import CallerOf
from api.histories import Histories
from api.parameters import TEXT, Code, Cursor, Day, Limit, page
from api.places import ABOVE_PROVIDERS, Places
from api.problems import openapi_responses
from api.profiles import listening
from api.renderings import unit_fields
from api.schemas import Listing, UnitDetail, UnitKind, UnitOut
from api.service import Service

UnitCode = Annotated[str, Path(min_length=1, max_length=100, pattern=TEXT)]


def units_router(service: Service, histories: Histories) -> APIRouter:
    """``/v1/units``."""
    router = APIRouter(prefix="/v1/units", tags=["units"])

    @router.get(
        "",
        response_model=Listing[UnitOut],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_units(
        caller: CallerOf,
        kind: UnitKind | None = None,
        under: Code | None = None,
        provider: Code | None = None,
        on: Day | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Units by code: those of the organisation file and those seen in events."""
        places = Places(service, caller, on or service.clock().date())
        found = places.units() if under is None else places.under(places.unit(under))
        chosen = [
            unit_fields(unit)
            for unit in found
            if (kind is None or unit.kind == kind)
            and (provider is None or unit.provider == provider)
        ]
        items, following = page(chosen, cursor, limit)
        return {"items": items, "next": following}

    @router.get("/{code}", response_model=UnitDetail, responses=openapi_responses("not-found"))
    def get_unit(code: UnitCode, caller: CallerOf, on: Day | None = None) -> dict[str, Any]:
        """A unit, those above and below it, and its listening profile."""
        day = on or service.clock().date()
        places = Places(service, caller, day)
        unit = places.unit(code)
        profile = (
            []
            if unit.kind in ABOVE_PROVIDERS
            else listening(histories.reading(internal=caller.internal), unit)
        )
        return {
            **unit_fields(unit),
            "on": day.isoformat(),
            "parents": [unit_fields(one) for one in places.parents(unit)],
            "children": [unit_fields(one) for one in places.children(unit)],
            "profile": profile,
        }

    return router
