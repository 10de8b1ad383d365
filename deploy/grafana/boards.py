"""The dashboards: what is asked, and why an operator wants to know."""

from __future__ import annotations

from panels import Dashboard, Panel

RED_ABOVE_ZERO = ((None, "green"), (1, "red"))
RED_AT_ZERO = ((None, "red"), (1, "green"))
REQUESTS = "earshot_http_request_duration_seconds"

LEVELS_AND_STATES = "sum by (level, state) (max by (level, kind, state) (earshot_alerts))"
VERSIONS = "count by (version, mode, reference) (earshot_build_info)"
UNOWNED = "max(earshot_worker_topic_partitions) - sum(earshot_worker_partitions)"


def rate(counter: str, by: str = "") -> str:
    """A counter of single processes, a second, summed over them."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({counter}[$__rate_interval]))"


def increase(counter: str, by: str = "") -> str:
    """How much a counter of single processes grew, summed over them."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({counter}[$__rate_interval]))"


def of_store(counter: str) -> str:
    """A counter that every replica reads from the store, a second."""
    return f"max(rate({counter}[$__rate_interval]))"


def open_alerts(level: int) -> str:
    """Alerts of a level that somebody has still to close."""
    chosen = f'earshot_alerts{{level="{level}", state!~"closed|retracted"}}'
    return f"max(sum by (instance) ({chosen})) or vector(0)"


SERVICE = Dashboard(
    "earshot-service",
    "Earshot: service",
    "Whether events come in, are processed, and become alerts that people work on.",
    {
        "Now": [
            Panel(
                "Store and log",
                "1 while the database answers, and the brokers.",
                {"store": "min(earshot_store_up)", "log": "min(earshot_log_up)"},
                width=4, kind="stat", steps=RED_AT_ZERO,
            ),
            Panel(
                "Waiting",
                "Durable events whose effect on alerts is not visible yet.",
                {"events": "max(earshot_lag_events)"},
                width=4, kind="stat", steps=((None, "green"), (1000, "orange"), (20000, "red")),
            ),
            Panel(
                "Open alerts, level 1",
                "Alerts that nobody has closed and the facts still support.",
                {"alerts": open_alerts(1)},
                width=4, kind="stat",
            ),
            Panel(
                "Open alerts, level 2",
                "The rarer alerts, with the stricter budget.",
                {"alerts": open_alerts(2)},
                width=4, kind="stat", steps=((None, "green"), (1, "orange")),
            ),
            Panel(
                "Silent feeds",
                "Feeds of providers that are overdue by their own cadence.",
                {"feeds": "sum(max by (feed) (earshot_feeds_silent))"},
                width=4, kind="stat", steps=RED_ABOVE_ZERO,
            ),
            Panel(
                "Listeners",
                "Clients of the live stream.",
                {"clients": "sum(earshot_stream_clients)"},
                width=4, kind="stat",
            ),
        ],
        "Events": [
            Panel(
                "Events a second",
                "Made durable, and reflected in series and alerts.",
                {
                    "accepted": of_store("earshot_events_accepted_total"),
                    "processed": of_store("earshot_events_processed_total"),
                },
                unit="ops",
            ),
            Panel(
                "Taken in over HTTP",
                "By feed and result. Speaking up moves in steps, so that one case cannot be seen.",
                {
                    "{{feed}} {{result}}": rate("earshot_intake_events_total", "feed, result")
                },
                unit="ops", stacked=True,
            ),
            Panel(
                "Waiting events",
                "Durable events whose effect on alerts is not visible yet.",
                {"waiting": "max(earshot_lag_events)"},
            ),
            Panel(
                "Refused at the HTTP door",
                "By reason; the sender has the same in its receipt.",
                {"{{code}}": rate("earshot_intake_rejected_events_total", "code")},
                unit="ops", stacked=True,
            ),
            Panel(
                "Told to wait",
                "Requests answered 429, because their key had too many requests or events.",
                {"{{limit}}": rate("earshot_http_limited_requests_total", "limit")},
                unit="reqps", stacked=True,
            ),
            Panel(
                "Processed without effect",
                "Repeats and refused events, a second.",
                {
                    "repeats": of_store("earshot_events_duplicate_total"),
                    "refused": of_store("earshot_events_rejected_total"),
                },
                unit="ops",
            ),
            Panel(
                "Dead letters kept",
                "Refused events by reason, waiting for a repair and a replay.",
                {"{{code}}": "max by (code) (earshot_dead_letters)"},
                stacked=True,
            ),
        ],
        "Listening": [
            Panel(
                "Age of the latest event",
                "By feed. Speaking up is given to the quarter.",
                {"{{feed}}": "max by (feed) (earshot_watermark_age_seconds)"},
                unit="s",
            ),
            Panel(
                "Silent feeds",
                "Feeds of providers that are overdue by their own cadence.",
                {"{{feed}}": "max by (feed) (earshot_feeds_silent)"},
            ),
            Panel(
                "Alerts",
                "By level and state.",
                {"level {{level}} {{state}}": LEVELS_AND_STATES},
                stacked=True,
            ),
        ],
        "HTTP": [
            Panel(
                "Requests a second",
                "By status.",
                {"{{status}}": rate(f"{REQUESTS}_count", "status")},
                unit="reqps", stacked=True,
            ),
            Panel(
                "Time to answer",
                "Quantiles over all requests but the live stream's.",
                {
                    name: f"histogram_quantile({q}, sum by (le) "
                    f'(rate({REQUESTS}_bucket{{route!="/v1/stream"}}[$__rate_interval])))'
                    for name, q in (("median", 0.5), ("95th percentile", 0.95))
                },
                unit="s",
            ),
            Panel(
                "Versions",
                "What runs: program, reference and catalogue. Two lines mean a change on its way.",
                {
                    "{{version}} {{mode}}, reference {{reference}}": VERSIONS,
                    "budget level {{level}}": "max by (level) (earshot_false_alert_budget)",
                },
            ),
        ],
    },
)  # fmt: skip

WORKER = Dashboard(
    "earshot-worker",
    "Earshot: workers",
    "Whether the partitions are held, keep up with Kafka and write to the store.",
    {
        "Now": [
            Panel(
                "Workers ready",
                "Workers that take part and see nothing wrong.",
                {"workers": "sum(earshot_worker_ready)"},
                width=6, kind="stat", steps=RED_AT_ZERO,
            ),
            Panel(
                "Partitions without owner",
                "Of the partitions that each feed's topic has.",
                {"partitions": UNOWNED},
                width=6, kind="stat", steps=RED_ABOVE_ZERO,
            ),
            Panel(
                "Positions beyond the log's end",
                "Anything but zero means that Kafka lost messages which the store has.",
                {"positions": "sum(earshot_worker_positions_beyond_end)"},
                width=6, kind="stat", steps=RED_ABOVE_ZERO,
            ),
            Panel(
                "Unpublished changes",
                "Changes of alerts that are in the store and not yet in Kafka's alerts topic.",
                {"changes": "max(earshot_worker_unpublished_changes)"},
                width=6, kind="stat", steps=((None, "green"), (500, "orange")),
            ),
        ],
        "Work": [
            Panel(
                "Events a second",
                "Committed to the store, by worker.",
                {"{{instance}}": rate("earshot_worker_events_total", "instance")},
                unit="ops", stacked=True,
            ),
            Panel(
                "Messages a second",
                "A message holds one event or up to a hundred.",
                {
                    "committed": rate("earshot_worker_messages_total"),
                    "repeats": rate("earshot_worker_repeated_messages_total"),
                },
                unit="ops",
            ),
            Panel(
                "Time of a batch",
                "From the batch in hand to its commit.",
                {
                    name: f"histogram_quantile({q}, sum by (le) "
                    "(rate(earshot_worker_batch_seconds_bucket[$__rate_interval])))"
                    for name, q in (("median", 0.5), ("95th percentile", 0.95))
                },
                unit="s",
            ),
            Panel(
                "Messages waiting, by topic",
                "In Kafka and not committed to the store.",
                {"{{topic}}": "sum by (topic) (earshot_worker_lag_messages)"},
                stacked=True,
            ),
            Panel(
                "Messages waiting, by partition",
                "One partition that grows alone is one provider that sends much.",
                {"{{partition}}": "sum by (partition) (earshot_worker_lag_messages)"},
            ),
            Panel(
                "Partitions held",
                "By worker; all partitions have one owner.",
                {"{{instance}}": "sum by (instance) (earshot_worker_partitions)"},
                stacked=True,
            ),
        ],
        "What should be rare": [
            Panel(
                "Fenced and waiting for the store",
                "Transactions refused because another worker holds the partition; "
                "tries that the store did not answer.",
                {
                    "fenced": increase("earshot_worker_fenced_total"),
                    "store waits": increase("earshot_worker_store_waits_total"),
                },
            ),
            Panel(
                "Beside the stream",
                "Stretches that the stream left out, messages read beside it, and "
                "messages sent on to their own partition.",
                {
                    "holes": increase("earshot_worker_holes_total"),
                    "read beside": increase("earshot_worker_side_read_messages_total"),
                    "sent on": increase("earshot_worker_forwarded_messages_total"),
                },
            ),
            Panel(
                "Buried and published",
                "Messages that could not be processed; messages written to the outgoing topics.",
                {
                    "buried": increase("earshot_worker_buried_messages_total"),
                    "to {{topic}}": increase("earshot_worker_published_messages_total", "topic"),
                },
            ),
        ],
    },
)  # fmt: skip

DASHBOARDS = (SERVICE, WORKER)
