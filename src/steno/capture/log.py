"""The log between the traffic and its recorder: what passed, appended to files.

Strategy: a process that passes traffic on appends frames; another one reads them and records. The
log is on disk as soon as it is written, so neither needs to live for what passed to be kept, and a
recorder that lags costs no memory. Segments are small, and go when all in them is recorded.

A frame is a kind (1 byte), the number of the exchange (uint32), monotonic seconds (float64) and the
length of the data (uint32), all little-endian, then the data. A torn last frame is what a crash
leaves.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from steno.storage.files import FILE_MODE, replace_file, write_all

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SEGMENT_BYTES = 8 * 1024 * 1024

OPENED, REQUEST, SENT, STATUS, REPLY, ENDED, LOST, CLOSED, GATHERED = range(1, 10)
"""The kinds of frames: `Opening`, request bytes, request sent, head of the reply, reply bytes, end
of the exchange, a count of bytes that were let go, the end of the log, and several notes of one
exchange in one frame, which the reader gives back as the frames that they stand for."""

OF_DATA = frozenset({REQUEST, REPLY})
"""The kinds that hold bytes of bodies."""

_FRAME = struct.Struct("<BIdI")
_ENCODER = msgspec.json.Encoder()
_GATHERER = msgspec.msgpack.Encoder()
_MAX_DATA = 64 * 1024 * 1024
_READ = 1024 * 1024
_SUFFIX = ".log"


class Frame(NamedTuple):
    """One note."""

    kind: int
    number: int
    at_s: float
    data: bytes


def frame(kind: int, number: int, at_s: float, data: bytes = b"") -> bytes:
    """Write a frame."""
    return _FRAME.pack(kind, number, at_s, len(data)) + data


def frame_json(kind: int, number: int, at_s: float, value: object) -> bytes:
    """Write a frame that holds JSON."""
    return frame(kind, number, at_s, _ENCODER.encode(value))


def read_frames(data: bytes) -> list[Frame]:
    """Read frames that are whole; those that were gathered are spread."""
    return _split(data)[0]


def gather(number: int, notes: list[Any]) -> tuple[bytes, bytes]:
    """Write several notes of an exchange as one frame: one call for what else takes many.

    Args:
        number: The number of the exchange.
        notes: Kind, monotonic seconds and what is noted, one after the other and note after note;
            what is noted is bytes, None for nothing, or else a value that is written as JSON.

    Returns:
        The head of the frame, and its data.

    Raises:
        UnicodeEncodeError: A text in it is no Unicode.
    """
    data = _GATHERER.encode(notes)
    return _FRAME.pack(GATHERED, number, notes[-2], len(data)), data


def spread(gathered: Frame) -> list[Frame]:
    """Return the frames that a gathered one stands for; itself if it can't be read."""
    try:
        notes = msgspec.msgpack.decode(gathered.data)
        return [
            Frame(kind, gathered.number, at_s, _write(noted))
            for kind, at_s, noted in zip(notes[::3], notes[1::3], notes[2::3], strict=True)
        ]
    except (msgspec.DecodeError, TypeError, ValueError):
        return [gathered]


def _write(noted: Any) -> bytes:
    if isinstance(noted, bytes):
        return noted
    return b"" if noted is None else _ENCODER.encode(noted)


def list_segments(folder: Path) -> list[Path]:
    """List the segments of a log in their order."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except OSError:
        return []


class LogWriter:
    """Appends to a log; used by one thread."""

    def __init__(self, folder: Path) -> None:
        """Begin a log in a folder that exists.

        Raises:
            OSError: It can't be begun.
        """
        self._folder = folder
        self._number = 0
        self._size = 0
        self._is_over = False
        self._fd = self._open()

    def _open(self) -> int:
        fd = os.open(
            self._name(self._number + 1),
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE,
        )  # fmt: skip
        self._number += 1
        self._size = 0
        self._is_over = False
        return fd

    def _name(self, number: int) -> Path:
        return self._folder / f"{number:08d}{_SUFFIX}"

    def append(self, frames: list[bytes]) -> None:
        """Append whole frames.

        Raises:
            OSError: Nothing was appended: what could be written of them was taken back.
        """
        if self._is_over or self._size >= SEGMENT_BYTES:
            # The next one is there before this one is seen to be at its end.
            before = self._fd
            self._fd = self._open()
            os.close(before)
        data = b"".join(frames)
        try:
            write_all(self._fd, data)
        except OSError:
            self._take_back()
            raise
        self._size += len(data)

    def _take_back(self) -> None:
        """Leave what was whole; a reader may be in the middle of the rest, so go on elsewhere."""
        self._is_over = True
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size)
            if not self._size:
                os.unlink(self._name(self._number))

    def close(self) -> None:
        """End it."""
        os.close(self._fd)


class LogReader:
    """Reads a log from its beginning, while it grows.

    Attributes:
        segment: The segment that is being read; None before the first.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder."""
        self.segment: Path | None = None
        self._folder = folder
        self._fd: int | None = None
        self._rest = b""
        self._is_garbage = False

    def read(self) -> list[Frame]:
        """Read what there is, a piece at a time; empty when there is no more for now.

        Raises:
            OSError: It can't be read.
        """
        while True:
            if self._fd is None and not self._advance():
                return []
            assert self._fd is not None
            data = os.read(self._fd, _READ)
            if data:
                frames = self._split(data)
                if frames:
                    return frames
                continue
            if not self._has_next():
                return []
            # The writer closed this segment before it wrote to the next one: look once more.
            data = os.read(self._fd, _READ)
            if data:
                frames = self._split(data)
                if frames:
                    return frames
                continue
            self._rest = b""  # torn: its writer died, or took it back
            os.close(self._fd)
            self._fd = None

    def _split(self, data: bytes) -> list[Frame]:
        if self._is_garbage:
            return []
        frames, self._rest, self._is_garbage = _split(self._rest + data if self._rest else data)
        return frames

    def _advance(self) -> bool:
        self._is_garbage = False
        for path in list_segments(self._folder):
            if self._is_after(path):
                self.segment = path
                # Its writer may have removed it: nothing was in it.
                with contextlib.suppress(FileNotFoundError):
                    self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    return True
        return False

    def _has_next(self) -> bool:
        return any(self._is_after(path) for path in list_segments(self._folder))

    def _is_after(self, path: Path) -> bool:
        return self.segment is None or path.name > self.segment.name

    def close(self) -> None:
        """Let the log go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _split(data: bytes) -> tuple[list[Frame], bytes, bool]:
    """Return the frames that are whole, the rest, and whether it can't be told apart."""
    frames: list[Frame] = []
    at, end, head = 0, len(data), _FRAME.size
    while end - at >= head:
        kind, number, at_s, length = _FRAME.unpack_from(data, at)
        if not _is_frame(kind, length):
            return frames, b"", True
        if end - at - head < length:
            break
        found = Frame(kind, number, at_s, data[at + head : at + head + length])
        if kind == GATHERED:
            frames += spread(found)
        else:
            frames.append(found)
        at += head + length
    return frames, data[at:], False


def _is_frame(kind: int, length: int) -> bool:
    return OPENED <= kind <= GATHERED and length <= _MAX_DATA


def compact_segment(path: Path, numbers: Collection[int]) -> None:
    """Leave only the frames of these exchanges in a segment.

    Raises:
        OSError: It stays as it was.
    """
    kept = []
    with path.open("rb") as file:
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            kind, number, _, length = _FRAME.unpack(head)
            if not _is_frame(kind, length):
                break
            data = file.read(length)
            if len(data) < length:
                break
            if number in numbers:
                kept += [head, data]
    replace_file(path, b"".join(kept))
