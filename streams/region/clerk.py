"""The clerk of the simulated region: turns weekly counts into CloudEvents with a moment each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.facts.feeds import EVENT_TYPES, Feed

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Place = tuple[str, str, str]

WEEK_MS = 7 * 86_400_000
DAY_MS = 86_400_000

# Shares follow published national mixes where there are any (reporting year 2023/24 for
# speaking up, quarterly incident statistics for harm) and are round numbers elsewhere.
_CATEGORIES = (
    ("pressure_ulcer", "medication", "infection", "self_harm", "deterioration", "staffing",
     "maternity", "device", "other"),
    (0.17, 0.16, 0.06, 0.03, 0.08, 0.13, 0.01, 0.06, 0.30),
)  # fmt: skip
_KINDS = (("incident", "outcome", "risk", "good_care"), (0.965, 0.010, 0.015, 0.010))
_HARMS = (("low", "moderate", "severe", "fatal"), (0.790, 0.175, 0.027, 0.008))
_HARM_SHARE = 0.28
_DISTRESS = (("none", "low", "moderate", "severe"), (0.860, 0.115, 0.020, 0.005))
_REPORTERS = (("staff", "patient", "carer", "other"), (0.925, 0.035, 0.025, 0.015))
_WHY_ANONYMOUS = (("detriment", "reputation", "colleagues", "other"), (0.30, 0.20, 0.25, 0.25))
_SUBJECTS = (
    ("clinical_treatment", "patient_care", "communications", "values_and_behaviours",
     "admissions_discharges", "appointments", "waiting_times", "staff_numbers", "other"),
    (0.24, 0.16, 0.18, 0.14, 0.09, 0.05, 0.05, 0.03, 0.06),
)  # fmt: skip
_COMPLAINANTS = (
    ("patient", "parent", "guardian", "carer", "other"),
    (0.58, 0.09, 0.01, 0.14, 0.18),
)
_OUTCOMES = (("upheld", "partially_upheld", "not_upheld"), (0.26, 0.36, 0.38))
_ELEMENTS = (
    ("inappropriate_attitudes_or_behaviours", "worker_safety_or_wellbeing",
     "bullying_or_harassment", "patient_safety_or_quality", "detriment"),
    (0.385, 0.323, 0.198, 0.187, 0.040),
)  # fmt: skip
_ROUTES = (("confidential", "open", "anonymous"), (0.505, 0.400, 0.095))


class Sent(NamedTuple):
    """An event and the moment its sender sends it (milliseconds since 1970, UTC)."""

    at: int
    event: dict[str, Any]


@dataclass(slots=True)
class Clerk:
    """Collects the region's events; ``in_order`` gives them as they would be sent."""

    start: datetime
    weeks: int
    seed: int
    _sent: list[Sent] = field(default_factory=list)

    def in_order(self) -> list[Sent]:
        """What is sent before the region ends, by moment (ties by id: the order is fixed)."""
        sent = [one for one in self._sent if one.at <= self._end]
        return sorted(sent, key=lambda one: (one.at, one.event["id"], one.event["revision"]))

    @property
    def _end(self) -> int:
        return int(self.start.timestamp() * 1000) + self.weeks * WEEK_MS

    def incidents(
        self,
        place: Place,
        counts: Counts,
        *,
        category: str | None,
        harm: Floats,
        random: np.random.Generator,
    ) -> None:
        """Incidents of one ward: ``counts`` a week, all of one category or of the usual mix."""
        provider, site, ward = place
        times = self._times(counts, random)
        total = times.size
        harmed = random.random(total) < np.minimum(np.repeat(harm, counts) * _HARM_SHARE, 0.9)
        harms = _draw(_HARMS, total, random)
        categories = [category] * total if category else _draw(_CATEGORIES, total, random)
        kinds = _draw(_KINDS, total, random)
        distress = _draw(_DISTRESS, total, random)
        reporters = _draw(_REPORTERS, total, random)
        reasons = _draw(_WHY_ANONYMOUS, total, random)
        anonymous = random.random(total) < 0.04
        delays = random.exponential(1.2 * DAY_MS, total).astype(np.int64)
        stem = f"{site}-{ward}-{category or 'inc'}"
        for index in range(total):
            harmless = not harmed[index] or kinds[index] in {"risk", "good_care"}
            data: dict[str, Any] = {
                "provider": provider,
                "site": site,
                "ward": ward,
                "event_type": kinds[index],
                "category": categories[index],
                "physical_harm": "none" if harmless else harms[index],
                "psychological_harm": "none" if harmless else distress[index],
                "patients": 0 if kinds[index] == "risk" else 1,
                "reporter": reporters[index],
                "anonymous": bool(anonymous[index]),
            }
            if anonymous[index]:
                data["anonymity_reason"] = reasons[index]
            at = int(times[index])
            event = _event(Feed.INCIDENTS, f"{stem}-{index}", provider, at, data)
            event["recordedtime"] = _iso(min(at + int(delays[index]), self._end))
            self._sent.append(Sent(at, event))

    def complaints(self, place: Place, counts: Counts, random: np.random.Generator) -> None:
        """Complaints of one ward, each sent on receipt, when acknowledged and when answered."""
        provider, site, ward = place
        times = self._times(counts, random)
        total = times.size
        subjects = _draw(_SUBJECTS, total, random)
        complainants = _draw(_COMPLAINANTS, total, random)
        outcomes = _draw(_OUTCOMES, total, random)
        acknowledged = np.where(
            random.random(total) < 0.93,
            random.uniform(0.2, 2.6, total),
            random.uniform(4, 12, total),
        )
        answered = np.maximum(random.gamma(4.0, 10.0, total), acknowledged + 1)
        for index in range(total):
            at = int(times[index])
            event_id = f"{site}-{ward}-comp-{index}"
            data: dict[str, Any] = {
                "provider": provider,
                "site": site,
                "ward": ward,
                "subject": subjects[index],
                "complainant": complainants[index],
                "outcome": "open",
            }
            moments: tuple[tuple[int, dict[str, Any]], ...] = (
                (at, {}),
                (
                    at + int(acknowledged[index] * DAY_MS),
                    {"acknowledged_at": _iso(at + int(acknowledged[index] * DAY_MS))},
                ),
                (
                    at + int(answered[index] * DAY_MS),
                    {
                        "resolved_at": _iso(at + int(answered[index] * DAY_MS)),
                        "outcome": outcomes[index],
                    },
                ),
            )
            for revision, (sent_at, news) in enumerate(moments, start=1):
                data = data | news
                event = _event(Feed.COMPLAINTS, event_id, provider, at, data)
                event["revision"] = revision
                self._sent.append(Sent(sent_at, event))

    def speakup(
        self, provider: str, site: str, counts: Counts, random: np.random.Generator
    ) -> None:
        """Speaking-up cases of one site; they never name a ward."""
        times = self._times(counts, random)
        routes = _draw(_ROUTES, times.size, random)
        names, shares = _ELEMENTS
        raised = random.random((times.size, len(names))) < np.array(shares)
        for index in range(times.size):
            elements = [name for name, said in zip(names, raised[index], strict=True) if said]
            at = int(times[index])
            data = {
                "provider": provider,
                "site": site,
                "elements": elements or [names[index % 3]],
                "route": routes[index],
            }
            event = _event(Feed.SPEAKUP, f"{site}-ftsu-{index}", provider, at, data)
            self._sent.append(Sent(at, event))

    def metrics(self, place: Place, beds: int, falls: Counts, random: np.random.Generator) -> None:
        """A ward's weekly activity, falls, staffing and observations, and monthly figures."""
        weeks = self.weeks
        bed_days = random.binomial(beds * 7, 0.93, weeks)
        planned = np.full(weeks, beds * 7 * 4.0)
        worked = np.round(planned * random.normal(0.95, 0.035, weeks), 1)
        due = np.round(bed_days * 5.5).astype(np.int64)
        on_time = random.binomial(due, np.clip(random.normal(0.93, 0.012, weeks), 0.5, 1.0))
        for week in range(weeks):
            span = (self.start + timedelta(weeks=week), self.start + timedelta(weeks=week + 1))
            self._metric(place, span, "occupied_bed_days", int(bed_days[week]), None)
            self._metric(place, span, "falls", int(falls[week]), int(bed_days[week]))
            self._metric(place, span, "fill_rate_rn_day", float(worked[week]), float(planned[week]))
            self._metric(place, span, "news2_on_time", int(on_time[week]), int(due[week]))
        for span in _months(self.start, self.start + timedelta(weeks=weeks)):
            staff_days = beds * 1.3 * (span[1] - span[0]).days
            lost = staff_days * float(np.clip(random.normal(0.05, 0.008), 0.01, 0.2))
            answers = int(random.poisson(beds * 1.6)) + 5
            positive = int(random.binomial(answers, 0.94))
            self._metric(place, span, "sickness", round(lost, 1), round(staff_days, 1))
            self._metric(place, span, "fft_positive", positive, answers)

    def _metric(
        self,
        place: Place,
        span: tuple[datetime, datetime],
        metric: str,
        numerator: float,
        denominator: float | None,
    ) -> None:
        provider, site, ward = place
        begin, end = span
        data: dict[str, Any] = {
            "provider": provider,
            "site": site,
            "ward": ward,
            "metric": metric,
            "numerator": numerator,
            "period_start": _stamp(begin),
            "period_end": _stamp(end),
        }
        if denominator is not None:
            data["denominator"] = denominator
        at = int(end.timestamp() * 1000)
        event_id = f"{site}-{ward}-{metric}-{begin:%Y%m%d}"
        event = _event(Feed.WARDMETRICS, event_id, provider, at, data)
        self._sent.append(Sent(at, event))

    def _times(self, counts: Counts, random: np.random.Generator) -> NDArray[np.int64]:
        """A moment for each event, uniform over its week, rising, in whole seconds."""
        base = int(self.start.timestamp() * 1000)
        week = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
        within = random.integers(0, WEEK_MS // 1000, week.size, dtype=np.int64) * 1000
        return np.sort(base + week * WEEK_MS + within)


def _draw(
    table: tuple[tuple[str, ...], tuple[float, ...]], size: int, random: np.random.Generator
) -> list[str]:
    names, shares = table
    return [names[index] for index in random.choice(len(names), size=size, p=shares)]


def _event(
    feed: Feed, event_id: str, provider: str, at: int, data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"urn:nhs:ods:{provider}",
        "type": EVENT_TYPES[feed],
        "time": _iso(at),
        "revision": 1,
        "datacontenttype": "application/json",
        "data": data,
    }


def _iso(milliseconds: int) -> str:
    return _stamp(datetime.fromtimestamp(milliseconds // 1000, UTC))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _months(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Whole calendar months between two instants."""
    months: list[tuple[datetime, datetime]] = []
    year, month = (start.year, start.month) if start.day == 1 else _next(start.year, start.month)
    while True:
        begin = datetime(year, month, 1, tzinfo=UTC)
        year, month = _next(year, month)
        finish = datetime(year, month, 1, tzinfo=UTC)
        if finish > end:
            return months
        months.append((begin, finish))


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
