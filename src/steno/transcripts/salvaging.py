r"""The values of one line that is not simply one value.

Strategy: where a parser says that something follows a value, the value ends there and the next one
begins: so objects that were glued are told apart. Where a value breaks off, the next place is
sought at which a whole object begins. The surest is where the parser stopped: an object glued
behind a text that was torn (``{"a":"xx{"type":1}``) stops it right behind the object's first
quote, or at its bracket. Farther on, an object counts only where it can't be a part of the one that
is damaged: nothing but the end of the line or the next object follows it, and no colon, comma or
bracket that may belong to the damaged one stands before it. Each byte is looked at a few times at
most, whatever the line holds.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from steno.transcripts.checking import effort_for, settle, skip
from steno.transcripts.tokens import Effort, Extent, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.flaws import Flaws

BOM = b"\xef\xbb\xbf"
"""What some programs begin a file in UTF-8 with."""

_WHITE = b" \t\r\n"
_GAP = re.compile(rb"[ \t\r\n]*").match
_NULS = re.compile(rb"\x00+").match
_OBJECT = re.compile(rb'\{[ \t\r]*"').search
_GLUED_TO_TEXT = re.compile(rb'\{[ \t\r]*"\Z').search
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)").search
_TRUNCATED = "truncated"
_BACK = 64
_BEGINS_VALUE = b'{["-0123456789tfnNI\x00'


class Value(NamedTuple):
    """One JSON value of a file.

    Attributes:
        offset: Byte offset of its first byte in the text.
        data: The value as JSON text, in UTF-8; with newlines in it where it went over several
            lines. Only in one beyond 1 KiB a number may be beyond the range of floats.
    """

    offset: int
    data: bytes


def find_end(data: bytes, begin: int, effort: Effort, *, partial: bool = False) -> Extent:
    """Find the end of the value that begins at an index; strictly first, which is fast.

    Args:
        data: Text that holds the value.
        begin: Index of its first byte.
        effort: Tokens that may be looked at where a strict parser refuses.
        partial: More text follows, so that it is enough to know that the value does not end here.
    """
    try:
        skip(memoryview(data)[begin:])
    except RecursionError:
        pass
    except msgspec.DecodeError as error:
        if found := _TRAILING(str(error)):
            end = begin + int(found.group(1)) - 1
            return Extent("whole", _strip(data, begin, end), array("Q"))
        if partial and _TRUNCATED in str(error):
            return Extent("unfinished", len(data), array("Q"))
    else:
        return Extent("whole", _strip(data, begin, len(data)), array("Q"))
    return measure(data, begin, effort)


def _strip(data: bytes, begin: int, end: int) -> int:
    while end > begin and data[end - 1] in _WHITE:
        end -= 1
    return end


class Salvage:
    """The values of one line; iterate over it once."""

    def __init__(self, line: bytes, offset: int, flaws: Flaws, *, last: bool = False) -> None:
        """Describe the line.

        Args:
            line: Its bytes, without the newline.
            offset: Byte offset of its first byte.
            flaws: Where what is wrong with it is reported.
            last: No newline ends it: it may be being written.
        """
        self._line = line
        self._offset = offset
        self._flaws = flaws
        self._last = last
        self._effort = effort_for(len(line))
        self._dirty = False
        self._glued = False

    def __iter__(self) -> Iterator[Value]:
        """Yield the values that can be read."""
        line = self._line
        at, value_end = 0, -1
        while (at := self._skip(at)) < len(line):
            extent = self._find_end(at)
            if not self._is_sure(at, extent):
                if extent.outcome == "whole":
                    extent = Extent("broken", extent.end, extent.places)
                begin, found = self._seek(at, extent)
                self._lose(at, begin, extent)
                self._dirty = True
                if found is None:
                    return
                at, extent = begin, found
            elif value_end >= 0 and b"\r" not in line[value_end:at]:
                self._flaws.add(
                    self._offset + at, 0, "glued", 0, "a value on the same line as the one before"
                )
            data = settle(line[at : extent.end], self._offset + at, self._flaws)
            if data is not None:
                yield Value(self._offset + at, data)
            at = value_end = extent.end

    def _skip(self, at: int) -> int:
        """Pass over what stands between values and is none: white space, holes, marks."""
        line = self._line
        while True:
            at = _behind(_GAP(line, at), at)
            if found := _NULS(line, at):
                length = found.end() - at
                self._flaws.add(self._offset + at, length, "nul", length, "a run of NUL bytes")
                at = found.end()
            elif line.startswith(BOM, at):
                self._flaws.add(
                    self._offset + at, len(BOM), "encoding", 0, "a byte order mark in the middle"
                )
                at += len(BOM)
            else:
                return at

    def _find_end(self, at: int) -> Extent:
        if self._line[at] in _BEGINS_VALUE:
            return find_end(self._line, at, self._effort)
        return Extent("broken", at, array("Q"))

    def _is_sure(self, at: int, extent: Extent) -> bool:
        """Tell whether a value that was found where one may begin is taken."""
        if extent.outcome != "whole":
            return False
        line, end = self._line, extent.end
        if line[at] in b"{[":
            return not self._dirty or self._ends_cleanly(end)
        # A word or number is one only where nothing touches it: garbage is full of them.
        before = at == 0 or line[at - 1] in b" \t\r}]\xbf"
        behind = end == len(line) or line[end] in b" \t\r{["
        following = _behind(_GAP(line, end), end)
        return (
            not self._dirty
            and before
            and behind
            and (following == len(line) or line[following] in _BEGINS_VALUE)
        )

    def _ends_cleanly(self, end: int) -> bool:
        """Tell whether nothing follows a value but another, so that it is a part of none."""
        end = _behind(_GAP(self._line, end), end)
        return end == len(self._line) or self._line[end] in b"{[\x00"

    def _seek(self, begin: int, extent: Extent) -> tuple[int, Extent | None]:
        """Find the next whole object behind a place where a value breaks off."""
        line, start = self._line, begin
        self._glued = False
        while extent.outcome == "broken":
            self._effort.left -= 1
            if self._effort.left < 0:
                break
            at = self._glued_at(start, extent.end)
            surely = at >= 0
            if not surely:
                found = _OBJECT(line, max(extent.end, start + 1))
                if found is None:
                    break
                at = found.start()
                if self._may_be_part(begin, at):
                    start, extent = at, Extent("broken", at + 1, extent.places)
                    continue
            start, extent = at, find_end(line, at, self._effort)
            if extent.outcome == "whole":
                if self._ends_cleanly(extent.end):
                    self._glued = surely
                    return at, extent
                extent = Extent("broken", extent.end, extent.places)
        return len(line), None

    def _glued_at(self, start: int, broken: int) -> int:
        """Find the object that begins right where the one before it breaks off; -1 for none."""
        line = self._line
        if broken > start and line[broken : broken + 1] == b"{":
            return broken
        found = _GLUED_TO_TEXT(line, max(start + 1, broken - _BACK), broken)
        return found.start() if found else -1

    def _may_be_part(self, begin: int, at: int) -> bool:
        """Tell whether an object may belong to the damaged one before it."""
        before = self._line[max(begin, at - _BACK) : at].rstrip(_WHITE)
        return before.endswith((b":", b",", b"[")) and self._line.find(b'"', begin, at) >= 0

    def _lose(self, begin: int, end: int, extent: Extent) -> None:
        """Report what could not be read."""
        if end == len(self._line):
            end = _strip(self._line, begin, end)
        kind, detail = "syntax", "not JSON"
        if extent.outcome in ("unfinished", "cut"):
            kind, detail = "torn", "it breaks off"
            if self._last:
                detail = "it breaks off, and no newline ends it: it may be being written"
        elif self._glued:
            kind, detail = "torn", "it breaks off, and the next one is glued to it"
        elif extent.outcome == "weary":
            detail = "too much of the line is damaged"
        self._flaws.add(self._offset + begin, end - begin, kind, end - begin, detail)


def _behind(found: re.Match[bytes] | None, at: int) -> int:
    return found.end() if found else at
