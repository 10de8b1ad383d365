"""A minimal Faust agent that counts per key, one event a message; for ``bench.worker``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter

import faust
from faust.streams import Stream

BOOTSTRAP, TOPIC, EXPECTED = sys.argv[1], sys.argv[2], int(sys.argv[3])


def seconds(began: tuple[float, float]) -> str:
    """Seconds by the clock and of this process since then."""
    return f"{time.perf_counter() - began[0]:.4f} {time.process_time() - began[1]:.4f}"


app = faust.App(
    f"bench-{TOPIC}",
    broker=f"kafka://{BOOTSTRAP}",
    datadir=tempfile.mkdtemp(),
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
topic = app.topic(TOPIC, key_type=bytes, value_serializer="json")
counts: Counter[bytes] = Counter()


@app.agent(topic)
async def count(stream: Stream[object]) -> None:
    began, seen = (0.0, 0.0), 0
    async for key, _event in stream.items():  # noqa: PERF102 - a stream, not a dict
        if not seen:
            began = time.perf_counter(), time.process_time()
        counts[key] += 1
        seen += 1
        if seen == EXPECTED:
            # Faust's worker takes the standard output for its log.
            os.write(1, f"RATE {seconds(began)}\n".encode())
            os._exit(0)


if __name__ == "__main__":
    faust.Worker(app, loglevel="ERROR", quiet=True).execute_from_commandline()
