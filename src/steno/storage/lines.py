"""Read a file of lines with their byte offsets, as far as it goes.

Strategy: lines are split by the newline byte alone, in blocks, so that a line of a gigabyte costs
its own length and nothing else. What follows the last newline is a torn tail (or a line that is
being written at this moment) and is said to be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_BLOCK = 256 * 1024


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        offset: Byte offset of its first byte.
        data: Its bytes, without the newline.
        whole: False for a tail that no newline ends.
    """

    offset: int
    data: bytes
    whole: bool = True

    @property
    def end(self) -> int:
        """Byte offset behind the line, its newline included."""
        return self.offset + len(self.data) + self.whole


def read_lines(file: BinaryIO, offset: int = 0, end: int | None = None) -> Iterator[Line]:
    """Yield the lines of an open file from a byte offset on.

    Args:
        file: A binary file that can be sought in.
        offset: Where to begin; the beginning of a line.
        end: Byte offset to stop at; None reads to the end of the file.

    Raises:
        OSError: The file can't be read.
    """
    file.seek(offset)
    pieces: list[bytes] = []
    at = offset
    while end is None or at < end:
        block = file.read(_BLOCK if end is None else min(_BLOCK, end - at))
        if not block:
            break
        at += len(block)
        *whole, rest = block.split(b"\n")
        for data in whole:
            if pieces:
                pieces.append(data)
                data = b"".join(pieces)  # noqa: PLW2901 - the line began in an earlier block
                pieces.clear()
            yield Line(offset, data)
            offset += len(data) + 1
        if rest:
            pieces.append(rest)
    if pieces:
        yield Line(offset, b"".join(pieces), whole=False)
