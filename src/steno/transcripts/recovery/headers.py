"""A header with a key put into it, every other byte as it was; no input and output."""

from __future__ import annotations

from typing import Any

import msgspec

from steno.errors import TranscriptError
from steno.transcripts.recovery.fields import UNREADABLE

_VERSION = 3
"""Of headers that are made anew: the one that most programs with such files can read; a reader of
keys goes by the field, not by the version."""


def stamp_header(data: bytes, key: str, agent: str | None) -> bytes:
    """Add ``sessionKey`` and ``agentId`` to a header.

    Args:
        data: The header's object, as it stands in the file.
        key: The session key.
        agent: The agent's id; left out where it is unknown, or stands there already.

    Returns:
        The object with the fields at its end. Where an empty field stands in the way, the object
        is written anew with the fields in their order.

    Raises:
        TranscriptError: It is no header, or has a key already.
    """
    try:
        header: Any = msgspec.json.decode(data)
    except UNREADABLE:
        header = None
    if not isinstance(header, dict) or header.get("type") != "session":
        raise TranscriptError("its header is damaged")
    if isinstance(header.get("sessionKey"), str) and header["sessionKey"]:
        raise TranscriptError("its header has a key already")
    added = {"sessionKey": key}
    if agent is not None and not (isinstance(header.get("agentId"), str) and header["agentId"]):
        added["agentId"] = agent
    if added.keys() & header.keys():
        return msgspec.json.encode({**header, **added})
    body, brace, rest = data.rpartition(b"}")
    return b"%b,%b%b%b" % (body, msgspec.json.encode(added)[1:-1], brace, rest)


def foreign_header(session_id: str, key: str, agent: str | None, timestamp: str) -> bytes:
    """Make the header of a copy of a foreign transcript that has none; without a newline."""
    header = {"type": "session", "version": _VERSION, "id": session_id, "sessionKey": key,
              "agentId": agent, "timestamp": timestamp}  # fmt: skip
    return msgspec.json.encode({name: value for name, value in header.items() if value is not None})
