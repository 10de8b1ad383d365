"""Two contents under one revision: the one that lost is told of, whichever came first.

Of two contents that a sender gave the same revision the greater one counts, everywhere
and in any order of arrival. That is a mistake of the sender all the same, so the loser
goes back to it: into the receipt or the dead letters. It is written in canonical form,
so that what is told does not depend on the order either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count, islice
from typing import NamedTuple

from streams.facts.envelope import encoded
from streams.facts.messages import Fact, Opened, Rank, Rejection, held

CODE = "revision_conflict"
_DETAIL = "revision: another content under the same one counts; correct with a higher revision"


class Conflict(NamedTuple):
    """A conflict that came to light with the arrival at ``number``; ``loser`` does not count."""

    number: int
    loser: Fact


def clash(one: Rank, other: Rank) -> bool:
    """Whether two versions of a fact are different contents of one revision.

    A withdrawal and a content are none: a withdrawal may keep the revision it withdraws.
    """
    return one[0] == other[0] and not one[1] and not other[1] and one[2] != other[2]


def conflicts(facts: Sequence[Fact], known: Mapping[str, Mapping[bytes, Fact]]) -> list[Conflict]:
    """The conflicts among arrivals, and between them and what is known.

    Args:
        facts: in the order of their arrival.
        known: the versions held before, by provider and key.
    """
    arrived: dict[str, dict[bytes, Fact]] = {}
    found = []
    for number, fact in enumerate(facts):
        latest = arrived.setdefault(fact.provider, {})
        before = latest.get(fact.key) or held(fact, known)
        if before is None:
            latest[fact.key] = fact
            continue
        rank, other = fact.rank, before.rank
        if rank > other:
            latest[fact.key] = fact
        if clash(rank, other):
            found.append(Conflict(number, before if rank > other else fact))
    return found


def told(loser: Fact, index: int) -> Rejection:
    """The rejection of a content that lost, for the item at ``index``."""
    raw = encoded(loser)
    digest = hashlib.sha256(raw).hexdigest()
    return Rejection(index, loser.event_id, CODE, _DETAIL, raw, digest, len(raw))


def index_of(opened: Opened, number: int) -> int:
    """The index within its request or message of the fact at ``number``."""
    refused = {one.index for one in opened.rejections}
    return next(islice((index for index in count() if index not in refused), number, None))
