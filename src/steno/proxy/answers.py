"""What the proxy says itself, in the shape of errors that the provider's clients understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

FROM_STENO = "x-steno-error"
"""The header by which a client can tell the proxy's own errors from the provider's."""


def refuse(
    status: int,
    kind: str,
    message: str,
    *,
    anthropic: bool,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Build an error of the proxy's own.

    Args:
        status: The HTTP status.
        kind: A word for programs, such as ``upstream_unreachable``.
        message: A sentence for people.
        anthropic: The client speaks Anthropic's protocol.
        headers: More headers.
    """
    if anthropic:
        body: object = {"type": "error", "error": {"type": "api_error", "message": message}}
    else:
        body = {"error": {"message": message, "type": "proxy_error", "param": None, "code": kind}}
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers={FROM_STENO: kind, **(headers or {})},
    )


def speaks_anthropic(target: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a request is of Anthropic's protocol."""
    path = target.partition("?")[0]
    return "anthropic-version" in headers or path.endswith(("/messages", "/count_tokens"))
