"""``/v1/comparisons``: one indicator of many units beside each other, and its picture."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from api.auth import Caller, CallerOf
from api.funnels import render
from api.parameters import Code, Cursor, Limit, Moment, page, parse_moment
from api.peers import Comparer, Named, Peers, Question
from api.problems import Problem, openapi_responses
from api.schemas_comparisons import ComparedLevel, ComparisonOut
from api.series import SVG
from streams.alerts.disclosure import SUPPRESSED
from streams.comparisons.comparable import NotComparableError
from streams.comparisons.judging import MINIMUM_EXPECTED
from streams.histories.views import series_id

Indicator = Annotated[Code, Query(description="Key of an indicator of the catalogue.")]
Level = Annotated[
    ComparedLevel,
    Query(description="Which units; the smallest that the indicator has unless given."),
]
Under = Annotated[Code, Query(description="Only units under this one, a provider or a region.")]
Mark = Annotated[Code, Query(description="A unit to point out.")]
Since = Annotated[
    Moment, Query(description="Whole closed periods from here on; the last year unless given.")
]
Until = Annotated[Moment, Query(description="Whole closed periods up to here.")]


def asked(  # one parameter for each part of the question
    indicator: Indicator,
    level: Level | None = None,
    unit: Under | None = None,
    mark: Mark | None = None,
    since: Since | None = None,
    until: Until | None = None,
) -> Question:
    """What is asked for, with its moments read."""
    return Question(
        indicator,
        level,
        unit,
        mark,
        None if since is None else parse_moment(since),
        None if until is None else parse_moment(until),
    )


Asked = Annotated[Question, Depends(asked)]


def found(comparer: Comparer, question: Question, caller: Caller) -> Peers:
    """The comparison.

    Raises:
        Problem: ``not-found``; ``not-comparable`` with the reason and what can be compared.
    """
    try:
        return comparer.peers(question, caller)
    except NotComparableError as error:
        raise Problem(
            "not-comparable",
            str(error),
            reason=error.reason,
            instead=list(error.instead),
            levels=list(error.levels),
        ) from None


def unit_fields(one: Named, indicator: str) -> dict[str, Any]:
    """A unit as ``ComparedUnit``."""
    judged, sums = one.judged, one.judged.sums
    return {
        "unit": sums.unit,
        "unit_name": one.name,
        "within": one.within,
        "provider": sums.provider,
        "series": series_id(sums.unit, indicator, sums.grid),
        "marked": one.marked,
        "numerator": sums.numerator,
        "denominator": sums.denominator,
        "expected": judged.expected,
        "value": judged.value,
        "z": judged.z,
        "lower95": judged.lower95,
        "upper95": judged.upper95,
        "lower998": judged.lower998,
        "upper998": judged.upper998,
        "state": judged.state,
        "position": judged.position,
        "meaning": judged.meaning if judged.beyond else "neutral",
        "periods": sums.periods,
        "missing_denominators": sums.missing,
        "statement": judged.statement,
        "disclosure": SUPPRESSED if sums.held_back else None,
    }


def head_fields(peers: Peers) -> dict[str, Any]:
    """All of ``ComparisonOut`` but its items."""
    comparison, indicator = peers.comparison, peers.indicator
    return {
        "indicator": indicator.key,
        "indicator_name": indicator.name,
        "feed": indicator.feed.topic,
        "direction": indicator.direction,
        "measure": comparison.measure.unit,
        "volume": comparison.measure.volume,
        "level": peers.level,
        "unit": peers.question.unit,
        "grid": peers.span.grid.name.lower(),
        "since": peers.span.since,
        "until": peers.span.until,
        "model": comparison.measure.model,
        "centre": comparison.centre,
        "phi": comparison.plot.phi,
        "tau2": comparison.tau2,
        "overdispersed": comparison.plot.overdispersed,
        "minimum_expected": MINIMUM_EXPECTED,
        "peers": {
            "units": len(comparison.units),
            "judged": comparison.count("judged"),
            "too_small": comparison.count("too_small"),
            "held_back": comparison.count("held_back"),
            "providers": peers.providers,
            "shown": len(peers.shown),
        },
        "statement": peers.statement,
        "notes": list(peers.notes),
    }


def comparisons_router(comparer: Comparer) -> APIRouter:
    """``/v1/comparisons``."""
    router = APIRouter(prefix="/v1/comparisons", tags=["comparisons"])

    @router.get(
        "",
        response_model=ComparisonOut,
        responses=openapi_responses("invalid-cursor", "not-found", "not-comparable", "invalid"),
    )
    def list_comparison(
        caller: CallerOf, question: Asked, cursor: Cursor | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        """Units beside their peers: figures, limits and a sentence each; it raises no alert."""
        peers = found(comparer, question, caller)
        shown, following = page(list(peers.shown), cursor, limit)
        items = [unit_fields(one, peers.indicator.key) for one in shown]
        return {"items": items, "next": following, **head_fields(peers)}

    @router.get(
        "/funnel.svg",
        response_class=Response,
        responses={
            200: {"content": {SVG: {"schema": {"type": "string"}}}},
            **openapi_responses("not-found", "not-comparable", "invalid"),
        },
    )
    def get_funnel(caller: CallerOf, question: Asked) -> Response:
        """The funnel plot of a comparison; its title and description say what it shows."""
        peers = found(comparer, question, caller)
        return Response(render(peers), media_type=SVG)

    return router
