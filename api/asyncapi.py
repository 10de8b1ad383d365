"""The description of the Kafka topics as AsyncAPI 3.0, made from the code that uses them.

What comes in has the schemas that the HTTP door checks by; what goes out has those of the
rows that the publisher sends; names, keys and keeping are those that ``earshot topics
create`` makes. Specification: https://www.asyncapi.com/docs/reference/specification/v3.0.0
and, for Kafka, https://github.com/asyncapi/bindings/tree/master/kafka (0.5.0).
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from api.service import Service
from streams.facts.effects import AlertRecord
from streams.facts.events import json_schema
from streams.facts.feeds import Feed
from streams.runners import topics
from streams.runners.publisher import ALERT_TYPE, SIGNAL_TYPE, SOURCE
from streams.store import AlertRow

_SCHEMAS: Final = "#/components/schemas/"
_BINDING: Final = "0.5.0"
_INCOMING: Final = (
    "One structured CloudEvent, or a JSON array of them, all of one provider; binary mode is "
    "accepted too. About a hundred events a message are by far the cheapest."
)
_LETTER_HEADERS: Final = {
    "id": "number of the letter; the same if it is delivered again",
    "code": "the reason, from the closed list of the receipts",
    "detail": "the place in the event and what was expected there",
    "topic": "where the message was read",
    "partition": "its partition",
    "offset": "its offset",
    "index": "the event's place in the message, from 0",
    "sha256": "of the event's bytes",
    "size": "of the event, in bytes",
    "at": "when it was refused",
    "event-id": "the sender's own id, where it could be read",
}


def asyncapi(service: Service) -> dict[str, Any]:
    """The AsyncAPI document of an installation."""
    schemas: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for feed in Feed:
        event = _event_schema(feed, schemas)
        payload = {"oneOf": [event, {"type": "array", "minItems": 1, "items": event}]}
        message = {
            "name": feed.event_type,
            "title": f"{feed.topic}: one event or an array",
            "payload": payload,
            "bindings": _key("The code of the provider that every event of the message names."),
        }
        channels[feed.topic] = _channel(service, feed.topic, _INCOMING, "events", message)
        operations[f"take_{feed.topic}"] = _operation("receive", feed.topic, "events")
    for name, told, message in _outgoing(schemas):
        channels[name] = _channel(service, name, told, "record", message)
        operations[f"publish_{name}"] = _operation("send", name, "record")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Earshot",
            "version": service.version,
            "description": "The Kafka topics: what providers may write and what can be read. The "
            "embedded service has none of them; there everything goes over HTTP.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }


def _event_schema(feed: Feed, schemas: dict[str, Any]) -> dict[str, Any]:
    """Put a feed's event and what it is made of among the schemas; a reference to it."""
    found = json_schema(feed)
    prefix = f"{_SCHEMAS}{feed.topic}."
    for name, part in found.pop("$defs").items():
        schemas[f"{feed.topic}.{name}"] = _moved(part, "#/$defs/", prefix)
    whole = {key: part for key, part in found.items() if key not in {"$schema", "$id"}}
    schemas[feed.event_type] = _moved(whole, "#/$defs/", prefix)
    return {"$ref": _SCHEMAS + feed.event_type}


def _moved(part: Any, old: str, new: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """A schema whose references point to where its parts are now."""
    if isinstance(part, dict):
        return {
            key: value.replace(old, new, 1) if key == "$ref" else _moved(value, old, new)
            for key, value in part.items()
        }
    if isinstance(part, list):
        return [_moved(value, old, new) for value in part]
    return part


def _outgoing(schemas: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, description and message of each topic that goes out."""
    record = _row_schema(AlertRecord, schemas)
    row = _row_schema(AlertRow, schemas)
    # What people did is for the HTTP door, where the reader's key is known.
    schemas["AlertRow"]["properties"].pop("actions", None)
    schemas["AlertRow"]["required"].remove("actions")
    change = {
        "type": "object",
        "required": ["change", "alert"],
        "properties": {"change": {"type": "string"}, "alert": record},
    }
    by_alert = _key("The id of the alert.")
    return [
        (
            topics.ALERTS,
            "Each alert as it is now; compacted. Its numbers have passed disclosure.",
            {"name": ALERT_TYPE, "payload": _cloud_event(ALERT_TYPE, row), "bindings": by_alert},
        ),
        (
            topics.SIGNALS,
            "Each change of an alert, in order; at least once, known again by its id.",
            {
                "name": SIGNAL_TYPE,
                "payload": _cloud_event(SIGNAL_TYPE, change),
                "bindings": by_alert,
            },
        ),
        (
            topics.DEAD_LETTERS,
            "What was refused, as it came; without its bytes where it seems to hold personal data.",
            {
                "name": "deadletter",
                "contentType": "application/octet-stream",
                "payload": {"type": ["string", "null"], "description": "The bytes as they came."},
                "headers": {
                    "type": "object",
                    "properties": {
                        f"earshot-{name}": {"type": "string", "description": told}
                        for name, told in _LETTER_HEADERS.items()
                    },
                },
                "bindings": _key("The sender, as far as it is known."),
            },
        ),
    ]


def _row_schema(row: type, schemas: dict[str, Any]) -> dict[str, Any]:
    found = TypeAdapter(row).json_schema(mode="serialization", ref_template=_SCHEMAS + "{model}")
    schemas.update(found.pop("$defs", {}))
    schemas[row.__name__] = found
    return {"$ref": _SCHEMAS + row.__name__}


def _cloud_event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "The number of the change."},
            "source": {"const": SOURCE},
            "type": {"const": kind},
            "subject": {"type": "string", "description": "The id of the alert."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": data,
        },
    }


def _key(told: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": told}, "bindingVersion": _BINDING}}


def _channel(
    service: Service, topic: str, told: str, name: str, message: dict[str, Any]
) -> dict[str, Any]:
    configs = topics.topic_plan(topics.DEFAULT_PARTITIONS)[topic]["configs"]
    kept: dict[str, Any] = {"cleanup.policy": [configs["cleanup.policy"]]}
    kept |= {
        setting: int(configs[setting])
        for setting in ("retention.ms", "max.message.bytes")
        if setting in configs
    }
    address = f"{service.settings.topic_prefix}{topic}"
    return {
        "address": address,
        "description": told,
        "messages": {name: message},
        "bindings": {
            "kafka": {"topic": address, "topicConfiguration": kept, "bindingVersion": _BINDING}
        },
    }


def _operation(action: str, topic: str, name: str) -> dict[str, Any]:
    """What this service does with a topic: it receives events and sends the rest."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"}],
    }
