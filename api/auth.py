"""Who is calling, and what of the region they may see.

On loopback without ``--auth`` there is one caller, the person at the machine, who
sees everything. Everywhere else each call carries an organisation key: as a bearer
token, or, so that a browser can show the pages, as the password of basic
authentication. A key's scope is resolved to providers on the day of the call, so
an ICB's key covers the members the ICB has that day.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api.problems import Problem
from api.rates import Limits
from api.service import Service
from streams.store import KeyRow, Role

# Chromium reads the first challenge of a line only, and asks nobody for a bearer's token.
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="earshot", charset="UTF-8", Bearer realm="earshot"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at a door.

    ``name`` goes into the audit. ``providers`` are those whose data may be seen and
    sent; None means all. ``internal`` says that the caller belongs to the
    organisations it sees, rather than overseeing them. ``operates`` says that the
    caller runs the house and reads its own figures, whosever the data in it are.
    """

    name: str
    providers: frozenset[str] | None
    internal: bool
    operates: bool

    def sees(self, provider: str) -> bool:
        """Whether a provider's data may be shown to this caller."""
        return self.providers is None or provider in self.providers


LOCAL = Caller(name="local", providers=None, internal=True, operates=True)


def service_of(request: Request) -> Service:
    """The service behind this application."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request, service: Annotated[Service, Depends(service_of)]) -> Caller:
    """Who makes this request.

    Raises:
        Problem: ``unauthorised`` without a valid key where one is needed; ``forbidden``
            for a change asked for by another site's page; ``too-many-requests`` where the
            key asks for too much.
    """
    _refuse_other_sites(request)
    if not service.settings.keys_needed:
        return LOCAL
    token = _token(request.headers.get("authorization", ""))
    if token is None:
        raise Problem("unauthorised", headers=_CHALLENGE)
    row = service.store.verify_key(token, service.clock())
    if row is None:
        raise Problem("unauthorised", "The key is not valid.", headers=_CHALLENGE)
    caller = _caller(row, service)
    limits: Limits = request.app.state.limits
    limits.request(caller.name)
    return caller


def _caller(row: KeyRow, service: Service) -> Caller:
    name = f"key:{row.prefix}"
    operates = row.role in {Role.OPERATOR, Role.ADMIN}
    if not row.scope and operates:
        return Caller(name, None, internal=False, operates=True)
    today = service.clock().date()
    covered: set[str] = set()
    internal = True
    for code in row.scope:
        members = service.organisations.scope_of(code, today)
        if members - {code}:
            internal = False
        # A provider that the file does not know speaks for itself.
        covered |= members or {code}
    return Caller(name, frozenset(covered), internal, operates)


def _token(header: str) -> str | None:
    kind, _, value = header.partition(" ")
    value = value.strip()
    if kind.lower() == "bearer" and value:
        return value
    if kind.lower() == "basic" and value:
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[2] or None
    return None


def _refuse_other_sites(request: Request) -> None:
    """A browser tells where a request comes from; another site may not act through it.

    Its own word for that holds behind a proxy that gives the service another name, too; older
    browsers, and pages that are not fetched over TLS, only name the origin.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    origin = request.headers.get("origin")
    same = not origin or urlsplit(origin).netloc == request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site")
    if not (same if site is None else site in {"same-origin", "none"}):
        raise Problem("forbidden", "The request comes from another site's page.")


ServiceOf = Annotated[Service, Depends(service_of)]
CallerOf = Annotated[Caller, Depends(caller_of)]
