"""How the members of a bundle are called, and which files they become. Pure.

Strategy: whatever a file is called, its member has a name of plain characters that means the same
on every system: each other byte becomes ``%`` and two digits, and so does one letter of a name that
would be a device, or would differ from another one by its case alone. On the way back such a name
is one file's and no other's, and it can't lead anywhere: there are few places where members lie,
and what is hidden, absolute or leads upwards is no name at all.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Container

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
_PART = re.compile(r"(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+\Z")
_CODE = re.compile(r"%([0-9A-F]{2})")
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,180}\Z")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z", re.IGNORECASE)
_MAX_PART = 255
_MAX_DEPTH = 8
_ARCHIVE_ENDS = (".zip", ".steno.age")

TRANSCRIPT = "transcript.jsonl"
SEALED_TRANSCRIPT = "transcript.sealed"
SESSION = "session.json"

Kind = Literal["transcript", "artefact", "archive"]


class Place(Struct, frozen=True):
    """What a member is.

    Attributes:
        kind: ``transcript``, ``artefact`` or ``archive``.
        session: The safe name of the session that it belongs to; "" for an archive.
        parts: The names that lead to it: in the session's folder, or in that of all archives.
    """

    kind: Kind
    session: str
    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        """The parts as one path."""
        return "/".join(self.parts)


def encode_part(name: str, taken: Container[str] = (), prefix: str = "") -> str:
    """Write the name of a file as a part of a member's.

    Args:
        name: The name, as the system gives it.
        taken: Members that there are, in small letters.
        prefix: What stands before the part.
    """
    data = os.fsencode(name)
    for escaped in range(len(data) + 1):
        part = "".join(
            chr(byte) if byte in _PLAIN and at >= escaped else f"%{byte:02X}"
            for at, byte in enumerate(data)
        )
        if part.endswith("."):
            part = f"{part[:-1]}%2E"
        if _DEVICE.match(part) is None and f"{prefix}{part}".lower() not in taken:
            break
    return part


def decode_part(part: str) -> str | None:
    """Read the name of a file out of a part; None where it is not one that is safe to use."""
    if not _PART.match(part) or part.endswith(".") or _DEVICE.match(part):
        return None
    pieces = _CODE.split(part)
    data = b"".join(
        bytes([int(piece, 16)]) if at % 2 else piece.encode("ascii")
        for at, piece in enumerate(pieces)
    )
    # Hidden names are those of unfinished files.
    if data.startswith(b".") or b"/" in data or b"\x00" in data or len(data) > _MAX_PART:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:  # what is no text might be read as another name elsewhere
        return None


def parse_member(name: str) -> Place | None:
    """Tell what a member is by its name; None where there is no such place."""
    top, *parts = name.split("/")
    if top == "archives":
        return _parse_archive(parts)
    if top != "sessions" or len(parts) < 2 or not _SAFE.match(parts[0]):  # noqa: PLR2004 - session, file
        return None
    session, *rest = parts
    if rest == [TRANSCRIPT]:
        return Place("transcript", session, (TRANSCRIPT,))
    if rest[0] != "artefacts" or not 2 <= len(rest) <= _MAX_DEPTH:  # noqa: PLR2004 - and a file
        return None
    found = tuple(decode_part(part) for part in rest[1:])
    known = tuple(part for part in found if part is not None)
    return Place("artefact", session, known) if len(known) == len(found) else None


def _parse_archive(parts: list[str]) -> Place | None:
    if len(parts) != 3 or not all(_SAFE.match(part) for part in parts[:2]):  # noqa: PLR2004 - user, chat, file
        return None
    name = decode_part(parts[2])
    if name is None or name != parts[2] or not name.endswith(_ARCHIVE_ENDS):
        return None
    return Place("archive", "", (parts[0], parts[1], name))


def transcript_name(session: str) -> str:
    """Name the member that holds a session's transcript."""
    return f"sessions/{session}/{TRANSCRIPT}"


def artefact_name(session: str, parts: tuple[str, ...], taken: Container[str]) -> str | None:
    """Name the member that holds a file of a session's folder; None where there can't be one."""
    *above, last = parts
    prefix = "".join(
        f"{part}/" for part in ("sessions", session, "artefacts", *map(encode_part, above))
    )
    name = prefix + encode_part(last, taken, prefix)
    found = parse_member(name)
    return name if found is not None and found.parts == parts else None


def archive_name(parts: tuple[str, ...]) -> str | None:
    """Name the member that holds an archive; None where it is called as none of steno's is."""
    name = "/".join(("archives", *parts))
    return name if parse_member(name) is not None else None
