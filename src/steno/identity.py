"""Ids, and the names under which ids from outside may lie on disk.

Strategy: an id chooses nothing about a path. Ids of plain letters, digits, ``-`` and ``_`` are
their own file names; every other id becomes a readable remainder, ``--`` and 16 hexadecimal
digits of its SHA-256. A plain id that itself looks like such a name is treated as hostile too,
so that no id can be forged to share the file of another one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
import sys
from typing import Any

from steno.version import VERSION

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,180}\Z")
_LOOKS_DERIVED = re.compile(r".*--[0-9a-f]{16}\Z", re.DOTALL)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
# Names that Windows gives to devices, whatever their extension.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])\Z", re.IGNORECASE)

_READABLE_LENGTH = 80

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = _ALPHABET * 8
"""A letter for each byte: every one stands for eight of them."""


def random_letters(length: int) -> str:
    """Draw so many characters of Crockford's base 32, in lower case, from the system."""
    return os.urandom(length).translate(_LETTERS).decode()


def new_session_id() -> str:
    """Make a session id: 26 characters, 130 random bits."""
    return random_letters(26)


def new_request_id() -> str:
    """Make a request id: ``req-`` and 20 characters, 100 random bits."""
    return f"req-{random_letters(20)}"


def new_recorder_id() -> str:
    """Make a recorder id: 16 characters, 80 random bits.

    It stands in every event, beside the sequence number, and identifies the event for ever.
    """
    return random_letters(16)


def is_plain(identifier: str) -> bool:
    """Tell whether an id is its own file name."""
    return (
        _PLAIN.match(identifier) is not None
        and _LOOKS_DERIVED.match(identifier) is None
        and _DEVICES.match(identifier) is None
    )


def safe_name(identifier: str) -> str:
    """Turn any id into a file name of letters, digits, ``-`` and ``_``, unique to that id.

    Args:
        identifier: Any text: empty, absolute, with NUL or lone surrogates, of any length.

    Returns:
        1 to 180 characters that name no device and no folder; two different ids never get
        the same name (up to a collision of 64 bits of SHA-256).
    """
    if is_plain(identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    readable = _UNSAFE.sub("_", identifier[:_READABLE_LENGTH])
    return f"{readable or '_'}--{digest}"


@functools.cache
def _describe_program() -> tuple[str | None, str | None]:
    try:
        host = socket.gethostname() or None
    except OSError:
        host = None
    program = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    return host, program or os.path.basename(sys.executable) or None


def describe_process() -> dict[str, Any]:
    """Tell who records: the header's fields ``host``, ``program``, ``pid``, ``cwd``, ``steno``."""
    host, program = _describe_program()
    try:
        cwd = os.getcwd()
    except OSError:  # the folder was removed under the program
        cwd = None
    return {"host": host, "program": program, "pid": os.getpid(), "cwd": cwd, "steno": VERSION}
