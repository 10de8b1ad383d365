"""The file beside a pushed file that says which rows were refused, and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

_HEADER = ("row", "id", "code", "detail")


class RejectFile:
    """A CSV of row number, sender's id, code and reason; never a row's own content.

    Made when the first row is refused. ``truncate`` drops what a killed run wrote
    after its last kept state, so that a row is listed once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = 0

    def truncate(self, size: int) -> None:
        """Keep the first ``size`` bytes; none of them means that there is no file."""
        if not self._path.exists():
            self.size = 0
            return
        if size == 0:
            self._path.unlink()
        else:
            with self._path.open("r+b") as file:
                file.truncate(size)
        self.size = size

    def write(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Append refused rows."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        rows = list(rows)
        if not rows:
            return
        if self.size == 0:
            writer.writerow(_HEADER)
        for number, event_id, code, detail in rows:
            writer.writerow((number, event_id, code, detail))
        with self._path.open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            self.size = file.tell()
