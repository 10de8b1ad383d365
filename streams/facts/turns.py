"""One at a time: whoever pushes a file, or serves a directory, holds a lock in it meanwhile.

Two pushes would write one state and one list of refused rows, and the later would undo what the
earlier had noted; two services would only fence each other.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# File systems that know no locks, as some network shares: then nobody can be told, and being
# kept from working altogether would be worse.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})


class TakenError(Exception):
    """Somebody else holds the lock."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a path for a while; the kernel gives it back when a process is killed.

    Raises:
        TakenError: another process, or another part of this one, holds it.
        OSError: the file cannot be made.
    """
    file = _locked(path)
    try:
        yield
    finally:
        # While it is still held, so that nobody's fresh lock is taken away.
        path.unlink(missing_ok=True)
        file.close()


def _locked(path: Path) -> IO[bytes]:
    while True:
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise TakenError from None
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return file
            file.close()
            raise
        if _is_there(file, path):
            return file
        # The one before took its file away between the two steps.
        file.close()


def _is_there(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
