"""Spools as they are read: by their owner in order to seal them, or by whoever finds them orphaned.

Strategy: the heads of the frames, which are in clear, are read first: they count what there is, so
that the newest lines can be chosen before anything is decrypted. A spool is an orphan when
nobody holds its owner's file any more; whoever finds it locks the spool's own files until they are
sealed, so two processes never seal one.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
from typing import TYPE_CHECKING

from steno.archives import jsons, placing
from steno.archives.frames import END, LINES, PLACED, STATUSES, TEXT, Head, read_frames, read_header
from steno.archives.layout import folder_names, stem_of
from steno.archives.records import split_text, text_of
from steno.archives.spools import Ending, Placed, append_placed, owner_file
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.archives.ciphers import Cipher, PasswordKeys
    from steno.archives.frames import Frame, SpoolHeader

_NAME = re.compile(r"([0-9a-z]{26})\.([0-9]{1,9})\.([0-9a-z]{16})\.spool\Z")


class SpoolReader:
    """What is in the files of one spool.

    Attributes:
        header: The header of its newest file.
        cipher: What opens it; None where nobody here can.
        status: How the request ended; "interrupted" where nothing says it.
        reason: Why, as far as it is known.
        records: Records that are kept.
        dropped: Records that are not.
        begin: When the request began.
        end: When it ended, or when its last record was logged.
        placed: Where it was being sealed to, if its owner died over it.
    """

    def __init__(self, fds: list[int], cipher: Cipher | None) -> None:
        """Read the heads of all frames.

        Args:
            fds: Its files, the oldest first.
            cipher: What opens it, if anything does.

        Raises:
            ArchiveError: A file is no spool.
        """
        self._fds = fds
        self.cipher = cipher
        self.status, self.reason = STATUSES[0], ""
        self.placed: Placed | None = None
        self.end = 0.0
        self.header: SpoolHeader
        self._digest = b""
        self._damaged: set[int] = set()
        self._excess = 0  # records that damaged heads claim beyond the bytes there are
        lost = taken = found = self._whole = 0
        for fd in fds:
            file = _File(fd)
            self.header, digest = read_header(file)
            self._digest = digest
            taken = self.header.before
            self._whole = file.at
            for frame in read_frames(file, digest, PLACED, END):
                self._whole = file.at
                lost = max(lost, frame.head.dropped)
                if frame.head.kind == PLACED:
                    with contextlib.suppress(ValueError):
                        self.placed = jsons.decode(frame.body, Placed)
                elif frame.head.kind == END:
                    self._note_end(frame)
                elif frame.head.kind == LINES:
                    taken += frame.head.records
                    found += frame.head.records
                    self.end = max(self.end, frame.head.last)
        self.begin = self.header.begun
        self.end = self.end or self.begin
        self._skip = 0
        if cipher is not None and found:
            opened = self._check(found)
            taken, found = taken - min(taken, self._excess), opened
            self._skip = max(0, found - self.header.max_lines)
        self.records = found - self._skip
        self.dropped = lost + taken - self.records

    def _note_end(self, frame: Frame) -> None:
        self.status = STATUSES[min(frame.head.status, len(STATUSES) - 1)]
        self.end = frame.head.last
        if self.cipher is not None:
            with contextlib.suppress(ArchiveError, ValueError):
                body = self.cipher.open(frame.body, frame.bound)
                self.reason = jsons.decode(body, Ending).reason

    def _check(self, found: int) -> int:
        """Count the records that can be opened, as far as anything depends on it.

        Raises:
            ArchiveError: None can: a header that was damaged names ids that nobody gave.
        """
        opened = 0
        for frame in self._frames(LINES):
            if frame.head.kind != LINES:
                continue
            try:
                self._decrypt(frame)
            except ArchiveError:
                self._damaged.add(frame.head.number)
                self._excess += max(0, frame.head.records - len(frame.body))
                continue
            opened += frame.head.records
            if found <= self.header.max_lines:
                self._damaged.clear()  # nothing is left out that depends on them
                self._excess = 0
                return found
        if not opened:
            raise ArchiveError("nothing in a spool is what was written", reason="tampered")
        return opened

    def _frames(self, *kinds: int) -> Iterator[Frame]:
        for fd in self._fds:
            file = _File(fd)
            _, digest = read_header(file)
            yield from read_frames(file, digest, *kinds)

    def _kept(self, *kinds: int) -> Iterator[tuple[Frame, int]]:
        """Give the frames with records that are kept, and how many to leave out of each."""
        left_out = 0
        skip = self._skip
        for frame in self._frames(*kinds):
            if frame.head.kind == LINES:
                if frame.head.number in self._damaged:
                    left_out = frame.head.records
                    continue
                left_out = min(skip, frame.head.records)
                skip -= left_out
            if frame.head.kind in {LINES, TEXT} and left_out < frame.head.records:
                yield frame, left_out

    def blocks(self) -> Iterator[bytes]:
        """Decrypt the records that are kept, many at a time, as lines of JSON.

        What is not what was written is passed over, and counted as dropped.

        Raises:
            ArchiveError: Nobody here can open it.
        """
        for frame, left_out in self._kept(LINES):
            if frame.head.kind == LINES:
                yield self._open(frame, left_out)

    def texts(self) -> Iterator[bytes]:
        """Give the text of the same records, many at a time.

        Raises:
            ArchiveError: Nobody here can open it.
        """
        held: tuple[Frame, int] | None = None
        for frame, left_out in self._kept(LINES, TEXT):
            if frame.head.kind == LINES:
                if held is not None:
                    yield self._text_of(*held)
                held = frame, left_out
            elif held is not None:
                try:
                    text = self._decrypt(frame)
                except ArchiveError:
                    yield self._text_of(*held)
                else:
                    yield (
                        b"".join([*split_text(text.splitlines(keepends=True))][left_out:])
                        if (left_out)
                        else text
                    )
                held = None
        if held is not None:
            yield self._text_of(*held)

    def _text_of(self, frame: Frame, left_out: int) -> bytes:
        """Make the text of a frame that came without."""
        return b"".join(map(text_of, self._open(frame, left_out).splitlines()))

    def _open(self, frame: Frame, left_out: int) -> bytes:
        try:
            block = self._decrypt(frame)
        except ArchiveError:
            if self.cipher is None:
                raise
            self._note_damage(frame.head, left_out)
            return b""
        return b"".join(block.splitlines(keepends=True)[left_out:]) if left_out else block

    def _decrypt(self, frame: Frame) -> bytes:
        if self.cipher is None:
            raise ArchiveError("only its recipients can open it", reason="password")
        return self.cipher.open(frame.body, frame.bound)

    def _note_damage(self, head: Head, skipped: int) -> None:
        if head.number not in self._damaged:
            self._damaged.add(head.number)
            self.records -= head.records - skipped
            self.dropped += head.records - skipped

    def sealed_frames(self) -> Iterator[tuple[Head, bytes]]:
        """Return the frames as they are, for an archive that is made without opening them."""
        for frame in self._frames(LINES):
            if frame.head.kind == LINES:
                yield frame.head, frame.body

    def mark_placed(self, path: str, inode: int, tail: str = "") -> None:
        """Write into the spool which file is about to be given which name.

        Raises:
            OSError: It was not written.
        """
        append_placed(self._fds[-1], self._whole, self._digest, Placed(path, inode, tail))


class _File:
    """Reads a file from its beginning, without moving where its owner writes."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        # Frames are many and small: a system call for each would take longer than to decrypt it.
        self._data = mmap.mmap(fd, size, access=mmap.ACCESS_READ) if size else b""
        self._size = size
        self.at = 0

    def read(self, count: int) -> bytes:
        data = self._data[self.at : self.at + count]
        self.at += len(data)
        return data

    def skip(self, count: int) -> bool:
        self.at += count
        return self.at <= self._size


class Orphan:
    """The files of a spool without an owner, locked by this process.

    Attributes:
        spool_id: The spool's id.
    """

    def __init__(self, directory: Path, spool_id: str, files: dict[str, int]) -> None:
        """Take over locked files: by their names, the oldest first."""
        self.spool_id = spool_id
        self._directory = directory
        self._files = files

    def read(self, keys: PasswordKeys | None) -> SpoolReader:
        """Read what it holds; what was sealed with age stays so.

        Raises:
            ArchiveError: It can't be read, or another password sealed it.
        """
        fds = list(self._files.values())
        header, _ = read_header(_File(fds[-1]))
        if header.lock.mode == "age":
            return SpoolReader(fds, None)
        if keys is None:
            raise ArchiveError("a spool needs the password", reason="password")
        return SpoolReader(fds, keys.unlock(header.lock))

    @property
    def name(self) -> str:
        """Where its archive belongs, as a person looks for it; its id where nothing says that."""
        try:
            ids = read_header(_File(list(self._files.values())[-1]))[0].ids
        except (ArchiveError, OSError):
            return self.spool_id
        return "/".join((*folder_names(ids), stem_of(ids)))

    @property
    def size(self) -> int:
        """Bytes in its files."""
        return sum(os.fstat(fd).st_size for fd in self._files.values())

    def remove(self) -> None:
        """Remove its files: what was in them is in an archive."""
        with contextlib.suppress(OSError), placing.open_spools(self._directory) as folder:
            for name in self._files:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)
        self.close()

    def close(self) -> None:
        """Unlock it."""
        for fd in self._files.values():
            placing.close(fd)
        self._files = {}


def find_orphans(directory: Path) -> Iterator[Orphan]:
    """Lock the spools that no process owns, one after the other."""
    try:
        with placing.open_spools(directory) as folder:
            names = os.listdir(folder)
            placing.remove_leftovers(folder)
    except OSError:
        return
    groups: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        found = _NAME.match(name)
        if found is not None:
            groups.setdefault(found[1], []).append((int(found[2]), name))
    for spool_id, parts in sorted(groups.items()):
        orphan = _take(directory, spool_id, [name for _, name in sorted(parts)])
        if orphan is not None:
            yield orphan


def count_spools(directory: Path) -> int:
    """Count the requests that are not in an archive yet: those that run, and orphans.

    Raises:
        ArchiveError: That can't be told.
    """
    try:
        with placing.open_spools(directory) as folder:
            found = map(_NAME.match, os.listdir(folder))
            return len({each[1] for each in found if each is not None})
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise ArchiveError(f"the spools in {directory} can't be read: {error.strerror}") from error


def _take(directory: Path, spool_id: str, names: list[str]) -> Orphan | None:
    files: dict[str, int] = {}
    try:
        with placing.open_spools(directory) as folder:
            if any(_is_alive(folder, name) for name in names):
                return None
            for name in names:
                fd = placing.open_file(folder, name, write=True)
                if fd is not None:
                    files[name] = fd
        # A file that has gone in the meantime says that somebody else is at it.
        mine = names == list(files) and all(
            placing.lock_now(fd) and os.fstat(fd).st_nlink for fd in files.values()
        )
    except OSError:
        mine = False
    orphan = Orphan(directory, spool_id, files)
    if mine:
        return orphan
    orphan.close()
    return None


def _is_alive(folder: int, name: str) -> bool:
    """Tell whether the owner of a spool's file lives."""
    found = _NAME.match(name)
    fd = placing.open_file(folder, owner_file(found[3])) if found else None
    if fd is None:
        return False
    alive = not placing.lock_now(fd)
    placing.close(fd)
    return alive
