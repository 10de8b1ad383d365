"""One at a time: who pushes a file or serves a directory holds a lock, where there are locks."""

from __future__ import annotations

import errno
import fcntl
from contextlib import nullcontext

import pytest

from api.cli.embedded import only_one
from api.cli.stores import HouseError
from streams.facts.turns import TakenError, held


def test_a_lock_is_held_by_one_until_it_is_given_back(tmp_path):
    path = tmp_path / "lock"

    with held(path), pytest.raises(TakenError), held(path):
        pass
    with held(path):
        assert path.exists()

    assert not path.exists()


def test_a_directory_is_served_by_one_at_a_time(tmp_path):
    with (
        only_one(tmp_path),
        pytest.raises(HouseError, match="another earshot serves"),
        only_one(tmp_path),
    ):
        pass
    with only_one(tmp_path / "made" / "anew"):
        pass


def test_a_directory_that_cannot_be_is_told_in_words(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(HouseError, match="cannot be used: "), only_one(tmp_path / "file"):
        pass


def test_an_error_while_a_directory_is_served_is_not_taken_for_one_of_its_lock(tmp_path):
    with pytest.raises(FileNotFoundError), only_one(tmp_path):
        (tmp_path / "nothing").read_bytes()


@pytest.mark.parametrize(
    ("code", "told"),
    [(errno.ENOLCK, None), (errno.ENOTSUP, None), (errno.EIO, "cannot be used")],
)
def test_a_file_system_without_locks_keeps_nobody_from_working(monkeypatch, tmp_path, code, told):
    def flock(_file, _operation):
        raise OSError(code, "no locks")

    # No file system of this machine is without them.
    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(HouseError, match=told) if told else nullcontext(), only_one(tmp_path):
        assert told is None
