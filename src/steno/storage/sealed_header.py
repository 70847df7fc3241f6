"""The head of a sealed file: what it takes to open it, and what it is.

Strategy: the head is of one length and ends in a digest of itself, so that damage to it is told
from a wrong password. It is no secret and needs no key; but the file's key is derived from all of
it, so that a file whose head was changed in any way opens with no password.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import SealError, WrongPasswordError
from steno.storage.sealed_keys import ARGON2ID, CHECK_BYTES, SALT_BYTES, KdfRecord

if TYPE_CHECKING:
    from steno.storage.sealed_keys import SealKeys

MAGIC = b"steno\x00s\n"
VERSION = 1
FILE, LOG = 1, 2
"""What a sealed file is: written once as a whole, or appended to."""

CHUNK_BYTES = 64 * 1024
_MAX_CHUNK = 16 * 1024 * 1024
_FILE_SALT = 32
_DIGEST = 16
_FIELDS = struct.Struct(f">8sBBHIIII{SALT_BYTES}s{_FILE_SALT}s{CHECK_BYTES}s")
HEADER_BYTES = _FIELDS.size + _DIGEST


class SealedHeader(Struct, frozen=True):
    """The head of one file.

    Attributes:
        kind: `FILE` or `LOG`.
        chunk_bytes: Plain bytes in a chunk; 0 in a log.
        kdf: How the session's key is made.
        salt: The file's own random bytes.
        check: The check value of the session's key.
    """

    kind: int
    chunk_bytes: int
    kdf: KdfRecord
    salt: bytes
    check: bytes

    def encode(self) -> bytes:
        """Write the head, its digest included."""
        kdf = self.kdf
        fields = _FIELDS.pack(
            MAGIC, VERSION, self.kind, 0, self.chunk_bytes, kdf.memory_kib, kdf.iterations,
            kdf.lanes, kdf.salt, self.salt, self.check,
        )  # fmt: skip
        return fields + hashlib.sha256(fields).digest()[:_DIGEST]

    def derive_key(self, keys: SealKeys, name: str) -> bytes:
        """Derive the file's key.

        Args:
            keys: The session's keys.
            name: What the file is called in messages.

        Raises:
            WrongPasswordError: The keys are of another password.
            SealError: The file belongs to another session.
        """
        if self.kdf != keys.kdf:
            raise SealError(
                f"{name} was sealed in another session",
                hint="it does not belong here; the password of its own session opens it there",
                offset=0,
            )
        if not hmac.compare_digest(self.check, keys.check):
            raise WrongPasswordError(
                f"{name} was sealed with another password",
                hint="nothing is damaged; try the one that sealed it",
            )
        return keys.derive(self.salt, b"steno seal: file" + self.encode())


def make_header(keys: SealKeys, kind: int) -> SealedHeader:
    """Make the head of a new file."""
    chunk = CHUNK_BYTES if kind == FILE else 0
    return SealedHeader(kind, chunk, keys.kdf, os.urandom(_FILE_SALT), keys.check)


def parse_header(data: bytes, kind: int, name: str) -> SealedHeader:
    """Read the head of a file.

    Args:
        data: Its first `HEADER_BYTES` bytes.
        kind: What it has to be.
        name: What the file is called in messages.

    Raises:
        SealError: It is damaged, of a newer version, no sealed file at all, or asks for what is
            out of bounds.
    """
    if not data.startswith(MAGIC[: len(data)]) or not data:
        raise SealError(f"{name} is no sealed file of steno's", offset=0)
    if len(data) < HEADER_BYTES:
        raise SealError(f"{name} ends within its header", hint=_RESTORE, offset=len(data))
    fields, digest = data[: _FIELDS.size], data[_FIELDS.size : HEADER_BYTES]
    if hashlib.sha256(fields).digest()[:_DIGEST] != digest:
        raise SealError(f"the header of {name} is damaged", hint=_RESTORE, offset=0)
    _, version, found, zero, chunk, memory, iterations, lanes, salt, file_salt, check = (
        _FIELDS.unpack(fields)
    )
    if version != VERSION or zero:
        raise SealError(f"{name} has version {version}", hint="a newer steno made it", offset=8)
    wanted = 0 if kind == LOG else range(1, _MAX_CHUNK + 1)
    if found != kind or (chunk != wanted if isinstance(wanted, int) else chunk not in wanted):
        raise SealError(f"{name} is a sealed file of another kind", offset=9)
    kdf = KdfRecord(name=ARGON2ID, salt=salt, memory_kib=memory, iterations=iterations, lanes=lanes)
    kdf.check()
    return SealedHeader(found, chunk, kdf, file_salt, check)


_RESTORE = "nothing of it can be read without its header; restore it from a copy"
