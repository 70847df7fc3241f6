"""Trailers: fields that come behind a chunked body. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_CHUNK = b"0\r\n\r\n"

_FORBIDDEN = frozenset(
    {
        b"content-length", b"transfer-encoding", b"content-encoding", b"host", b"trailer",
        b"connection",
    }
)  # fmt: skip
"""Fields that may not come behind a body (RFC 9110, 6.5.1): they would change how it is read."""


def end_chunks(trailers: Sequence[bytes]) -> bytes:
    """Write the end of a chunked body.

    Args:
        trailers: Fields as lines, without line ends; those that may not come here are left out.
    """
    if not trailers:
        return LAST_CHUNK
    lines = [line for line in trailers if line.partition(b":")[0].lower() not in _FORBIDDEN]
    return b"0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
