"""What the pages are dressed with: style, script and icon, from this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter

from api.problems import Problem

_STATIC: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def assets_router() -> APIRouter:
    """``/static``."""
    router = APIRouter(include_in_schema=False)
    files = {
        path.name: path.read_bytes()
        for path in (Path(__file__).parent / "static").iterdir()
        if path.suffix.lstrip(".") in _STATIC
    }

    @router.get("/static/{name}")
    def static(name: Annotated[str, PathParameter(max_length=60)]) -> Response:
        if name not in files:
            raise Problem("not-found")
        kind = _STATIC[name.rpartition(".")[2]]
        return Response(files[name], media_type=kind, headers={"Cache-Control": "max-age=300"})

    return router
