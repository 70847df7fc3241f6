"""Readers for JSON that somebody else wrote: a value of the wrong type counts as absent."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec

from steno.events.parts import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_COUNT = 10**12  # no reply has so many tokens: a larger figure is an error, and would spoil sums
MAX_ERROR_CHARS = 2000  # a message of an error may quote the request

_MAX_USD = 10.0**9


def decode_json(text: str) -> Any:
    """Decode JSON; None when it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        pass
    # The standard library also reads lone surrogates: providers cut characters in half.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def encode_json(value: Any) -> str:
    """Encode a decoded value as compact JSON; "" when that is impossible."""
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, TypeError, OverflowError):
        pass
    try:
        return json.dumps(value, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):
        return ""


def as_json_text(value: Any) -> str:
    """Return a tool's arguments as text: they are JSON text already, or the value itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else encode_json(value)


def mapping(value: Any) -> dict[str, Any]:
    """Return an object of JSON, or an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Iterate over the objects in an array of JSON."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def length(value: Any) -> int:
    """Count the items of an array."""
    return len(value) if isinstance(value, list) else 0


def text(value: Any) -> str:
    """Return a string, or an empty one."""
    return value if isinstance(value, str) else ""


def optional_text(value: Any) -> str | None:
    """Return a string that is not empty, or None."""
    return value if isinstance(value, str) and value else None


def index(value: Any) -> int:
    """Return a position in an array, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def count(value: Any) -> int | None:
    """Return a count of tokens, or None when it cannot be one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None


def money(value: Any) -> float | None:
    """Return an amount in US dollars, or None when it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MAX_USD and math.isfinite(value) else None


def part_texts(content: Any, types: Iterable[str]) -> str:
    """Read a message's content: a string, or an array of parts of which those of text count.

    Args:
        content: The content.
        types: The ``type`` of the parts that are text.

    Returns:
        The texts of the parts, a line each.
    """
    if isinstance(content, list):
        wanted = frozenset(types)
        return "\n".join(
            part if isinstance(part, str) else text(part.get("text"))
            for part in content
            if isinstance(part, str)
            or (isinstance(part, dict) and text(part.get("type")) in wanted)
        )
    return text(content)


def error_text(error: Any) -> str | None:
    """Say in one line what a provider's error object says: "type: message".

    Args:
        error: The object under ``error``: ``message`` with ``type``, or else ``code``, which
            OpenRouter gives as the number of an HTTP status; or only a text.

    Returns:
        The text, cut to `MAX_ERROR_CHARS`; None when there is no error.
    """
    if isinstance(error, str):
        return error[:MAX_ERROR_CHARS] or None
    if not isinstance(error, dict) or not error:
        return None
    code = error.get("code")
    kind = text(error.get("type")) or (str(code) if isinstance(code, str) or index(code) else "")
    said = ": ".join(part for part in (kind, text(error.get("message"))) if part)
    return said[:MAX_ERROR_CHARS] or "unknown error"


def counted(
    *,
    sent: int | None,
    received: int | None,
    is_final: bool,
    thinking: int | None = None,
    reasoning: int | None = None,
    cache_read: int | None = None,
    cache_creation: int | None = None,
    audio_input: int | None = None,
    audio_output: int | None = None,
) -> Tokens | None:
    """Put the counts of one reply together.

    Args:
        sent: All input tokens, cached ones included; None when unknown.
        received: All output tokens, reasoning and thinking included; None when unknown.
        is_final: They are those of the whole reply, not an early reading.
        thinking: As in `Tokens`.
        reasoning: As in `Tokens`.
        cache_read: As in `Tokens`.
        cache_creation: As in `Tokens`.
        audio_input: As in `Tokens`.
        audio_output: As in `Tokens`.

    Returns:
        The counts; None when neither input nor output is known.
    """
    if sent is None and received is None:
        return None
    thought = thinking if thinking is not None else reasoning
    share = None
    if thought is not None and received:
        share = round(min(100.0, 100.0 * thought / received), 2)
    return Tokens(
        input=sent or 0,
        output=received or 0,
        thinking=thinking,
        reasoning=reasoning,
        cache_read=cache_read,
        cache_creation=cache_creation,
        audio_input=audio_input,
        audio_output=audio_output,
        thinking_percentage=share,
        source="provider_final" if is_final else "partial",
    )
