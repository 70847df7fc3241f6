"""Names of the files that a session collects: readable, safe on every disk, and never too long.

Strategy: what names a document (a pod, a query, a trace) comes from outside and chooses nothing
about its path. It is reduced to letters, digits, ``-`` and ``_``, cut to a length that a person
still reads, and cut again by the bytes that it takes, because a file system counts those. Two
different things may well come to one name: whoever publishes a file gives the second a number.
"""

from __future__ import annotations

import os
import re
from datetime import datetime

MAX_BYTES = 200
"""Bytes of a name without its number, so that there is room for what is put around it."""

_MAX_EXTENSION = 16
_QUERY_LENGTH = 40

_UNDERSCORES = re.compile("__+")
# Names that Windows gives to devices, whatever their extension: a bundle may be unpacked there.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z", re.IGNORECASE)


def sanitize_filename(name: str, max_length: int = 50) -> str:
    """Reduce a text to what may stand in a file name.

    Letters and digits of any script, ``-`` and ``_`` stay, everything else becomes ``_``, and
    several of these become one.

    Args:
        name: Any text.
        max_length: Characters that are kept, before ``_`` is removed at both ends.

    Returns:
        The rest of the text; ``unnamed`` where nothing is left.
    """
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
    return _UNDERSCORES.sub("_", kept)[:max_length].strip("_") or "unnamed"


def generate_timestamp() -> str:
    """Return the local time as it stands in a file name: ``2025-10-21T14-30-45``."""
    return datetime.now().strftime("%Y-%m-%dT%H-%M-%S")  # noqa: DTZ005 - local, as people read it


def document_stem(source: str, *parts: str) -> str:
    """Name a document by where it comes from, what it is of, and the time, without an extension.

    Args:
        source: Where it comes from, such as ``kubernetes``.
        parts: What it is of; each is made safe by itself, so that a long one hides no other.

    Returns:
        ``{source}_{parts}_{timestamp}``, at most `MAX_BYTES` of UTF-8.
    """
    head = "_".join(sanitize_filename(part) for part in (source, *parts))
    stamp = generate_timestamp()
    return f"{cut_bytes(head, MAX_BYTES - len(stamp) - 1)}_{stamp}"


def query_part(query: str) -> str:
    """Reduce a query to the part of a name that stands for it."""
    return sanitize_filename(query, _QUERY_LENGTH)


def safe_filename(name: str) -> str:
    """Make a file's own name safe; what it says of its format stays.

    Args:
        name: Any text, also a path: of that, the last part.

    Returns:
        A name of at most `MAX_BYTES`, which is not hidden and is no folder's or device's.
    """
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in last)
    stem, extension = os.path.splitext(_UNDERSCORES.sub("_", kept).lstrip("."))
    if len(extension.encode()) > _MAX_EXTENSION:
        stem, extension = stem + extension, ""
    stem = cut_bytes(stem, MAX_BYTES - len(extension.encode())).rstrip(".") or "unnamed"
    extension = "" if extension == "." else extension
    return f"_{stem}{extension}" if _DEVICES.match(stem + extension) else stem + extension


def numbered(name: str, number: int) -> str:
    """Give the second file of a name, and those after it, a number before the extension."""
    if number == 1:
        return name
    stem, extension = os.path.splitext(name)
    return f"{stem}-{number}{extension}"


def cut_bytes(text: str, length: int) -> str:
    """Cut a text to so many bytes of UTF-8, between two characters."""
    return text.encode("utf-8", "replace")[:length].decode("utf-8", "ignore")
