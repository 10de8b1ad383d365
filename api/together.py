"""``/v1/alerts/together``: alerts that began together, to be read as one event first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.auth import Caller, CallerOf
from api.parameters import Code, Cursor, Limit, Moment, page, parse_moment
from api.places import Places, Selection
from api.problems import Problem, openapi_responses
from api.schemas import Listing
from api.schemas_together import TogetherOut
from api.service import Service
from streams.evidence.evaluation import Budgets
from streams.evidence.findings import instant
from streams.facts.periods import SECONDS_PER_DAY
from streams.together.grouping import Group
from streams.together.reading import TogetherReader
from streams.together.telling import reach, statement, what_began

GroupId = Annotated[
    str,
    Query(
        max_length=40,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Only alerts of a group that began together, by its id.",
    ),
]


class Together:
    """Groups as one caller sees them; pages and API share it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        settings = service.settings
        self._reader = TogetherReader(
            service.store,
            service.catalogue,
            service.reference,
            Budgets(settings.budget_level1, settings.budget_level2),
        )

    def groups(self, selection: Selection) -> list[Group]:
        """The groups among the alerts of a selection, the newest first."""
        return self._reader.groups(selection.providers, selection.units)

    def group(self, group_id: str, selection: Selection) -> Group:
        """One of them.

        Raises:
            Problem: ``not-found``; groups change with the alerts and differ between readers.
        """
        for group in self.groups(selection):
            if group.id == group_id:
                return group
        raise Problem("not-found", "No such group of alerts is visible to this caller now.")

    def part_of(self, alert_id: str, caller: Caller) -> dict[str, str] | None:
        """The group that an alert is part of, as ``TogetherPart``, among all that a caller sees."""
        for group in self.groups(Selection(caller.providers)):
            if alert_id in group.alerts:
                return {"id": group.id, "statement": self.statement(group)}
        return None

    def statement(self, group: Group) -> str:
        """What is said of a group."""
        return statement(group, self._service.catalogue)

    def fields(self, group: Group) -> dict[str, Any]:
        """A group as ``TogetherOut``."""
        claim = group.claim
        return {
            "id": group.id,
            "statement": self.statement(group),
            "what": what_began(claim, self._service.catalogue),
            "detector": claim.detector,
            "indicator": claim.indicator,
            "feed": claim.feed.topic,
            "grid": claim.grid.name.lower(),
            "since": instant(group.since),
            "until": instant(group.until),
            "unit_kind": group.level,
            "units": len(group.units),
            "watched": group.watched,
            "providers": len(group.providers),
            "providers_watched": group.providers_watched,
            "others": [
                {"unit_kind": level, "units": number}
                for level, number in group.others.items()
                if number
            ],
            "reach": reach(group),
            "expected": round(group.expected, 3),
            "by_budget": round(group.by_budget, 3),
            "p_value": group.p_value,
            "alerts": len(group.alerts),
            "open": group.open,
            "periods": [
                {
                    "period_start": instant(one.start),
                    "begun": one.begun,
                    "expected": round(one.expected, 3),
                }
                for one in group.periods
            ],
        }


def together_router(service: Service, together: Together) -> APIRouter:
    """``/v1/alerts/together``."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.get(
        "/together",
        response_model=Listing[TogetherOut],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_together(
        caller: CallerOf,
        unit: Annotated[
            Code | None, Query(description="Only alerts of this unit and all that lies under it.")
        ] = None,
        since: Annotated[Moment | None, Query(description="Windows that end after it.")] = None,
        until: Annotated[Moment | None, Query(description="Windows that begin before it.")] = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Concern alerts that began together, more of them than chance gives, newest first.

        A common cause is likely behind each group: a change of reporting, a new form, an
        epidemic. It is a view over the alerts that the caller may list, so another caller may
        see another part of the same event. Signals of speaking up take no part.
        """
        places = Places(service, caller, service.clock().date())
        groups = [
            group
            for group in together.groups(places.select(unit))
            if (since is None or group.until > _days(parse_moment(since)))
            and (until is None or group.since < _days(parse_moment(until)))
        ]
        shown, following = page(groups, cursor, limit)
        return {"items": [together.fields(group) for group in shown], "next": following}

    return router


def _days(moment: datetime) -> float:
    return moment.timestamp() / SECONDS_PER_DAY
