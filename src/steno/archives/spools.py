"""The spool of one request, as its owner writes it: on disk, encrypted, and bounded.

Strategy: a spool is a file, or two. When one holds as many lines as are to be kept, or half of the
bytes that are allowed, the next begins and the one before the last goes: so the newest lines are
always there, and nothing is ever rewritten. A process holds a lock on one small file for as long as
it lives, and its spools bear that file's name: so a thousand requests at once keep no thousand
files open, and none of them passes for an orphan. What could not be written whole is cut off again
before the next attempt.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

import msgspec

from steno.archives import jsons, placing
from steno.archives.frames import (
    END,
    LINES,
    PLACED,
    STATUSES,
    TEXT,
    Head,
    SpoolHeader,
    encode_frame,
    encode_header,
)
from steno.identity import new_recorder_id, new_session_id
from steno.storage.files import write_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from steno.archives.ciphers import AgeKeys, PasswordKeys
    from steno.archives.identifiers import ArchiveIds

SUFFIX = ".spool"
FRAME_BYTES = 64 * 1024


class Placed(msgspec.Struct, frozen=True):
    """Where a spool is being sealed to: by this, one that was left behind knows that it was.

    Attributes:
        path: The name of the file, in the folder of its chat.
        inode: Its number; another file may have it later.
        tail: How it ends, as hexadecimal digits: no two sealed files end alike.
    """

    path: str
    inode: int
    tail: str = ""


class Ending(msgspec.Struct, frozen=True):
    """What the last frame says of how the request ended."""

    reason: str = ""
    at: float = 0.0


class Owner:
    """The sign of a process that it lives: a file that it holds a lock on. Used by one thread.

    Attributes:
        name: What its spools bear in their names.
    """

    def __init__(self, directory: Path) -> None:
        """Choose a name; nothing is on disk before `appear`."""
        self.name = new_recorder_id()
        self._directory = directory
        self._fd: int | None = None

    def appear(self) -> None:
        """Make the sign, unless it is there.

        Raises:
            OSError: It can't be made.
        """
        while self._fd is None:
            with placing.open_spools(self._directory, create=True) as folder:
                fd = placing.create_file(folder, owner_file(self.name))
                if placing.lock_now(fd) and os.fstat(fd).st_nlink:
                    self._fd = fd
                else:  # somebody who tidies up was quicker
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(owner_file(self.name), dir_fd=folder)
                    placing.close(fd)

    def release(self) -> None:
        """Take the sign away: spools that are left are orphans."""
        if self._fd is not None:
            with contextlib.suppress(OSError), placing.open_spools(self._directory) as folder:
                os.unlink(owner_file(self.name), dir_fd=folder)
            placing.close(self._fd)
            self._fd = None


def owner_file(name: str) -> str:
    """Name the file that says whether an owner lives; hidden, so it is tidied up with others."""
    return f".{name}.owner"


class _Part:
    """One file of a spool."""

    __slots__ = ("digest", "name", "records", "size")

    def __init__(self, name: str, digest: bytes, size: int) -> None:
        self.name = name
        self.digest = digest
        self.size = size
        self.records = 0


class SpoolWriter:
    """Writes the spool of one request. Used by one thread.

    Attributes:
        spool_id: The spool's id.
        cipher: What encrypts it.
        ids: Where the archive belongs.
    """

    def __init__(
        self,
        directory: Path,
        keys: PasswordKeys | AgeKeys,
        ids: ArchiveIds,
        *,
        task: str | None,
        begun: float,
        max_lines: int,
        max_bytes: int,
        owner: Owner | None = None,
    ) -> None:
        """Name the spool and make its key; nothing is on disk before `append`.

        Without an owner that is shared, it has one of its own.
        """
        self._owner = owner or Owner(directory)
        self._owns = owner is None
        self._opened: list[int] = []
        self.spool_id = new_session_id()
        self.ids = ids
        self._lock, self.cipher = keys.new()
        self._directory = directory
        self._task = task
        self._begun = begun
        self._max_lines = max_lines
        self._part_bytes = max_bytes // 2
        self._parts: list[_Part] = []
        self._generation = 0
        self._frames = 0
        self._records = 0
        self._first = self._last = begun

    @property
    def names(self) -> list[str]:
        """The names of its files, the oldest first."""
        return [part.name for part in self._parts]

    def append(
        self, lines: Sequence[bytes], first: float, last: float, dropped: int, text: bytes = b""
    ) -> None:
        """Write encoded lines.

        Args:
            lines: At most about `FRAME_BYTES` of them.
            first: When the first was logged.
            last: When the last was.
            dropped: Records that were dropped before they came here, so far.
            text: The same lines as text, so that whoever seals the spool need not make it.

        Raises:
            OSError: None of them was written.
        """
        part = self._current(len(lines))
        self._first, self._last = min(self._first, first), max(self._last, last)
        count = len(lines)
        frames = [(Head(LINES, 0, self._frames, count, dropped, first, last), b"".join(lines))]
        if text:
            frames.append((Head(TEXT, 0, self._frames + 1, count, dropped, first, last), text))
        self._write(part, *frames)
        part.records += len(lines)
        self._records += len(lines)

    def end(self, status: str, reason: str, at: float, dropped: int) -> None:
        """Write how the request ended.

        Raises:
            OSError: It was not written.
        """
        head = Head(END, STATUSES.index(status), self._frames, 0, dropped, at, at)
        self._write(self._current(0), (head, jsons.encode(Ending(reason, at))))

    def mark_placed(self, path: str, inode: int) -> None:
        """Write, in clear, which file is about to be given which name.

        Raises:
            OSError: It was not written.
        """
        part = self._parts[-1]
        with self._open(part) as fd:
            append_placed(fd, part.size, part.digest, Placed(path, inode))

    @contextlib.contextmanager
    def _open(self, part: _Part) -> Iterator[int]:
        with placing.open_spools(self._directory) as folder:
            fd = placing.open_file(folder, part.name, write=True)
        if fd is None:
            raise FileNotFoundError(errno.ENOENT, "a spool was removed", part.name)
        try:
            yield fd
        finally:
            placing.close(fd)

    def _current(self, coming: int) -> _Part:
        if self._parts:
            part = self._parts[-1]
            full = part.records + coming > self._max_lines or part.size >= self._part_bytes
            if not full or not part.records or not coming:
                return part
        self._parts.append(self._begin())
        if len(self._parts) > 2:  # noqa: PLR2004 - the last one, and the one before
            old = self._parts.pop(0)
            self._remove(old)
        return self._parts[-1]

    def _begin(self) -> _Part:
        header = SpoolHeader(
            self.spool_id, self._generation, self.ids, self._begun, self._lock, self._max_lines,
            self._task, self._records, self._frames,
        )  # fmt: skip
        data, digest = encode_header(header)
        name = f"{self.spool_id}.{self._generation}.{self._owner.name}{SUFFIX}"
        hidden = f".{name}"
        self._owner.appear()
        with placing.open_spools(self._directory, create=True) as folder:
            # What an attempt on a full disk left.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(hidden, dir_fd=folder)
            fd = placing.create_file(folder, hidden)
            try:
                if not (placing.lock_now(fd) and os.fstat(fd).st_nlink):
                    raise BlockingIOError(errno.EAGAIN, "somebody who tidies up was quicker")
                write_all(fd, data)
                # The dot kept it out of the sight of others until it was locked.
                os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(hidden, dir_fd=folder)
                raise
            finally:
                placing.close(fd)
        self._generation += 1
        return _Part(name, digest, len(data))

    def _write(self, part: _Part, *frames: tuple[Head, bytes]) -> None:
        seal = self.cipher.seal
        data = b"".join([encode_frame(head, part.digest, body, seal) for head, body in frames])
        with self._open(part) as fd:
            os.lseek(fd, part.size, os.SEEK_SET)
            try:
                write_all(fd, data)
            except OSError:
                os.ftruncate(fd, part.size)
                raise
        part.size += len(data)
        self._frames += len(frames)

    def _remove(self, part: _Part) -> None:
        # Where the folder has gone, so has the file.
        with contextlib.suppress(OSError), placing.open_spools(self._directory) as folder:
            os.unlink(part.name, dir_fd=folder)

    def fds(self) -> list[int]:
        """Open its files, the oldest first, until `close`.

        Raises:
            OSError: One can't be opened.
        """
        self.close()
        with placing.open_spools(self._directory) as folder:
            for part in self._parts:
                fd = placing.open_file(folder, part.name, write=True)
                if fd is None:
                    raise FileNotFoundError(errno.ENOENT, "a spool was removed", part.name)
                self._opened.append(fd)
        return self._opened

    def close(self) -> None:
        """Close the files that `fds` opened."""
        while self._opened:
            placing.close(self._opened.pop())

    def remove(self) -> None:
        """Remove its files: what was in them is in an archive."""
        while self._parts:
            self._remove(self._parts.pop())
        self.abandon()

    def abandon(self) -> None:
        """Let go of its files; they are orphans as soon as their owner has gone."""
        self.close()
        if self._owns:
            self._owner.release()


def append_placed(fd: int, at: int, digest: bytes, placed: Placed) -> None:
    """Write at the end of a spool which file is about to be given which name.

    Args:
        fd: The newest file of the spool.
        at: Where its last whole frame ends; what a killed process began there is cut off.
        digest: The digest of its header.
        placed: The file, and its name.

    Raises:
        OSError: It was not written.
    """
    head = Head(PLACED, 0, 0, 0, 0, 0.0, 0.0)
    body = msgspec.json.encode(placed)
    os.ftruncate(fd, at)
    os.lseek(fd, at, os.SEEK_SET)
    write_all(fd, encode_frame(head, digest, body, lambda body, _: body))
    os.fsync(fd)
