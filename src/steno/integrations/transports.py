"""Transports that let a client's bytes pass as they are, and note them.

Strategy: a transport of the client's own library is wrapped, not replaced: connections, retries
and errors stay what they are. The classes are derived from that library's own when a client of it
is first seen, because it checks for them; neither ``httpx`` nor ``httpx2`` is imported here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from steno.integrations.taps import Passage, Tap


class Recording:
    """What the recording transports of both kinds have in common.

    Attributes:
        inner: The transport that does the work.
    """

    def __init__(self, inner: Any, tap: Tap) -> None:
        """Wrap a transport."""
        self.inner = inner
        self._tap = tap

    def __getattr__(self, name: str) -> Any:
        """Let those who look into the transport see what they know."""
        if name == "inner":
            raise AttributeError(name)  # before `__init__`, as when it is copied
        return getattr(self.inner, name)


class SyncTransport(Recording):
    """A transport without asyncio."""

    def handle_request(self, request: Any) -> Any:
        """Carry a request, and note it."""
        passage = self._tap.begin(request)
        if passage is None:
            return self.inner.handle_request(request)
        made = classes(self._tap.library)
        body = request.stream
        _note_request(request, passage, made.byte_stream, made.sync_body)
        try:
            response = self.inner.handle_request(request)
        except BaseException as error:
            passage.fail(error, in_reply=False)
            raise
        finally:
            request.stream = body
        if passage.reply(response):
            response.stream = made.sync_reply(response.stream, passage)
        return response

    def close(self) -> None:
        """Close the transport."""
        self.inner.close()

    def __enter__(self) -> Self:
        """Open the transport."""
        self.inner.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        """Close the transport."""
        self.inner.__exit__(*what)


class AsyncTransport(Recording):
    """A transport with asyncio, or another such library."""

    async def handle_async_request(self, request: Any) -> Any:
        """Carry a request, and note it."""
        passage = self._tap.begin(request)
        if passage is None:
            return await self.inner.handle_async_request(request)
        made = classes(self._tap.library)
        body = request.stream
        _note_request(request, passage, made.byte_stream, made.async_body)
        try:
            response = await self.inner.handle_async_request(request)
        except BaseException as error:
            passage.fail(error, in_reply=False)
            raise
        finally:
            request.stream = body
        if passage.reply(response):
            response.stream = made.async_reply(response.stream, passage)
        return response

    async def aclose(self) -> None:
        """Close the transport."""
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        """Open the transport."""
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *what: object) -> None:
        """Close the transport."""
        await self.inner.__aexit__(*what)


class Stream:
    """A body on its way."""

    def __init__(self, inner: Any, passage: Passage) -> None:
        """Wrap a body."""
        self._inner = inner
        self._passage = passage

    def __getattr__(self, name: str) -> Any:
        """Let those who look into the stream see what they know."""
        if name == "_inner":
            raise AttributeError(name)  # before `__init__`, as when it is copied
        return getattr(self._inner, name)


class SyncReply(Stream):
    """The body of a reply, without asyncio."""

    def __iter__(self) -> Iterator[bytes]:
        """Pass on the body piece by piece."""
        passage = self._passage
        pieces = iter(self._inner)
        try:
            for data in pieces:
                passage.data(data)
                yield data
        except GeneratorExit:
            passage.leave()
            raise
        except BaseException as error:
            passage.fail(error, in_reply=True)
            raise
        else:
            passage.done()
        finally:
            _close(pieces)

    def close(self) -> None:
        """Close the reply."""
        self._passage.leave()
        self._inner.close()


class AsyncReply(Stream):
    """The body of a reply, with asyncio."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass on the body piece by piece."""
        passage = self._passage
        pieces = self._inner.__aiter__()
        try:
            async for data in pieces:
                passage.data(data)
                yield data
        except GeneratorExit:
            passage.leave()
            raise
        except BaseException as error:
            passage.fail(error, in_reply=True)
            raise
        else:
            passage.done()
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def aclose(self) -> None:
        """Close the reply."""
        self._passage.leave()
        await self._inner.aclose()


class SyncBody(Stream):
    """The body of a request that is made while it is sent, without asyncio."""

    def __iter__(self) -> Iterator[bytes]:
        """Pass on the body piece by piece."""
        passage = self._passage
        pieces = iter(self._inner)
        try:
            for data in pieces:
                passage.request(data)
                yield data
        except Exception:
            passage.break_request()
            raise
        else:
            passage.sent()
        finally:
            _close(pieces)


class AsyncBody(Stream):
    """The body of a request that is made while it is sent, with asyncio."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass on the body piece by piece."""
        passage = self._passage
        pieces = self._inner.__aiter__()
        try:
            async for data in pieces:
                passage.request(data)
                yield data
        except Exception:
            passage.break_request()
            raise
        else:
            passage.sent()
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()


class Classes(NamedTuple):
    """The recording classes of one HTTP library.

    Attributes:
        sync_transport: Wraps a transport.
        async_transport: The same with asyncio.
        sync_reply: Wraps the body of a reply.
        async_reply: The same with asyncio.
        sync_body: Wraps the body of a request.
        async_body: The same with asyncio.
        byte_stream: The library's own class of bodies that are in memory.
    """

    sync_transport: Any
    async_transport: Any
    sync_reply: Any
    async_reply: Any
    sync_body: Any
    async_body: Any
    byte_stream: Any


@functools.cache
def classes(library: str) -> Classes:
    """Derive the classes from a library's own.

    Args:
        library: ``httpx`` or ``httpx2``; it is loaded.
    """
    http: Any = sys.modules[library]

    def derive(mixin: type, base: type) -> type:
        return type(mixin.__name__, (mixin, base), {"__module__": __name__})

    return Classes(
        sync_transport=derive(SyncTransport, http.BaseTransport),
        async_transport=derive(AsyncTransport, http.AsyncBaseTransport),
        sync_reply=derive(SyncReply, http.SyncByteStream),
        async_reply=derive(AsyncReply, http.AsyncByteStream),
        sync_body=derive(SyncBody, http.SyncByteStream),
        async_body=derive(AsyncBody, http.AsyncByteStream),
        byte_stream=http.ByteStream,
    )


def _note_request(request: Any, passage: Passage, byte_stream: Any, wrap: Any) -> None:
    body: Any = request.stream
    if isinstance(body, byte_stream):
        data = b"".join(body)  # one piece, which is not copied
        if data:
            passage.request(data)
        passage.sent()
    else:
        request.stream = wrap(body, passage)


def _close(pieces: Any) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
