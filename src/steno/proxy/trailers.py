"""Trailers: fields that come behind a chunked body, which aiohttp's server has no way to send.

The few private names of aiohttp that this needs are used here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

_FORBIDDEN = frozenset(
    {
        b"content-length", b"transfer-encoding", b"content-encoding", b"host", b"trailer",
        b"connection",
    }
)  # fmt: skip
"""Fields that may not come behind a body (RFC 9110, 6.5.1): they would change how it is read."""


async def end_reply(answer: web.StreamResponse, trailers: Sequence[bytes]) -> None:
    """End a reply; behind a chunked body its trailers are sent.

    Args:
        answer: The reply to the client.
        trailers: Fields as lines, without line ends.

    Raises:
        ConnectionError: The client is gone.
    """
    lines = [line for line in trailers if line.partition(b":")[0].lower() not in _FORBIDDEN]
    writer = answer._payload_writer  # noqa: SLF001 - see above
    request = answer._req  # noqa: SLF001 - see above
    transport = request.transport if request is not None else None
    if transport is not None and transport.is_closing():
        transport = None  # aiohttp itself raises then
    if not lines or transport is None or not getattr(writer, "chunked", False):
        await answer.write_eof()
        return
    transport.write(b"0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    answer._eof_sent = True  # noqa: SLF001 - see above
