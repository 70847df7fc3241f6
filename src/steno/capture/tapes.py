"""Tapes: what has passed of an exchange that is still open, on disk.

A tape is a file of frames: a kind (1 byte), monotonic seconds (float64), the length of the data
(uint32), all little-endian, then the data. Appending is its only operation; a torn last frame is
what a crash leaves, and is passed over. Tapes of one recorder lie in a folder of their own under
``tapes/``, whose lock the kernel releases however the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from steno import notices
from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FRAME = struct.Struct("<BdI")
_SUFFIX = ".tape"
LOCK_NAME = "lock"
_MAX_FRAME = 64 * 1024 * 1024

OPENED, REQUEST, SENT, STATUS, REPLY, SESSION = range(1, 7)
"""The kinds of frames: `Opening`, request bytes, request sent, head of the reply, reply bytes, and
the session that the request was found to belong to."""


class Frame(NamedTuple):
    """One note on a tape."""

    kind: int
    at_s: float
    data: bytes


def frame(kind: int, at_s: float, data: bytes = b"") -> bytes:
    """Write a frame."""
    return _FRAME.pack(kind, at_s, len(data)) + data


def frame_json(kind: int, at_s: float, value: object) -> bytes:
    """Write a frame that holds JSON."""
    return frame(kind, at_s, msgspec.json.encode(value))


def claim_folder(path: Path) -> int:
    """Make a folder for what is noted, locked before it has its name.

    Returns:
        A file that holds the lock for as long as it is open, in this process or in another one.

    Raises:
        OSError: It can't be made.
    """
    hidden = path.with_name(f".{path.name}")
    make_folder(hidden)
    fd = os.open(hidden / LOCK_NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(hidden, path)
    except OSError:
        os.close(fd)
        raise
    return fd


class TapeFolder:
    """The tapes of one recorder; used by one thread."""

    def __init__(self, tapes: Path, recorder: str) -> None:
        """Name the folder; nothing is on disk before the first `append`."""
        self._path = tapes / safe_name(recorder)
        self._lock: int | None = None

    def append(self, name: str, data: bytes) -> None:
        """Append frames to the tape of an exchange.

        A disk that refuses is said; it costs no more than what the tape is for.
        """
        try:
            if self._lock is None:
                self._lock = self._open()
            fd = os.open(
                self._path / f"{safe_name(name)}{_SUFFIX}",
                os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE,
            )  # fmt: skip
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            notices.say("tape", f"WARN an open reply can't be kept on disk: {error}")

    def _open(self) -> int:
        return claim_folder(self._path)

    def remove(self, name: str) -> None:
        """Forget the tape of an exchange whose events are on disk."""
        with contextlib.suppress(OSError):
            os.unlink(self._path / f"{safe_name(name)}{_SUFFIX}")

    def close(self) -> None:
        """Let the folder go; it stays as long as there are tapes in it."""
        if self._lock is None:
            return
        if all(name == LOCK_NAME for name in os.listdir(self._path)):
            with contextlib.suppress(OSError):
                os.unlink(self._path / LOCK_NAME)
                os.rmdir(self._path)
        os.close(self._lock)
        self._lock = None

    def abandon(self) -> None:
        """In a forked child: leave the folder, and its lock, to the parent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class Tape:
    """The tape of an exchange that nobody carries on any more.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Name the tape."""
        self.path = path

    def frames(self) -> Iterator[Frame]:
        """Yield its frames up to where it is torn.

        Raises:
            OSError: It can't be read.
        """
        with self.path.open("rb") as file:
            while len(head := file.read(_FRAME.size)) == _FRAME.size:
                kind, at_s, length = _FRAME.unpack(head)
                if length > _MAX_FRAME:
                    return
                data = file.read(length)
                if len(data) < length:
                    return
                yield Frame(kind, at_s, data)


class DeadTapes:
    """What recorders that are no more left; locked, so that one process alone recovers it.

    Attributes:
        tapes: Tapes of single exchanges.
        folders: The folders, in which logs may lie.
    """

    def __init__(self, tapes: Path) -> None:
        """Lock and list them; folders that can't be read are left for another time."""
        self.tapes: list[Tape] = []
        self.folders: list[Path] = []
        self._locks: list[tuple[Path, int]] = []
        try:
            folders = sorted(
                path for path in tapes.iterdir() if path.is_dir() and path.name[:1] != "."
            )
        except OSError:
            return
        for folder in folders:
            try:
                fd = os.open(folder / LOCK_NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                continue
            self.folders.append(folder)
            self._locks.append((folder, fd))
            self.tapes += [Tape(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]

    def close(self) -> None:
        """Unlock the folders, and remove those that are empty."""
        for folder, fd in self._locks:
            with contextlib.suppress(OSError):
                if all(path.name == LOCK_NAME for path in folder.iterdir()):
                    os.unlink(folder / LOCK_NAME)
                    os.rmdir(folder)
            os.close(fd)
        self._locks.clear()
