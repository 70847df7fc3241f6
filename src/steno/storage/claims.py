"""Names in a folder that one writer alone may publish a file under.

Strategy: a claim is a hidden file, ``.<name>.part``, that can only be made once; it is also where
the file is written. Whoever finds a name claimed or taken tries the next number, so that threads
and processes that save at the same moment get names of their own, and nothing is ever replaced.
A claim is locked (``flock``) as long as its process lives: one that is old and that nobody holds
was left by a process that died, and the next one that saves in the folder removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from typing import TYPE_CHECKING

from steno.storage.compressed import TEMPORARY
from steno.storage.filenames import numbered
from steno.storage.files import FILE_MODE, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ABANDONED_S = 3600.0
"""Seconds after which a claim that nobody holds is removed."""


class Claim:
    """A name that is claimed; end it by `publish` or `withdraw`.

    Attributes:
        name: The readable name, with its number.
        fd: Descriptor of the file, to be written to.
        path: Where the file lies; only known when it is published.
    """

    def __init__(self, folder: Path, name: str, disk_name: str, hidden: str, fd: int) -> None:
        """Take over an open and locked file."""
        self.name = name
        self.fd = fd
        self.path = folder / disk_name
        self._folder = folder
        self._hidden = hidden

    def publish(self, suffix: str = "") -> None:
        """Let the file appear, whole and durable.

        Args:
            suffix: What is put behind its name.

        Raises:
            OSError: It did not appear; withdraw it.
        """
        os.fsync(self.fd)
        self.path = self._folder / (self.path.name + suffix)
        _move_to_free(self._hidden, os.fspath(self.path))
        try:
            sync_folder(self._folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            raise
        self._close()

    def withdraw(self) -> None:
        """Remove what was written, and free the name; after `publish`, do nothing."""
        if self.fd < 0:
            return
        with contextlib.suppress(OSError):
            os.unlink(self._hidden)
        self._close()

    def _close(self) -> None:
        # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
        with contextlib.suppress(OSError):
            fcntl.flock(self.fd, fcntl.LOCK_UN)
        os.close(self.fd)
        self.fd = -1


def claim_name(
    folder: Path,
    name: str,
    *,
    suffixes: Sequence[str] = ("",),
    disk_name: Callable[[str], str] | None = None,
) -> Claim:
    """Claim a name, or the same with the first number that is free.

    Args:
        folder: The folder; it exists.
        name: The readable name.
        suffixes: What may stand behind it; the name is free when no file with any of them exists.
        disk_name: Tells under which name it lies on disk.

    Raises:
        OSError: No file can be made there.
    """

    def names(number: int) -> tuple[str, str, bool]:
        """The readable name of a number, the one on disk, and whether a file has it."""
        readable = numbered(name, number)
        on_disk = disk_name(readable) if disk_name else readable
        final = os.path.join(folder, on_disk)
        return readable, on_disk, any(os.path.lexists(final + suffix) for suffix in suffixes)

    for number in itertools.count(_first_free(lambda number: names(number)[2])):
        readable, on_disk, taken = names(number)
        if taken:
            continue
        hidden = os.path.join(folder, f".{on_disk}{TEMPORARY}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(hidden, flags, FILE_MODE)
        except FileExistsError:
            continue
        claim = Claim(folder, readable, on_disk, hidden, fd)
        try:
            # Who looks for abandoned ones may hold it for a moment; it is too young for them.
            fcntl.flock(fd, fcntl.LOCK_EX)
            # Another one may have published the name between the look and the claim.
            if not names(number)[2]:
                return claim
        except BaseException:
            claim.withdraw()
            raise
        claim.withdraw()
    raise AssertionError("numbers have no end")


def _first_free(taken: Callable[[int], bool]) -> int:
    """Find a free number without trying all: of a row that has no holes, the first."""
    last, free = 0, 1
    while taken(free):
        last, free = free, 2 * free
    while free - last > 1:
        middle = (last + free) // 2
        last, free = (middle, free) if taken(middle) else (last, middle)
    return free


def _move_to_free(hidden: str, path: str) -> None:
    """Give a file its name, unless another one has it.

    Raises:
        FileExistsError: Somebody who makes no claims put a file there.
        OSError: It can't be renamed.
    """
    try:
        os.link(hidden, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # No hard links on this file system. The claim keeps all others of steno away.
        if os.path.lexists(path):
            raise
        os.rename(hidden, path)
        return
    # Should it stay, it is a second name of the same file, which goes with what is abandoned.
    with contextlib.suppress(OSError):
        os.unlink(hidden)


def sweep_claims(folder: Path, *, older_than_s: float = ABANDONED_S) -> None:
    """Remove the claims of processes that died; what can't be looked at is left for another time.

    Args:
        folder: The folder.
        older_than_s: Seconds since they were last written to.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    _sweep(entry.path, time.time() - older_than_s)


def _sweep(path: str, before: float) -> None:
    if os.lstat(path).st_mtime > before:
        return
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_mtime <= before and os.path.samestat(os.lstat(path), os.fstat(fd)):
            os.unlink(path)
    finally:
        os.close(fd)
