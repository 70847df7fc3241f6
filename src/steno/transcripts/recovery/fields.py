"""JSON that may be anything: decoded where it can be, and no further than is needed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: for what is no JSON, for what is no UTF-8, and for what is too deep."""

_LONGEST = 32 * 1024 * 1024
"""A line beyond this is not decoded: what names a session is short."""

_split = msgspec.json.Decoder(dict[str, Raw]).decode


def split_entry(data: bytes) -> dict[str, Raw] | None:
    """Split an object into its fields, none of them decoded; None where it is no object."""
    if len(data) > _LONGEST or not data.startswith(b"{"):
        return None
    try:
        return _split(data)
    except UNREADABLE:
        return None


def decode_field(raw: Raw | bytes | None) -> Any:
    """Decode a field; None where it is missing, or can't be decoded."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def decode_string(raw: Raw | None) -> str | None:
    """Decode a field that should be a text; None where it is none, or empty."""
    value = decode_field(raw)
    return value if isinstance(value, str) and value else None
