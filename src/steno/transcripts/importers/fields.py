"""Values of JSON that other programs wrote, read without trust.

What standard decoders refuse but programs do write is read all the same: characters that were cut
in half, bytes that are no UTF-8, ``NaN``. What is deeper than anybody reads is not.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec


def decode_value(data: bytes) -> Any:
    """Decode one JSON value; None where it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass  # the lenient decoder below is slower, and rarely needed
    try:
        text = data.decode("utf-8", "replace")
        return _whole(json.loads(text, strict=False, parse_constant=lambda _name: None))
    except (ValueError, RecursionError):
        return None  # no JSON, or too deep: the caller keeps it as it stands


def _whole(value: Any) -> Any:
    """Replace halves of characters, which could not be written to a file."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def compact(data: bytes) -> bytes:
    """Put one JSON value on one line; its strings and numbers stay as they are written."""
    try:
        return msgspec.json.format(data, indent=-1)
    except (msgspec.MsgspecError, RecursionError):
        # Halves of characters and NaN: their places are filled as `decode_value` fills them.
        return json.dumps(decode_value(data), separators=(",", ":")).encode()


def moment(value: Any) -> datetime | None:
    """Read a time of ISO 8601; one without a zone is in UTC.

    Returns:
        Aware, in UTC; None for what is no time.
    """
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def number(value: Any) -> int | None:
    """Return a whole number that is not negative; None for anything else."""
    return value if type(value) is int and value >= 0 else None
