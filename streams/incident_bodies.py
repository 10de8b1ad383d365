"""Reading the bodies of incidents by halves: where it happened, and what happened.

Incidents are many and their bodies repeat: a ward's differ in little but their
time, and what happens in one ward happens in all. A body that begins with its
place falls into two halves that have each been read before, so that a sender with
thousands of wards costs no more than one with a few. Any other order of fields is
read as a whole, which takes longer and gives the same.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.bodies import drop_null_fields, place_length
from streams.events import Incident
from streams.reading import DECODE_ERRORS

_DIVIDE = b'"event_type"'
_PLACE_FIELDS = (b'"provider"', b'"site"', b'"ward"')
# Bodies up to this length are remembered, and so many halves of either kind.
_LONGEST = 1024
_REMEMBERED = 65_536

_encode = msgspec.json.Encoder().encode
_INCIDENT = msgspec.json.Decoder(Incident)


class UnreadableIncident(Exception):  # noqa: N818 - not an error: there is another way to read it
    """A body is not good as it stands; a closer look says why."""


class _Head(NamedTuple):
    provider: str
    site: str | None
    ward: str | None
    told: bytes


class _Rest(NamedTuple):
    told: bytes
    body: bytes


_heads: dict[bytes, _Head] = {}
_rests: dict[bytes, _Rest] = {}


def incident_stated(raw: bytes) -> tuple[str, str | None, str | None, bytes, bytes]:
    """Provider, site and ward of an incident, its canonical body whole and without its place.

    Raises:
        UnreadableIncident: the body must be looked at more closely.
        Refused: the code of its place cannot be taken.
    """
    first, _, second = raw.partition(_DIVIDE)
    head, rest = _heads.get(first), _rests.get(second)
    if head is None or rest is None:
        head, rest = _read(raw, first, second)
    provider, site, ward, told = head
    return provider, site, ward, told + rest.told, rest.body


def _read(raw: bytes, first: bytes, second: bytes) -> tuple[_Head, _Rest]:
    """Read a body strictly, and remember its halves if they are good in any company.

    Accepted values hold no quotation marks: a body with more of them than its
    canonical form has named a field twice.
    """
    try:
        data = _INCIDENT.decode(raw)
    except DECODE_ERRORS:
        raise UnreadableIncident from None
    if _encode(data).count(b'"') != raw.count(b'"'):
        raise UnreadableIncident
    drop_null_fields(data)
    # `{"provider":"...",` and the rest of the place come first.
    length = 15 + len(data.provider) + place_length(data.site, data.ward)
    told = _encode(data)
    head = _Head(data.provider, data.site or None, data.ward or None, told[:length])
    rest = _Rest(told[length:], b"{" + told[length:] if len(told) > length else b"{}")
    # The first half names the place and nothing else, the second half all but the place.
    fields = 1 + (head.site is not None) + (head.ward is not None)
    divided = first.count(b'"') == 4 * fields and not any(name in second for name in _PLACE_FIELDS)
    if divided and len(raw) <= _LONGEST:
        for held in (_heads, _rests):
            if len(held) >= _REMEMBERED:
                held.clear()
        _heads[first] = head
        _rests[second] = rest
    return head, rest
