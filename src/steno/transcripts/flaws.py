"""What is not as it should be in a file, gathered within bounds.

Strategy: flaws that touch each other and are of one kind are one flaw, so that a stretch of
garbage is told once however many lines it has; beyond a thousand places the last one stands for
all that follow.
"""

from __future__ import annotations

from msgspec import Struct

MAX_FLAWS = 1000
"""Flaws that one reading of a file adds to a list; the last of them stands for the rest."""

_STRETCHES = ("syntax", "blank", "nul")
_NEWLINE = len("\r\n")

MANY = "damaged in many places from here on"
"""The detail of the flaw that stands for the rest."""


class Flaw(Struct, frozen=True):
    """A place in a file that is not as it should be.

    Attributes:
        offset: Byte offset of the place.
        length: Its length in bytes.
        kind: ``torn``, ``glued``, ``nul``, ``encoding``, ``syntax``, ``blank`` or ``compressed``.
        lost: Bytes that could not be read; 0 where all was read in spite of it.
        detail: More, for a person.
    """

    offset: int
    length: int
    kind: str
    lost: int = 0
    detail: str = ""


class Flaws:
    """Adds the flaws of one reading to a list, at most a thousand.

    Used by one thread.
    """

    def __init__(self, found: list[Flaw]) -> None:
        """Add to a list, which may hold the flaws of other files already."""
        self._found = found
        self._count = 0

    def add(self, offset: int, length: int, kind: str, lost: int = 0, detail: str = "") -> None:
        """Add a flaw; they come in the order of the file.

        Args:
            offset: Byte offset of the place.
            length: Its length in bytes.
            kind: One of `Flaw`'s kinds.
            lost: Bytes that could not be read.
            detail: More, for a person.
        """
        last = self._found[-1] if self._count else None
        if last is not None and self._count >= MAX_FLAWS:
            self._found[-1] = Flaw(
                last.offset,
                max(last.length, offset + length - last.offset),
                last.kind if last.kind == kind else "syntax",
                last.lost + lost,
                MANY,
            )
        elif (
            last is not None
            and last.kind == kind
            and kind in _STRETCHES
            and bool(last.lost) == bool(lost)
            and 0 <= offset - (last.offset + last.length) <= _NEWLINE
        ):
            self._found[-1] = Flaw(
                last.offset, offset + length - last.offset, kind, last.lost + lost, last.detail
            )
        else:
            self._found.append(Flaw(offset, length, kind, lost, detail))
            self._count += 1
