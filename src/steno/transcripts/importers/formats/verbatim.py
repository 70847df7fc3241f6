"""What a source holds as the JSON text that an entry keeps: on one line, and as it stands.

A value of a file goes in as its own text; a row of a database as an object of its columns; what is
no JSON as a text. Numbers and escapes stay as they are written.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

import msgspec

from steno.transcripts.importers.fields import decode_value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

_MAX_BLOB = 1024 * 1024
_DECODE = msgspec.json.Decoder().decode


def compact(data: bytes) -> bytes:
    """Put one JSON value on one line, without the white space between its parts."""
    try:
        return msgspec.json.format(data, indent=-1)
    except (msgspec.MsgspecError, RecursionError):
        # Halves of characters and NaN: their places are filled as `decode_value` fills them.
        return json.dumps(decode_value(data), separators=(",", ":")).encode()


def embedded(data: bytes) -> Any:
    """Return JSON text on one line, to go into other JSON as it stands; else the text itself."""
    try:
        _DECODE(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return data.decode("utf-8", "replace")
    return msgspec.Raw(msgspec.json.format(data, indent=-1) if b"\n" in data else data)


def file_text(data: bytes) -> bytes:
    """Write a file that should be one JSON value on one line; as a text where it is none."""
    return msgspec.json.encode(embedded(data.strip()))


def row_object(
    row: sqlite3.Row | Mapping[str, Any], *, json_in: Iterable[str] = (), largest: int = _MAX_BLOB
) -> bytes:
    """Write a row of a database as an object of its columns.

    A column that is null is left out, as is one that the table has not got yet: programs add
    columns, and a row stays the entry that it was. What is no text is written in base64 under
    ``base64``, or with its length under ``bytes`` where it is too large.

    Args:
        row: The row.
        json_in: Columns whose JSON is put in as it stands there, instead of as text.
        largest: How many bytes that are no text are written at most.
    """
    inside = frozenset(json_in)
    return msgspec.json.encode(
        {
            name: _column(row[name], name in inside, largest)
            for name in row.keys()  # noqa: SIM118 - a row's iterator gives values
            if row[name] is not None
        }
    )


def _column(value: Any, inside: bool, largest: int) -> Any:  # noqa: FBT001 - one caller, by place
    if isinstance(value, bytes):
        if len(value) > largest:
            return {"bytes": len(value)}
        return {"base64": base64.b64encode(value).decode()}
    if inside and isinstance(value, str):
        return embedded(value.encode("utf-8", "replace"))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return value
