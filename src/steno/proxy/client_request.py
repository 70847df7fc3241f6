"""A client's request: its head, and its body as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steno.proxy.framing import Framing


class BrokenRequestError(Exception):
    """The body can't be read to its end; the message says why."""


class ClientRequest:
    """One request.

    Attributes:
        method: Its method.
        target: Path and query, as they came.
        fields: The fields of its head as they came.
        headers: The same by their names in lower case, those of one name joined.
        length: Bytes of its body, where that is said.
        has_body: It has a body, be it empty.
        is_old: The client speaks HTTP/1.0.
        keeps_alive: The client wants to ask more on this connection.
        is_whole: Its last byte has come.
        waiting: Bytes of its body that have come and were not taken.
    """

    def __init__(
        self,
        method: str,
        target: str,
        fields: Sequence[tuple[bytes, bytes]],
        headers: Mapping[str, str],
        framing: Framing,
        *,
        is_old: bool,
        keeps_alive: bool,
        source: Source,
    ) -> None:
        """Take its head.

        Args:
            method: Its method.
            target: Path and query, as they came.
            fields: The fields of its head as they came.
            headers: The same by their names in lower case.
            framing: What they say of its body.
            is_old: The client speaks HTTP/1.0.
            keeps_alive: The client wants to ask more on this connection.
            source: The connection on which it comes.
        """
        self.method = method
        self.target = target
        self.fields = fields
        self.headers = headers
        self.length = framing.length
        self.has_body = framing.is_chunked or bool(framing.length)
        self.is_old = is_old
        self.keeps_alive = keeps_alive
        self.is_whole = False
        self.waiting = 0
        self._source = source
        self._expects = framing.expects
        self._pieces: list[bytes] = []
        self._error: BrokenRequestError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def remote(self) -> str | None:
        """The address of the client."""
        return self._source.remote

    @property
    def session_id(self) -> str:
        """The session of the connection, where the request names none."""
        return self._source.session_id

    async def read(self) -> bytes:
        """Wait for a piece of the body; empty at its end.

        Raises:
            BrokenRequestError: It can't be read to its end.
        """
        while not self._pieces:
            if self.is_whole:
                return b""
            if self._error is not None:
                raise self._error
            if self._expects:
                self._expects = False
                self._source.send_continue()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.waiting = 0
        self._source.has_room()
        return data

    async def read_all(self) -> bytes:
        """Wait for the whole body.

        Raises:
            BrokenRequestError: It can't be read to its end.
        """
        data = await self.read()
        if self.is_whole and not self._pieces:
            return data
        pieces = [data]
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)

    def let_go(self) -> None:
        """Forget what came of the body: nobody reads it any more."""
        self._pieces.clear()
        self.waiting = 0

    # -- what the connection says ------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(data)
        self.waiting += len(data)
        self._wake()

    def finish(self) -> None:
        """Take the end of the body."""
        self.is_whole = True
        self._wake()

    def fail(self, message: str) -> None:
        """Let the body break off; what came of it can be read."""
        self._error = BrokenRequestError(message)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Source(Protocol):
    """The connection on which a request comes."""

    remote: str | None

    @property
    def session_id(self) -> str:
        """The session of the connection."""

    def send_continue(self) -> None:
        """Tell the client that its body is wanted."""

    def has_room(self) -> None:
        """Take note that what came of the body was taken."""
