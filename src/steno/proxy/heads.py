"""The heads of requests and replies: what goes on, what stays here, what may be noted.

Clients say much the same in each request: what is known of the name of a field is remembered.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from steno.proxy.guard import TOKEN_HEADER
from steno.wire.secrets import hide_secrets, public_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that concern one connection alone (RFC 9110, 7.6.1)."""

_NOT_SENT = _HOP_BY_HOP | {"host", "content-length", "expect", "proxy-authorization", TOKEN_HEADER}
_NOTED = frozenset({"content-type", "content-encoding"})
"""What must be known of a reply's head to read its body."""


class _Name(NamedTuple):
    """What is known of the name of a field.

    Attributes:
        low: It in lower case.
        is_sent: The field goes to the upstream.
        is_relayed: It goes to the client.
        is_noted: It is noted of a reply.
        is_recorded: It may be recorded of a request.
    """

    low: str
    is_sent: bool
    is_relayed: bool
    is_noted: bool
    is_recorded: bool


@functools.lru_cache(maxsize=1024)
def _know(name: bytes) -> _Name:
    low = _text(name).lower()
    return _Name(
        low,
        is_sent=low not in _NOT_SENT and not low.startswith("x-steno-"),
        is_relayed=low not in _HOP_BY_HOP or low == "trailer",
        is_noted=low in _NOTED,
        is_recorded=bool(public_headers([(low, "")])),
    )


def _text(field: bytes) -> str:
    try:
        return field.decode()
    except UnicodeDecodeError:
        return field.decode("latin-1")


def read_headers(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return fields by their names in lower case; those of one name are joined."""
    headers: dict[str, str] = {}
    for name, raw in fields:
        low = _know(name).low
        value = _text(raw).strip(" \t")
        headers[low] = f"{headers[low]}, {value}" if low in headers else value
    return headers


def _named(value: str) -> frozenset[str]:
    """List the headers that ``Connection`` says concern this connection alone."""
    return frozenset(named.strip().lower() for named in value.split(","))


def sent_headers(
    fields: Iterable[tuple[bytes, bytes]], headers: Mapping[str, str]
) -> list[tuple[bytes, bytes]]:
    """Return the fields of a request's head that go to the upstream, as they came.

    Args:
        fields: The fields as they came.
        headers: The same by their names in lower case.
    """
    sent = [field for field in fields if _know(field[0]).is_sent]
    if "connection" in headers:
        named = _named(headers["connection"])
        return [field for field in sent if _know(field[0]).low not in named]
    return sent


def reply_headers(
    fields: Iterable[tuple[bytes, bytes]],
) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
    """Return the fields of a reply's head that go to the client as they came, and those noted."""
    relayed = []
    noted: dict[str, str] = {}
    named: frozenset[str] = frozenset()
    for field in fields:
        known = _know(field[0])
        if known.is_relayed:
            relayed.append(field)
            if known.is_noted:
                noted[known.low] = _text(field[1])
        elif known.low == "connection":
            named |= _named(_text(field[1]))
    if named:
        relayed = [field for field in relayed if _know(field[0]).low not in named]
    return relayed, noted


def recorded_headers(
    fields: Iterable[tuple[bytes, bytes]], headers: Mapping[str, str]
) -> dict[str, str]:
    """Return the fields of a request's head that may be recorded, names in lower case.

    Args:
        fields: The fields as they came.
        headers: The same by their names in lower case.
    """
    kept = {}
    for name, _ in fields:
        known = _know(name)
        if known.is_recorded:
            kept[known.low] = hide_secrets(headers[known.low])
    agent = headers.get("user-agent")
    if agent:
        kept["user-agent"] = agent[:255]
    return kept
