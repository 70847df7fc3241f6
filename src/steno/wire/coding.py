"""Content encodings undone piece by piece: gzip, deflate, br, zstd. Pure.

The client gets the compressed bytes as they came; only what is recorded is read here. ``br`` and
``zstd`` need the libraries of the extra ``proxy`` (zstd is part of Python from 3.14).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP_OR_ZLIB = 47
"""Window bits by which zlib reads both wrappers."""


class CodingError(Exception):
    """A body can't be decoded; the message says why."""


class Decoder:
    """Decodes one body.

    Attributes:
        encoding: The ``Content-Encoding``, in lower case; "" for none.
    """

    def __init__(self, encoding: str) -> None:
        """Choose the decoders.

        Raises:
            CodingError: There is none for the encoding here.
        """
        names = [name.strip().lower() for name in encoding.split(",")]
        self.encoding = ", ".join(name for name in names if name and name != "identity")
        # The encodings were applied from left to right.
        self._steps = [_decoder(name) for name in reversed(self.encoding.split(", ")) if name]

    def feed(self, data: bytes) -> bytes:
        """Decode the next piece.

        Raises:
            CodingError: The body is damaged.
        """
        for step in self._steps:
            try:
                data = step(data)
            except Exception as error:  # each library has errors of its own
                raise CodingError(f"{self.encoding}: {error}") from error
        return data


def _decoder(name: str) -> Callable[[bytes], bytes]:
    if name in {"gzip", "x-gzip", "deflate"}:
        return _Zlib(raw=name == "deflate")
    if name == "br":
        return _brotli()
    if name == "zstd":
        return _Zstd()
    raise CodingError(f"unknown content encoding {name!r}")


class _Zlib:
    """Reads gzip of several members, zlib, and the raw deflate that some servers send instead."""

    def __init__(self, *, raw: bool) -> None:
        self._may_be_raw = raw
        self._inflate: Any = zlib.decompressobj(_GZIP_OR_ZLIB)

    def __call__(self, data: bytes) -> bytes:
        parts = []
        while data:
            try:
                parts.append(self._inflate.decompress(data))
            except zlib.error:
                if not self._may_be_raw:
                    raise
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                parts.append(self._inflate.decompress(data))
            self._may_be_raw = False
            if not self._inflate.eof:
                break
            data = self._inflate.unused_data
            self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        return b"".join(parts)


def _brotli() -> Callable[[bytes], bytes]:
    try:
        import brotli  # only replies that are compressed with it need it
    except ImportError as error:
        raise CodingError("br needs the extra: pip install 'steno[proxy]'") from error
    process: Callable[[bytes], bytes] = brotli.Decompressor().process
    return process


class _Zstd:
    """Reads Zstandard of several frames."""

    def __init__(self) -> None:
        self._zstd = _load_zstd()
        self._frame: Any = self._zstd.ZstdDecompressor()

    def __call__(self, data: bytes) -> bytes:
        parts = []
        while data:
            parts.append(self._frame.decompress(data))
            if not self._frame.eof:
                break
            data = self._frame.unused_data
            self._frame = self._zstd.ZstdDecompressor()
        return b"".join(parts)


def _load_zstd() -> Any:
    import importlib  # only replies that are compressed with it need one of these

    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise CodingError("zstd needs the extra: pip install 'steno[proxy]'")
