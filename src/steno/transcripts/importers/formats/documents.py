"""A conversation that is one JSON document, its messages an array in it.

Strategy: such a document is read as a whole, once, and refused beyond `LIMIT`. One that was torn
or damaged is read up to the damage, message by message. The messages come out on one line each, as
the same program writes them when it keeps one message on a line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from steno.storage.compressed import open_text
from steno.transcripts.flaws import Flaw
from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.verbatim import compact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.importers.source import Source

LIMIT = 512 * 1024 * 1024
"""Bytes of a document that are read at most; it is held in memory."""

_HEAD = 4096
_BETWEEN = re.compile(r"[\s,]*")
_AS_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_AS_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class Item(NamedTuple):
    """One message of a document.

    Attributes:
        offset: Byte offset in the document's text.
        data: The message as JSON text on one line.
    """

    offset: int
    data: bytes


class Document(NamedTuple):
    """A document in its parts.

    Attributes:
        header: The document without its messages, as JSON text on one line.
        items: Its messages.
    """

    header: bytes
    items: list[Item]


def is_spread(head: bytes) -> bool:
    """Tell by the beginning of a text whether it is one object that is spread over lines."""
    first, newline, _rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    return bool(newline) and first.strip() == b"{"


def begins_spread(source: Source) -> bool:
    """Tell whether a source is one object that is spread over lines.

    Raises:
        OSError: It can't be opened or read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    with open_text(source.path) as file:
        return is_spread(file.read(_HEAD))


def read_document(source: Source, messages: str, *, limit: int = LIMIT) -> Document:
    """Read a document; what is damaged is added to the source's flaws.

    Args:
        source: The source.
        messages: Under which name the messages stand in it.
        limit: How many bytes are read at most.

    Raises:
        OSError: It can't be opened or read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    with open_text(source.path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        detail = f"a document of more than {limit} bytes is not read"
        source.flaws.append(Flaw(0, len(data), "syntax", len(data), detail))
        return Document(b"{}", [])
    return split_document(data, messages, source.flaws)


def split_document(data: bytes, messages: str, flaws: list[Flaw]) -> Document:
    """Split the text of a document into its header and its messages.

    Args:
        data: The text.
        messages: Under which name the messages stand in it.
        flaws: Where damage is added.
    """
    try:
        members = _AS_RAW.decode(data)
        raws = _AS_ITEMS.decode(members.pop(messages)) if messages in members else []
        header = compact(msgspec.json.encode(members))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _salvage(data, messages, flaws)
    return Document(header, list(_placed(data, raws)))


def _placed(data: bytes, raws: list[msgspec.Raw]) -> Iterator[Item]:
    at = 0
    for raw in raws:
        text = bytes(raw)
        at = max(data.find(text, at), at)
        yield Item(at, compact(text))
        at += len(text)


def _salvage(data: bytes, messages: str, flaws: list[Flaw]) -> Document:
    """Read a damaged document up to the damage."""
    text = data.decode("utf-8", "replace")
    found = re.search(rf'"{re.escape(messages)}"\s*:\s*\[', text)
    if found is None:
        flaws.append(Flaw(0, len(data), "syntax", len(data), "it is no JSON document"))
        return Document(b"{}", [])
    header = decode_value((text[: found.start()].rstrip().rstrip(",") + "}").encode())
    items: list[Item] = []
    scan = json.JSONDecoder(strict=False).raw_decode
    place, offset = found.end(), len(text[: found.end()].encode())
    while True:
        begin = _after(text, place)
        offset += len(text[place:begin].encode())
        try:
            _value, place = scan(text, begin)
        except (ValueError, RecursionError):
            break
        taken = text[begin:place].encode()
        items.append(Item(offset, compact(taken)))
        offset += len(taken)
    rest = text[begin:]
    if not _is_end(rest):
        lost = len(rest.encode())
        flaws.append(Flaw(offset, lost, "torn", lost, "the document ends in the middle"))
    return Document(_encode(header), items)


def _after(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _is_end(rest: str) -> bool:
    return rest.startswith("]") and rest.rstrip().endswith("}")


def _encode(header: Any) -> bytes:
    return msgspec.json.encode(header if isinstance(header, dict) else {})
