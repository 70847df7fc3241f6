"""Requests as a provider received them, and how they are read from a connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steno.testing.bodies import decompress
from steno.testing.questions import Question

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

# Bodies arrive in blocks of this size: a body of 100 MB is then copied twice and no more.
BLOCK = 1 << 20


class MalformedError(ValueError):
    """A client sent what is no HTTP."""


@dataclass(frozen=True)
class Received:
    """A request.

    Attributes:
        method: The method.
        path: The target as it was sent, with its query.
        headers: The headers in their order and case.
        body: The body without its framing, still compressed when it was.
        version: The version of HTTP, such as ``HTTP/1.1``.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    version: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def decoded(self) -> bytes:
        """The body, decompressed where that is possible."""
        try:
            return decompress(self.body, self.header("content-encoding"))
        except (LookupError, ValueError):
            return self.body

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.decoded)

    @property
    def question(self) -> Question:
        """What the request asks."""
        return Question.parse(
            self.path,
            self.decoded,
            method=self.method,
            anthropic=self.header("anthropic-version") is not None,
        )

    @property
    def keeps_alive(self) -> bool:
        """Whether the client means to ask more over the same connection."""
        wish = (self.header("connection") or "").lower()
        return "close" not in wish and (self.version != "HTTP/1.0" or "keep-alive" in wish)


async def read_request(reader: StreamReader, writer: StreamWriter) -> Received | None:
    """Read the next request of a connection; None when the client sends no more.

    Raises:
        MalformedError: What arrived is no HTTP.
        asyncio.IncompleteReadError: The client left in the middle.
        asyncio.LimitOverrunError: The head is longer than any client's.
    """
    line = b"\r\n"
    while line == b"\r\n":  # RFC 9112 section 2.2: empty lines before a request mean nothing
        line = await reader.readline()
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004 -- method, target, version
        raise MalformedError(f"no request line: {line[:80]!r}")
    headers = await _read_fields(reader)
    head = Received(parts[0], parts[1], headers, version=parts[2])
    if (head.header("expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    body = b"".join(await _read_body(reader, head))
    return Received(head.method, head.path, headers, body, head.version)


async def _read_fields(reader: StreamReader) -> list[tuple[str, str]]:
    """Read headers or trailers, up to their empty line."""
    found = []
    while (line := await reader.readuntil(b"\n")) not in {b"\r\n", b"\n"}:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or name != name.strip():
            raise MalformedError(f"no header: {line[:80]!r}")
        found.append((name, value.strip()))
    return found


async def _read_body(reader: StreamReader, head: Received) -> list[bytes]:
    """Read a body as its headers frame it."""
    try:
        if "chunked" in (head.header("transfer-encoding") or "").lower():
            blocks: list[bytes] = []
            while size := int((await reader.readuntil(b"\n")).partition(b";")[0], 16):
                blocks += await _read_blocks(reader, size)
                await reader.readuntil(b"\n")
            await _read_fields(reader)
            return blocks
        return await _read_blocks(reader, int(head.header("content-length") or 0))
    except ValueError as exc:
        raise MalformedError(f"no length: {exc}") from exc


async def _read_blocks(reader: StreamReader, size: int) -> list[bytes]:
    """Read so many bytes."""
    blocks = []
    while size > 0:
        blocks.append(await reader.readexactly(min(size, BLOCK)))
        size -= len(blocks[-1])
    return blocks
