"""The bytes of bodies: pieces are compressed and cut before they go out.

Strategy: every piece is compressed with a flush at its end. A client can thus read each event of a
compressed stream as soon as it was sent, as with the providers' own gateways.
"""

from __future__ import annotations

import importlib
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

# The window sizes that tell zlib to write and read gzip and deflate.
GZIP_WINDOW, DEFLATE_WINDOW = 31, 15
ZSTD_MODULES = ("compression.zstd", "backports.zstd")


def compress(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Compress pieces, each so that it can be read when it arrives.

    Raises:
        LookupError: The encoding is unknown, or its library is not installed.
    """
    if encoding in {None, "", "identity"}:
        yield from pieces
        return
    step, finish = _compressor(str(encoding))
    for piece in pieces:
        yield step(piece)
    yield finish()


def decompress(data: bytes, encoding: str | None) -> bytes:
    """Decompress a whole body.

    Raises:
        LookupError: As `compress`.
        ValueError: The body is damaged.
    """
    match encoding:
        case None | "" | "identity":
            return data
        case "gzip" | "deflate":
            window = GZIP_WINDOW if encoding == "gzip" else DEFLATE_WINDOW
            try:
                return zlib.decompress(data, window)
            except zlib.error as exc:
                raise ValueError(f"a body is no {encoding}: {exc}") from exc
        case "br":
            brotli: Any = _library("br", "brotli")
            try:
                return bytes(brotli.decompress(data))
            except brotli.error as exc:
                raise ValueError(f"a body is no br: {exc}") from exc
        case "zstd":
            zstd: Any = _library("zstd", *ZSTD_MODULES)
            try:
                return bytes(zstd.decompress(data))
            except zstd.ZstdError as exc:
                raise ValueError(f"a body is no zstd: {exc}") from exc
    raise LookupError(f"there is no content-encoding {encoding!r}")


def cut(pieces: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    """Cut the bytes of all pieces anew, in pieces of one size; drop empty ones.

    An empty piece would be the chunk that ends a chunked body.
    """
    if size is None:
        yield from (piece for piece in pieces if piece)
        return
    whole = b"".join(pieces)
    yield from (whole[start : start + size] for start in range(0, len(whole), size))


def _compressor(encoding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Return what compresses a piece, and what ends the body."""
    match encoding:
        case "gzip" | "deflate":
            window = GZIP_WINDOW if encoding == "gzip" else DEFLATE_WINDOW
            flate = zlib.compressobj(wbits=window)
            return lambda piece: flate.compress(piece) + flate.flush(zlib.Z_SYNC_FLUSH), flate.flush
        case "br":
            brotli: Any = _library("br", "brotli").Compressor()
            return lambda piece: brotli.process(piece) + brotli.flush(), brotli.finish
        case "zstd":
            kind: Any = _library("zstd", *ZSTD_MODULES).ZstdCompressor
            zstd = kind()
            return lambda piece: zstd.compress(piece, kind.FLUSH_BLOCK), zstd.flush
    raise LookupError(f"there is no content-encoding {encoding!r}")


def _library(encoding: str, *names: str) -> ModuleType:
    """Import the first library of several that is installed."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise LookupError(f"content-encoding {encoding} needs one of: {', '.join(names)}")
