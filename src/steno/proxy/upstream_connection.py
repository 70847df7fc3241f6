"""One connection to an upstream: a request out, a reply in, its bytes as they come.

The reply is parsed by llhttp (through httptools); nothing is decompressed, followed or added. What
the client can't take is not read: the connection pauses, and TCP holds the upstream back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_HIGH_WATER = 256 * 1024
"""Bytes that wait to be taken before the connection pauses."""

_INFORMATIONAL = 200
_NO_BODY = frozenset({204, 304})
_MAX_HEAD = 1024 * 1024


class UpstreamError(Exception):
    """The upstream failed; the message says how, without its URL, which may hold credentials."""


class UpstreamConnection(asyncio.Protocol):
    """A connection; it carries one exchange at a time.

    Attributes:
        status: The status of the reply.
        reason: Its words.
        words: The same as they came.
        headers: The fields of its head, as they came.
        trailers: The fields behind its body, as lines.
        reusable: It can carry another exchange.
        idle_since_s: When it was given back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the connection."""
        self._loop = loop
        self._transport: Any = None
        self._writable: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._passing: asyncio.Timeout | None = None
        self._error: Exception | None = None
        self._lost = False
        self.idle_since_s = 0.0
        self._reset("GET")
        self._busy = False

    def _reset(self, method: str) -> None:
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[bytes] = []
        self.reusable = False
        self._busy = True
        self._is_head_request = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)
        self._has_head = self._has_end = self._until_close = self._is_sent = False
        self._paused = False
        self.words = b""
        self._pieces: list[bytes] = []
        self._waiting = self._bodiless_size = 0

    # -- what the network says ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if not self._busy or self._has_end:
            self.close()  # nobody asked for this
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it answered with another protocol")
        except httptools.HttpParserError:
            self._fail("its answer is no HTTP" if not self._has_head else "its reply is no HTTP")
        if not self._has_end:
            self._bodiless_size += len(data)
            if self._bodiless_size > _MAX_HEAD:
                what = "trailers of its reply do" if self._has_head else "head of its answer does"
                self._fail(f"the {what} not end")
        self._wake()

    def eof_received(self) -> None:
        """Take the end, which may be that of a body without a length."""
        self._lost = True
        self._finish(well=True)

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the connection."""
        self._lost = True
        self._finish(well=error is None)

    def _finish(self, *, well: bool) -> None:
        if self._busy and not self._has_end and self._error is None:
            if self._until_close and well:
                self._has_end = True
            elif self._has_head:
                self._error = UpstreamError("its reply broke off")
            else:
                self._error = UpstreamError("it closed the connection without an answer")
        self.reusable = False
        self._wake()

    def pause_writing(self) -> None:
        """Hold the request back: the upstream does not take it yet."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on with the request."""
        self._stop_holding()
        self._writable = None

    def _stop_holding(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _fail(self, message: str) -> None:
        if self._error is None:
            self._error = UpstreamError(message)
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._has_head or self._error is not None or self._lost:
            self._stop_holding()
            if self._passing is not None:
                passing, self._passing = self._passing, None
                passing.reschedule(self._loop.time())

    # -- what the parser says ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Refuse a second reply behind the first, which would write over it."""
        if self._has_end:
            raise UpstreamError("it sent more than its reply")

    def on_status(self, reason: bytes) -> None:
        """Take the words of the status, which may come in pieces."""
        self.words += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or a trailer."""
        if self._has_head:
            self.trailers.append(name + b": " + value)
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head; one that is merely informational is passed over."""
        status = self._parser.get_status_code()
        if status < _INFORMATIONAL:
            return
        self.status = status
        try:
            self.reason = self.words.decode()
        except UnicodeDecodeError:
            self.reason = self.words.decode("latin-1")
        self._has_head = True
        names = {name.lower(): value.lower() for name, value in self.headers}
        framed = b"content-length" in names or b"chunked" in names.get(b"transfer-encoding", b"")
        self._until_close = not framed and status not in _NO_BODY
        if self._is_head_request:
            self._has_end = True  # the parser would wait for a body that never comes
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._has_end:
            self.reusable = False  # a body where none may be: what comes next can't be told
            return
        self._bodiless_size = 0
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting > _HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Take the end of the reply."""
        if not self._has_head:  # an informational one: the reply comes yet
            self.headers.clear()
            self.words = b""
            return
        if not self._has_end:
            self._has_end = True
            self.reusable = self._parser.should_keep_alive() and not self._until_close

    # -- what the proxy does -----------------------------------------------------------------

    async def send(
        self,
        head: bytes,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        method: str,
        chunked: bool,
        timeout_s: float,
    ) -> None:
        """Send a request.

        Args:
            head: Its head, to the blank line.
            body: Its body; pieces are sent as they come.
            method: Its method.
            chunked: The pieces of the body go in chunks.
            timeout_s: Seconds for which the upstream may take nothing of a body.

        Raises:
            TimeoutError: It took nothing for that long.
        """
        is_open = self.is_open
        self._reset(method)
        if not is_open:
            self._finish(well=True)
            return
        if body is None or isinstance(body, bytes):
            self._transport.write(head + body if body else head)
            self._is_sent = True
            return
        self._transport.write(head)
        try:
            async with asyncio.timeout(None) as passing:
                self._passing = passing
                await self._pass(body, chunked=chunked, timeout_s=timeout_s)
        except TimeoutError:
            if not passing.expired():
                raise
        finally:
            self._passing = None

    async def _pass(self, body: AsyncIterator[bytes], *, chunked: bool, timeout_s: float) -> None:
        """Send a body as it comes; cut off by `_wake` when the upstream wants no more of it."""
        async for piece in body:
            if self._has_head or self._lost or self._error is not None:
                return  # it has answered already, and wants no more; the connection ends here
            if piece:
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self._writable is not None:
                async with asyncio.timeout(timeout_s):
                    await self._writable
        if chunked:
            self._transport.write(b"0\r\n\r\n")
        self._is_sent = True

    async def read_head(self, timeout_s: float) -> None:
        """Wait for the head of the reply.

        Raises:
            UpstreamError: It did not come.
            TimeoutError: It did not come in time.
        """
        while not self._has_head:
            await self._wait(timeout_s)

    async def read(self, timeout_s: float) -> bytes:
        """Wait for a piece of the body; empty at its end.

        Raises:
            UpstreamError: It broke off.
            TimeoutError: Nothing came in time.
        """
        while not self._pieces:
            if self._has_end:
                return b""
            await self._wait(timeout_s)
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def _wait(self, timeout_s: float) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._give_up)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _give_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on.

        Raises:
            OSError: It can't be agreed on.
        """
        self._busy = False
        self._transport = await self._loop.start_tls(
            self._transport, self, context, server_hostname=host
        )

    @property
    def has_news(self) -> bool:
        """Tell whether a piece of the reply, or its end, has come and was not read."""
        return bool(self._pieces) or self._has_end

    @property
    def is_ended(self) -> bool:
        """Tell whether all of the reply was read."""
        return self._has_end and not self._pieces

    @property
    def is_complete(self) -> bool:
        """Tell whether both sides have come to their end, and another exchange can follow."""
        return (
            self._is_sent and self._has_end and self.reusable and not self._pieces and self.is_open
        )

    def rest(self) -> None:
        """Wait for the next exchange."""
        self._busy = False

    @property
    def is_open(self) -> bool:
        """Tell whether it can still be written to."""
        return not self._lost and not self._transport.is_closing()

    def close(self) -> None:
        """End it at once: nothing that waits to be sent may hold it, and no farewell of TLS."""
        if self._transport is not None:
            self._transport.abort()
