"""From a password to the keys of a sealed session.

Strategy: one slow derivation (Argon2id) per session makes the session's key from its password and
a salt of its own; every file has a key derived from that one and from a salt in the file's header,
which is cheap. What the slow derivation was asked for stands in each header, so that a file can be
opened when nothing else is left; and because a header may come from anybody, what it asks for is
bounded before it is done. A check value that the key makes tells a wrong password at once, without
looking at any content: what fails after it is damage.
"""

from __future__ import annotations

import hmac
import os
import unicodedata

import msgspec
from msgspec import Struct

from steno.errors import SealError, WrongPasswordError

KEY_BYTES = 32
SALT_BYTES = 16
CHECK_BYTES = 16
ARGON2ID = "argon2id"

_MEMORY_KIB = 64 * 1024
_ITERATIONS = 3
_LANES = 4

_MAX_MEMORY_KIB = 1024 * 1024
_MAX_ITERATIONS = 64
_MAX_LANES = 16
_MAX_WORK_KIB = 4 * 1024 * 1024
"""Kibibytes times iterations: some ten seconds, and no more, for whoever opens a hostile file."""

_HINT = "pip install 'steno[archives]' brings what sealing needs"


class KdfRecord(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """How a session's key is made from its password.

    Attributes:
        name: The function; ``argon2id``.
        salt: The session's own random bytes.
        memory_kib: Memory that it takes, in KiB.
        iterations: Passes over that memory.
        lanes: Lanes, which may be worked on side by side.
    """

    name: str = ARGON2ID
    salt: bytes
    memory_kib: int = _MEMORY_KIB
    iterations: int = _ITERATIONS
    lanes: int = _LANES

    def check(self) -> None:
        """Refuse what asks for an unknown function, or for too much or too little work.

        Raises:
            SealError: It does.
        """
        if self.name != ARGON2ID:
            raise SealError(
                f"the key is made by {self.name!r}, which this steno does not know",
                hint="a newer steno may have made it",
            )
        fits = (
            len(self.salt) == SALT_BYTES
            and 1 <= self.lanes <= _MAX_LANES
            and 8 * self.lanes <= self.memory_kib <= _MAX_MEMORY_KIB
            and 1 <= self.iterations <= _MAX_ITERATIONS
            and self.memory_kib * self.iterations <= _MAX_WORK_KIB
        )
        if not fits:
            raise SealError(
                f"the key asks for {self.memory_kib} KiB, {self.iterations} iterations and "
                f"{self.lanes} lanes with a salt of {len(self.salt)} bytes, which is out of bounds",
                hint="steno never writes such a header: it is damaged, or somebody made it up",
                offset=0,
            )


class SealKeys:
    """The keys of one sealed session; safe for all threads.

    Attributes:
        kdf: How the session's key is made.
        check: The value by which a wrong password is told.
    """

    def __init__(self, key: bytes, kdf: KdfRecord) -> None:
        """Keep a derived key; see `make` and `open`."""
        self._key = key
        self.kdf = kdf
        self.check = self.derive(b"", b"steno seal: key check", CHECK_BYTES)
        self._names = self.derive(b"", b"steno seal: names", KEY_BYTES)

    @classmethod
    def make(cls, password: str, kdf: KdfRecord | None = None) -> SealKeys:
        """Make the keys of a new session.

        Args:
            password: The password; the same text in another composed form counts as the same.
            kdf: How to derive; 64 MiB, three iterations and four lanes when it is not given.

        Raises:
            SealError: The password is empty, or what sealing needs is not installed.
        """
        kdf = kdf or KdfRecord(salt=os.urandom(SALT_BYTES))
        return cls(_derive_key(password, kdf), kdf)

    @classmethod
    def open(cls, kdf: KdfRecord, password: str, check: bytes | None = None) -> SealKeys:
        """Make the keys of a session that exists.

        Args:
            kdf: How its key is made, as its files say.
            password: The password.
            check: The session's check value; None leaves the question to the first file.

        Raises:
            WrongPasswordError: The check value is of another password.
            SealError: The record asks for what is out of bounds, or as `make`.
        """
        keys = cls(_derive_key(password, kdf), kdf)
        if check is not None and not hmac.compare_digest(keys.check, check):
            raise WrongPasswordError(
                "the password is wrong", hint="nothing is damaged; try the one that sealed it"
            )
        return keys

    def derive(self, salt: bytes, purpose: bytes, length: int = KEY_BYTES) -> bytes:
        """Derive a key for one purpose, by HKDF with SHA-256.

        Args:
            salt: What makes it unlike others of the purpose; "" where there is one alone.
            purpose: What it is for, and what it is bound to.
            length: Its length in bytes.
        """
        # OpenSSL; only those who seal wait for it
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), length, salt or None, purpose).derive(self._key)

    def hide_name(self, name: str) -> str:
        """Turn a readable name into 16 hexadecimal digits that only the key's owner can tell."""
        data = name.encode("utf-8", "surrogatepass")
        return hmac.digest(self._names, data, "sha256")[:8].hex()


def decode_kdf(raw: object) -> KdfRecord:
    """Read a record from JSON.

    Raises:
        SealError: It is none, or asks for what is out of bounds.
    """
    try:
        record = msgspec.convert(raw, KdfRecord)
    except msgspec.ValidationError as error:
        raise SealError(f"the record of the key derivation can't be read: {error}") from error
    record.check()
    return record


def _derive_key(password: str, kdf: KdfRecord) -> bytes:
    kdf.check()
    if not isinstance(password, str):
        raise SealError(f"the password is a {type(password).__name__}", hint="give it as a text")
    if not password:
        raise SealError(
            "the password is empty",
            hint="give one, or none at all: without a password nothing is sealed",
        )
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    except ImportError as error:
        raise SealError("sealing needs the library cryptography", hint=_HINT) from error
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    try:
        return Argon2id(
            salt=kdf.salt,
            length=KEY_BYTES,
            iterations=kdf.iterations,
            lanes=kdf.lanes,
            memory_cost=kdf.memory_kib,
        ).derive(text)
    except UnsupportedAlgorithm as error:
        raise SealError("this build of cryptography has no Argon2id", hint=_HINT) from error
    except MemoryError as error:
        raise SealError(
            f"there is not enough memory to make the key: it takes {kdf.memory_kib} KiB"
        ) from error
