"""A file that is sealed as a whole: chunks of AES-256-GCM, read and written as a stream.

Strategy: each chunk is encrypted under the file's own key, with its number and whether it is the
last one as its nonce. So a chunk opens in its own place only, and a file opens as a whole only: one
that was cut off, even between two chunks, has no last chunk; bytes that were appended follow behind
it. No byte of a chunk is given before the whole chunk was found to be what was sealed. What stands
first, inside, is the file's readable name.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, BinaryIO

from steno.errors import SealError
from steno.storage.sealed_header import (
    CHUNK_BYTES,
    FILE,
    HEADER_BYTES,
    make_header,
    parse_header,
)

if TYPE_CHECKING:
    from steno.storage.sealed_keys import SealKeys

TAG_BYTES = 16
_MAX_NAME = 4096
_BATCH = 16
"""Chunks that are written in one go."""


class SealingStream:
    """Writes what it is given, sealed, to an open file."""

    def __init__(self, file: BinaryIO, keys: SealKeys, name: str) -> None:
        """Write the header.

        Args:
            file: Where to; it stays open.
            keys: The session's keys.
            name: The readable name, which is kept inside.

        Raises:
            SealError: The name is longer than 4096 bytes.
            OSError: The file can't be written.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # OpenSSL

        text = name.encode("utf-8", "surrogatepass")
        if len(text) > _MAX_NAME:
            raise SealError(f"the name {name[:80]!r}... is too long", hint="give a shorter one")
        header = make_header(keys, FILE)
        self._seal = AESGCM(header.derive_key(keys, name)).encrypt
        self._file = file
        self._number = 0
        self._rest = bytearray(struct.pack(">H", len(text)) + text)
        self._closed = False
        file.write(header.encode())

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Seal the next bytes; the last ones may wait for more.

        Raises:
            OSError: The file can't be written.
        """
        view = memoryview(data).cast("B")
        size = len(view)
        # The last chunk must stay here until it is known to be the last.
        if len(self._rest) + size > CHUNK_BYTES:
            if self._rest:
                missing = CHUNK_BYTES - len(self._rest)
                self._rest += view[:missing]
                view = view[missing:]
                if view:
                    self._put(memoryview(self._rest))
                    self._rest = bytearray()
            whole = max(0, len(view) - 1) // CHUNK_BYTES * CHUNK_BYTES
            if whole:
                self._put(view[:whole])
            view = view[whole:]
        self._rest += view
        return size

    def _put(self, whole: memoryview) -> None:
        """Seal full chunks, none of which is the last."""
        sealed = []
        for at in range(0, len(whole), CHUNK_BYTES):
            sealed.append(
                self._seal(_nonce(self._number, last=False), whole[at:][:CHUNK_BYTES], None)
            )
            self._number += 1
            if len(sealed) == _BATCH:
                self._file.write(b"".join(sealed))
                sealed.clear()
        if sealed:
            self._file.write(b"".join(sealed))

    def close(self) -> None:
        """Seal the last chunk; the file stays open. Without it, the file is none.

        Raises:
            OSError: The file can't be written.
        """
        if not self._closed:
            self._closed = True
            self._file.write(self._seal(_nonce(self._number, last=True), self._rest, None))


class OpenedStream(io.RawIOBase):
    """The plain bytes of a sealed file.

    Attributes:
        sealed_name: The readable name that is kept inside.
    """

    def __init__(self, file: BinaryIO, keys: SealKeys, name: str) -> None:
        """Read the header and the readable name.

        Args:
            file: The sealed file, at its beginning; it is closed with the stream.
            keys: The session's keys.
            name: What the file is called in messages.

        Raises:
            WrongPasswordError: The keys are of another password.
            SealError: It is damaged, of another session, or no such file.
            OSError: It can't be read.
        """
        # OpenSSL
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._file = file  # first: what follows may raise, and the interpreter closes the rest
        header = parse_header(_read_exactly(file, HEADER_BYTES), FILE, name)
        self._open_chunk = AESGCM(header.derive_key(keys, name)).decrypt
        self._invalid = InvalidTag
        self._name = name
        self._length = header.chunk_bytes + TAG_BYTES
        self._at = HEADER_BYTES
        self._number = 0
        self._ahead = _read_exactly(file, self._length)
        self._ended = False
        self._plain = memoryview(b"")
        self.sealed_name = self._read_name()

    def _read_name(self) -> str:
        text = b""
        while len(text) < 2 or len(text) < 2 + struct.unpack(">H", text[:2])[0]:  # noqa: PLR2004 - the length
            piece = bytes(self._next())
            if not piece:
                raise SealError(f"{self._name} holds no name", offset=HEADER_BYTES)
            text += piece
        end = 2 + struct.unpack(">H", text[:2])[0]
        self._plain = memoryview(text)[end:]
        return text[2:end].decode("utf-8", "surrogatepass")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read the next bytes, each of which was found to be what was sealed.

        Raises:
            SealError: The next chunk is not what was sealed, or missing; the offset says where.
        """
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # whatever io hands over
        if not self._plain:
            self._plain = self._next()
        size = min(len(view), len(self._plain))
        view[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def readall(self) -> bytes:
        """Read all that is left."""
        pieces = [bytes(self._plain)]
        self._plain = memoryview(b"")
        while piece := self._next():
            pieces.append(bytes(piece))
        return b"".join(pieces)

    def _next(self) -> memoryview:
        """Open the next chunk; nothing behind the last."""
        if self._ended:
            return memoryview(b"")
        sealed, self._ahead = self._ahead, _read_exactly(self._file, self._length)
        last = not self._ahead
        try:
            plain = self._open_chunk(_nonce(self._number, last=last), sealed, None)
        except (self._invalid, ValueError):
            self._ended = True
            raise self._explain(sealed, last=last) from None
        self._ended = last
        self._number += 1
        self._at += len(sealed)
        if not plain and not last:
            return self._next()
        return memoryview(plain)

    def _explain(self, sealed: bytes, *, last: bool) -> SealError:
        """Tell what is wrong with a chunk that does not open."""
        offset, what = self._at, "is damaged"
        try:
            self._open_chunk(_nonce(self._number, last=not last), sealed, None)
        except (self._invalid, ValueError):
            pass
        else:
            offset += len(sealed)
            what = "ends too early" if last else "goes on behind its end"
        return SealError(
            f"{self._name} {what} at byte {offset}",
            hint="it was cut off, or somebody changed it; restore it from a copy",
            offset=offset,
        )

    def close(self) -> None:
        """Close the stream and the file."""
        if not self.closed:
            self._file.close()
        super().close()


def _nonce(number: int, *, last: bool) -> bytes:
    return b"\x00\x00\x00" + number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or up to the end: an unbuffered file may give fewer at a time."""
    data = file.read(size)
    if len(data) == size or not data:
        return data
    pieces = [data]
    missing = size - len(data)
    while missing and (data := file.read(missing)):
        pieces.append(data)
        missing -= len(data)
    return b"".join(pieces)
