"""Quix Streams' stateful count per key, one event a message; for ``bench.worker``."""

from __future__ import annotations

import os
import sys
import tempfile
import time

from quixstreams import Application, State

BOOTSTRAP, TOPIC, EXPECTED = sys.argv[1], sys.argv[2], int(sys.argv[3])


def seconds(began: tuple[float, float]) -> str:
    """Seconds by the clock and of this process since then."""
    return f"{time.perf_counter() - began[0]:.4f} {time.process_time() - began[1]:.4f}"


seen, began = 0, (0.0, 0.0)


def count(_event: object, state: State) -> int:
    global seen, began  # noqa: PLW0603 - a script of one page
    if not seen:
        began = time.perf_counter(), time.process_time()
    total = state.get("count", 0) + 1
    state.set("count", total)
    seen += 1
    if seen == EXPECTED:
        print(f"RATE {seconds(began)}", flush=True)
        os._exit(0)
    return total


app = Application(
    broker_address=BOOTSTRAP,
    consumer_group=f"quix-{TOPIC}",
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
)
source = app.topic(TOPIC, key_deserializer="bytes", value_deserializer="json")
frame = app.dataframe(source)
frame = frame.apply(count, stateful=True)

if __name__ == "__main__":
    app.run()
