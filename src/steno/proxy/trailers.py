"""Trailers: fields that come behind a chunked body, which aiohttp reads and lets go.

They are picked up from the bytes of the connection and written behind the body to the client. The
few private names of aiohttp that this needs are used here and nowhere else; without them trailers
are left out, and nothing else changes.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    import asyncio

    import aiohttp
    from aiohttp import web

_KEPT = 16 * 1024
_LAST_CHUNK = re.compile(rb"(?:\A|\r\n)0+(?:;[^\r\n]*)?\r\n((?:[!-9;-~]+:[^\r\n]*\r\n)+)\r\n\Z")
_FORBIDDEN = frozenset(
    {"content-length", "transfer-encoding", "content-encoding", "host", "trailer", "connection"}
)


class _RememberingHandler(ResponseHandler):
    """Keeps the last bytes that came on a connection."""

    last = b""

    def data_received(self, data: bytes) -> None:
        self.last = data[-_KEPT:] if len(data) >= _KEPT else (self.last + data)[-_KEPT:]
        super().data_received(data)


def remember_trailers(connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop) -> None:
    """Let the connections of a connector keep what trailers are read from."""
    factory = functools.partial(_RememberingHandler, loop=loop)
    connector._factory = factory  # type: ignore[assignment]  # noqa: SLF001 - see above


class Trailers:
    """The trailers of one reply."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        """Hold on to the connection, which the reply lets go at its end."""
        connection = reply.connection
        self._protocol = connection.protocol if connection is not None else reply._protocol  # noqa: SLF001 - a short reply has let go of it already

    def read(self) -> list[bytes]:
        """Return the trailer lines, once the reply is at its end."""
        last = getattr(self._protocol, "last", b"")
        match = _LAST_CHUNK.search(last)
        if match is None:
            return []
        return [
            line
            for line in match[1].split(b"\r\n")
            if line and line.partition(b":")[0].decode("ascii").lower() not in _FORBIDDEN
        ]


async def send_trailers(answer: web.StreamResponse, lines: list[bytes]) -> None:
    """End a chunked body with trailers; any other body just ends."""
    writer = answer._payload_writer  # noqa: SLF001 - see above
    request = answer._req  # noqa: SLF001 - see above
    transport = request.transport if request is not None else None
    if transport is None or not getattr(writer, "chunked", False):
        await answer.write_eof()
        return
    transport.write(b"0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    answer._eof_sent = True  # noqa: SLF001 - see above
    answer._body_length = getattr(writer, "output_size", 0)  # noqa: SLF001 - see above
