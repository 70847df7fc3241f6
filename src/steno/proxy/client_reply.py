"""The reply to a client, as it goes out: its head with the first bytes behind it, then the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from steno.proxy.trailers import end_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steno.proxy.answers import OwnReply
    from steno.proxy.client_request import ClientRequest

_BODILESS = frozenset({204, 304})
_NO_CONTENT = 204


class ClientReply:
    """Writes one reply.

    Attributes:
        is_begun: Its head was given.
        is_ended: All of it was given.
        closes: The connection ends with it.
        ends_by_closing: Nothing but the connection's end tells the client where it ends.
    """

    def __init__(self, request: ClientRequest, sink: Sink, *, closes: bool) -> None:
        """Begin.

        Args:
            request: What is answered.
            sink: The connection on which it goes.
            closes: The connection is to end with it.
        """
        self.is_begun = self.is_ended = False
        self.closes = closes
        self.ends_by_closing = False
        self._request = request
        self._sink = sink
        self._head = b""
        self._is_chunked = self._is_bodiless = False

    def begin(self, status: int, reason: bytes, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Give the head; it goes out with what follows, or by `flush`.

        Args:
            status: The status.
            reason: Its words.
            fields: The fields of the head, without those that concern the connection.
        """
        request = self._request
        self.is_begun = True
        lines = [b"HTTP/1.1 %d %b" % (status, reason)]
        has_length = False
        for name, value in fields:
            if len(name) == 14 and name.lower() == b"content-length":  # noqa: PLR2004 - its length
                if status == _NO_CONTENT:
                    continue  # a client that believed it would wait for what never comes
                has_length = True
            lines.append(b"%b: %b" % (name, value))
        self._is_bodiless = request.method == "HEAD" or status in _BODILESS
        if not has_length and not self._is_bodiless:
            if request.is_old:
                self.ends_by_closing = self.closes = True
            else:
                self._is_chunked = True
                lines.append(b"Transfer-Encoding: chunked")
        if self.closes:
            lines.append(b"Connection: close")
        elif request.is_old:
            lines.append(b"Connection: keep-alive")
        lines.append(b"\r\n")
        self._head = b"\r\n".join(lines)

    def flush(self) -> None:
        """Send the head now: what follows it has not come yet.

        Raises:
            ConnectionError: The client is gone.
        """
        head, self._head = self._head, b""
        self._sink.send(head)

    async def write(self, data: bytes) -> None:
        """Send a piece of the body, and wait while the client can't take more.

        Raises:
            ConnectionError: The client is gone.
        """
        if self._is_bodiless:
            return
        sink = self._sink
        sink.send(self._frame(data))
        if sink.is_full:
            await sink.room()

    async def end(self, data: bytes = b"", trailers: Sequence[bytes] = ()) -> None:
        """Send the last piece of the body and the end.

        Args:
            data: The last piece.
            trailers: Fields as lines, without line ends; only a chunked body has a place for them.

        Raises:
            ConnectionError: The client is gone.
        """
        last = self._frame(b"" if self._is_bodiless else data)
        if self._is_chunked:
            last += end_chunks(trailers)
        self.is_ended = True
        if last:
            sink = self._sink
            sink.send(last)
            if sink.is_full:
                await sink.room()

    def _frame(self, data: bytes) -> bytes:
        if self._is_chunked and data:
            framed = b"%b%x\r\n%b\r\n" % (self._head, len(data), data)
        else:
            framed = self._head + data if self._head else data
        self._head = b""
        return framed

    async def say(self, own: OwnReply) -> None:
        """Send a reply of the proxy's own.

        Raises:
            ConnectionError: The client is gone.
        """
        # The rest of a body that nobody reads can't be told from the next request.
        self.closes = self.closes or not self._request.is_whole
        fields = [(name.encode(), value.encode()) for name, value in own.headers.items()]
        fields.append((b"content-length", b"%d" % len(own.body)))
        self.begin(own.status, own.reason, fields)
        await self.end(own.body)


class Sink(Protocol):
    """The connection on which a reply goes."""

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            ConnectionError: The client is gone.
        """

    @property
    def is_full(self) -> bool:
        """Tell whether more waits to be sent than should."""

    async def room(self) -> None:
        """Wait until the client has taken some of it."""
