"""Canonical bodies of events known by their outline: what stands around the values, and the values.

The strict way writes every body in one canonical form. What of it stands around the values that
are cut out of an event is the same for all events of one outline, so it is remembered, and the
body of the next one is put together from it. A body made here is to the byte what the strict
way would have written, and what was read in it goes with the fact.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.catalogue.contributions import moment_ms, span_of
from streams.catalogue.time_limits import MOMENTS
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Likeness, Said
from streams.facts.remembered import keep
from streams.facts.vocabulary import NUMBER_LIMIT
from streams.intake.bodies import LONGEST_PERIOD, plain_number
from streams.intake.context import Context

# What stands before the values of a canonical body that are cut out of its event, in the order
# of a body's fields, and what ends them. A period is one value: where it begins and ends.
_CUT_OUT = (
    *((f'"{name}":"'.encode(), b'"') for name in MOMENTS),
    (b'"numerator":', b","),
    (b'"denominator":', b","),
    (b'"period_start":"', b'"'),
)
_WITHIN_PERIOD = b'","period_end":"'
# A period among the values of an event comes first: two moments with a space between them.
_MOMENT = len("2026-01-05T00:00:00Z")
_PERIOD = 2 * _MOMENT + 1


class Outline(NamedTuple):
    """What is known of the events with one outline.

    ``pieces`` are what stands around the values of their canonical body, which has no place.
    ``metric`` is the name of their metric ("" where they state none) and ``like`` what
    complaints are told by.
    """

    feed: Feed
    revision: int
    pieces: tuple[bytes, ...]
    metric: str
    like: Likeness


class Period(NamedTuple):
    """A period that events spoke for.

    ``until`` is its end in milliseconds, -1 where it is none; ``written`` is how a canonical
    body has it and ``span`` how a metric's reading does.
    """

    until: int
    written: bytes
    span: int


class _Metric(msgspec.Struct):
    metric: str = ""


_METRIC = msgspec.json.Decoder(_Metric)
_UNANSWERED = Likeness(())
_encode = msgspec.json.Encoder().encode
_periods: dict[str, Period] = {}
_numbers: dict[str, tuple[int | float, bytes]] = {}


def outline_of(fact: Fact, values: str) -> Outline | None:
    """The outline of an event with these values, None where it does not say where they are."""
    body = fact.body
    if not values:
        return Outline(fact.feed, fact.revision, (body,), "", _UNANSWERED)
    pieces = _around_values(body)
    written = values.count(" ") + 1 - (_WITHIN_PERIOD in body)
    if written + 1 != len(pieces):
        return None
    like = Likeness(tuple(name for name in MOMENTS if f'"{name}":"'.encode() in body))
    return Outline(fact.feed, fact.revision, pieces, _METRIC.decode(body).metric, like)


def _around_values(body: bytes) -> tuple[bytes, ...]:
    """What stands around the values that are cut out."""
    pieces, begin = [], 0
    for before, behind in _CUT_OUT:
        at = body.find(before, begin)
        if at >= 0:
            value = at + len(before)
            pieces.append(body[begin:value])
            begin = body.index(behind, value)
            if body.startswith(_WITHIN_PERIOD, begin):
                begin = body.index(behind, begin + len(_WITHIN_PERIOD))
    return (*pieces, body[begin:])


def answered(pieces: tuple[bytes, ...], like: Likeness, values: str) -> tuple[bytes, Said]:
    """The canonical body of a complaint, and what was read in it."""
    first, _, second = values.partition(" ")
    body = pieces[0] + first.encode() + pieces[1]
    if second:
        body += second.encode() + pieces[2]
    return body, (like, first, second or None)


def stated_body(
    pieces: tuple[bytes, ...], metric: str, values: str, time: int, context: Context
) -> tuple[bytes, Said | None, int] | None:
    """The canonical body of a metric or an aggregate, what was read in it, when it counts.

    None where one must look closer.
    """
    until, period, span = _periods.get(values[:_PERIOD]) or _period(values[:_PERIOD])
    if until < 0:
        return None
    if not metric:
        return pieces[0] + period + pieces[1], None, time
    first, _, second = values[_PERIOD + 1 :].partition(" ")
    above, body = _numbers.get(first) or _number(first)
    below = None
    body = pieces[0] + body + pieces[1]
    if second:
        below, written = _numbers.get(second) or _number(second)
        body += written + pieces[2]
    rule = context.metrics.get(metric)
    if (
        rule is None
        or above < 0
        or (below is not None and below < 0)
        or not -MS_PER_DAY <= time - until <= MS_PER_DAY
        or rule.refusal(above, below) is not None
    ):
        return None
    return body + period + pieces[-1], (metric, above, below, span), until


def _period(values: str) -> Period:
    """Where a period begins and ends, remembered."""
    start, _, end = values.partition(" ")
    since, until = moment_ms(start), moment_ms(end)
    if not 0 < until - since <= LONGEST_PERIOD:
        until = -1
    written = start.encode() + _WITHIN_PERIOD + end.encode()
    found = Period(until, written, span_of(start, end))
    keep(_periods, values, found)
    return found


def _number(value: str) -> tuple[int | float, bytes]:
    """A plain number and how it is written in a canonical body; -1 for one too great."""
    number = plain_number(float(value)) if "." in value else int(value)
    found = number if number <= NUMBER_LIMIT else -1, _encode(number)
    keep(_numbers, value, found)
    return found


def remembered() -> tuple[int, int]:
    """How many periods and numbers are remembered."""
    return len(_periods), len(_numbers)


def forget() -> None:
    """Forget all periods and numbers."""
    _periods.clear()
    _numbers.clear()
