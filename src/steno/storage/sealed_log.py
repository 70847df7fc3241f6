"""A sealed file that grows: frames of AES-256-GCM, appended under a lock, each bound to the last.

Strategy: a frame's head is in clear and bound to its contents: a mark that only this file has, its
length, its number, the tag of the frame before it, how many bytes of an unfinished frame lie before
it, and a random nonce. Who appends does so under an exclusive lock (``flock``), behind everything
that it has read and found to be well; so two processes may append to one log. A frame that a killed
process did not finish stays where it is, and the next one, behind a filler, says how long it is:
such a gap is told from one that somebody made. Numbers and tags show frames that are missing,
repeated or exchanged. What follows a damaged frame is found by its mark, and read.

A log that was cut off between two frames looks like an earlier state of itself; `LogEnd`, kept
somewhere else, tells it: of who knows how far a log had come, `SealedLog.expect` is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hmac
import os
import stat
import struct
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from steno.errors import SealError
from steno.storage.files import FILE_MODE, make_folder, sync_folder, write_all
from steno.storage.sealed_header import HEADER_BYTES, LOG, make_header, parse_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.storage.sealed_keys import SealKeys

TAG_BYTES = 16
_MARK_BYTES = 8
_NONCE_BYTES = 12
_HEAD = struct.Struct(f">{_MARK_BYTES}sIQ{TAG_BYTES}sQ{_NONCE_BYTES}s")
_MAX_FRAME = 1 << 30
_SEARCH = 1024 * 1024
_FILLER_BYTES = TAG_BYTES
"""Bytes between an unfinished frame and the next one; see `SealedLog._separate`."""

TORN = "torn: its writer did not finish it"
"""The reason of damage that a killed process leaves, or of a frame that is being written."""

DAMAGED = "damaged"
"""The reason where something is not what was sealed."""


class LogEnd(Struct, frozen=True, order=True):
    """How far a log had come: its frames, and the tag of the last.

    Attributes:
        frames: How many frames.
        tag: The last one's tag; hexadecimal.
    """

    frames: int = 0
    tag: str = ""


class LogDamage(NamedTuple):
    """A place in a log that can't be read, or is not what was written.

    Attributes:
        offset: Byte offset in the file.
        length: Bytes that are passed over; 0 where something is missing.
        reason: What is wrong.
    """

    offset: int
    length: int
    reason: str


class _Place(NamedTuple):
    """Where a reader stands: behind which byte, how many frames, and the last one's tag."""

    end: int
    frames: int
    tag: bytes


class SealedLog:
    """One sealed log.

    Used by one thread; any number of them, and of processes, may append to one file.

    Attributes:
        path: The file.
        damage: What `read` met so far.
    """

    def __init__(self, path: Path, keys: SealKeys, *, fsync: bool = False) -> None:
        """Describe the log; it is created by the first `append`.

        Args:
            path: The file.
            keys: The session's keys.
            fsync: Make each append durable against the loss of power before it returns.
        """
        self.path = path
        self.damage: list[LogDamage] = []
        self._keys = keys
        self._fsync = fsync
        self._fd: int | None = None
        self._place: _Place | None = None
        self._mark = b""
        self._known = LogEnd()
        self._reached = True

    def expect(self, known: LogEnd) -> None:
        """Say how far the log is known to have come, before anything is read or appended."""
        self._known, self._reached = known, not known.frames

    @property
    def cut_off(self) -> str | None:
        """Say that frames are gone which are known to have been there; None where all are.

        It is known when all was read, or something was appended.
        """
        if self._reached:
            return None
        frames = self.end.frames
        if frames < self._known.frames:
            return f"it was cut off: it had {self._known.frames} frames, and ends after {frames}"
        return f"it was cut off before frame {self._known.frames}, and written on"

    @property
    def end(self) -> LogEnd:
        """How far it had come when it was last read or appended to."""
        place = self._place
        return LogEnd(place.frames, place.tag.hex()) if place is not None else LogEnd()

    # -- writing -------------------------------------------------------------------------

    def append(self, data: bytes, first: bytes = b"") -> int:
        """Append a frame.

        Args:
            data: Its contents; nothing is written behind others where there are none.
            first: What goes ahead of them where this is the first frame.

        Returns:
            Bytes before it that are no frame: mostly none, else what a killed process has left.

        Raises:
            OSError: Nothing was appended.
            SealError: The log can't be appended to: its header is damaged, or of another session.
        """
        fd = self._open_for_writing()
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            size = os.fstat(fd).st_size
            began = b""
            if self._place is not None and size < self._place.end:
                self._lose_place()
            if size < HEADER_BYTES and self._is_torn_header(fd, size):
                # Whoever began it was killed in its first write: nothing of it was ever readable.
                os.ftruncate(fd, 0)
                size, self._place = 0, None
            if size == 0:
                began = self._begin()
            else:
                for _ in self._scan(fd, size):
                    pass
            place = self._place
            assert place is not None
            is_first = place.frames == 0
            if not data and not is_first:
                return 0
            torn = max(0, size - place.end)
            ahead = self._separate(fd, place.end, size) if torn else began
            skipped = torn + len(ahead) if torn else 0
            frame, tag = self._make_frame(place, first + data if is_first else data, skipped)
            self._write(fd, size, ahead + frame)
            self._stand(_Place(size + len(ahead) + len(frame), place.frames + 1, tag))
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
        return torn

    def _separate(self, fd: int, at: int, size: int) -> bytes:
        """Make what goes between an unfinished frame and the next one.

        The first bytes of the next one may be just those that the unfinished one lacks: it would
        open after all, and take the head of the next one along.
        """
        starts = []
        while at < size:
            starts.append(at)
            at = self._search(fd, at + 1, size)
        filler = bytes(_FILLER_BYTES)
        while any(self._would_open(fd, start, size, filler) for start in starts):
            filler = os.urandom(_FILLER_BYTES)
        return filler

    def _would_open(self, fd: int, at: int, size: int, filler: bytes) -> bool:
        """Tell whether a filler would complete the frame at a byte."""
        head = os.pread(fd, _HEAD.size, at)
        if len(head) < _HEAD.size:
            return False
        mark, length, _, _, _, nonce = _HEAD.unpack(head)
        missing = at + _HEAD.size + length - size
        if mark != self._mark or not 0 < missing <= len(filler):
            return False
        sealed = os.pread(fd, length - missing, at + _HEAD.size) + filler[:missing]
        try:
            self._aead.decrypt(nonce, sealed, head)
        except (self._invalid, ValueError):
            return False
        return True

    def _lose_place(self) -> None:
        """Begin anew: somebody has cut the log off, or put another file in its place."""
        if self._place is not None and self._reached:
            self.expect(self.end)
        self._place = None

    def _stand(self, place: _Place) -> None:
        self._place = place
        if place.frames == self._known.frames and place.tag.hex() == self._known.tag:
            self._reached = True

    def _is_there(self) -> bool:
        assert self._fd is not None
        try:
            return os.path.samestat(os.fstat(self._fd), os.lstat(self.path))
        except FileNotFoundError:
            return False

    def _open_for_writing(self) -> int:
        if self._fd is not None and not self._is_there():
            self.close()
            self._lose_place()
        if self._fd is None:
            make_folder(self.path.parent)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(self.path, flags | os.O_CLOEXEC, FILE_MODE)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise OSError(errno.EINVAL, "not a regular file", os.fspath(self.path))
            self._fd = fd
        return self._fd

    @staticmethod
    def _is_torn_header(fd: int, size: int) -> bool:
        data = os.pread(fd, size, 0)
        try:
            parse_header(data, LOG, "")
        except SealError as error:
            return error.offset == size
        return False

    def _begin(self) -> bytes:
        header = make_header(self._keys, LOG)
        self._use(header.derive_key(self._keys, os.fspath(self.path)))
        self._place = _Place(HEADER_BYTES, 0, bytes(TAG_BYTES))
        return header.encode()

    def _make_frame(self, place: _Place, data: bytes, skipped: int) -> tuple[bytes, bytes]:
        if len(data) > _MAX_FRAME:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(self.path))
        nonce = os.urandom(_NONCE_BYTES)
        length = len(data) + TAG_BYTES
        head = _HEAD.pack(self._mark, length, place.frames, place.tag, skipped, nonce)
        sealed = self._aead.encrypt(nonce, data, head)
        return head + sealed, sealed[-TAG_BYTES:]

    def _write(self, fd: int, size: int, data: bytes) -> None:
        try:
            write_all(fd, data)
            if self._fsync:
                os.fsync(fd)
                if size == 0:
                    sync_folder(self.path.parent)
        except OSError:
            self._place = None  # it is read anew, whatever is there
            with contextlib.suppress(OSError):
                os.ftruncate(fd, size)
            raise

    # -- reading -------------------------------------------------------------------------

    def read(self) -> Iterator[bytes]:
        """Yield the contents of the frames that were not read yet, by this or by `append`.

        What can't be read is noted in `damage`, and what follows it is read.

        Raises:
            WrongPasswordError: Another password seals it.
            SealError: Its header is damaged, or of another session.
            OSError: It can't be read.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            size = os.fstat(fd).st_size
            if size:
                yield from self._scan(fd, size, telling=True)
        finally:
            os.close(fd)

    def _scan(self, fd: int, size: int, *, telling: bool = False) -> Iterator[bytes]:
        """Read from where this stands up to a byte, and stand behind the last frame."""
        if self._place is None:
            head = os.pread(fd, HEADER_BYTES, 0)
            header = parse_header(head, LOG, os.fspath(self.path))
            self._use(header.derive_key(self._keys, os.fspath(self.path)))
            self._place = _Place(HEADER_BYTES, 0, bytes(TAG_BYTES))
        at = self._place.end
        while at < size:
            frame = self._read_frame(fd, at, size)
            if frame is None:
                start, at = at, self._search(fd, at + 1, size)
                if telling and at == size:
                    reason = self._name_gap(fd, start, at)
                    self.damage.append(LogDamage(start, at - start, reason))
                continue
            place, data, number, before, skipped = frame
            last = self._place
            if telling:
                self._judge(fd, last, at, number, before, skipped)
            self._stand(place)
            at = place.end
            yield data

    def _judge(
        self, fd: int, last: _Place, at: int, number: int, before: bytes, skipped: int
    ) -> None:
        """Note what is wrong between a frame that is well and the last one before it."""
        gap = at - last.end
        if number == last.frames and before == last.tag:
            if gap:
                reason = "bytes that are no frame were put in between"
                if gap == skipped:
                    gap -= _FILLER_BYTES
                    reason = self._name_gap(fd, last.end, last.end + gap)
                self.damage.append(LogDamage(last.end, gap, reason))
            return
        if gap:
            reason = DAMAGED
        elif number > last.frames:
            reason = f"frames {last.frames} to {number - 1} are missing"
        else:
            reason = f"frame {number} stands where frame {last.frames} belongs"
        self.damage.append(LogDamage(last.end, gap, reason))

    def _name_gap(self, fd: int, start: int, end: int) -> str:
        """Tell a frame that was never finished, and wants more bytes, from one that is damaged."""
        head = os.pread(fd, min(_HEAD.size, end - start), start)
        if not self._mark.startswith(head[:_MARK_BYTES]):
            return DAMAGED
        if len(head) < _HEAD.size:
            return TORN
        return TORN if start + _HEAD.size + _HEAD.unpack(head)[1] > end else DAMAGED

    def _read_frame(
        self, fd: int, at: int, size: int
    ) -> tuple[_Place, bytes, int, bytes, int] | None:
        """Read the frame at a byte; None where there is none, or not what was sealed."""
        head = os.pread(fd, _HEAD.size, at)
        if len(head) < _HEAD.size:
            return None
        mark, length, number, before, skipped, nonce = _HEAD.unpack(head)
        end = at + _HEAD.size + length
        if mark != self._mark or not TAG_BYTES <= length <= _MAX_FRAME + TAG_BYTES or end > size:
            return None
        sealed = os.pread(fd, length, at + _HEAD.size)
        try:
            data: bytes = self._aead.decrypt(nonce, sealed, head)
        except (self._invalid, ValueError):
            return None
        return _Place(end, number + 1, sealed[-TAG_BYTES:]), data, number, before, skipped

    def _search(self, fd: int, at: int, size: int) -> int:
        """Find the next mark from a byte on; the end where there is none."""
        while at < size:
            block = os.pread(fd, _SEARCH, at)
            found = block.find(self._mark)
            if found >= 0:
                return at + found
            if len(block) < _SEARCH:
                break
            at += len(block) - _MARK_BYTES + 1
        return size

    def _use(self, key: bytes) -> None:
        # OpenSSL; only those who seal wait for it
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)
        self._invalid = InvalidTag
        self._mark = hmac.digest(key, b"steno seal: mark", "sha256")[:_MARK_BYTES]

    def close(self) -> None:
        """Close the file; also what a forked child does with its copy."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
