"""Read a transcript as far as it goes, and say what can't be read.

Strategy: lines are read one by one, so that memory is bounded by the longest. What is damaged is
reported with its byte offset and passed over; what follows it is read. A line that stands twice
(an interrupted write was repeated) is given once, and so is the header, which long transcripts
repeat: where the first line is torn, a later copy tells whose transcript it is. A compressed
transcript is read as its text, up to what of it is damaged; offsets are always those in the text.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from steno.errors import TranscriptError
from steno.events.codec import decode_line
from steno.events.header import Header, make_header
from steno.events.model import Rotated
from steno.storage.compressed import PACKED, PackedText, damage_of, open_text
from steno.storage.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from steno.events.model import Event

_HEAD = 4096
"""Bytes that are read at first: most headers are much shorter."""

_HEADER_LIMIT = 1024 * 1024
_SEARCHED = 8 * 1024 * 1024
"""Bytes that are searched for an identity where the first line is no header."""

_HEADER_MARK, _ROTATED_MARK = b'{"type":"session"', b'{"type":"rotated"'
_MAX_DAMAGE = 1000

TORN = "torn: no newline ends the line"
"""The reason of damage that may be a line which is being written at this moment."""


class Entry(NamedTuple):
    """One line of a transcript.

    Attributes:
        offset: Byte offset of the line.
        line: Its bytes, without the newline.
        event: The header, or an event.
    """

    offset: int
    line: bytes
    event: Event | Header


class Damage(Struct, frozen=True):
    """A place in a transcript that can't be read.

    Attributes:
        path: The transcript.
        offset: Byte offset of the place.
        length: Its length in bytes.
        reason: What is wrong with it.
    """

    path: str
    offset: int
    length: int
    reason: str


class Transcript:
    """One transcript; iterate over it once for its entries.

    Attributes:
        path: The file.
        damage: What could not be read so far; beyond 1,000 places the last one stands for the rest.
        position: Byte offset behind the last whole line that was read.
    """

    def __init__(
        self,
        path: Path,
        *,
        offset: int = 0,
        lossless: bool = True,
        open_file: Callable[[Path], BinaryIO] = open_text,
    ) -> None:
        """Describe the transcript; it is opened when it is iterated over.

        Args:
            path: The file.
            offset: Where to begin; the beginning of a line.
            lossless: Keep what this version doesn't know; see `decode_line`.
            open_file: Opens the file to read its text; another one where it is sealed.
        """
        self.path = path
        self._open_file = open_file
        self.damage: list[Damage] = []
        self.position = offset
        self._lossless = lossless
        # Whose transcript it is; not known yet where reading begins further on.
        self._whole = offset == 0
        self._session: str | None = None
        self._seen: dict[str, _Numbers] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Yield what can be read, in the order of the file.

        Raises:
            TranscriptError: The file can't be opened or read.
        """
        begin = self.position
        try:
            with self._open_file(self.path) as file:
                torn = 0
                for line in read_lines(file, begin):
                    if not line.whole:
                        torn = len(line.data)
                        break
                    self.position = line.end
                    entry = self._entry(line.offset, line.data, first=line.offset == 0)
                    if entry is not None:
                        yield entry
                if damage := damage_of(file):
                    self._report(self.position, torn, damage)
                elif torn:
                    self._report(self.position, torn, TORN)
        except OSError as error:
            raise TranscriptError(
                f"cannot read {self.path}: {error.strerror}", hint="check the path and permissions"
            ) from error

    def _entry(self, offset: int, data: bytes, *, first: bool) -> Entry | None:
        readable = data.lstrip(b"\x00")
        if len(readable) < len(data):
            # Blocks that a loss of power left unwritten; a whole line may follow them.
            hole = len(data) - len(readable)
            self._report(offset, hole, "a run of NUL bytes")
            offset, data = offset + hole, readable
        if not data.strip(b" \t\r"):
            return None
        try:
            event = decode_line(data, lossless=self._lossless)
        except TranscriptError as error:
            self._report(offset, len(data), error.message)
            return None
        if isinstance(event, Header):
            if not first and (not self._whole or self._session == event.session_id):
                return None  # the header, repeated
            if self._session is not None:
                self._report(offset, len(data), "a header of another session")
            self._session = self._session or event.session_id
        else:
            if first:
                self._report(0, 0, "no header: the first line is an event")
            if self._is_repeated(event):
                self._report(offset, len(data), f"event {event.recorder}:{event.seq} stands twice")
                return None
        return Entry(offset, data, event)

    def _is_repeated(self, event: Event) -> bool:
        if not isinstance(event.recorder, str) or not isinstance(event.seq, int):
            return False
        return not self._seen.setdefault(event.recorder, _Numbers()).add(event.seq)

    def _report(self, offset: int, length: int, reason: str) -> None:
        if len(self.damage) < _MAX_DAMAGE:
            self.damage.append(Damage(str(self.path), offset, length, reason))
            return
        begin = self.damage[-1].offset
        self.damage[-1] = Damage(
            str(self.path), begin, offset + length - begin, "damaged in many places from here on"
        )


class _Numbers:
    """The numbers of the last events of one recorder, to tell a repeated line from a new one.

    A write is repeated soon or never, so a window is enough; what lies before it is taken as new:
    better read twice than lost.
    """

    _WINDOW = 8192

    def __init__(self) -> None:
        self._seen: dict[int, None] = {}

    def add(self, number: int) -> bool:
        """Add a number; False when it was there."""
        if number in self._seen:
            return False
        self._seen[number] = None
        if len(self._seen) > self._WINDOW:
            del self._seen[next(iter(self._seen))]
        return True


def read_transcript(
    path: Path,
    *,
    offset: int = 0,
    lossless: bool = True,
    open_file: Callable[[Path], BinaryIO] = open_text,
) -> Transcript:
    """Read a transcript; see `Transcript`."""
    return Transcript(path, offset=offset, lossless=lossless, open_file=open_file)


def read_header(path: str | os.PathLike[str]) -> Header | None:
    """Read whose transcript a file is: from the first line alone, where that is not damaged.

    Else the first 8 MiB are searched: for a copy of the header, or for the event that ends a
    rotated transcript, from which a header with session, key and agent alone is made.

    Returns:
        None when nothing tells.

    Raises:
        TranscriptError: The file can't be read.
    """
    try:
        line, newline, _ = _read_head(os.fspath(path)).partition(b"\n")
        if newline and (header := _decode_identity(line)):
            return header
        with open_text(path) as file:
            return read_identity(file)
    except OSError as error:
        raise TranscriptError(
            f"cannot read {path}: {error.strerror}", hint="check the path and permissions"
        ) from error


def read_identity(file: BinaryIO) -> Header | None:
    """Read whose transcript an open file is, as `read_header` does.

    Args:
        file: The text, at its beginning.

    Raises:
        OSError: The file can't be read.
    """
    return _decode_identity(file.readline(_HEADER_LIMIT)) or _search_identity(file)


def _read_head(path: str) -> bytes:
    """Read the first bytes of a transcript, by as few steps as there can be.

    Of a compressed one, no more than that is decompressed.

    Returns:
        Nothing where it is not there in the form that its name says.
    """
    try:
        if path.endswith(PACKED):
            with PackedText(path) as text:
                return text.read(_HEAD) or b""
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.read(file, _HEAD)
    finally:
        os.close(file)


def _search_identity(file: BinaryIO) -> Header | None:
    """Find the identity behind a first line that doesn't tell it."""
    ended = b""
    for line in read_lines(file, 0, _SEARCHED):
        # A torn line, or a run of NUL bytes, may have another one glued to its end.
        data = line.data[max(0, line.data.rfind(_HEADER_MARK)) :]
        if data.startswith(_HEADER_MARK):
            header = _decode_identity(data)
            if header is not None and header.session_id:
                return header
        elif data.startswith(_ROTATED_MARK):
            ended = data
    return _decode_identity(ended)


def _decode_identity(line: bytes) -> Header | None:
    try:
        entry = decode_line(line)
    except TranscriptError:
        return None  # told as damage by those who read the whole of it
    if isinstance(entry, Rotated):
        return make_header(entry.session_id, entry.timestamp, session_key=entry.session_key)
    return entry if isinstance(entry, Header) else None
