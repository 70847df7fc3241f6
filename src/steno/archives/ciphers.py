"""How the frames of a spool are encrypted, and who can read them again.

Strategy: with a password, a spool has a random key of its own, which lies in its header, wrapped
by a key that scrypt makes from the password: once per process, because that is slow on purpose.
With recipients, every frame is an age file to them and to an identity that never leaves this
process: its owner can read the spool in order to seal it, and after a crash the recipients alone
can. The libraries are loaded by whoever encrypts first, on the archivist's own thread.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

# 16 MiB and 50 ms: the zip file itself is far cheaper to guess at, so more would gain nothing.
_LOG_N = 14
_R = 8
_P = 1
_MAX_LOG_N = 20
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Kdf(Struct, frozen=True):
    """How the key that wraps was made from the password: scrypt and what it was given."""

    log_n: int
    r: int
    p: int
    salt: bytes


class Lock(Struct, frozen=True, omit_defaults=True):
    """What the header of a spool says about its encryption.

    Attributes:
        mode: ``password`` or ``age``.
        kdf: With a password: how to make the key that unwraps.
        key: With a password: the spool's key, wrapped.
        recipients: With age: the public keys, for whoever seals the spool without opening it.
    """

    mode: str
    kdf: Kdf | None = None
    key: bytes = b""
    recipients: tuple[str, ...] = ()


class Cipher(Protocol):
    """Encrypts and decrypts the frames of one spool."""

    def seal(self, body: bytes, bound: bytes) -> bytes:
        """Encrypt a body, so that it is read only where ``bound`` is the same."""

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Decrypt a body.

        Raises:
            ArchiveError: It was sealed for others, or is not what was sealed.
        """


class PasswordKeys:
    """The keys that one password makes: one to wrap with, and those of spools that are found.

    Used by one thread.
    """

    def __init__(self, password: str) -> None:
        """Keep the password; nothing is derived before it is needed."""
        self._password = password.encode()
        self._derived: dict[Kdf, bytes] = {}
        self._own = Kdf(_LOG_N, _R, _P, os.urandom(16))

    def _derive(self, kdf: Kdf) -> bytes:
        key = self._derived.get(kdf)
        if key is None:
            if not (0 < kdf.log_n <= _MAX_LOG_N and 0 < kdf.r <= _R and 0 < kdf.p <= _R):
                raise ArchiveError("a spool asks for too much work", reason="tampered")
            try:
                # The standard library's lets other threads run meanwhile.
                key = hashlib.scrypt(
                    self._password, salt=kdf.salt, n=1 << kdf.log_n, r=kdf.r, p=kdf.p,
                    maxmem=256 * kdf.r << kdf.log_n, dklen=_KEY_BYTES,
                )  # fmt: skip
            except (ValueError, OverflowError) as error:
                raise ArchiveError("a spool asks for too much work", reason="tampered") from error
            self._derived[kdf] = key
        return key

    def prepare(self) -> None:
        """Derive the key that wraps, before the first spool needs it."""
        self._derive(self._own)

    def new(self) -> tuple[Lock, Cipher]:
        """Make the key of a new spool."""
        key = os.urandom(_KEY_BYTES)
        wrapped = _AesGcm(self._derive(self._own)).seal(key, b"steno spool key")
        return Lock("password", self._own, wrapped), _AesGcm(key)

    def unlock(self, lock: Lock) -> Cipher:
        """Get at the key of a spool.

        Raises:
            ArchiveError: Another password wrapped it.
        """
        if lock.mode != "password" or lock.kdf is None:
            raise ArchiveError("the spool was not sealed with a password", reason="password")
        wrapping = _AesGcm(self._derive(lock.kdf))
        try:
            return _AesGcm(wrapping.open(lock.key, b"steno spool key"))
        except ArchiveError as error:
            raise ArchiveError(
                "another password sealed the spool",
                hint="its lines are kept; `steno archive rekey` with that password seals them",
                reason="password",
            ) from error


class _AesGcm:
    """AES-256-GCM with a random nonce before each body."""

    def __init__(self, key: bytes) -> None:
        # loads OpenSSL
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._invalid = InvalidTag
        self._aead = AESGCM(key)

    def seal(self, body: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, body, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, body, bound)
        except (self._invalid, ValueError) as error:
            raise ArchiveError("a frame is not what was sealed", reason="tampered") from error


class AgeKeys:
    """The recipients, and an identity by which this process reads its own spools."""

    def __init__(self, recipients: Iterable[str]) -> None:
        """Read the public keys.

        Raises:
            ArchiveError: One of them is none.
        """
        from pyrage import x25519  # a library of its own

        self._texts = tuple(recipients)
        self._recipients = parse_recipients(self._texts)
        self._identity = x25519.Identity.generate()

    def prepare(self) -> None:
        """Do nothing: these keys are there at once."""

    def new(self) -> tuple[Lock, Cipher]:
        """Make the cipher of a new spool."""
        cipher = _Age([*self._recipients, self._identity.to_public()], self._identity)
        return Lock("age", recipients=self._texts), cipher


class _Age:
    """age files that begin, inside, with a digest of what they are bound to."""

    def __init__(self, recipients: list[Any], identity: Any) -> None:
        self._recipients = recipients
        self._identity = identity

    def seal(self, body: bytes, bound: bytes) -> bytes:
        import pyrage  # loaded already

        del bound  # the recipients are to read a frame that is taken out of its spool
        return bytes(pyrage.encrypt(body, self._recipients))

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        del bound
        return open_age(sealed, [self._identity])


def parse_recipients(texts: Iterable[str]) -> list[Any]:
    """Read age public keys.

    Raises:
        ArchiveError: One of them is none, or there is none at all.
    """
    texts = tuple(texts)
    if any("secret-key" in text.lower() for text in texts):  # which no message may repeat
        raise ArchiveError(
            "a recipient is a secret key of age, not a public one",
            hint="give the key that begins with age1, make a new pair, and let go of this one",
        )
    import pyrage  # a library of its own

    found = []
    for text in texts:
        try:
            found.append(pyrage.x25519.Recipient.from_str(text))
        except (pyrage.RecipientError, UnicodeEncodeError) as error:
            raise ArchiveError(
                f"{text[:80]!r} is no age public key",
                hint="one begins with age1; `age-keygen` makes a pair",
            ) from error
    if not found:
        raise ArchiveError("there is no age public key to seal to")
    return found


def parse_identities(text: str) -> list[Any]:
    """Read the identities in the text of a file as ``age-keygen`` writes it.

    Raises:
        ArchiveError: There is none, or one that is not X25519.
    """
    import pyrage  # a library of its own

    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [
            pyrage.x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith("#")
        ]
    except pyrage.IdentityError as error:
        raise ArchiveError("a line of the identity file is no age identity") from error
    if not found:
        raise ArchiveError("the identity file holds no age identity")
    return found


def open_age(sealed: bytes, identities: list[Any]) -> bytes:
    """Decrypt an age file in memory.

    Raises:
        ArchiveError: It was sealed for others, or is damaged.
    """
    import pyrage  # loaded already

    try:
        return bytes(pyrage.decrypt(sealed, identities))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise ArchiveError("no identity given opens it", reason="password") from error
        raise ArchiveError("the age file is damaged", reason="tampered") from error
