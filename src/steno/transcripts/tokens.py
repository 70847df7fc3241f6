r"""Where a JSON value ends that a strict parser refuses, and what in it must be written anew.

Strategy: one pass over the tokens with a stack of bytes in place of recursion. What programs write
although JSON does not know it (``NaN``, ``Infinity``, half of a surrogate pair, control characters
in a text, numbers beyond all range) is passed over and its place noted; `rewrite` puts something
there that every parser takes and that loses nothing: the number's name or digits as a text, the
escape as the text ``\ud83d``, the control character escaped. A run of NUL bytes in a text is a
hole and becomes U+FFFD. Everything else that is no JSON ends the value at that byte. The number of
tokens is bounded, so that no input takes long.
"""

from __future__ import annotations

import io
import re
from array import array
from typing import Literal, NamedTuple

import msgspec

MAX_DEPTH = 1000
"""Depth beyond which a value counts as broken: no parser would take it."""

Outcome = Literal["whole", "broken", "unfinished", "cut", "weary"]

_WHITE = re.compile(rb"[ \t\r\n]*").match
_PLAIN = re.compile(rb"[ !#-\[\]-\xff]*").match
_ESCAPES = re.compile(
    rb'(?:\\(?:["\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    rb"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))){1,64}"
).match
_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}").match
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?").match
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").match
_NAME = re.compile(rb"true|false|null").match
_FOREIGN = re.compile(rb"NaN|-?Infinity").match
_BEGUN = re.compile(
    rb"(?:-?(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?[eE][+-]?)|-"
    rb"|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|Na?|-?I(?:n(?:f(?:i(?:n(?:it?)?)?)?)?)?)\Z"
).match
_MORE = (b".", b"e", b"E")
_NULS = re.compile(rb"\x00+").match
_LARGE = re.compile(rb"[0-9]{300}|[eE]\+?[0-9]{3}").search

_decode = msgspec.json.Decoder().decode

_OBJECT, _ARRAY = b"{["
_CLOSERS = {_OBJECT: ord("}"), _ARRAY: ord("]")}
_QUOTE, _BACKSLASH, _NEWLINE = b'"\\\n'

# What may come next; the order lets two be asked for at once.
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _COLON, _NEXT = range(6)

_HOLE = "a run of NUL bytes in a text"


class Effort:
    """Tokens that may still be looked at.

    Attributes:
        left: How many.
    """

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        """Allow so many."""
        self.left = left


class Extent(NamedTuple):
    """How far a value goes.

    Attributes:
        outcome: ``whole``; ``broken`` by a byte that can't stand there; ``unfinished``: the text
            ends between two tokens; ``cut``: it ends within one; ``weary``: the effort was spent.
        end: Index behind the value, or where it ends too early. If a byte that can't be there
            follows a string, that is the index behind the string.
        places: Indices of what must be written anew.
    """

    outcome: Outcome
    end: int
    places: array[int]


def measure(data: bytes, begin: int, effort: Effort) -> Extent:  # noqa: C901, PLR0912 - the grammar of JSON is read in one piece
    """Find the end of the value that begins at an index.

    Args:
        data: Text that holds the value; whether it is UTF-8 is not looked at.
        begin: Index of the value's first byte.
        effort: Tokens that may be looked at; those used are taken off.
    """
    places = array("Q")
    stack = bytearray()
    at, end, want = begin, len(data), _VALUE
    text_end = -1
    while True:
        at = _end(_WHITE(data, at))
        if at >= end:
            return Extent("unfinished", end, places)
        effort.left -= 1
        if effort.left < 0:
            return Extent("weary", at, places)
        byte = data[at]
        broken = text_end if text_end >= 0 else at
        text_end = -1
        if byte == _QUOTE and want <= _FIRST_KEY:
            outcome, at = _measure_text(data, at + 1, places, effort)
            if outcome != "whole":
                return Extent(outcome, at, places)
            text_end = at
            if want >= _KEY:
                want = _COLON
                continue
        elif want <= _FIRST_VALUE and byte in b"{[":
            if len(stack) >= MAX_DEPTH:
                return Extent("broken", broken, places)
            stack.append(byte)
            at += 1
            want = _FIRST_KEY if byte == _OBJECT else _FIRST_VALUE
            continue
        elif byte in b"}]" and want in (_FIRST_VALUE, _FIRST_KEY, _NEXT) and stack:
            if byte != _CLOSERS[stack[-1]]:
                return Extent("broken", broken, places)
            stack.pop()
            at += 1
        elif want <= _FIRST_VALUE:
            outcome, at = _measure_word(data, at, places)
            if outcome != "whole":
                return Extent(outcome, at, places)
        elif want == _COLON and byte == ord(":"):
            at += 1
            want = _VALUE
            continue
        elif want == _NEXT and byte == ord(","):
            at += 1
            want = _KEY if stack[-1] == _OBJECT else _VALUE
            continue
        else:
            return Extent("broken", broken, places)
        if not stack:
            return Extent("whole", at, places)
        want = _NEXT


def _measure_text(data: bytes, at: int, places: array[int], effort: Effort) -> tuple[Outcome, int]:
    """Find the end of a string from behind its first quote."""
    end = len(data)
    while True:
        at = _end(_PLAIN(data, at))
        if at >= end:
            return "cut", end
        effort.left -= 1
        if effort.left < 0:
            return "weary", at
        byte = data[at]
        if byte == _QUOTE:
            return "whole", at + 1
        if byte == _BACKSLASH:
            if escapes := _ESCAPES(data, at):
                at = escapes.end()
            elif half := _HALF(data, at):
                places.append(at)
                at = half.end()
            else:
                at = _end(_CUT_ESCAPE(data, at))
                return ("cut", end) if at >= end else ("broken", at)
        elif byte == _NEWLINE:
            return "broken", at
        else:
            places.append(at)
            nuls = _NULS(data, at)
            at = nuls.end() if nuls else at + 1


def _measure_word(data: bytes, at: int, places: array[int]) -> tuple[Outcome, int]:
    """Find the end of a number or a name."""
    if found := _NUMBER(data, at):
        word = found.group()
        if data[found.end() : found.end() + 1] in _MORE and _BEGUN(data, at):
            return "cut", len(data)
        if _LARGE(word) and not _is_in_range(word):
            places.append(at)
        return "whole", found.end()
    if found := _NAME(data, at):
        return "whole", found.end()
    if found := _FOREIGN(data, at):
        places.append(at)
        return "whole", found.end()
    return ("cut", len(data)) if _BEGUN(data, at) else ("broken", at)


def _is_in_range(word: bytes) -> bool:
    try:
        _decode(word)
    except msgspec.DecodeError:
        return False
    return True


class Rewritten(NamedTuple):
    """A value that every parser takes.

    Attributes:
        data: Its text.
        holes: Bytes of NUL in its strings, which stood for something once.
        detail: What was written anew, for a person.
    """

    data: bytes
    holes: int
    detail: str


def rewrite(data: bytes, extent: Extent, begin: int = 0) -> Rewritten:
    """Write anew what no parser would take; every other byte is kept.

    Args:
        data: The text that was measured.
        extent: A whole value in it.
        begin: Index of the value's first byte.
    """
    out = io.BytesIO()
    counts: dict[str, int] = {}
    holes, at = 0, begin
    view = memoryview(data)
    for place in extent.places:
        out.write(view[at:place])
        what, old, new = _replacement(data, place)
        if what == _HOLE:
            holes += len(old)
        counts[what] = counts.get(what, 0) + 1
        out.write(new)
        at = place + len(old)
    out.write(view[at : extent.end])
    detail = ", ".join(f"{what} ({count})" for what, count in counts.items())
    return Rewritten(out.getvalue(), holes, detail)


def _replacement(data: bytes, place: int) -> tuple[str, bytes, bytes]:
    if found := _NULS(data, place):
        return _HOLE, found.group(), "\ufffd".encode()
    if found := _HALF(data, place):
        return "half of a surrogate pair", found.group(), b"\\" + found.group()
    if found := _FOREIGN(data, place):
        return "a number that is none", found.group(), b'"%b"' % found.group()
    if found := _NUMBER(data, place):
        return "a number beyond all range", found.group(), b'"%b"' % found.group()
    old = data[place : place + 1]
    return "a control character", old, b"\\u%04x" % old[0]


def _end(found: re.Match[bytes] | None) -> int:
    """Return the end of a match of something that may be empty, and so is always there."""
    assert found is not None
    return found.end()
