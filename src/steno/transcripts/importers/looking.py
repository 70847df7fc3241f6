"""Look at the fields of somebody else's JSON and rows without trusting their types.

Strategy: each function takes any value at all and returns either what is asked for or the empty
value of its type. Numbers that nothing can be counted by (negative, not finite, booleans) are no
numbers here, and times that no calendar holds are no times.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import msgspec

from steno.events.parts import Tokens
from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import MAX_COUNT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_LARGEST = 2**63 - 1
_MAX_BLOB = 1024 * 1024
_DECODE = msgspec.json.Decoder().decode


def decoded(data: bytes | str) -> Any:
    """Decode JSON, also what only lenient readers take: see `decode_value`.

    Returns:
        None for what is no JSON, or deeper than anybody reads.
    """
    return decode_value(data.encode("utf-8", "replace") if isinstance(data, str) else data)


def compact(value: Any) -> str:
    """Write arguments of a tool as JSON text; text is taken to be that already."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError, OverflowError):
        return ""  # deeper than anybody reads, or nothing that was decoded from JSON


def listing(value: Any) -> list[Any]:
    """Return a list, or an empty one."""
    return value if isinstance(value, list) else []


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


def milliseconds(value: Any) -> int | None:
    """Return a duration in whole milliseconds, or None."""
    number = amount(value)
    return round(number) if number is not None else None


def moment(value: Any) -> datetime | None:
    """Read a time, as `read_time` does; zero and what is less are no times."""
    return read_time(value) if isinstance(value, str) or amount(value) else None


def between(start: Any, end: Any) -> int | None:
    """Count the milliseconds between two numbers of milliseconds; None if they tell none."""
    first, last = amount(start), amount(end)
    return round(last - first) if first and last and last >= first else None


def normalised(
    base: tuple[Any, Any],
    *,
    cached: Any = None,
    created: Any = None,
    reasoning: Any = None,
    thinking: Any = None,
    apart: bool = False,
    beside: bool = False,
    source: str = "provider_final",
) -> Tokens | None:
    """Build counts from whatever a source holds.

    Args:
        base: Input and output tokens.
        cached: Input tokens read from a cache.
        created: Input tokens written to a cache.
        reasoning: Output tokens of reasoning.
        thinking: Output tokens of thinking.
        apart: The cached tokens come on top of the input.
        beside: The tokens of reasoning and thinking come on top of the output.
        source: As `Tokens.source`.

    Returns:
        None where nothing but zeros is told.
    """
    read, written, of_reasoning, of_thinking, put_in, put_out = (
        number if (number := count(value)) is not None and number <= MAX_COUNT else 0
        for value in (cached, created, reasoning, thinking, *base)
    )
    if apart:
        put_in += read + written
    if beside:
        put_out += of_reasoning + of_thinking
    if not (put_in or put_out or read or written or of_reasoning or of_thinking):
        return None
    return Tokens(
        input=put_in,
        output=put_out,
        thinking=of_thinking or None,
        reasoning=of_reasoning or None,
        cache_read=read or None,
        cache_creation=written or None,
        source=source,
    )


def row_object(row: sqlite3.Row | Mapping[str, Any], *, json_in: Iterable[str] = ()) -> bytes:
    """Write a row of a database as an object of its columns.

    What is no text is written in base64 under ``base64``, or with its length under ``bytes`` where
    it is larger than 1 MiB.

    Args:
        row: The row.
        json_in: Columns whose JSON is put in as it stands there, instead of as text.
    """
    inside = frozenset(json_in)
    return msgspec.json.encode(
        {name: _column(row[name], inside=name in inside) for name in row.keys()}  # noqa: SIM118 - a row's iterator gives values
    )


def _column(value: Any, *, inside: bool) -> Any:
    if isinstance(value, bytes):
        if len(value) > _MAX_BLOB:
            return {"bytes": len(value)}
        return {"base64": base64.b64encode(value).decode()}
    if inside and isinstance(value, str):
        return embedded(value.encode("utf-8", "replace"))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return value


def embedded(data: bytes) -> Any:
    """Return JSON text on one line, to go into other JSON as it stands; else the text itself."""
    try:
        _DECODE(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return data.decode("utf-8", "replace")
    return msgspec.Raw(msgspec.json.format(data, indent=-1) if b"\n" in data else data)
