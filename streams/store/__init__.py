"""The store: facts and what follows from them, committed together or not at all."""

from __future__ import annotations

from streams.store.commit import Fenced
from streams.store.connection import SchemaMismatch, SchemaOutdated, StoreUnavailable
from streams.store.idempotency import KeyReused, RequestInProgress
from streams.store.keys import NewKey, Role
from streams.store.retention import Pruned
from streams.store.rows import (
    ActionRow,
    AlertRow,
    AuditRow,
    BadCursor,
    Counters,
    DeadLetterRow,
    FeedRow,
    KeyRow,
    OutboxRow,
    Page,
    PartitionState,
    RebaseRow,
    StoredResponse,
    UnknownItem,
)
from streams.store.store import Store
from streams.store.work import Acted, VersionConflict

__all__ = [
    "Acted",
    "ActionRow",
    "AlertRow",
    "AuditRow",
    "BadCursor",
    "Counters",
    "DeadLetterRow",
    "FeedRow",
    "Fenced",
    "KeyReused",
    "KeyRow",
    "NewKey",
    "OutboxRow",
    "Page",
    "PartitionState",
    "Pruned",
    "RebaseRow",
    "RequestInProgress",
    "Role",
    "SchemaMismatch",
    "SchemaOutdated",
    "Store",
    "StoreUnavailable",
    "StoredResponse",
    "UnknownItem",
    "VersionConflict",
]
