"""Fields of somebody else's JSON and rows, looked at without trusting their types.

Strategy: each function takes any value at all and returns either what is asked for or the empty
value of its type. Numbers that nothing can be counted by (negative, not finite, booleans) are no
numbers here. What standard decoders refuse but programs do write is read all the same: characters
that were cut in half, bytes that are no UTF-8, ``NaN``. What is deeper than anybody reads is not.

Objects, texts and money are looked at by `steno.wire.providers.reading`, which reads replies in
the same spirit; times by `steno.transcripts.importers.times`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from steno.wire.providers import reading

TEXT_PARTS = ("text", "input_text", "output_text", "Text")
"""Types of the parts of a message that are text; ``Text`` is that of Codex' own events."""

_LARGEST = 2**63 - 1
_LONGEST_MS = 10**12
"""No reply takes 31 years: what says so is an error."""


def decode_value(data: bytes | str) -> Any:
    """Decode one JSON value; None where it is none, or deeper than anybody reads."""
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
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


def listing(value: Any) -> list[Any]:
    """Return a list, or an empty one."""
    return value if isinstance(value, list) else []


def content_text(content: Any) -> str:
    """Return the text of a message's content: a string, a part, or a list of parts, a line each."""
    return reading.part_texts([content] if isinstance(content, dict) else content, TEXT_PARTS)


def flag(value: Any) -> bool | None:
    """Return a boolean, also as SQLite has it, or None."""
    if isinstance(value, bool):
        return value
    return bool(value) if isinstance(value, int) and value in {0, 1} else None


def amount(value: Any) -> float | None:
    """Return a number that is finite and not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _LARGEST:  # NaN is in no interval
        return None
    return float(value)


def count(value: Any) -> int | None:
    """Return a whole number that is not negative, or None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= _LARGEST else None
    number = amount(value)
    return int(number) if number is not None and number.is_integer() else None


def milliseconds(value: Any, *, unit: int = 1) -> int | None:
    """Return a duration in whole milliseconds, or None.

    Args:
        value: The duration.
        unit: How many milliseconds it is counted in: 1000 for seconds.
    """
    number = amount(value)
    if number is None or number * unit > _LONGEST_MS:
        return None
    return round(number * unit)


def between(start: Any, end: Any) -> int | None:
    """Count the milliseconds between two numbers of milliseconds; None if they tell none."""
    first, last = amount(start), amount(end)
    return milliseconds(last - first) if first and last and last >= first else None
