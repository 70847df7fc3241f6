"""From the bytes of a connection to its requests: llhttp (through httptools), and what it lacks.

The parser goes on to the next request as soon as one is whole; what it finds waits in a queue. What
can't be parsed ends the connection, behind the requests that came before it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import httptools

from steno.proxy.client_request import ClientRequest
from steno.proxy.framing import RefusedHeadError, read_framing
from steno.proxy.heads import read_headers

if TYPE_CHECKING:
    from steno.proxy.client_request import Source

MAX_HEAD = 1024 * 1024
"""Bytes of a head, or of what stands between the pieces of a body: providers take less."""

MAX_FIELDS = 1000


class RequestParser:
    """Parses what one client sends.

    Attributes:
        waiting: Requests that nobody answers yet.
        coming: The last request that has begun; its body may still come.
        fault: What is to be said behind the requests that wait; nothing that follows is parsed.
        is_last: Nothing that follows is parsed.
        in_head: A head has begun, and is not whole.
    """

    def __init__(self, source: Source) -> None:
        """Begin.

        Args:
            source: The connection on which requests come.
        """
        self.waiting: deque[ClientRequest] = deque()
        self.coming: ClientRequest | None = None
        self.fault: RefusedHeadError | None = None
        self.is_last = self.in_head = False
        self._source = source
        self._parser = httptools.HttpRequestParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._url = b""
        self._refused: RefusedHeadError | None = None
        self._is_resumed = False
        self._fruitless = 0

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self.is_last:
            return
        self._fruitless += len(data)
        rest = self._feed(data)
        while rest is not None:  # a call within the call would go too deep: offers may be many
            rest = self._feed(rest)
        if self._fruitless > MAX_HEAD:
            self.stop(RefusedHeadError(431, "head_too_large", "the head is too large"))

    def _feed(self, data: bytes | memoryview) -> memoryview | None:
        """Parse; returns what is still to be parsed, if anything."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_upgrade()
            return memoryview(data)[upgrade.args[0] :] or None
        except httptools.HttpParserError as error:
            said = error.args[0] if error.args else type(error).__name__
            unreadable = f"this is no request that can be served ({said})"
            self.stop(self._refused or RefusedHeadError(400, "bad_request", unreadable))
        return None

    def _pass_upgrade(self) -> None:
        """Read on as HTTP/1.1, which `Upgrade` only offers to leave; llhttp takes it as left."""
        request = self.coming
        assert request is not None
        framing = b""
        if request.length is not None:
            framing = b"Content-Length: %d\r\n" % request.length
        elif request.has_body:
            framing = b"Transfer-Encoding: chunked\r\n"
        self._parser = httptools.HttpRequestParser(self)
        self._is_resumed = True
        self._feed(b"POST / HTTP/1.1\r\n%b\r\n" % framing)
        self._is_resumed = False

    def stop(self, fault: RefusedHeadError) -> None:
        """Parse no further: what comes can't be told apart any more, or came too late."""
        if self.is_last:
            return
        self.is_last = True
        coming = self.coming
        if coming is None or coming.is_whole:
            self.fault = fault
        else:
            coming.keeps_alive = False
            coming.fail(str(fault))

    # -- what llhttp says ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a head."""
        if self._is_resumed:
            return
        if self.is_last:
            raise RefusedHeadError(400, "bad_request", "the request before was the last")
        self._fields = []
        self._url = b""
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        """Take the target, which may come in pieces."""
        if not self._is_resumed:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; trailers of requests mean nothing to providers."""
        if not self.in_head:
            return
        if len(self._fields) >= MAX_FIELDS:
            self._refused = RefusedHeadError(431, "head_too_large", "the head has too many fields")
            raise self._refused
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head."""
        if self._is_resumed:
            return
        parser, fields = self._parser, self._fields
        headers = read_headers(fields)
        version = parser.get_http_version()
        try:
            framing = read_framing(version, fields, headers)
        except RefusedHeadError as fault:
            self._refused = fault
            raise
        self.in_head = False
        self._fruitless = 0
        self.coming = ClientRequest(
            parser.get_method().decode("ascii"),
            self._url.decode("utf-8", "surrogateescape"),
            fields,
            headers,
            framing,
            is_old=version == "1.0",
            keeps_alive=parser.should_keep_alive(),
            source=self._source,
        )
        self.waiting.append(self.coming)

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._fruitless = 0
        if self.coming is not None:
            self.coming.feed(data)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        coming = self.coming
        if coming is None or (self._parser.should_upgrade() and not self._is_resumed):
            return  # llhttp ends it before its body
        self._fruitless = 0
        coming.finish()
        if not coming.keeps_alive:
            self.is_last = True
