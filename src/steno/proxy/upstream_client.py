"""The proxy's own side of HTTP: connections to upstreams, kept for the next request.

aiohttp's client takes longer for a request than the proxy may take altogether, and lets trailers
go; see docs/adr/0010. This one does what a proxy needs, and no more.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

from steno.proxy.upstream_connection import UpstreamConnection, UpstreamError

if TYPE_CHECKING:
    import contextlib
    from collections.abc import AsyncIterator, Sequence

    from steno.proxy.origins import Origin

_CONNECT_S = 30.0
_EYEBALLS_S = 0.25
_IDLE_S = 15.0
"""Seconds for which a connection is kept: servers close idle ones, mostly after a minute."""

_MAX_IDLE = 256


class UpstreamClient:
    """Sends requests to upstreams."""

    def __init__(self, timeout_s: float) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            timeout_s: Seconds without a byte after which a reply is given up.
        """
        self._timeout_s = timeout_s
        self._idle: dict[tuple[object, ...], list[UpstreamConnection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._is_closed = False

    def request(
        self,
        origin: Origin,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        length: int | None,
    ) -> contextlib.AbstractAsyncContextManager[Reply]:
        """Send a request at the beginning of a block, and wait for the head of the reply.

        Args:
            origin: Where to.
            method: Its method.
            target: Path and query, behind the origin's prefix.
            headers: The fields of its head, without ``Host`` and those that frame the body.
            body: Its body; pieces are sent as they come.
            length: Bytes of a body that comes in pieces; None sends it in chunks.

        Returns:
            A context that gives the reply; afterwards its connection is kept if it was read to
            its end. There it raises `UpstreamError` where there is no reply, and `TimeoutError`
            where there is none in time.
        """
        return _Asking(self, origin, method, target, headers, body, length)

    async def begin(
        self,
        origin: Origin,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes] | None,
        length: int | None,
    ) -> UpstreamConnection:
        """Send a request, and wait for the head of the reply; see `request`."""
        connection = self._take(origin) or await self._connect(origin)
        try:
            chunked = body is not None and not isinstance(body, bytes) and length is None
            head = _write_head(origin, method, target, headers, body, length)
            await connection.send(
                head, body, method=method, chunked=chunked, timeout_s=self._timeout_s
            )
            await connection.read_head(self._timeout_s)
        except BaseException:
            self.end(origin, connection)
            raise
        return connection

    @property
    def timeout_s(self) -> float:
        """Seconds without a byte after which a reply is given up."""
        return self._timeout_s

    def _take(self, origin: Origin) -> UpstreamConnection | None:
        kept = self._idle.get(_key(origin), [])
        now_s = asyncio.get_running_loop().time()
        while kept:
            connection = kept.pop()
            if connection.is_open and now_s - connection.idle_since_s < _IDLE_S:
                return connection
            connection.close()
        return None

    def end(self, origin: Origin, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request if that is safe."""
        kept = self._idle.setdefault(_key(origin), [])
        now_s = asyncio.get_running_loop().time()
        while kept and now_s - kept[0].idle_since_s >= _IDLE_S:
            kept.pop(0).close()  # the newest are taken first: the oldest would wait forever
        if not connection.is_complete or len(kept) >= _MAX_IDLE or self._is_closed:
            connection.close()
            return
        connection.rest()
        connection.idle_since_s = now_s
        kept.append(connection)

    async def _connect(self, origin: Origin) -> UpstreamConnection:
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await self._open(origin)
        except TimeoutError:
            raise UpstreamError(f"cannot connect within {_CONNECT_S:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise UpstreamError(
                f"its certificate is not trusted: {error.verify_message}"
            ) from error
        except ssl.SSLError as error:
            raise UpstreamError(f"TLS failed: {error.reason or 'no further word'}") from error
        except socket.gaierror as error:
            raise UpstreamError(f"cannot connect: {error.strerror}") from error
        except OSError as error:
            raise UpstreamError(
                f"cannot connect: {error.strerror or type(error).__name__}"
            ) from error

    async def _open(self, origin: Origin) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        way = origin.proxy or origin
        _, connection = await loop.create_connection(
            lambda: UpstreamConnection(loop), way.host, way.port,
            ssl=self._context() if way.is_tls else None, happy_eyeballs_delay=_EYEBALLS_S,
        )  # fmt: skip
        if origin.proxy is not None and origin.is_tls:
            try:
                await self._tunnel(origin, origin.proxy, connection)
            except BaseException:
                connection.close()
                raise
        return connection

    async def _tunnel(self, origin: Origin, proxy: Origin, connection: UpstreamConnection) -> None:
        """Let the proxy in between connect to the upstream, and speak TLS with that."""
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        place = f"{host}:{origin.port}".encode("ascii")
        lines = [b"CONNECT %b HTTP/1.1" % place, b"Host: %b" % place]
        if proxy.authorization is not None:
            lines.append(b"Proxy-Authorization: " + proxy.authorization)
        # A reply to CONNECT has no body: what follows it is the tunnel.
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        await connection.send(head, None, method="HEAD", chunked=False, timeout_s=_CONNECT_S)
        await connection.read_head(_CONNECT_S)
        if not 200 <= connection.status < 300:  # noqa: PLR2004 - the class of success
            raise UpstreamError(f"the proxy of the environment refused: {connection.status}")
        await connection.start_tls(self._context(), origin.host)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def close(self) -> None:
        """End all connections that wait; those in use end with their exchange."""
        self._is_closed = True
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._idle.clear()


class _Asking:
    """One request, as a context."""

    # A generator would do the same, for several times the price, on the way of each request.

    def __init__(self, client: UpstreamClient, origin: Origin, *request: Any) -> None:
        self._client = client
        self._origin = origin
        self._request = request
        self._connection: UpstreamConnection | None = None

    async def __aenter__(self) -> Reply:
        self._connection = await self._client.begin(self._origin, *self._request)
        return Reply(self._connection, self._client.timeout_s)

    async def __aexit__(self, *_error: object) -> None:
        if self._connection is not None:
            self._client.end(self._origin, self._connection)


class Reply:
    """The reply of an upstream.

    Attributes:
        status: Its status.
        reason: Its words.
        words: The same as they came.
        headers: The fields of its head, as they came.
    """

    def __init__(self, connection: UpstreamConnection, timeout_s: float) -> None:
        """Take a connection whose head has come."""
        self.status = connection.status
        self.reason = connection.reason
        self.words = connection.words
        self.headers = connection.headers
        self._connection = connection
        self._timeout_s = timeout_s

    async def read(self) -> bytes:
        """Wait for a piece of the body; empty at its end.

        Raises:
            UpstreamError: It broke off.
            TimeoutError: Nothing came in time.
        """
        return await self._connection.read(self._timeout_s)

    @property
    def has_news(self) -> bool:
        """Tell whether a piece of the body, or its end, has come and was not read."""
        return self._connection.has_news

    @property
    def is_ended(self) -> bool:
        """Tell whether all of the body was read."""
        return self._connection.is_ended

    @property
    def trailers(self) -> list[bytes]:
        """The fields behind the body, as lines, once it has ended."""
        return self._connection.trailers


def _key(origin: Origin) -> tuple[object, ...]:
    return origin.host, origin.port, origin.is_tls, origin.proxy


def _write_head(
    origin: Origin,
    method: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes | AsyncIterator[bytes] | None,
    length: int | None,
) -> bytes:
    place = origin.prefix + target
    if origin.proxy is not None and not origin.is_tls:
        place = b"http://" + origin.authority + place
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), place), b"Host: " + origin.authority]
    lines += [b"%b: %b" % field for field in headers]
    if origin.authorization is not None and not any(
        name.lower() == b"authorization" for name, _ in headers
    ):
        lines.append(b"Authorization: " + origin.authorization)
    if origin.proxy is not None and not origin.is_tls and origin.proxy.authorization is not None:
        lines.append(b"Proxy-Authorization: " + origin.proxy.authorization)
    if isinstance(body, bytes):
        lines.append(b"Content-Length: %d" % len(body))
    elif body is not None:
        lines.append(
            b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
        )
    lines += (b"", b"")
    return b"\r\n".join(lines)
