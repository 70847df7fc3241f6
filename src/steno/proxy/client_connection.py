"""One connection of a client: requests in, each answered in its turn.

Strategy: what comes is parsed at once; a task answers the first request, the others wait. Reading
pauses while more waits here than should, and TCP holds the client back. A client that is gone is
told of by the network, and its task is cancelled at once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any, Protocol

from steno import notices
from steno.identity import new_session_id
from steno.proxy.answers import OwnReply, refuse, speaks_anthropic
from steno.proxy.client_reply import ClientReply
from steno.proxy.framing import RefusedHeadError
from steno.proxy.request_parser import RequestParser

if TYPE_CHECKING:
    from steno.proxy.client_request import ClientRequest

_HIGH_WATER = 256 * 1024
"""Bytes of a body that wait to be taken before the connection pauses."""

_MAX_WAITING = 8
"""Requests that wait for their turn before the connection pauses."""

HEAD_S = 60.0
"""Seconds in which a head must come."""

BODY_S = 300.0
"""Seconds for which a body may stall."""

IDLE_S = 3600.0
"""Seconds for which a connection may wait for its next request: agents think long."""

_LINGER_S = 2.0
"""Seconds in which a client may read a reply that came before its request was whole."""


class ClientConnection(asyncio.Protocol):
    """A connection.

    Attributes:
        remote: The address of the client.
    """

    def __init__(self, handle: Handle, crowd: Crowd) -> None:
        """Wait for the connection.

        Args:
            handle: Answers a request.
            crowd: The connections of which this is one.
        """
        self.remote: str | None = None
        self._handle = handle
        self._crowd = crowd
        self._loop = crowd.loop
        self._transport: Any = None
        self._session_id: str | None = None
        self._parser = RequestParser(self)
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_gone = self._is_paused = self._is_lingering = False
        self._heard_s = 0.0
        self._head_since_s: float | None = None

    # -- what the network says ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) else None
        self._heard_s = self._loop.time()
        self._crowd.connections.add(self)
        if self._crowd.stopping:  # it was on its way; so may be its request
            self._loop.call_later(_LINGER_S, self.end_if_idle)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._is_lingering:
            return
        self._heard_s = self._loop.time()
        parser = self._parser
        before = parser.coming
        parser.feed(data)
        if not parser.in_head:
            self._head_since_s = None
        elif self._head_since_s is None or parser.coming is not before:
            self._head_since_s = self._heard_s
        if self._task is None:
            self._go_on()
        self._pace()

    def eof_received(self) -> None:
        """Take the client's end: who asks no more and waits is not told from who is gone."""
        self._hang_up()

    def connection_lost(self, _error: Exception | None) -> None:
        """Take the end of the connection."""
        self._hang_up()
        self._crowd.connections.discard(self)

    def _hang_up(self) -> None:
        self._is_gone = self._is_lingering = True
        self._parser.waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Hold the reply back: the client does not take it yet."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on with the reply."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # -- one request after the other ---------------------------------------------------------

    def _go_on(self) -> None:
        """Begin with the next request, or do what is to be done behind the last."""
        parser = self._parser
        if parser.waiting:
            request = parser.waiting.popleft()
            closes = self._crowd.stopping or not request.keeps_alive
            reply = ClientReply(request, self, closes=closes)
            self._task = self._loop.create_task(self._serve(request, reply))
        elif parser.fault is not None:
            fault, parser.fault = parser.fault, None
            self._say(refuse(fault.status, fault.kind, f"steno: {fault}", anthropic=False))
        elif self._crowd.stopping:
            self._transport.close()

    async def _serve(self, request: ClientRequest, reply: ClientReply) -> None:
        try:
            own = await self._handle(request, reply)
            if own is not None:
                await reply.say(own)
        except ConnectionError:
            self.close()
        except asyncio.CancelledError:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not leave a client waiting
            notices.say("client", f"ERROR a defect of the proxy: {type(error).__name__}: {error}")
            if reply.is_begun:
                self.close()
            else:
                anthropic = speaks_anthropic(request.target, request.headers)
                self._say(
                    refuse(500, "failed", "steno: a defect of the proxy", anthropic=anthropic)
                )
        finally:
            self._task = None
        self._settle(request, reply)

    def _settle(self, request: ClientRequest, reply: ClientReply) -> None:
        """Go on behind a reply, or end the connection."""
        if self._is_lingering or self._transport.is_closing():
            return
        if not reply.is_ended:
            self._break_off(reply)
        elif not request.is_whole:
            self._linger()
        elif reply.closes:
            self._transport.close()
        else:
            self._heard_s = self._loop.time()
            if request.waiting:
                request.let_go()  # else the connection would pause for what nobody takes
            self._go_on()
            self._pace()

    def _break_off(self, reply: ClientReply) -> None:
        """End a reply in its middle; the client must not take what it has for the whole."""
        if reply.ends_by_closing:
            # Its end would look like that of the whole; only a reset does not.
            on = struct.pack("ii", 1, 0)
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on)
            self.close()
        else:
            self._transport.close()

    def _say(self, own: OwnReply) -> None:
        """Answer what is no request, as the last word."""
        lines = [b"HTTP/1.1 %d %b" % (own.status, own.reason)]
        lines += [f"{name}: {value}".encode() for name, value in own.headers.items()]
        lines += [b"content-length: %d" % len(own.body), b"connection: close", b"", own.body]
        if not self._transport.is_closing():
            self._transport.write(b"\r\n".join(lines))
            self._linger()

    def _linger(self) -> None:
        """Let the client read the reply before the connection ends: a reset would take it away."""
        self._is_lingering = True
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._loop.call_later(_LINGER_S, self.close)

    def _pace(self) -> None:
        """Read on, or pause, by what waits here."""
        coming = self._parser.coming
        full = len(self._parser.waiting) > _MAX_WAITING or (
            coming is not None and coming.waiting > _HIGH_WATER
        )
        if full != self._is_paused and not self._transport.is_closing():
            self._is_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._heard_s = self._loop.time()
                if self._head_since_s is not None:
                    self._head_since_s = self._heard_s
                self._transport.resume_reading()

    # -- what requests and replies need ------------------------------------------------------

    @property
    def session_id(self) -> str:
        """The session of the connection."""
        if self._session_id is None:
            self._session_id = new_session_id()
        return self._session_id

    def send_continue(self) -> None:
        """Tell the client that its body is wanted."""
        if not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def has_room(self) -> None:
        """Take note that what came of the body was taken."""
        if self._is_paused:
            self._pace()

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            ConnectionError: The client is gone.
        """
        if self._is_gone or self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._transport.write(data)

    @property
    def is_full(self) -> bool:
        """Tell whether more waits to be sent than should."""
        return self._writable is not None

    async def room(self) -> None:
        """Wait until the client has taken some of it."""
        if self._writable is not None:
            await self._writable

    # -- what the listener does --------------------------------------------------------------

    def check(self, now_s: float) -> None:
        """End it if it has waited for its client too long."""
        if self._is_lingering or self._is_paused:
            return
        parser = self._parser
        if self._head_since_s is not None:
            if now_s - self._head_since_s > HEAD_S:
                parser.stop(RefusedHeadError(408, "timeout", "the head did not come in time"))
                if self._task is None:
                    self._go_on()
        elif parser.coming is not None and not parser.coming.is_whole:
            if now_s - self._heard_s > BODY_S:
                parser.stop(RefusedHeadError(408, "timeout", "the body did not come in time"))
        elif self._task is None and now_s - self._heard_s > IDLE_S:
            self._transport.close()

    def end_if_idle(self) -> None:
        """End it now if nothing is asked; else behind the replies."""
        if self._task is None and not self._parser.waiting and not self._is_gone:
            self._transport.close()

    def cancel(self) -> None:
        """Cut it off."""
        if self._task is not None:
            self._task.cancel()
        else:
            self.close()

    def close(self) -> None:
        """End it at once: nothing that waits to be sent may hold it."""
        self._transport.abort()


class Crowd:
    """The connections of a listener.

    Attributes:
        loop: The loop on which they are served.
        connections: Those that are open.
        stopping: Each ends behind its reply.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin without any."""
        self.loop = loop
        self.connections: set[ClientConnection] = set()
        self.stopping = False


class Handle(Protocol):
    """Answers requests."""

    async def __call__(self, request: ClientRequest, reply: ClientReply) -> OwnReply | None:
        """Answer one: by the reply, or by one of the proxy's own that is returned."""
