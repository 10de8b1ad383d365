"""What intake knows besides the bytes: the clock, the organisations, the sender's scope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from streams.catalogue.contributions import MetricRule
from streams.catalogue.indicators import shipped_metrics
from streams.catalogue.organisations import Organisations
from streams.facts.envelope import MS_PER_DAY, SOURCE_PREFIX, milliseconds
from streams.facts.rejections import Refusal
from streams.facts.vocabulary import ORGANISATION_PATTERN

_EARLIEST = milliseconds(datetime(2000, 1, 1, tzinfo=UTC))
_ORGANISATION = re.compile(ORGANISATION_PATTERN)


@dataclass(frozen=True)
class Context:
    """What intake knows besides the bytes.

    ``scope`` holds the organisation codes that the sender's key covers (None: any);
    ``open_registration`` takes a provider that is not in the organisation file when
    it sends for itself, ``vouched`` holds those that are taken so though it is closed;
    ``metrics`` are the catalogue's metric rules.
    """

    organisations: Organisations
    now: datetime
    open_registration: bool = False
    scope: frozenset[str] | None = None
    vouched: frozenset[str] = frozenset()
    metrics: Mapping[str, MetricRule] = field(default_factory=shipped_metrics)

    latest: int = field(init=False, repr=False, compare=False)
    _speaks: dict[tuple[str, str], Refusal | None] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "latest", milliseconds(self.now) + MS_PER_DAY)

    def authority(self, source: str, provider: str, time: int) -> Refusal | None:
        """Why a source may not report on a provider, or None.

        A membership that holds today or held on the day of the event will do, so
        that late events survive a reorganisation.
        """
        key = (source, provider)
        try:
            refusal = self._speaks[key]
        except KeyError:
            refusal = self._speaks[key] = self._authority(source, provider, self.now)
        if refusal is None or refusal.code == "schema":
            return refusal
        return self._authority(source, provider, datetime.fromtimestamp(time // 1000, UTC))

    def _authority(self, source: str, provider: str, at: datetime) -> Refusal | None:
        code = source_code(source)
        if code is None:
            return Refusal("schema", f"source: expected {SOURCE_PREFIX} and an ODS code")
        if _ORGANISATION.fullmatch(provider) is None:
            return Refusal("schema", "data.provider: expected an ODS code")
        on = at.date()
        known = self.organisations.provider_known(provider, on)
        if not known and not (self.open_registration or self._vouched(provider, on)):
            return Refusal("unknown_provider", "data.provider: not in the organisation file")
        if provider not in (self.organisations.scope_of(code, on) if known else {code}):
            return Refusal("out_of_scope", "data.provider: the source does not speak for it")
        if self.scope is not None and not any(
            provider == covered or provider in self.organisations.scope_of(covered, on)
            for covered in self.scope
        ):
            return Refusal("out_of_scope", "data.provider: the key does not cover it")
        return None

    def _vouched(self, provider: str, on: date) -> bool:
        """Whether a provider is taken without a file; a region, of any file, is none."""
        return provider in self.vouched and not self.organisations.known(provider, on)

    def instant(self, path: str, moment: datetime) -> int | Refusal:
        """A moment in milliseconds, or why it cannot be right."""
        at = milliseconds(moment)
        if at > self.latest:
            return Refusal("time_in_future", f"{path}: more than a day ahead")
        if at < _EARLIEST:
            return Refusal("time_out_of_range", f"{path}: before the year 2000")
        return at


def source_code(source: str) -> str | None:
    """The ODS code of a source, or None where it is not one."""
    code = source.removeprefix(SOURCE_PREFIX)
    if code == source or _ORGANISATION.fullmatch(code) is None:
        return None
    return code
