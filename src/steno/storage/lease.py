"""The mark of a living recorder, and the list of transcripts that it touched.

Strategy: a recorder holds a lock (``flock``) on a small file of its own for as long as its
process lives; the kernel releases it however the process ends. In the file stand the transcripts
that the recorder has written to, so that the next start knows exactly where to look for requests
that were left open and for lines that the index has not seen, without scanning a home of 100,000
transcripts. The file gets its name only after it is locked, so that nobody takes it for dead in
between. A recorder that ends well removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

import msgspec

from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FOLDER = ".recorders"
_SUFFIX = ".lease"


def _lease_path(sessions: Path, recorder: str) -> Path:
    return sessions / _FOLDER / f"{safe_name(recorder)}{_SUFFIX}"


class Lease:
    """The lease of one recorder on one folder of transcripts.

    Used by one thread.
    """

    def __init__(self, sessions: Path, recorder: str) -> None:
        """Name the lease; nothing is on disk before `add`."""
        self._path = _lease_path(sessions, recorder)
        self._fd: int | None = None

    def add(self, paths: Iterable[str]) -> None:
        """Note transcripts, as paths relative to the folder, before they are written to.

        Raises:
            OSError: The lease can't be written.
        """
        if self._fd is None:
            self._fd = self._create()
        lines = b"".join(msgspec.json.encode(path) + b"\n" for path in paths)
        if lines:
            write_all(self._fd, lines)

    def _create(self) -> int:
        make_folder(self._path.parent)
        # The dot keeps it out of the sight of `find_dead` until it is locked.
        hidden = self._path.with_name(f".{self._path.name}")
        fd = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(hidden, self._path)
        except OSError:
            os.close(fd)
            raise
        return fd

    def release(self, *, settled: bool) -> None:
        """Give the lease up.

        Args:
            settled: Nothing is left to do for the next start, so the file goes too.
        """
        if self._fd is None:
            return
        if settled:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._fd)
        self._fd = None

    def abandon(self) -> None:
        """Close the copy that a forked child has; the parent keeps its lease."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class DeadLease:
    """What a recorder that is no more has left; locked, so that one process alone cleans up.

    Attributes:
        recorder: The recorder's id.
        paths: Transcripts that it touched, relative to the folder of transcripts.
    """

    def __init__(self, recorder: str, paths: list[str], path: Path, fd: int) -> None:
        """Take over an open and locked lease."""
        self.recorder = recorder
        self.paths = paths
        self._path = path
        self._fd = fd

    def close(self, *, settled: bool) -> None:
        """Unlock it, and remove it if everything was done."""
        if settled:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._fd)


def is_alive(sessions: Path, recorder: str) -> bool:
    """Tell whether the process of a recorder still holds its lease."""
    try:
        fd = os.open(_lease_path(sessions, recorder), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def find_touched(sessions: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Read all leases: which transcripts living recorders have touched, and which dead ones.

    Raises:
        OSError: A lease can't be read.
    """
    living: set[str] = set()
    dead: set[str] = set()
    try:
        names = os.listdir(sessions / _FOLDER)
    except FileNotFoundError:
        return frozenset(), frozenset()
    for name in names:
        # One with a dot is being made at this moment: nothing stands in it yet.
        if name.startswith(".") or not name.endswith(_SUFFIX):
            continue
        try:
            fd = os.open(sessions / _FOLDER / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            paths = _read_paths(fd)
            lives = is_alive(sessions, name.removesuffix(_SUFFIX))
        finally:
            os.close(fd)
        (living if lives else dead).update(paths)
    return frozenset(living), frozenset(dead)


def find_dead(sessions: Path) -> list[DeadLease]:
    """Lock and read the leases that no process holds any more.

    Leases that can't be read are left for another time.
    """
    dead = []
    try:
        names = sorted(os.listdir(sessions / _FOLDER))
    except OSError:
        return []
    for name in names:
        path = sessions / _FOLDER / name
        if name.startswith(".") or not name.endswith(_SUFFIX):
            continue
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody else may have cleaned up between the listing and the lock.
            gone = os.fstat(fd).st_nlink == 0
            paths = [] if gone else _read_paths(fd)
        except OSError:
            os.close(fd)
            continue
        if gone:
            os.close(fd)
            continue
        dead.append(DeadLease(name.removesuffix(_SUFFIX), paths, path, fd))
    return dead


def _read_paths(fd: int) -> list[str]:
    paths = []
    with open(fd, "rb", closefd=False) as file:
        for line in file:
            try:
                path = msgspec.json.decode(line, type=str)
            except msgspec.DecodeError:
                continue  # torn: the recorder was killed before it began that file
            # A lease is a file like any other: what it says must not lead out of the folder.
            if path and not os.path.isabs(path) and ".." not in path.split("/"):
                paths.append(path)
    return list(dict.fromkeys(paths))
