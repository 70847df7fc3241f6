"""What the proxy says itself, in the shape of errors that the provider's clients understand."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

FROM_STENO = "x-steno-error"
"""The header by which a client can tell the proxy's own errors from the provider's."""

JSON = "application/json"


class OwnReply(Struct, frozen=True):
    """A reply of the proxy's own.

    Attributes:
        status: The HTTP status.
        body: Its body.
        headers: Its headers, without those that frame the body.
    """

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def reason(self) -> bytes:
        """The words of the status."""
        return HTTPStatus(self.status).phrase.encode()


def refuse(status: int, kind: str, message: str, *, anthropic: bool) -> OwnReply:
    """Build an error of the proxy's own.

    Args:
        status: The HTTP status.
        kind: A word for programs, such as ``upstream_unreachable``.
        message: A sentence for people.
        anthropic: The client speaks Anthropic's protocol.
    """
    if anthropic:
        body: object = {"type": "error", "error": {"type": "api_error", "message": message}}
    else:
        body = {"error": {"message": message, "type": "proxy_error", "param": None, "code": kind}}
    return OwnReply(status, msgspec.json.encode(body), {"content-type": JSON, FROM_STENO: kind})


def speaks_anthropic(target: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a request is of Anthropic's protocol."""
    path = target.partition("?")[0]
    return "anthropic-version" in headers or path.endswith(("/messages", "/count_tokens"))
