"""The page on which units stand beside their peers, with a chooser, the picture and a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from api.auth import Caller, CallerOf
from api.comparisons import asked, head_fields, unit_fields
from api.funnels import render, title_of
from api.pages import Pages
from api.parameters import TEXT, parse_moment
from api.peers import Comparer, Peers, Question
from api.problems import Problem
from api.service import Service
from streams.comparisons.comparable import LEVELS, NotComparableError, comparable, levels_of

_FIELDS = tuple(part.name for part in fields(Question))
"""The form asks for the parts of a question."""
_MOST = 100
_DOMAINS = ("safety", "effectiveness", "experience", "listening")


class ComparisonPages:
    """Renders comparisons for people."""

    def __init__(self, service: Service, pages: Pages, comparer: Comparer) -> None:
        self._service = service
        self._pages = pages
        self._comparer = comparer
        measures = comparable(service.catalogue)
        self._first = measures[0].indicator.key if measures else None
        ordered = sorted(measures, key=lambda one: _DOMAINS.index(one.indicator.domain))
        self._choices = [
            (domain, [one.indicator for one in some])
            for domain, some in groupby(ordered, key=lambda one: one.indicator.domain)
        ]

    def page(self, chosen: dict[str, str], caller: Caller) -> Response:
        """The chooser with what was chosen, or the reason why that cannot be compared."""
        key = chosen["indicator"] or self._first
        if key is None:
            raise Problem("not-found", "No indicator of this catalogue can be compared.")
        catalogue = self._service.catalogue
        level = chosen["level"]
        if level not in LEVELS and key in catalogue:
            level = levels_of(catalogue[key])[0]
        chosen = {**chosen, "indicator": key, "level": level}
        try:
            peers = self._comparer.peers(asked(**_given(chosen)), caller)
        except NotComparableError as error:
            refused = {"refusal": str(error), "ways": self._ways(chosen, error)}
            return self._render(chosen, refused)
        return self._render(chosen, _shown(peers, chosen))

    def _render(self, chosen: Mapping[str, str], shown: dict[str, Any]) -> Response:
        return self._pages.render(
            "comparisons.html",
            here="/comparisons",
            chosen=chosen,
            choices=self._choices,
            levels=LEVELS,
            **shown,
        )

    def _ways(self, chosen: Mapping[str, str], error: NotComparableError) -> list[tuple[str, str]]:
        """Links to what can be compared instead."""
        catalogue = self._service.catalogue
        ways = [
            (catalogue[key].name, _link(chosen, indicator=key))
            for key in error.instead
            if chosen["level"] in levels_of(catalogue[key])
        ]
        return ways + [(f"By {level}", _link(chosen, level=level)) for level in error.levels]


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    """The fields of the form as they were sent; those left empty may be absent too."""
    found = {name: query.get(name, "").strip() for name in _FIELDS}
    for name, value in found.items():
        if len(value) > _MOST or not re.fullmatch(TEXT, value):
            raise _wrong(name, f"expected up to {_MOST} characters without control characters")
    return found


def _wrong(name: str, detail: str) -> Problem:
    error = {"place": "query", "name": name, "code": "value", "detail": detail}
    return Problem("invalid", errors=[error])


def _given(chosen: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the form as parts of a question; empty ones are not asked for."""
    found: dict[str, Any] = {name: value or None for name, value in chosen.items()}
    for name in ("since", "until"):
        try:
            parse_moment(found[name] or "2000-01-01")
        except ValueError as error:
            raise _wrong(name, str(error)) from None
    return found


def _link(chosen: Mapping[str, str], **changed: str) -> str:
    kept = {name: value for name, value in {**chosen, **changed}.items() if value}
    return f"/comparisons?{urlencode(kept)}"


def _shown(peers: Peers, chosen: Mapping[str, str]) -> dict[str, Any]:
    key = peers.indicator.key
    query = urlencode({name: value for name, value in chosen.items() if value})
    marked = peers.marked
    return {
        "peers": head_fields(peers),
        "title": title_of(peers),
        "description": peers.indicator.description,
        "items": [unit_fields(one, key) for one in peers.shown],
        "marked": None if marked is None else unit_fields(marked, key),
        # The picture is made here and escapes what it is given.
        "svg": Markup(render(peers)),  # noqa: S704 - as said above
        "query": query,
    }


def comparison_pages_router(pages: ComparisonPages) -> APIRouter:
    """``/comparisons``."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/comparisons")
    def comparisons_page(caller: CallerOf, request: Request) -> Response:
        return pages.page(_chosen(request.query_params), caller)

    return router
