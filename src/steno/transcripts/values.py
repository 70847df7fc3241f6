r"""The JSON values of a file of lines, whatever is damaged between them.

Strategy: the text is read in blocks and split at newlines. A line that is one value, as nearly all
are, is checked and given as it is. Any other is searched for values; see `salvaging`. A value may
also go over several lines (a document that was written for people): where one that begins at the
first byte of a line is unfinished at its end, the lines behind it are looked at too, up to 16 MiB
of them. It is taken only when it ends in them as a whole. A line that was torn between two tokens
thus costs nothing of the lines behind it: with them it makes no value, for there is no comma
between them, and one torn within a text ends at the newline, which no text may hold.

A line has no limit. Memory holds a block, or the line where it is longer, and a second copy of a
value that does not fill its line or had to be changed.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from steno.storage.compressed import damage_of
from steno.transcripts.checking import Parse, check, effort_for, settle, skip
from steno.transcripts.flaws import Flaw, Flaws
from steno.transcripts.salvaging import BOM, Salvage, Value, find_end
from steno.transcripts.tokens import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Flaw", "Value", "read_values"]

_BLOCK = 1024 * 1024
_SPREAD = 16 * _BLOCK
_FREE = 4 * _SPREAD
_SHARE = 4
_TOKENS = 4_000_000
_PAIR = 16
_OPENERS = b"{["
_CLOSERS = b"}]"
_RETURN = 0x0D
_WHITE = b" \t\r\n"
_GAP = re.compile(rb"[ \t\r]*").match


def read_values(
    file: BinaryIO, flaws: list[Flaw], *, start: int = 0, parse: Parse = skip
) -> Iterator[Value]:
    """Yield the values of an open file, in order.

    Args:
        file: A binary file that can be sought in, as `open_text` opens it.
        flaws: What is not as it should be is added here as it is met; at most 1,000 places, of
            which the last stands for the rest.
        start: Byte offset in the text to begin at; the beginning of a line.
        parse: Who is going to decode the values anyway may have the long ones checked by that:
            see `check`.

    Raises:
        OSError: The file can't be read.
    """
    yield from _Reading(file, Flaws(flaws), start, parse)


class _Reading:
    """One reading of a file: a piece of its text, and the place in it that was read to."""

    def __init__(self, file: BinaryIO, flaws: Flaws, start: int, parse: Parse) -> None:
        self._parse = parse
        self._file = file
        self._flaws = flaws
        self._start = start
        self._base = start
        self._text = b""
        self._at = 0
        self._ended = False
        self._looked = 0
        self._effort = Effort(_TOKENS)

    def __iter__(self) -> Iterator[Value]:
        self._file.seek(self._start)
        self._more()
        if self._start == 0 and self._text.startswith(BOM):
            self._at = len(BOM)
        while True:
            yield from self._lines()
            if self._ended:
                break
            if len(self._text) - self._at < _BLOCK:
                self._more()
            else:
                yield from self._long_line()
        offset, line = self._base + self._at, self._text[self._at :]
        if line:
            yield from self._line(line, offset, last=True)
        if damage := damage_of(self._file):
            self._flaws.add(offset + len(line), 0, "compressed", 0, damage)

    def _lines(self) -> Iterator[Value]:
        """Yield the values of the lines that are there as a whole."""
        text, at, base, parse = self._text, self._at, self._base, self._parse
        while (end := text.find(b"\n", at)) >= 0:
            line = text[at:end]
            try:
                fine = line[0] in _OPENERS and line[-1] in _CLOSERS
                if fine:
                    check(line, parse)
            except (IndexError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                fine = False
            if fine:
                yield Value(base + at, line)
                at = end + 1
                continue
            self._at = end + 1
            spread = self._spread(at, line)
            if spread is None:
                yield from self._line(line, base + at)
            else:
                data = settle(spread, base + at, self._flaws)
                if data is not None:
                    yield Value(base + at, data)
            # Looking at the lines behind may have read on.
            text, at, base = self._text, self._at, self._base
        self._at = at

    def _more(self, size: int = _BLOCK) -> None:
        """Read on, and let go of what was read."""
        block = self._file.read(size)
        self._ended = not block
        self._text = self._text[self._at :] + block
        self._base += self._at
        self._at = 0

    def _long_line(self) -> Iterator[Value]:
        """Yield the values of a line that is longer than a block, which is held once."""
        offset = self._base + self._at
        gathered = io.BytesIO()  # it gives what it gathered without making a copy
        gathered.write(memoryview(self._text)[self._at :])
        self._text, self._at = b"", 0
        end = -1
        while end < 0:
            block = self._file.read(_BLOCK)
            if not block:
                self._ended = True
                break
            end = block.find(b"\n")
            gathered.write(memoryview(block)[: end if end >= 0 else len(block)])
        length = gathered.tell()
        if gathered.getbuffer()[-1] == _RETURN:
            gathered.truncate(length - 1)
        line = gathered.getvalue()
        del gathered
        if self._ended:
            self._base = offset + length
        else:
            self._text = block[end + 1 :]
            self._base = offset + length + 1
        yield from self._line(line, offset, last=self._ended)

    def _line(self, line: bytes, offset: int, *, last: bool = False) -> Iterator[Value]:
        """Yield the values of one line of whatever kind."""
        data = line.strip(_WHITE)
        if not data:
            self._flaws.add(offset, len(line) + 1, "blank", 0, "nothing stands on the line")
            return
        try:
            check(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield from Salvage(line, offset, self._flaws, last=last)
        else:
            yield Value(offset + line.index(data[:1]), data)

    def _spread(self, at: int, line: bytes) -> bytes | None:
        """Return the value that begins with a line and goes on behind it; None for no such value.

        Args:
            at: Index of the line in the text.
            line: It, without the newline.
        """
        offset = self._base + at
        if not line or line[0] not in _OPENERS or self._is_tired(offset):
            return None
        if find_end(line, 0, effort_for(len(line))).outcome != "unfinished":
            return None
        self._at = at
        found = self._find_spread()
        # The lines are read one by one where they make no value.
        self._at += len(found) if found is not None else len(line) + 1
        if found is not None:
            self._at = _behind_line(self._text, self._at)
        return found

    def _is_tired(self, offset: int) -> bool:
        return self._effort.left < 0 or self._looked > _FREE + _SHARE * (offset - self._start)

    def _find_spread(self) -> bytes | None:
        """Return the value that begins at the place in the text, and ends at the end of a line."""
        while True:
            begin, room = self._at, len(self._text) - self._at
            all_there = self._ended or room >= _SPREAD
            # At the very end a parser takes half of a surrogate pair for a text that was cut.
            partial = not all_there or b"\\u" not in self._text[-_PAIR:]
            extent = find_end(self._text, begin, self._effort, partial=partial)
            self._looked += extent.end - begin
            if extent.outcome == "whole":
                end = _behind(_GAP(self._text, extent.end), extent.end)
                if self._text.startswith(b"\n", end) or (self._ended and end == len(self._text)):
                    self._effort = Effort(_TOKENS)
                    return self._text[begin : extent.end]
                if end < len(self._text):
                    return None
            elif extent.outcome not in ("unfinished", "cut"):
                return None
            if all_there:
                return None
            self._more(min(max(room, _BLOCK), _SPREAD))


def _behind_line(text: bytes, at: int) -> int:
    end = text.find(b"\n", at)
    return end + 1 if end >= 0 else len(text)


def _behind(found: re.Match[bytes] | None, at: int) -> int:
    return found.end() if found else at
