"""How far the service is with what it accepted, as a caller may know it.

The total over all feeds, seen before and after, would tell of one case of speaking up: the
other feeds say exactly when something of theirs arrived (``/v1/feeds``), so that a step that
none of them explains is one of the protected feed. Only who runs the house reads its total.
Everybody else reads the events of their own providers, the protected feed's in the steps of
``streams.alerts.disclosure``, and what is still waiting in steps as well. Nothing waiting is
said exactly, because senders wait for it.
"""

from __future__ import annotations

import math
from typing import Final

from api.auth import Caller
from api.service import Progress, Service
from streams.alerts import disclosure

#: What is waiting is told in steps of so many events, upwards.
_STEP: Final = 5


def standing(service: Service, caller: Caller) -> Progress:
    """Events accepted and processed: the house's for who runs it, else the caller's own.

    A caller's own are the events of its providers that changed something. What is waiting in
    the log is not told apart by provider.
    """
    whole = service.how_far()
    if caller.operates:
        return whole
    processed = sum(
        round(disclosure.metric(row.events)) if disclosure.is_protected(row.feed) else row.events
        for row in service.store.feeds(caller.providers)
    )
    waiting = _STEP * math.ceil(whole.lag / _STEP)
    return Progress(accepted=processed + waiting, processed=processed)
