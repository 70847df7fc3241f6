"""Sends an answer as its script says: compressed, cut, framed, delayed, torn."""

from __future__ import annotations

import asyncio
import email.utils
import http
import socket
import struct
from typing import TYPE_CHECKING

from steno.testing.bodies import compress, cut

if TYPE_CHECKING:
    from asyncio import StreamWriter

    from steno.testing.questions import Question
    from steno.testing.replies import Answer
    from steno.testing.requests import Received
    from steno.testing.scripts import Script

NO_BODY = {204, 304}
# Headers that are written here: copied from a real response they would contradict the body.
FRAMING = {"content-length", "transfer-encoding", "connection", "trailer"}
# On, with no time to linger: closing then resets the connection.
RESET = struct.pack("ii", 1, 0)


class Sending:
    """An answer on its way to a client."""

    def __init__(self, script: Script, answer: Answer, received: Received) -> None:
        """Compress the body and decide how it is framed.

        Raises:
            LookupError: The script asks for a compression that is not installed.
        """
        self._script = script
        self._status = answer.status
        given = {name.lower(): value for name, value in script.headers.items()}
        bare = script.framing == "headers"
        coding = script.encoding or given.get("content-encoding")
        self._coding = None if bare else coding if isinstance(coding, str) else None
        self._empty = received.method == "HEAD" or answer.status in NO_BODY
        encoded = compress(answer.pieces, self._coding)
        self._pieces = [] if self._empty else list(cut(encoded, script.chunk_bytes))
        endless = answer.streamed or bool(script.trailers) or script.hold
        framing = script.framing or ("chunked" if endless else "length")
        if framing == "chunked" and received.version == "HTTP/1.0":
            framing = "close"
        self._framing = "none" if self._empty else framing
        self._alive = received.keeps_alive and framing in {"chunked", "length"}

    def head(self, usual: dict[str, str]) -> bytes:
        """Write the head, with headers that the script may replace."""
        script = self._script
        try:
            reason = http.HTTPStatus(self._status).phrase
        except ValueError:
            reason = ""
        lines = [f"HTTP/1.1 {self._status} {reason}"]
        bare = script.framing == "headers"
        replaced = {name.lower() for name in script.headers}
        if not bare:
            lines += [
                f"{name}: {value}" for name, value in usual.items() if name.lower() not in replaced
            ]
        for name, value in script.headers.items():
            if bare or name.lower() not in FRAMING | {"content-encoding"}:
                values = value if isinstance(value, list) else [value]
                lines += [f"{name}: {each}" for each in values if each is not None]
        if not bare:
            lines += self._framing_lines()
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _framing_lines(self) -> list[str]:
        lines = [f"Content-Encoding: {self._coding}"] if self._coding else []
        if self._framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        elif self._framing == "length":
            # What is held never ends: the client waits for one byte more.
            length = sum(map(len, self._pieces)) + self._script.hold
            lines.append(f"Content-Length: {length}")
        if self._framing == "chunked" and self._script.trailers:
            lines.append(f"Trailer: {', '.join(self._script.trailers)}")
        lines.append(f"Connection: {'keep-alive' if self._alive else 'close'}")
        return lines

    async def send(self, head: bytes, writer: StreamWriter) -> bool:
        """Send everything, and tell whether the connection goes on.

        Raises:
            ConnectionError: The client left.
        """
        script = self._script
        writer.write(head)
        sent = 0
        for index, piece in enumerate(self._pieces):
            if index and script.chunk_delay_ms:
                await writer.drain()
                await asyncio.sleep(script.chunk_delay_ms / 1000)
            room = len(piece) if script.break_after is None else script.break_after - sent
            if room > 0:
                writer.write(self._frame(piece, room))
                sent += min(room, len(piece))
                await writer.drain()
            if room < len(piece):
                break
        await writer.drain()
        if script.break_after is not None:
            if script.reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            writer.close()
            return False
        if script.hold:
            return False
        if self._framing == "chunked":
            trailers = "".join(f"{name}: {value}\r\n" for name, value in script.trailers.items())
            writer.write(b"0\r\n" + trailers.encode("latin-1") + b"\r\n")
            await writer.drain()
        return self._alive

    def _frame(self, piece: bytes, room: int) -> bytes:
        """Frame a piece, of which only a part may be sent."""
        if self._framing != "chunked":
            return piece[:room]
        end = b"\r\n" if room >= len(piece) else b""
        return b"%x\r\n" % len(piece) + piece[:room] + end


def usual_headers(answer: Answer, question: Question, request_id: str) -> dict[str, str]:
    """Return the headers that the provider of a question sends with every answer."""
    kind = "text/event-stream; charset=utf-8" if answer.streamed else "application/json"
    headers = {"Date": email.utils.formatdate(usegmt=True), "Content-Type": kind}
    if question.speaks_anthropic:
        headers |= {"request-id": request_id, "anthropic-organization-id": "org-test"}
    else:
        headers |= {
            "x-request-id": request_id,
            "openai-version": "2020-10-01",
            "openai-organization": "org-test",
            "openai-processing-ms": "12",
        }
    if answer.streamed:
        headers["Cache-Control"] = "no-cache"
    return headers
