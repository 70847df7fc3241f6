"""The JSON values of a file of lines, whatever is damaged between them.

Contract, to be built by the reader's owner; see docs/recovery.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator


class Value(NamedTuple):
    """One JSON value of a file.

    Attributes:
        offset: Byte offset of its first byte in the text.
        data: The value as JSON text, in UTF-8.
    """

    offset: int
    data: bytes


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


def read_values(file: BinaryIO, flaws: list[Flaw], *, start: int = 0) -> Iterator[Value]:
    """Yield the values of an open file, in order."""
    file.seek(start)
    offset = start
    for line in file:
        data = line.strip()
        if data:
            yield Value(offset, data)
        offset += len(line)
