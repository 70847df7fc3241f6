"""The identifiers that an operator has sent along to OpenRouter, and nobody else's. Pure.

With an option on, the known identity is set and what the client supplied in its place is removed,
so that nobody can pass for another user. The limits are OpenRouter's: 16 pairs of metadata, keys
of 64 and values of 512 characters, ``user`` of 128.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from steno.wire.grouping import Identity

_MAX_PAIRS, _MAX_KEY, _MAX_VALUE, _MAX_USER = 16, 64, 512, 128


class SentIdentifiers(Struct, frozen=True, kw_only=True):
    """Which identifiers are sent; all are off unless they are asked for."""

    end_user_id: bool = False
    session_id: bool = False
    chat_id: bool = False
    message_id: bool = False

    def __bool__(self) -> bool:
        """Tell whether any is sent."""
        return self.end_user_id or self.session_id or self.chat_id or self.message_id


def set_identifiers(body: bytes, identity: Identity, wanted: SentIdentifiers) -> bytes:
    """Set the identifiers in a request to OpenRouter.

    Args:
        body: The request's body.
        identity: Who speaks, as the operator's side knows it: not from this body.
        wanted: Which are sent.

    Returns:
        The body with them; the same bytes if none is wanted, or it is no JSON object.
    """
    if not wanted:
        return body
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return body
    if not isinstance(request, dict):
        return body
    if wanted.end_user_id:
        request.pop("user", None)
        if identity.user_id:
            request["user"] = identity.user_id[:_MAX_USER]
    if wanted.session_id:
        request.pop("session_id", None)
    given = request.pop("metadata", None)
    metadata = _metadata(given if isinstance(given, dict) else {}, identity, wanted)
    if metadata:
        request["metadata"] = metadata
    return msgspec.json.encode(request)


def _metadata(given: dict[str, Any], identity: Identity, wanted: SentIdentifiers) -> dict[str, Any]:
    set_here = {
        name: value
        for on, name, value in (
            (wanted.end_user_id, "user_id", identity.user_id),
            (wanted.session_id, "session_id", identity.session_id),
            (wanted.chat_id, "chat_id", identity.chat_id),
            (wanted.message_id, "message_id", identity.message_id),
        )
        if on
    }
    known = {name: value[:_MAX_VALUE] for name, value in set_here.items() if value}
    rest = [
        (key[:_MAX_KEY], value[:_MAX_VALUE] if isinstance(value, str) else value)
        for key, value in given.items()
        if key not in set_here
    ]
    return dict([*known.items(), *rest[: _MAX_PAIRS - len(known)]])
