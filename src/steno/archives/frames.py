"""The form of a spool: a header, then frames of which each is whole or not there. Pure.

Strategy: a frame begins with its length and a head in clear, which counts what is inside: so that
a spool can be put into an archive by a process that can't read it. The head, the frame's number
and a digest of the header are bound to what is encrypted. A frame that is cut off at the end of the
file is what a killed process leaves; it is passed over.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from steno.archives import jsons
from steno.archives.ciphers import Lock
from steno.archives.identifiers import ArchiveIds
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"steno spool 1\n"
LINES, END, PLACED, TEXT = 1, 2, 3, 4
"""What a frame holds: log lines, how the request ended, where it was sealed to, or the text of the
lines in the frame before it."""

STATUSES = ("interrupted", "ok", "error", "cancelled")

_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">BBIIIdd")
_MAX_HEADER = 256 << 20
MAX_FRAME = 1 << 30


class SpoolHeader(Struct, frozen=True, omit_defaults=True):
    """What stands in clear at the beginning of a spool's file.

    Attributes:
        spool: The spool's id, which the archive will name.
        generation: Which of the spool's files this is, counted from 0.
        ids: Where the archive belongs.
        task: What kind of work beside the message it is, if any.
        begun: When the request began.
        before: Records in the files before this one.
        frames: Frames in the files before this one.
        lock: How it is encrypted.
        max_lines: How many of the newest records are kept.
    """

    spool: str
    generation: int
    ids: ArchiveIds
    begun: float
    lock: Lock
    max_lines: int
    task: str | None = None
    before: int = 0
    frames: int = 0


class Head(Struct, frozen=True, gc=False):
    """What a frame says of itself in clear.

    Attributes:
        kind: `LINES`, `END` or `PLACED`.
        status: The place in `STATUSES` of how the request ended.
        number: The frame's number in its spool.
        records: The records inside.
        dropped: The records that were dropped before they came to the spool, so far.
        first: When the first record was logged.
        last: When the last was.
    """

    kind: int
    status: int
    number: int
    records: int
    dropped: int
    first: float
    last: float

    def pack(self) -> bytes:
        """Write it as it stands in the file."""
        return _HEAD.pack(
            self.kind, self.status, self.number, self.records, self.dropped, self.first, self.last
        )


class Source(Protocol):
    """A file that is read from its beginning."""

    def read(self, count: int) -> bytes:
        """Give the next bytes; fewer only at the end."""

    def skip(self, count: int) -> bool:
        """Pass over bytes; False where there are not so many."""


class Frame(Struct, frozen=True):
    """A frame as it was found: its head, what it is bound to, and its body as it stands.

    The body of a frame that was not asked for is empty.
    """

    head: Head
    bound: bytes
    body: bytes


def encode_header(header: SpoolHeader) -> tuple[bytes, bytes]:
    """Write a header; returns it with the digest to which all frames are bound."""
    text = jsons.encode(header)
    data = MAGIC + _LENGTH.pack(len(text)) + text
    return data, hashlib.sha256(data).digest()


def encode_frame(
    head: Head, digest: bytes, body: bytes, seal: Callable[[bytes, bytes], bytes]
) -> bytes:
    """Write a frame."""
    packed = head.pack()
    sealed = seal(body, digest + packed)
    return _LENGTH.pack(len(sealed)) + packed + sealed


def read_header(source: Source) -> tuple[SpoolHeader, bytes]:
    """Read the header of a spool and its digest.

    Raises:
        ArchiveError: It is no spool, or cut off in its header.
    """
    start = source.read(len(MAGIC) + _LENGTH.size)
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + _LENGTH.size:
        raise ArchiveError("it is no spool of this version", reason="foreign")
    (length,) = _LENGTH.unpack(start[len(MAGIC) :])
    text = source.read(length) if length <= _MAX_HEADER else b""
    try:
        header = jsons.decode(text, SpoolHeader)
    except ValueError as error:
        raise ArchiveError("the header of a spool is damaged", reason="truncated") from error
    return header, hashlib.sha256(start + text).digest()


def read_frames(source: Source, digest: bytes, *kinds: int) -> Iterator[Frame]:
    """Read frames up to the end of the file, or to one that is cut off.

    Args:
        source: The file, after its header.
        digest: The digest of its header.
        kinds: Those of which the bodies are wanted.
    """
    while True:
        start = source.read(_LENGTH.size + _HEAD.size)
        if len(start) < _LENGTH.size + _HEAD.size:
            return
        (length,) = _LENGTH.unpack(start[: _LENGTH.size])
        packed = start[_LENGTH.size :]
        if length > MAX_FRAME:
            return
        head = Head(*_HEAD.unpack(packed))
        body = b""
        if head.kind not in kinds:
            if not source.skip(length):
                return
        else:
            body = source.read(length)
            if len(body) < length:
                return
        yield Frame(head, digest + packed, body)
