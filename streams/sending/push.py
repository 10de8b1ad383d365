"""Sending a file of events so that it can be stopped at any moment and goes on where it was.

A push keeps a small state file beside the data: how far the service has answered for,
a hash of the bytes up to there, and a name for the run. The state moves only after a
receipt, which the service gives when the events are durable, so a push that was killed
sends at most one batch again; the batch carries the same idempotency key then, and the
service knows the facts anyway. When a file has grown, only what is new is sent; when
the part already sent has changed, the push starts over.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Protocol

import orjson

from streams.facts.turns import TakenError, held
from streams.sending.rejects import RejectFile
from streams.sending.rows import Row

MAX_BATCH_BYTES = 900_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


class PushError(Exception):
    """The push cannot go on; the message says why and what to do. Its state is kept."""


class TryLater(Exception):  # noqa: N818 - named as the condition
    """The door took nothing and may take it later, after ``pause`` seconds if it said so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class TooLarge(Exception):  # noqa: N818 - named as the condition
    """The batch is larger than the door takes at once; nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One event of a batch that was not taken: its index, the sender's id and the reason."""

    index: int
    event_id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the door answered for a batch."""

    accepted: int
    duplicates: int
    refused: Sequence[Refused]


class Door(Protocol):
    """Where events go in: HTTP or Kafka."""

    name: str

    def send(self, lines: Sequence[bytes], key: str) -> Receipt:
        """Send events (one JSON text each) and wait until they are durable.

        Raises:
            TryLater: nothing was taken; the same batch may be sent again.
            TooLarge: nothing was taken; smaller batches may be.
            PushError: sending again cannot help.

        """


class Reader(Protocol):
    """A kind of file: where its rows start and how they are read."""

    start: int

    def read(self, file: IO[bytes], first_number: int) -> Iterator[Row]:
        """Rows from where ``file`` stands."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How far a push is. ``rows`` counts lines that hold something."""

    offset: int = 0
    number: int = 1
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    left_out: int = 0
    rejected_bytes: int = 0


@dataclass(slots=True)
class Batch:
    """Rows that are sent, and answered for, together."""

    rows: list[Row] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, row: Row) -> None:
        """Take one more row."""
        self.rows.append(row)
        if row.line is not None:
            self.lines.append(row.line)
            self.size += len(row.line) + 1


@dataclass(slots=True)
class Push:
    """One file on its way to one door."""

    path: Path
    reader: Reader
    door: Door
    state_path: Path
    rejects_path: Path
    fingerprint: str = ""
    batch_events: int = 500
    patience: float = 600.0
    on_progress: Callable[[Totals], None] = lambda _totals: None
    on_wait: Callable[[str, float], None] = lambda _reason, _pause: None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _run: str = ""
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    _totals: Totals = field(default_factory=Totals)
    _jitter: random.Random = field(default_factory=random.Random)

    def run(self, *, restart: bool = False) -> Totals:
        """Send what has not been sent yet and give the totals over all runs.

        Raises:
            PushError: the door refused the whole push or stayed away for ``patience``
                seconds; running again goes on from the same place. Or another push of the
                file is under way.

        """
        try:
            with held(self._beside(".lock")):
                return self._run_alone(restart=restart)
        except TakenError:
            raise PushError(
                f"another push of {self.path.name} is under way. Let it end, or stop it: "
                "run again, this one goes on where it was"
            ) from None

    def _beside(self, ending: str) -> Path:
        return self.state_path.with_name(self.state_path.name + ending)

    def _run_alone(self, *, restart: bool) -> Totals:
        rejects = RejectFile(self.rejects_path)
        with self.path.open("rb") as file:
            if restart or not self._resume(file):
                self._begin(file)
            rejects.truncate(self._totals.rejected_bytes)
            file.seek(self._totals.offset)
            for batch in self._batches(file):
                self._deliver(batch, rejects)
                self.on_progress(self._totals)
        return self._totals

    def _begin(self, file: IO[bytes]) -> None:
        self._run = uuid.uuid4().hex
        file.seek(0)
        header = file.read(self.reader.start)
        self._hash = hashlib.sha256(header)
        self._totals = Totals(offset=len(header), number=1 + header.count(b"\n"))
        self._save()

    def _resume(self, file: IO[bytes]) -> bool:
        """Take up a kept state if it is of this door, this mapping and these bytes."""
        try:
            state = orjson.loads(self.state_path.read_bytes())
            totals = Totals(**state["totals"])
            same = (state["door"], state["fingerprint"]) == (self.door.name, self.fingerprint)
            run, digest = str(state["run"]), str(state["sha256"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        if not same:
            return False
        seen = hashlib.sha256()
        left = totals.offset
        while left > 0 and (chunk := file.read(min(left, 1 << 20))):
            seen.update(chunk)
            left -= len(chunk)
        if left or seen.hexdigest() != digest:
            return False
        self._run, self._hash, self._totals = run, seen, totals
        return True

    def _save(self) -> None:
        """Write the state beside the old one and put it in its place in one step."""
        state = {
            "door": self.door.name,
            "fingerprint": self.fingerprint,
            "run": self._run,
            "sha256": self._hash.hexdigest(),
            "totals": asdict(self._totals),
        }
        fresh = self._beside(".new")
        with fresh.open("wb") as file:
            file.write(orjson.dumps(state, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.state_path)

    def _batches(self, file: IO[bytes]) -> Iterator[Batch]:
        batch = Batch()
        for row in self.reader.read(file, self._totals.number):
            full = len(batch.lines) >= self.batch_events or len(batch.rows) >= 20_000
            if full or batch.size + len(row.line or b"") > MAX_BATCH_BYTES:
                yield batch
                batch = Batch()
            batch.add(row)
        if batch.rows:
            yield batch

    def _deliver(self, batch: Batch, rejects: RejectFile) -> None:
        """Send a batch, write down what was refused, then move the state."""
        receipt = self._send(batch.lines) if batch.lines else Receipt(0, 0, ())
        sent = [row for row in batch.rows if row.line is not None]
        unread = [row for row in batch.rows if row.code is not None]
        blank = sum(not row.raw.strip() for row in batch.rows)
        refused = [(row.number, "", row.code or "", row.detail) for row in unread]
        refused += [
            (sent[one.index].number, one.event_id or "", one.code, one.detail)
            for one in receipt.refused
            if 0 <= one.index < len(sent)
        ]
        rejects.write(sorted(refused))
        totals = self._totals
        for row in batch.rows:
            self._hash.update(row.raw)
        self._totals = replace(
            totals,
            offset=totals.offset + sum(len(row.raw) for row in batch.rows),
            number=totals.number + sum(max(row.raw.count(b"\n"), 1) for row in batch.rows),
            rows=totals.rows + len(batch.rows) - blank,
            accepted=totals.accepted + receipt.accepted,
            duplicates=totals.duplicates + receipt.duplicates,
            rejected=totals.rejected + len(refused),
            left_out=totals.left_out + len(batch.rows) - len(sent) - len(unread) - blank,
            rejected_bytes=rejects.size,
        )
        self._save()

    def _send(self, lines: Sequence[bytes]) -> Receipt:
        """Send until there is a receipt, waiting longer each time the door stays shut."""
        key = hashlib.sha256(self._run.encode() + b"\n" + b"\n".join(lines)).hexdigest()[:40]
        pause, given_up = _FIRST_PAUSE, self.monotonic() + self.patience
        while True:
            try:
                return self.door.send(lines, key)
            except TooLarge:
                return self._send_halves(lines)
            except TryLater as shut:
                # A little chance keeps many senders from knocking at the same moment.
                wait = shut.pause or pause * self._jitter.uniform(0.75, 1.25)
                if self.monotonic() + wait > given_up:
                    raise PushError(
                        f"{shut}; gave up after {self.patience:.0f} s. Nothing is lost: "
                        "run the same command again to go on"
                    ) from None
                self.on_wait(str(shut), wait)
                self.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _send_halves(self, lines: Sequence[bytes]) -> Receipt:
        if len(lines) == 1:
            return Receipt(0, 0, [Refused(0, None, "too_large", "larger than the door takes")])
        half = len(lines) // 2
        first, second = self._send(lines[:half]), self._send(lines[half:])
        moved = [replace(one, index=one.index + half) for one in second.refused]
        return Receipt(
            first.accepted + second.accepted,
            first.duplicates + second.duplicates,
            [*first.refused, *moved],
        )
