"""The one place that begins a transcript, and the only one that appends to it.

Strategy: every append happens under an exclusive lock (``flock``) on the transcript and in a
single ``write``, so that lines of two processes are never spliced. An empty file gets the header
first, in the same write as the first lines, under the same lock: whoever comes first begins the
transcript, once. A tail without a newline, left by a process that died in mid-write, is closed
with a newline before anything is appended, so that it stays a line of its own. A write that fails
in the middle is cut off again. Files are kept open, up to a bound. A transcript that was compressed
meanwhile is put back before it is written to, so that a session never has two.

The header is all that names a transcript, and a loss of power takes the first block of a file as
easily as any other. So it is repeated, byte for byte: the write that takes a transcript over 4 KiB,
64 KiB, 1 MiB and so on carries it along, read from the first line at that moment. What is shorter
than a block would be lost as a whole, and needs no second header.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from steno.identity import safe_name
from steno.storage.compressed import PACKED, unpack
from steno.storage.files import FILE_MODE, make_folder, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_HEADER_MARK = b'{"type":"session"'
_MAX_TAIL = 65_536
_BLOCK = 4096
_MAX_HEADER = 65_536
"""Bytes of a header that is repeated; a longer one would cost more than it is good for."""

_MAX_REMEMBERED = 20_000

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_T = TypeVar("_T")


class Appended(NamedTuple):
    """Where an append went.

    Attributes:
        start: Byte offset of the first byte that belongs to it.
        end: Byte offset behind the last one.
        began: The header was written too.
        torn: Bytes of a torn line that lay before it.
    """

    start: int
    end: int
    began: bool
    torn: int


class TranscriptFolder:
    """The folder of all transcripts: ``<folder>/<UTC day>/<session>.jsonl``.

    Used by one thread.
    """

    def __init__(self, path: Path, *, fsync: bool = False, open_files: int = 128) -> None:
        """Describe the folder; nothing is created before the first append.

        Args:
            path: The folder.
            fsync: Make each append durable against the loss of power before it returns.
            open_files: How many transcripts are kept open.
        """
        self.path = path
        self._root = os.fspath(path) + os.sep
        self._fsync = fsync
        self._limit = open_files
        self._open: OrderedDict[str, int] = OrderedDict()
        self._ends: OrderedDict[str, int] = OrderedDict()
        self._days: tuple[int, list[str]] = (-1, [])

    def locate(self, session_id: str, began: datetime) -> str:
        """Find a session's transcript, or tell where it will begin.

        Args:
            session_id: The session's id, as it was given.
            began: When the session began; its UTC day names the folder.

        Returns:
            The path relative to the folder. A transcript that exists keeps its place, whatever
            day it is.
        """
        name = f"{safe_name(session_id)}.jsonl"
        day = f"{began:%Y-%m-%d}"
        relative = f"{day}/{name}"
        for folder in self._list_days():
            place = f"{self._root}{folder}/{name}"
            # In this order: one that is put back at this moment is met in one form or the other.
            if os.path.exists(place + PACKED) or os.path.exists(place):
                relative = f"{folder}/{name}"
                break
        return relative

    def _list_days(self) -> list[str]:
        """List the days that have a folder, newest first; read again when one was added."""
        try:
            changed = os.stat(self.path).st_mtime_ns
        except OSError:
            return []
        if changed != self._days[0]:
            with contextlib.suppress(OSError):
                days = [name for name in os.listdir(self.path) if _DAY.match(name)]
                self._days = (changed, sorted(days, reverse=True))
        return self._days[1]

    def append(
        self,
        relative: str,
        lines: bytes | bytearray,
        header: Callable[[], bytes],
        *,
        passing: bool = False,
    ) -> Appended:
        """Append whole lines to a transcript; begin it where it does not exist.

        Args:
            relative: The path, from `locate`.
            lines: Lines with their newlines.
            header: Makes the header line, without its newline; asked only to begin.
            passing: Don't keep the file open; for batches of more sessions than are kept.

        Raises:
            OSError: Nothing was appended.
        """
        appended = None
        while appended is None:
            # Once more, if somebody removed or compressed it before it was locked.
            appended = self._try_append(relative, lines, header, passing=passing)
        return appended

    def _try_append(
        self, relative: str, lines: bytes | bytearray, header: Callable[[], bytes], *, passing: bool
    ) -> Appended | None:
        fd = self._open.get(relative)
        if fd is None:
            fd = self._open_file(relative)
            if passing:
                try:
                    return self._append_to(fd, relative, lines, header)
                finally:
                    os.close(fd)  # releases the lock too
            self._open[relative] = fd
            if len(self._open) > self._limit:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(relative)
        try:
            appended = self._append_to(fd, relative, lines, header)
            if appended is None:
                self._drop(relative)
            else:
                fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError:
            self._drop(relative)
            raise
        return appended

    def _append_to(
        self, fd: int, relative: str, lines: bytes | bytearray, header: Callable[[], bytes]
    ) -> Appended | None:
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Links that are counted tell nothing where a file had more than one, as backups make them.
        # So the name is asked while a file is new to us; later our lease keeps such a file there.
        known = relative in self._ends
        if not (known and os.fstat(fd).st_nlink == 1) and not self._is_there(fd, relative):
            self._ends.pop(relative, None)
            return None
        size = os.lseek(fd, 0, os.SEEK_END)
        if size and size == self._ends.get(relative):
            # What is there was written by this very hand, so it ends in a newline.
            if _step(size) != _step(size + len(lines)):
                lines = _with_header(fd, lines, size)
            appended = _write_or_undo(fd, size, size, lines)
        else:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", self._root + relative)
            appended = _append_locked(fd, size, lines, header)
        _remember(self._ends, relative, appended.end)
        if self._fsync:
            os.fsync(fd)
            if appended.began:
                sync_folder((self.path / relative).parent)
                sync_folder(self.path)
        return appended

    def _is_there(self, fd: int, relative: str) -> bool:
        """Tell whether an open file is the one that stands at a transcript's place."""
        try:
            return os.path.samestat(os.fstat(fd), os.lstat(self._root + relative))
        except OSError:
            return False

    def _open_file(self, relative: str) -> int:
        path = self._root + relative
        try:
            return os.open(path, _FLAGS)
        except FileNotFoundError:
            pass
        with contextlib.suppress(FileNotFoundError):
            return self._begin_file(path)
        # The folder of the day went at this very moment, because nothing was left in it.
        return self._begin_file(path)

    @staticmethod
    def _begin_file(path: str) -> int:
        unpack(path)
        make_folder(os.path.dirname(path))
        return os.open(path, _FLAGS | os.O_CREAT, FILE_MODE)

    def _drop(self, relative: str) -> None:
        fd = self._open.pop(relative, None)
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)

    def close(self) -> None:
        """Close every open transcript; also what a forked child does with its copies."""
        while self._open:
            self._drop(next(iter(self._open)))


def _append_locked(
    fd: int, size: int, lines: bytes | bytearray, header: Callable[[], bytes]
) -> Appended:
    """Append under the lock to a file that is empty or that somebody else has written to."""
    if size == 0:
        return _begin(fd, lines, header)
    if _step(size) != _step(size + len(lines)):
        lines = _with_header(fd, lines, size)
    if os.pread(fd, 1, size - 1) == b"\n":
        return _write_or_undo(fd, size, size, lines)
    tail = os.pread(fd, min(size, _MAX_TAIL), max(0, size - _MAX_TAIL))
    torn = len(tail) - tail.rfind(b"\n") - 1
    if torn == size and _is_torn_header(tail):
        os.ftruncate(fd, 0)
        return _begin(fd, lines, header)._replace(torn=torn)
    return _write_or_undo(fd, size, size + 1, b"\n" + lines)._replace(torn=torn)


def _begin(fd: int, lines: bytes | bytearray, header: Callable[[], bytes]) -> Appended:
    """Write the header and the first lines to an empty file."""
    first = header() + b"\n"
    if _step(len(first) + len(lines)):
        lines = _insert(first, lines, len(first))
    return _write_or_undo(fd, 0, 0, first + lines)._replace(began=True)


def _step(size: int) -> int:
    """Count the sizes up to this one at which the header is repeated: 4 KiB, 64 KiB, 1 MiB..."""
    return (size >> 9).bit_length() // 4  # a block is the first of them


def _with_header(fd: int, lines: bytes | bytearray, start: int) -> bytes | bytearray:
    """Add the first line of a transcript to lines that are appended to it, if it is a header."""
    head = os.pread(fd, _MAX_HEADER, 0)
    end = head.find(b"\n") + 1
    return _insert(head[:end], lines, start) if end and head.startswith(_HEADER_MARK) else lines


def _insert(header: bytes, lines: bytes | bytearray, start: int) -> bytes:
    """Put a header among lines that will lie at an offset.

    It goes before the last line, so that the last one of a transcript is an event; but where that
    would be in the file's first block, it goes behind it.
    """
    at = lines.rfind(b"\n", 0, -1) + 1
    if start + at < _BLOCK:
        at = len(lines)
    return b"".join((lines[:at], header, lines[at:]))


def _write_or_undo(fd: int, size: int, start: int, data: bytes | bytearray) -> Appended:
    """Write at the end, or cut off what was written of it."""
    try:
        written = os.write(fd, data)
        if written != len(data):
            write_all(fd, data[written:])
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise
    return Appended(start, size + len(data), began=False, torn=0)


def _remember(memory: OrderedDict[str, _T], key: str, value: _T) -> None:
    """Keep a value, and forget the oldest beyond a bound of about 4 MB."""
    memory[key] = value
    if len(memory) > _MAX_REMEMBERED:
        memory.popitem(last=False)


def _is_torn_header(tail: bytes) -> bool:
    """Tell whether all that a file holds is a header of which the end is missing."""
    return tail.startswith(_HEADER_MARK) or _HEADER_MARK.startswith(tail)
