"""Answers of servers as JSON, whatever the server is: half an answer, a page, or malice."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MALFORMED = (ValueError, RecursionError)
"""What decoders raise of bytes that are no JSON, no text, of another form, or nest without end."""


def decode_json(body: bytes, decoder: Callable[[bytes], _T]) -> _T:
    """Decode an answer so that what stays encoded of it can stand in one line of a document.

    Args:
        body: The answer.
        decoder: Of msgspec; `msgspec.Raw` that it gives has no line ends, and is UTF-8.

    Raises:
        ValueError, RecursionError: It can't be decoded: see `MALFORMED`.
    """
    if not body.isascii():
        body.decode()
    if b"\n" in body or b"\r" in body:  # within texts they are escaped
        body = msgspec.json.format(body, indent=-1)
    return decoder(body)
