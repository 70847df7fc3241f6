"""age files that a passphrase opens, a block at a time.

The format is age's own, version 1 (``age-encryption.org/v1``), and the program ``age`` opens what
is written here. The library that seals to keys can only do this one in memory, and a session may be
larger than that: so the header, which is five lines, and the stream of 64 KiB pieces are written
here; all of the cryptography in them is the library's.

Strategy: scrypt makes a key from the passphrase and a random salt, which wraps a random key of the
file; from that and a random nonce comes the key of the stream. Each piece is numbered, and the last
one is marked, so none can be left out, moved or added.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from steno.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.bundles.writing import Sink

_PIECE = 64 * 1024
_TAG = 16
_INTRO = b"age-encryption.org/v1\n"
_LABEL = b"age-encryption.org/v1/scrypt"
_LOG_N = 18
"""256 MiB and most of a second, as age itself asks of whoever guesses."""

_MAX_LOG_N = 20
_HEAD = re.compile(
    rb"(age-encryption\.org/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n"
    rb"([A-Za-z0-9+/]{43})\n---) ([A-Za-z0-9+/]{43})\n"
)
_MAX_HEAD = 256
_HINT = "the bundle was changed or damaged; nothing was imported"


def is_for_passphrase(head: bytes) -> bool:
    """Tell whether an age file, by its first bytes, is opened by a passphrase."""
    return head.startswith(_INTRO + b"-> scrypt ")


class PassphraseSink:
    """Encrypts what is written to it; `close` ends the file, and leaves the one below open."""

    def __init__(self, below: Sink, passphrase: str, *, log_n: int = _LOG_N) -> None:
        """Write the header.

        Args:
            below: Where the sealed bytes go.
            passphrase: What opens them.
            log_n: How hard guessing is made.

        Raises:
            BundleError: The library is not installed.
        """
        key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
        wrapped = _cipher(_derive(passphrase, salt, log_n)).encrypt(bytes(12), key, None)
        head = b"%b-> scrypt %b %d\n%b\n---" % (_INTRO, _text(salt), log_n, _text(wrapped))
        below.write(head + b" " + _text(_authenticate(key, head)) + b"\n" + nonce)
        self._below = below
        self._stream = _Stream(key, nonce)
        self._held = bytearray()

    def write(self, data: bytes, /) -> None:
        """Take bytes; what makes a piece goes on."""
        self._held += data
        # A full piece is held back, because the last one is marked.
        whole = (len(self._held) - 1) // _PIECE * _PIECE
        if whole > 0:
            view = bytes(self._held[:whole])
            del self._held[:whole]
            for at in range(0, whole, _PIECE):
                self._below.write(self._stream.seal(view[at : at + _PIECE], last=False))

    def close(self) -> None:
        """Write the last piece."""
        self._below.write(self._stream.seal(bytes(self._held), last=True))


def open_passphrase(file: BinaryIO, passphrase: str) -> Iterator[bytes]:
    """Decrypt an age file.

    Args:
        file: The file, at its beginning.
        passphrase: What opens it.

    Raises:
        BundleError: The passphrase is another one, or the file is damaged.
    """
    data = file.read(_MAX_HEAD)
    found = _HEAD.match(data)
    if found is None:
        raise BundleError("the head of the sealed bundle is damaged", hint=_HINT)
    head, salt, log_n, wrapped, mac = found.groups()
    if int(log_n) > _MAX_LOG_N:
        raise BundleError("the sealed bundle asks for too much work to be opened", hint=_HINT)
    cipher = _cipher(_derive(passphrase, _bytes(salt), int(log_n)))
    key = _decrypt(cipher, bytes(12), _bytes(wrapped))
    if key is None:
        raise BundleError(
            "the passphrase is not the one that the bundle was sealed with",
            hint="or the first lines of the bundle are damaged; nothing was imported",
        )
    if not hmac.compare_digest(_authenticate(key, head), _bytes(mac)):
        raise BundleError("the head of the sealed bundle was changed", hint=_HINT)
    file.seek(found.end())
    nonce = file.read(16)
    stream = _Stream(key, nonce)
    piece = file.read(_PIECE + _TAG)
    first = True
    while True:
        following = file.read(_PIECE + _TAG) if len(piece) == _PIECE + _TAG else b""
        plain = stream.open(piece, last=not following)
        if plain is None or (not plain and not first):
            raise BundleError("the sealed bundle is damaged or cut off", hint=_HINT)
        yield plain
        if not following:
            return
        piece, first = following, False


class _Stream:
    """The pieces of one file, in their order."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256  # loads OpenSSL
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), 32, salt=nonce, info=b"payload").derive(key)
        self._cipher = _cipher(derived)
        self._number = 0

    def _nonce(self, *, last: bool) -> bytes:
        nonce = self._number.to_bytes(11, "big") + bytes([last])
        self._number += 1
        return nonce

    def seal(self, piece: bytes, *, last: bool) -> bytes:
        return bytes(self._cipher.encrypt(self._nonce(last=last), piece, None))

    def open(self, piece: bytes, *, last: bool) -> bytes | None:
        return _decrypt(self._cipher, self._nonce(last=last), piece)


def _decrypt(cipher: Any, nonce: bytes, sealed: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # loaded already

    try:
        return bytes(cipher.decrypt(nonce, sealed, None))
    except (InvalidTag, ValueError):
        return None


def _cipher(key: bytes) -> Any:
    try:
        # loads OpenSSL
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    except ImportError as error:
        raise BundleError(
            "cryptography is not installed, which sealing with a passphrase needs",
            hint="pip install 'steno[archives]'",
        ) from error
    return ChaCha20Poly1305(key)


def _derive(passphrase: str, salt: bytes, log_n: int) -> bytes:
    needed = 1024 << log_n
    try:
        return hashlib.scrypt(
            passphrase.encode("utf-8", "surrogateescape"),
            salt=_LABEL + salt, n=1 << log_n, r=8, p=1, dklen=32, maxmem=needed + (1 << 24),
        )  # fmt: skip
    except (MemoryError, ValueError) as error:
        raise BundleError(
            f"the passphrase takes {needed >> 20:,} MiB of memory, and there is less",
            hint="do it on a machine with more memory, or seal to age keys, which takes none",
        ) from error


def _authenticate(key: bytes, head: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # loaded already
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, salt=None, info=b"header").derive(key)
    return hmac.digest(derived, head, "sha256")


def _text(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    """Read base64 without its padding; other bits than those that count can't be set.

    Raises:
        BundleError: They are.
    """
    data = base64.b64decode(text + b"=" * (-len(text) % 4))
    if _text(data) != text:
        raise BundleError("the head of the sealed bundle is damaged", hint=_HINT)
    return data
