"""The bodies that pass: kept in memory while they are small, handed on to a file beyond. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from steno.events.parts import Body
from steno.events.references import Holdings, ReservedKeyError, find_style
from steno.wire.coding import CodingError, Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body that are kept in memory; a larger one lies in a file of its own."""

_GLANCE = 64 * 1024
_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.){1,200})"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')


class Spool(Protocol):
    """A file that takes a large body."""

    def write(self, data: bytes) -> None:
        """Append; never raises: what can't be kept is counted."""

    def close(self) -> str | None:
        """Publish it whole; returns its path relative to the home, None if it could not be kept."""


class Collector:
    """Collects one body as it was on the wire.

    Attributes:
        size: Bytes so far.
        spooled: It is too large for memory.
    """

    def __init__(self, open_spool: Callable[[], Spool]) -> None:
        """Begin with an empty body."""
        self.size = 0
        self._open_spool = open_spool
        self._pieces: list[bytes] = []
        self._spool: Spool | None = None
        self._digest = hashlib.sha256(usedforsecurity=False)
        self._head = self._tail = b""

    @property
    def spooled(self) -> bool:
        """Tell whether the body is too large for memory."""
        return self._spool is not None

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self.size += len(data)
        if self._spool is None:
            self._pieces.append(data)
            if self.size <= MAX_BODY:
                return
            self._spool = self._open_spool()
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._head = data[:_GLANCE]
        self._digest.update(data)
        self._spool.write(data)
        self._tail = (self._tail + data[-_GLANCE:])[-_GLANCE:]

    def whole(self) -> bytes:
        """Return a body that is not spooled."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def glance(self) -> dict[str, Any]:
        """Read what can be told of a spooled request from its beginning and its end."""
        for part in (self._head, self._tail):
            found = _MODEL.search(part)
            if found is not None:
                return {
                    "model": str(parse(b'"' + found[1] + b'"') or ""),
                    "stream": any(_STREAM.search(each) for each in (self._head, self._tail)),
                }
        return {}

    def describe_file(self, encoding: str) -> Body:
        """Publish a spooled body, and tell where it lies."""
        path = self._spool.close() if self._spool is not None else None
        return Body(
            encoding="file" if path else "lost", path=path, sha256=self._digest.hexdigest(),
            content_encoding=encoding or None,
        )  # fmt: skip


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A body as an event carries it.

    Attributes:
        value: Its JSON with references, or its text.
        how: How its bytes are given back.
    """

    value: Any
    how: Body


def decode_body(data: bytes, encoding: str) -> bytes:
    """Undo the content encoding of a whole body.

    Raises:
        CodingError: It can't be undone.
    """
    return Decoder(encoding).feed(data)


def parse(data: bytes) -> Any:
    """Decode JSON; None when it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def write_body(data: bytes, encoding: str, holdings: Holdings) -> Written:
    """Bring a body into the form in which an event carries it.

    Args:
        data: The body as it was on the wire.
        encoding: Its ``Content-Encoding``.
        holdings: What the transcript holds already.
    """
    try:
        plain = decode_body(data, encoding)
    except CodingError:
        return _write_raw(data, encoding)
    value = parse(plain)
    rest = plain.rstrip(b" \t\r\n")
    style = find_style(rest, value) if isinstance(value, dict | list) else None
    if style is not None:
        try:
            return Written(
                value=holdings.compact(value),
                how=Body(
                    encoding="json", style=style, content_encoding=encoding or None,
                    after=plain[len(rest) :].decode("ascii") or None,
                    sha256=hashlib.sha256(plain, usedforsecurity=False).hexdigest(),
                ),
            )  # fmt: skip
        except (ReservedKeyError, RecursionError):
            holdings.settle(accepted=False)
    return _write_raw(plain, encoding)


def _write_raw(data: bytes, encoding: str) -> Written:
    digest = hashlib.sha256(data, usedforsecurity=False).hexdigest()
    try:
        text, kind = data.decode("utf-8"), "text"
    except UnicodeDecodeError:
        text, kind = base64.b64encode(data).decode("ascii"), "base64"
    return Written(
        value=text, how=Body(encoding=kind, sha256=digest, content_encoding=encoding or None)
    )
