"""Folders and files of the right permissions; files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_folder(path: str | Path) -> None:
    """Create a folder, and those above it that are missing, for the owner alone.

    Folders that exist keep the permissions that they have.

    Raises:
        OSError: It can't be created, or a file stands where a folder should be.
    """
    missing = []
    at = os.fspath(path)
    while at and not os.path.isdir(at):
        missing.append(at)
        parent = os.path.dirname(at)
        if parent == at:
            break
        at = parent
    for folder in reversed(missing):
        try:
            os.mkdir(folder, FOLDER_MODE)
        except FileExistsError:
            # Another process made it in the meantime; a file in its place is an error.
            if not os.path.isdir(folder):
                raise


def sync_folder(path: str | Path) -> None:
    """Make a folder's entries durable.

    Raises:
        OSError: The folder can't be opened or synced.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, data: bytes) -> None:
    """Publish a file whole: temporary file, fsync, rename, fsync of the folder.

    Raises:
        OSError: Nothing was published; the file keeps what it had.
    """
    make_folder(path.parent)
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write everything, or raise with a part of it written.

    Raises:
        OSError: As `os.write`.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
