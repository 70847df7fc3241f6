"""JSON of structs in which any text may stand, half of a surrogate pair too. Pure.

Strategy: such a half has no form in UTF-8, but an id that a host was given may hold one, and is to
be kept as it was given. Where the fast encoder refuses it, the standard library's escapes it; where
the fast decoder refuses such an escape, the standard library's reads it. Whatever can't be read is
one kind of error, also what is nested too deep.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

_T = TypeVar("_T")


def encode(value: object) -> bytes:
    """Write a struct."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json  # hardly ever needed

        return json.dumps(msgspec.to_builtins(value)).encode()


def decode(data: bytes, kind: type[_T]) -> _T:
    """Read a struct.

    Raises:
        ValueError: It is none of that kind.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError:
        if b"\\ud" not in data.lower():
            raise
    import json  # as above

    try:
        return msgspec.convert(json.loads(data.decode()), type=kind)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
