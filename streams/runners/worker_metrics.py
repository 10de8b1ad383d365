"""What a worker says of itself: counters for Prometheus and the reasons why it is not ready."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app

_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WorkerMetrics:
    """The worker's metrics. None is labelled by an organisation: counts of those are protected.

    Args:
        registry: where they are registered.

    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.ready = Gauge(
            "earshot_worker_ready", "1 when the worker takes part and nothing is wrong.",
            registry=registry,
        )  # fmt: skip
        self.partitions = Gauge(
            "earshot_worker_partitions", "Partitions that this worker holds.", registry=registry
        )
        self.topic_partitions = Gauge(
            "earshot_worker_topic_partitions",
            "Partitions that each feed's topic has, for all workers together.",
            registry=registry,
        )
        self.lag = Gauge(
            "earshot_worker_lag_messages",
            "Messages that are in Kafka and not committed to the store.",
            ["topic", "partition"],
            registry=registry,
        )
        self.events = Counter(
            "earshot_worker_events", "Events committed, repeats and refused ones included.",
            registry=registry,
        )  # fmt: skip
        self.messages = Counter("earshot_worker_messages", "Messages committed.", registry=registry)
        self.repeats = Counter(
            "earshot_worker_repeated_messages",
            "Messages passed over because the store had them already.",
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "earshot_worker_batch_seconds",
            "Seconds from a batch in hand to its commit.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.fenced = Counter(
            "earshot_worker_fenced",
            "Transactions refused because another worker holds the partition.",
            registry=registry,
        )
        self.holes = Counter(
            "earshot_worker_holes", "Stretches of offsets that the stream did not bring.",
            registry=registry,
        )  # fmt: skip
        self.side_read = Counter(
            "earshot_worker_side_read_messages",
            "Messages read beside the stream, in holes and where it stood still.",
            registry=registry,
        )
        self.forwarded = Counter(
            "earshot_worker_forwarded_messages",
            "Messages sent on to the partition that their key belongs to.",
            registry=registry,
        )
        self.buried = Counter(
            "earshot_worker_buried_messages",
            "Messages put into dead letters because they could not be processed.",
            registry=registry,
        )
        self.store_waits = Counter(
            "earshot_worker_store_waits", "Times the store did not answer and was waited for.",
            registry=registry,
        )  # fmt: skip
        self.beyond_end = Gauge(
            "earshot_worker_positions_beyond_end",
            "Stored positions that lie behind the end of their log: the log lost messages.",
            registry=registry,
        )
        self.unpublished = Gauge(
            "earshot_worker_unpublished_changes",
            "Changes of alerts that are in the store and not yet in Kafka.",
            registry=registry,
        )
        self.published = Counter(
            "earshot_worker_published_messages", "Messages written to the outgoing topics.",
            ["topic"],
            registry=registry,
        )  # fmt: skip


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's signature
        """Probes and scrapes are not news."""


class HealthServer:
    """``/metrics``, ``/healthz`` and ``/readyz`` on a port of their own.

    Args:
        metrics: what is shown.
        unready: why the worker is not ready; nothing when it is.

    """

    def __init__(self, metrics: WorkerMetrics, unready: Callable[[], list[str]]) -> None:
        self._metrics = metrics
        self._unready = unready
        self._exposition = make_wsgi_app(metrics.registry)
        self._server: WSGIServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen in a thread of its own; the port, which 0 leaves to the system."""
        self._server = make_server(
            host, port, self._answer, ThreadingWSGIServer, handler_class=_QuietHandler
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return int(self._server.server_port)

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            self._metrics.ready.set(0 if self._unready() else 1)
            answer: Iterable[bytes] = self._exposition(environ, start_response)
            return answer
        if path == "/healthz":
            return _json(start_response, "200 OK", {"status": "alive"})
        if path == "/readyz":
            reasons = self._unready()
            status = "503 Service Unavailable" if reasons else "200 OK"
            body = {"status": "unready" if reasons else "ready", "reasons": reasons}
            return _json(start_response, status, body)
        return _json(start_response, "404 Not Found", {"status": "no such page"})


def _json(start_response: Callable[..., Any], status: str, body: object) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
