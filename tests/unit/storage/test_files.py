"""Folders and files of the right permissions."""

import os
import stat
import threading

import pytest

from steno.storage.files import make_folder, replace_file, sync_folder, write_all


def mode(path):
    """Read the permissions of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_make_folder(tmp_path):
    """Missing folders are made for the owner alone; those that exist keep their permissions."""
    tmp_path.chmod(0o755)

    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")

    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path)) == (
        0o700,
        0o700,
        0o755,
    )


def test_a_file_in_the_way(tmp_path):
    """A file where a folder should be is an error."""
    (tmp_path / "a").write_text("")

    with pytest.raises(OSError, match="a"):
        make_folder(tmp_path / "a" / "b")


def test_replace_file(tmp_path):
    """A file is replaced whole, for the owner alone, and nothing else is left behind."""
    path = tmp_path / "sub" / "file"

    replace_file(path, b"one")
    replace_file(path, b"two")

    assert path.read_bytes() == b"two"
    assert mode(path) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_replace_fails_whole(tmp_path):
    """When the replacement fails, the old file stays and no temporary one is left."""
    path = tmp_path / "file"
    path.mkdir()

    with pytest.raises(OSError, match="file"):
        replace_file(path, b"new")

    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_write_all_writes_all():
    """Everything is written, also through a pipe that takes it in pieces."""
    reader, writer = os.pipe()
    received = []

    def read():
        while data := os.read(reader, 1000):
            received.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    write_all(writer, bytes(range(256)) * 2000)
    os.close(writer)
    thread.join()
    os.close(reader)

    assert b"".join(received) == bytes(range(256)) * 2000


def test_sync_folder(tmp_path):
    """A folder can be synced; a file is none."""
    sync_folder(tmp_path)
    (tmp_path / "file").write_text("")

    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
