"""Ten thousand malformed requests at a real HTTP door, with the embedded runner behind it."""

from __future__ import annotations

import http.client
import json
import random
import re
from collections import Counter
from typing import Any

import pytest

from api.cli.serving import listen, serving
from streams.intake.receiving import REJECTION_CODES
from tests.malformed import items_in, malformed
from tests.sent_events import BATCH, ONE

INPUTS = 10_000
WITH_RUNNER = 1_000
"""Beside so many the runner works; the rest it finds in its log when it is started again."""
_ODD_TYPES = ("", "text/csv", "application/json", ONE + "; charset=latin-1", "\xff", ONE + ";x")
_ODD_KEYS = ('"', "", "a b", '"' + "k" * 255 + '"', "x" * 400, '"\\"', "\xe9")


class Door:
    """One connection that stays open, and all that was answered over it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.accepted = self.duplicates = self.rejected = 0

    def send(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Post a body; the status and the document that came back."""
        self._connection.request("POST", "/v1/events", body, headers)
        answer = self._connection.getresponse()
        self.statuses[answer.status] += 1
        return answer.status, json.loads(answer.read())

    def read(self, path: str) -> str:
        """An answer as text."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def count(self, receipt: dict[str, Any]) -> int:
        """Add a receipt to what was told; the number of events it tells of."""
        refused = receipt["rejected"]
        indices = [one["index"] for one in refused]
        assert indices == sorted(set(indices))
        for one in refused:
            assert one["code"] in REJECTION_CODES
            self.codes[one["code"]] += 1
        self.accepted += receipt["accepted"]
        self.duplicates += receipt["duplicates"]
        self.rejected += len(refused)
        return receipt["accepted"] + receipt["duplicates"] + len(refused)


def _headers(rng: random.Random, kind: str) -> dict[str, str]:
    headers = {"content-type": kind}
    if rng.random() < 0.02:
        headers["content-type"] = rng.choice(_ODD_TYPES)
    if rng.random() < 0.03:
        headers["idempotency-key"] = rng.choice(_ODD_KEYS)
    if rng.random() < 0.02:
        headers |= {"x-correlation-id": "\xe9" * 200, "accept": "nothing/at-all", "range": "x"}
    return headers


@pytest.mark.slow
def test_each_of_ten_thousand_malformed_requests_is_answered_and_accounted_for(fresh):
    rng = random.Random(41)
    with listen("127.0.0.1", 0) as socket, serving(fresh.service, socket):
        door = Door(socket.getsockname()[1])
        for number in range(INPUTS):
            if number == WITH_RUNNER:
                fresh.runner.stop()
            body, kind = malformed(rng)
            status, told = door.send(body, _headers(rng, kind))
            if status in {400, 409, 415} or told.get("type", "").endswith("key-reused"):
                assert "rejected" not in told
                continue
            assert status in {202, 207, 422}
            events = door.count(told)
            # An array with a fault in its JSON cannot be taken apart, whatever it holds.
            whole = kind == BATCH and events == 1 and len(told["rejected"]) == 1
            assert whole or items_in(body, kind) == events
        status, told = door.send(b" " * (16 * 1024 * 1024 + 1), {"content-type": kind})
        assert status == 413
        fresh.runner.start()
        assert fresh.runner.wait_idle(60)
        page = door.read("/metrics")
        assert json.loads(door.read("/v1/status"))["lag"] == 0

    assert INPUTS + 1 == door.statuses.total()
    assert max(door.statuses) < 500
    assert min(door.statuses[status] for status in (202, 207, 422, 415)) > 50
    assert len(door.codes) >= 15
    counters = fresh.store.counters()
    assert door.accepted == counters.processed
    # What the door took, the runner takes: it asks the same questions. Only where broken
    # identifiers meet may a later content turn out to be the one that counts.
    letters = fresh.store.dead_letter_counts()
    assert set(letters) <= {"revision_conflict"}
    assert sum(letters.values()) == counters.rejected
    refused = re.findall(
        r'^earshot_intake_rejected_events_total\{code="(\w+)"\} (\S+)', page, re.MULTILINE
    )
    told = {code: float(number) for code, number in refused}
    # Wards of speaking up are counted in steps.
    assert abs(told.pop("ward_refused", 0) - door.codes.pop("ward_refused", 0)) < 8
    assert door.codes == told
