"""The heads of requests and replies: what goes on, what stays here, what may be noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from steno.proxy.guard import TOKEN_HEADER
from steno.wire.secrets import is_secret, public_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steno.proxy.upstream_client import Reply

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that concern one connection alone (RFC 9110, 7.6.1)."""

_NOT_SENT = _HOP_BY_HOP | {"host", "content-length", "expect", "proxy-authorization", TOKEN_HEADER}
_NO_BODY = frozenset({204, 304})


class RelayedResponse(web.StreamResponse):
    """A reply as the upstream gave it: its status, its headers, and no others."""

    def __init__(self, reply: Reply, request: web.BaseRequest) -> None:
        """Take the head of the reply."""
        super().__init__(status=reply.status, reason=reply.reason)
        fields = [(_text(name), _text(value)) for name, value in reply.headers]
        dropped = _HOP_BY_HOP | _named(fields)
        length = None
        for name, value in fields:
            low = name.lower()
            if low not in dropped or low == "trailer":
                self.headers.add(name, value)
            if low == "content-length":
                length = value
        self._given = frozenset(name.lower() for name in self.headers)
        bodiless = request.method == hdrs.METH_HEAD or reply.status in _NO_BODY
        # A head goes out with its body where the body is there at once.
        self._send_headers_immediately = bodiless or length is None

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in (hdrs.CONTENT_TYPE, hdrs.DATE, hdrs.SERVER):
            if name.lower() not in self._given:
                self.headers.pop(name, None)


def _text(field: bytes) -> str:
    try:
        return field.decode()
    except UnicodeDecodeError:
        return field.decode("latin-1")


def _named(fields: Iterable[tuple[str, str]]) -> frozenset[str]:
    """List the headers that ``Connection`` says concern this connection alone."""
    return frozenset(
        named.strip().lower()
        for name, value in fields
        if name.lower() == "connection"
        for named in value.split(",")
    )


def sent_headers(request: web.BaseRequest) -> list[tuple[bytes, bytes]]:
    """Return the fields of a request's head that go to the upstream, as they came."""
    named = _named([("connection", request.headers.get(hdrs.CONNECTION, ""))])
    return [
        (name, value)
        for name, value in request.raw_headers
        if (low := name.decode("latin-1").lower()) not in _NOT_SENT
        and low not in named
        and not low.startswith("x-steno-")
    ]


def noted_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the fields of a reply's head that may be noted."""
    return {
        low: _text(value) for name, value in headers if not is_secret(low := _text(name).lower())
    }


def recorded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a request's head that may be recorded, names in lower case."""
    kept = public_headers(headers.items())
    agent = headers.get(hdrs.USER_AGENT)
    if agent:
        kept["user-agent"] = agent[:255]
    return kept
