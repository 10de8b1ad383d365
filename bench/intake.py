"""Speed of intake: events a second from bytes to facts, against bare ``json.loads``.

    python -m bench.intake [--events 50000]

Times are of the processor, the best of several rounds in one run. "Opened" covers
decoding, validation, the personal-data screen, scope, hashing and the canonical
body. A message with a bad event is gone through piece by piece, and an event that
the strict decoder cannot take at once is looked at closely.
"""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime
from typing import Any

from bench.timing import best
from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.facts.messages import Message
from streams.intake.receiving import Context, encode, open_message

NOW = datetime(2026, 3, 2, tzinfo=UTC)
A_MESSAGE = 100


def incident(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "uk.nhs.quality.incident.v1",
        "source": "urn:nhs:ods:EXA",
        "id": f"EXA01-inc-{number}",
        "time": f"2025-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T10:2{number % 10}:30Z",
        "recordedtime": "2026-01-11T11:00:00Z",
        "data": {
            "provider": "EXA",
            "site": "EXA01",
            "ward": f"W{rng.randint(1, 40)}",
            "event_type": "incident",
            "category": rng.choice(["fall", "medication", "staffing", "other"]),
            "physical_harm": rng.choice(["none", "low", "moderate"]),
            "psychological_harm": "none",
            "patients": 1,
            "reporter": rng.choice(["staff", "patient", "carer"]),
            "anonymous": False,
        },
    }


def messages(events: list[dict[str, Any]]) -> list[Message]:
    return [
        Message(
            "incidents",
            0,
            start,
            b"EXA",
            json.dumps(events[start : start + A_MESSAGE], separators=(",", ":")).encode(),
            0,
        )
        for start in range(0, len(events), A_MESSAGE)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    count = parser.parse_args().events

    rng = random.Random(7)
    events = [incident(number, rng) for number in range(count)]
    sent = messages(events)
    few = max(1, len(events) // 20)
    spoiled = messages(
        [one | {"x": 1} if n % 100 == 50 else one for n, one in enumerate(events[:few])]
    )
    # An escape is never needed, so it makes sure that every event is looked at closely.
    escaped = [
        Message(
            "incidents", 0, m.offset, b"EXA", (m.value or b"").replace(b"-inc-", b"\\u002dinc-"), 0
        )
        for m in messages(events[:few])
    ]
    context = Context(Organisations.load(), NOW, open_registration=True)
    catalogue = Catalogue.load()
    facts = [fact for message in sent for fact in open_message(message, context).facts]
    if len(facts) != count:
        raise SystemExit("the benchmark's own events were refused")

    bare = best(lambda: [json.loads(m.value or b"") for m in sent]) / count
    rows = (
        ("json.loads alone", bare),
        (
            "opened: bytes to facts",
            best(lambda: [open_message(m, context) for m in sent]) / count,
        ),
        (
            "one bad event in 100",
            best(lambda: [open_message(m, context) for m in spoiled]) / few,
        ),
        ("every event odd", best(lambda: [open_message(m, context) for m in escaped]) / few),
        ("written out again", best(lambda: [encode(facts[:1000])]) / min(count, 1000)),
        ("additions to indicators", best(lambda: [*map(catalogue.additions, facts)]) / count),
    )
    print(f"{count} incidents, {A_MESSAGE} a message, one core")
    print(f"{'':<26}{'µs/event':>10}{'events/s':>12}{'of json.loads':>15}")
    for name, cost in rows:
        print(f"{name:<26}{cost * 1e6:>10.2f}{1 / cost:>12,.0f}{bare / cost:>15.2f}")


if __name__ == "__main__":
    main()
