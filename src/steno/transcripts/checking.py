"""Whether a value is JSON that every parser takes, and what is given where it is not quite.

Strategy: a short value is decoded as a whole, which checks the grammar, UTF-8 and the range of
numbers in one pass. To decode a long one costs three times what skipping over it does, and memory
many times its length, so its grammar and UTF-8 are checked alone; it is looked at more closely
where there is the sign of a large number as programs write it (``1e+400``). Only what fails is
measured token by token and written anew; see `tokens`.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from steno.transcripts.tokens import Effort, measure, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.flaws import Flaws

SHORT = 1024
"""Bytes up to which a value is decoded as a whole."""

_DECODABLE = 256 * 1024
_PIECE = 1024 * 1024
_EFFORT = 100_000
_MAX_EFFORT = 4_000_000

decode = msgspec.json.Decoder().decode
skip = msgspec.json.Decoder(msgspec.Raw).decode

Parse = Callable[[bytes], object]
"""Reads a value, for its caller or for nobody."""

_large = re.compile(rb"\+[0-9]{3}").search
_bad_bytes = re.compile("[\udc80-\udcff]+").finditer


def effort_for(length: int) -> Effort:
    """Return the effort that a text of so many bytes is worth: a token for each, within bounds."""
    return Effort(_EFFORT + min(length, _MAX_EFFORT))


def check(data: bytes, parse: Parse = skip) -> None:
    """Check that a value is JSON in UTF-8, with numbers that can be read.

    Args:
        data: The value.
        parse: Reads a long one: raises `msgspec.DecodeError` for what is no JSON, and may do so
            for what it does not expect.

    Raises:
        msgspec.DecodeError: It is not.
        UnicodeDecodeError: It is no UTF-8.
        RecursionError: It is too deep.
    """
    if len(data) <= SHORT:
        decode(data)
        return
    try:
        parse(data)
    except msgspec.ValidationError:
        skip(data)  # JSON, maybe, but not what the parser looks for
    if not data.isascii():
        if len(data) <= _PIECE:
            data.decode()
        else:
            _check_text(data)
    # One byte is found many times faster than two.
    if b"+" in data and _large(data):
        _check_numbers(data)


def _check_text(data: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in _pieces(data):
        decoder.decode(piece, final=not piece)


def _check_numbers(data: bytes) -> None:
    if len(data) <= _DECODABLE:
        decode(data)
    elif measure(data, 0, effort_for(len(data))).places:
        raise msgspec.ValidationError("a number beyond all range")


def _pieces(data: bytes) -> Iterator[memoryview]:
    """Yield a text in pieces, and an empty one at the end."""
    view = memoryview(data)
    for at in range(0, len(data), _PIECE):
        yield view[at : at + _PIECE]
    yield view[:0]


def settle(data: bytes, offset: int, flaws: Flaws) -> bytes | None:
    """Return a value as JSON that every parser takes, and report what had to be changed in it.

    Args:
        data: The value, whole as far as brackets go.
        offset: Byte offset of its first byte.
        flaws: Where what is wrong with it is reported.

    Returns:
        None where it can't be read; that is reported.
    """
    try:
        check(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        flaws.add(offset, len(data), "syntax", len(data), "nested too deeply")
        return None
    else:
        return data
    extent = measure(data, 0, effort_for(len(data)))
    if extent.outcome != "whole" or extent.end != len(data):
        # What a parser refused is not among what can be written anew.
        flaws.add(offset, len(data), "syntax", len(data), "not JSON")
        return None
    text = data
    notes: list[tuple[int, int, str, int, str]] = []
    if extent.places:
        anew = rewrite(data, extent)
        text = anew.data
        first, last = extent.places[0], extent.places[-1]
        kind = "nul" if anew.holes else "syntax"
        notes.append((first, last + 1 - first, kind, anew.holes, f"written anew: {anew.detail}"))
    bad = find_bad(data)
    if bad.lost:
        text = replace_bad(text)
        notes.append(
            (bad.first, bad.end - bad.first, "encoding", bad.lost, "not UTF-8; replaced by U+FFFD")
        )
    try:
        check(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        flaws.add(offset, len(data), "syntax", len(data), str(error))
        return None
    for first, length, kind, lost, detail in sorted(notes):
        flaws.add(offset + first, length, kind, lost, detail)
    return text


class Bad(NamedTuple):
    """Bytes that are no UTF-8.

    Attributes:
        lost: How many.
        first: Index of the first.
        end: Index behind the last.
    """

    lost: int
    first: int
    end: int


def find_bad(data: bytes) -> Bad:
    """Find the bytes of a text that are no UTF-8."""
    if data.isascii():
        return Bad(0, 0, 0)
    count, first, end, at, reached = 0, 0, 0, 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in _pieces(data):
        # A character that begins in one piece and ends in the next is counted with the second.
        text = decoder.decode(piece, final=not piece)
        size = None
        for run in _bad_bytes(text):
            if size is None:
                before = text[: run.start()].encode()
                size = len(before)
            else:
                size += len(text[reached : run.start()].encode())
            if not count:
                first = at + size
            size += run.end() - run.start()
            reached = run.end()
            count += run.end() - run.start()
            end = at + size
        at += len(text.encode("utf-8", "surrogateescape"))
    return Bad(count, first, end)


def replace_bad(data: bytes) -> bytes:
    """Put U+FFFD in the place of what is no UTF-8, as decoders do."""
    out = io.BytesIO()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in _pieces(data):
        out.write(decoder.decode(piece, final=not piece).encode())
    return out.getvalue()
