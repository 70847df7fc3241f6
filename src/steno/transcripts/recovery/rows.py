"""A verdict as JSON, whatever its paths are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from steno.events.salvage import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steno.transcripts.recovery.verdicts import Verdict

_encode = msgspec.json.Encoder().encode


def row_of(verdict: Verdict) -> dict[str, Any]:
    """Return the fields of a verdict by name, as ``--json`` prints them."""
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__}


def encode_row(row: Mapping[str, Any] | list[Any]) -> bytes:
    r"""Encode values that may hold texts which UTF-8 can't: names of files can.

    Such bytes are written as ``\udcXX``, backslash and all.
    """
    try:
        return _encode(row)
    except UnicodeEncodeError:
        return _encode(_clean(msgspec.to_builtins(row)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value
