"""How much a key may ask for: token buckets, one for requests and one for events.

A bucket fills at the rate that is set, up to a minute's worth, so that a sender may catch
up after a break. Whoever has anything left is served, even where that costs more than is
left: what is owed is waited for afterwards. A large request is therefore never refused
for ever, and a full bucket never keeps anybody waiting.

Buckets live in the process: behind several HTTP halves a key has the rate of each of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from api.problems import Problem
from api.settings import Settings

BURST_SECONDS: Final = 60.0
"""How many seconds' worth a bucket holds."""


class RateLimit:
    """Token buckets by name.

    Args:
        rate: tokens a second; 0 sets no limit.
        seconds: gives the time, monotonic, in seconds.
    """

    def __init__(self, rate: float, seconds: Callable[[], float] = monotonic) -> None:
        self.rate = rate
        # Never less than one, or a low rate would refuse what comes first.
        self._most = max(1.0, rate * BURST_SECONDS)
        self._seconds = seconds
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, name: str) -> float:
        """Seconds until this name is served again; 0 where it is served now."""
        if not self.rate:
            return 0.0
        with self._lock:
            left, _ = self._now(name)
        # One whole token, so that the time that was told is enough.
        return 0.0 if left > 0 else (1.0 - left) / self.rate

    def spend(self, name: str, tokens: float) -> None:
        """Take tokens, also such as are not there yet."""
        if not self.rate:
            return
        with self._lock:
            left, now = self._now(name)
            self._left[name] = (left - tokens, now)

    def _now(self, name: str) -> tuple[float, float]:
        now = self._seconds()
        left, at = self._left.get(name, (self._most, now))
        return min(self._most, left + (now - at) * self.rate), now


class Limits:
    """The limits of a service, by the names of its keys; without keys there are none.

    Args:
        settings: the rates, and whether keys are asked for.
        limited: called with ``requests`` or ``events`` for each request that is refused.
        seconds: gives the time, monotonic, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        limited: Callable[[str], None],
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        needed = settings.keys_needed
        self.requests = RateLimit(settings.rate_requests if needed else 0.0, seconds)
        self.events = RateLimit(settings.rate_events if needed else 0.0, seconds)
        self._limited = limited

    def request(self, name: str) -> None:
        """Count a request.

        Raises:
            Problem: ``too-many-requests``.
        """
        self._check("requests", self.requests, name)
        self.requests.spend(name, 1)

    def before_events(self, name: str) -> None:
        """See whether a key may send events now.

        Raises:
            Problem: ``too-many-requests``; nothing was taken.
        """
        self._check("events", self.events, name, accepted=0, duplicates=0, rejected=[])

    def after_events(self, name: str, events: int) -> None:
        """Count events that were opened, whatever became of them."""
        self.events.spend(name, events)

    def _check(self, kind: str, limit: RateLimit, name: str, **members: object) -> None:
        wait = limit.wait(name)
        if wait > 0:
            self._limited(kind)
            raise Problem(
                "too-many-requests",
                f"This key has {limit.rate:g} {kind} a second on average. Try again later.",
                headers={"Retry-After": str(math.ceil(wait))},
                **members,
            )
