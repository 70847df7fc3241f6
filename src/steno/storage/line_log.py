"""A plain file of lines that grows: appended under a lock, whole lines or nothing.

The plain sister of a sealed log, with the same methods: whoever keeps notes in one or the other
need not know which. A line that a killed process did not finish is closed with a newline by the
next append, so that it stays a line of its own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from steno.storage.files import FILE_MODE, make_folder, sync_folder, write_all
from steno.storage.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class LineLog:
    """One log of lines.

    Used by one thread; any number of them, and of processes, may append to one file.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, *, fsync: bool = False) -> None:
        """Describe the log; it is created by the first `append`.

        Args:
            path: The file.
            fsync: Make each append durable against the loss of power before it returns.
        """
        self.path = path
        self._fsync = fsync
        self._at = 0

    def append(self, data: bytes) -> None:
        """Append whole lines, each with its newline.

        Raises:
            OSError: Nothing was appended.
        """
        make_folder(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(self.path, flags, FILE_MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", os.fspath(self.path))
            size = status.st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            try:
                write_all(fd, b"\n" + data if torn else data)
                if self._fsync:
                    os.fsync(fd)
                    if size == 0:
                        sync_folder(self.path.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(fd, size)
                raise
        finally:
            # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def read(self) -> Iterator[bytes]:
        """Yield the whole lines that were not read yet, without their newlines.

        Raises:
            OSError: It can't be read.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with open(fd, "rb") as file:
            for line in read_lines(file, self._at):
                if not line.whole:
                    break
                self._at = line.end
                yield line.data

    def close(self) -> None:
        """Do nothing: no file is kept open."""
