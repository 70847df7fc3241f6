"""What the head of a request says of its body, read strictly. Pure.

The parser refuses most of what two servers could read in two ways; what it leaves open is refused
here, so that the upstream never sees a request begin where the proxy saw a body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ONCE = ("host", "content-length", "transfer-encoding", "expect")
"""Fields that may come once: of two, each reader could believe another one."""


class RefusedHeadError(Exception):
    """A head that is not served.

    Attributes:
        status: The status that says so.
        kind: A word for programs.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        """Take what is wrong."""
        super().__init__(message)
        self.status = status
        self.kind = kind


class Framing(NamedTuple):
    """Where a body ends.

    Attributes:
        length: Its length, where that is said.
        is_chunked: It comes in chunks.
        expects: The client waits for a word before it sends it.
    """

    length: int | None
    is_chunked: bool
    expects: bool


_NONE = Framing(None, is_chunked=False, expects=False)


def read_framing(
    version: str, fields: Sequence[tuple[bytes, bytes]], headers: Mapping[str, str]
) -> Framing:
    """Read what a head says of its body.

    Args:
        version: The version of HTTP, such as ``1.1``.
        fields: The fields of the head as they came.
        headers: The same by their names in lower case, those of one name joined.

    Raises:
        RefusedHeadError: It can be read in more ways than one, or can't be served.
    """
    if version not in {"1.1", "1.0"}:
        raise RefusedHeadError(505, "bad_version", f"HTTP/{version} is not spoken here")
    if len(headers) != len(fields):
        _refuse_doubles(fields)
    if version == "1.1" and "host" not in headers:
        raise RefusedHeadError(400, "bad_request", "the request has no Host header")
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    expects = headers.get("expect")
    if coding is None and length is None and expects is None:
        return _NONE
    if expects is not None and expects.lower() != "100-continue":
        raise RefusedHeadError(417, "bad_expectation", "only 100-continue may be expected")
    # A client of HTTP/1.0 would take the word for its reply.
    waits = expects is not None and version == "1.1"
    if coding is None:
        return Framing(_parse_length(length), is_chunked=False, expects=waits)
    if length is not None or version == "1.0":
        raise RefusedHeadError(400, "bad_request", "the length of the body is said in two ways")
    if coding.lower() != "chunked":
        raise RefusedHeadError(501, "bad_coding", f"the transfer coding {coding!r} is not known")
    return Framing(None, is_chunked=True, expects=waits)


def _refuse_doubles(fields: Sequence[tuple[bytes, bytes]]) -> None:
    names = [name.lower() for name, _ in fields]
    for once in _ONCE:
        if names.count(once.encode()) > 1:
            raise RefusedHeadError(400, "bad_request", f"the header {once} comes twice")


def _parse_length(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise RefusedHeadError(400, "bad_request", "the length of the body is no number")
    return int(text)
