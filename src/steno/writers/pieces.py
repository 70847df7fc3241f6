"""Pieces of transcripts as rows: what a follower reads in one transaction."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from steno.errors import TranscriptError
from steno.events.codec import decode_line
from steno.events.header import Header
from steno.storage.compressed import damage_of, is_packed, open_text
from steno.storage.lines import read_lines
from steno.writers.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_LINES = 500
_PIECE_BYTES = 1024 * 1024
"""What is read from a transcript in one transaction: other writers must get their turn."""


class Piece(Struct):
    """What was read of a transcript in one go; ``end`` is the byte behind it."""

    rows: Rows
    end: int
    damaged: int = 0
    session_id: str | None = None


def read_piece(file: BinaryIO, position: int, end: int) -> Piece:
    """Read whole lines, up to a bound on their number and length."""
    piece, begin = Piece(Rows(), position), position
    for count, line in enumerate(read_lines(file, position), 1):
        if not line.whole or line.offset >= end:
            break
        piece.end = line.end
        # A run of NULs is what a loss of power leaves; the line behind it is as it was.
        data = line.data.lstrip(b"\x00")
        if not data:
            piece.damaged += bool(line.data)
            continue
        try:
            entry = decode_line(data, lossless=False)
        except TranscriptError:
            piece.damaged += 1
        else:
            piece.session_id = piece.session_id or entry.session_id
            if isinstance(entry, Header):
                piece.rows.add_header(entry)
            else:
                # A line of another program has no number: its place in the file stands for it.
                known = isinstance(entry.recorder, str) and isinstance(entry.seq, int)
                number = (entry.recorder, entry.seq) if known else (f"@{file.name}", line.offset)
                piece.rows.add(entry, *number)  # type: ignore[arg-type]
        if count >= _PIECE_LINES or piece.end - begin >= _PIECE_BYTES:
            break
    piece.damaged += damage_of(file) is not None
    return piece


class Sources:
    """Opens transcripts; a compressed one stays open, because it costs much to go on in it anew."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        self._packed: BinaryIO | None = None

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Open a transcript for the length of the block, compressed or not.

        Raises:
            OSError: It can't be opened.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        file = self._packed
        if file is not None and file.name == path and os.fstat(file.fileno()).st_nlink:
            yield file
            return
        self.close()
        file = open_text(path)
        if is_packed(file):
            self._packed = file
            yield file
        else:
            with file:
                yield file

    def close(self) -> None:
        """Close what is open."""
        if self._packed is not None:
            self._packed.close()
            self._packed = None
