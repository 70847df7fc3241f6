"""What a session collected as a JSON document: ``source``, ``metadata`` and ``data``.

Strategy: entries are encoded many at a time, one to a line, and handed on in blocks, so that ten
million of them need no more memory than a thousand. Of a list the count is known, and its metadata
stands before the data; what is only iterated over tells its count at the end, and the metadata
stands behind. What JSON can't carry is treated as in a transcript: kept in the best form possible,
and noted. The encoder writes a NaN as ``null`` without a word, so blocks with a ``null`` are looked
through: packed as MessagePack, where a float that is not finite shows by its first two bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from steno.errors import StenoError
from steno.events.salvage import Salvage, has_non_finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.events.parts import Alteration

_BLOCK = 256 * 1024
_FEW, _MANY = 16, 4096
_MAX_NOTES = 50
_BYTES = frozenset({bytes, bytearray, memoryview})

_encoder = msgspec.json.Encoder()
_pack = msgspec.msgpack.Encoder().encode
_NON_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
"""A float whose exponent has all bits set; other values may look like it by chance."""


class Document:
    """One document while it is written; iterate over `blocks` once, then read the rest.

    Attributes:
        metadata: What stands in the document of what it is; complete when the blocks have ended.
        count: Entries that were written.
        incomplete: Why the entries ended before their end; None when all are there.
        interruption: What ended them, where that is no error but a wish of the program's: a
            cancellation or Ctrl-C. To be raised again when the document is safe.
    """

    def __init__(self, source: str, metadata: Mapping[str, Any], data: Any) -> None:
        """Take what is to be written; nothing is read of the data yet.

        Args:
            source: Where it comes from.
            metadata: What is known of it.
            data: The entries: a list, anything to iterate over, a text or an open file with an
                entry per line; one mapping is one entry. Entries that are bytes are read as text.
        """
        self.metadata = {str(key): value for key, value in dict(metadata).items()}
        self.count = 0
        self.incomplete: str | None = None
        self.interruption: BaseException | None = None
        self._source = source
        self._data = data
        self._notes: list[Alteration] = []
        self._altered = 0

    def blocks(self) -> Iterator[bytes]:
        """Give the document piece by piece.

        Raises:
            TypeError: The data can't be iterated over.
        """
        data = _entries_of(self._data)
        entries = _pieces_of_list(data) if isinstance(data, (list, tuple)) else self._pieces(data)
        yield b'{\n"source": ' + _encode_safely(self._source)
        if isinstance(data, (list, tuple)):
            self.metadata["count"] = len(data)
            yield b',\n"metadata": ' + _encode_safely(self.metadata)
        yield b',\n"data": ['
        separator = b"\n"
        for piece, told in entries:
            block = self._encode(piece)
            self.count += len(piece)
            yield separator + block
            separator = b",\n"
            told(len(block))
        yield b"\n]" if self.count else b"]"
        yield from self._end(told_before=isinstance(data, (list, tuple)))
        yield b"\n}\n"

    def _end(self, *, told_before: bool) -> Iterator[bytes]:
        """Give what is only known when all entries are written."""
        if told_before and self.count != self.metadata["count"]:
            self.incomplete = "the list was changed while it was saved"
        self.metadata["count"] = self.count
        more: dict[str, Any] = {}
        if self.incomplete is not None:
            more |= {"complete": False, "incomplete": self.incomplete}
        if self._altered:
            more |= {"altered": self._altered}
        self.metadata |= more
        if not told_before:
            yield b',\n"metadata": ' + _encode_safely(self.metadata)
        elif more:
            # The metadata stand before the data and can't be changed any more.
            yield b',\n"amended": ' + _encode_safely({"count": self.count, **more})
        if self._notes:
            yield b',\n"altered": ' + _encoder.encode(self._notes)

    def _pieces(self, entries: Iterable[Any]) -> Iterator[tuple[list[Any], Any]]:
        """Gather entries into pieces; what ends them too early is noted."""
        size = _Size()
        iterator = iter(entries)
        while True:
            piece: list[Any] = []
            ended = self._fill(piece, iterator, size.entries)
            if piece:
                yield piece, size.learn(len(piece))
            if ended:
                return

    def _fill(self, piece: list[Any], iterator: Iterator[Any], length: int) -> bool:
        """Take so many entries; True when there are no more."""
        append = piece.append
        try:
            for entry in iterator:
                append(entry)
                length -= 1
                if not length:
                    return False
        except Exception as error:  # noqa: BLE001 - what came before is kept, whatever ended it
            self.incomplete = _reason(error)
        except BaseException as error:  # noqa: BLE001 - as above, and it is raised again later
            self.incomplete = _reason(error)
            self.interruption = error
        return True

    def _encode(self, piece: list[Any]) -> bytes:
        if not _BYTES.isdisjoint(map(type, piece)):
            piece = [_as_text(entry) for entry in piece]
        try:
            lines: bytes | None = _encoder.encode_lines(piece)
            if lines and b"null" in lines and _has_non_finite(piece):
                lines = None
            elif lines and lines.count(b"\n") != len(piece):
                lines = None  # what was encoded before (`msgspec.Raw`) has line ends of its own
        except Exception:  # noqa: BLE001 - whatever an entry makes the encoder raise, it is salvaged
            lines = None
        if lines is None:
            return b",\n".join(self._encode_one(entry, at) for at, entry in enumerate(piece))
        # Line ends inside of texts are escaped, so all that are there stand between two entries.
        return lines[:-1].replace(b"\n", b",\n")

    def _encode_one(self, entry: Any, at: int) -> bytes:
        line = _encode_exactly(entry)
        if line is not None:
            return line.replace(b"\n", b" ")
        walk = Salvage()
        value = walk.value(entry, f"/data/{self.count + at}")
        self._altered += bool(walk.notes)
        self._notes += walk.notes[: _MAX_NOTES - len(self._notes)]
        return _encoder.encode(value)


class _Size:
    """How many entries make a block, by what the last ones took."""

    def __init__(self) -> None:
        self.entries = _FEW

    def learn(self, entries: int) -> Any:
        """Return what is to be told the bytes of so many entries."""

        def told(size: int) -> None:
            wanted = entries * _BLOCK // max(1, size)
            self.entries = max(1, min(wanted, self.entries * 4, _MANY))

        return told


def _pieces_of_list(data: list[Any] | tuple[Any, ...]) -> Iterator[tuple[list[Any], Any]]:
    size, at, length = _Size(), 0, len(data)
    while at < length:
        piece = list(data[at : min(at + size.entries, length)])
        if not piece:  # the list has become shorter
            return
        at += len(piece)
        yield piece, size.learn(len(piece))


def _entries_of(data: Any) -> Any:
    """Tell what the entries are where iterating over the data would give something else."""
    data = _as_text(data)
    if isinstance(data, str):
        return data.removesuffix("\n").split("\n") if data else []
    if hasattr(data, "readline"):
        return (_as_text(line).rstrip("\r\n") for line in data)
    return [data] if isinstance(data, Mapping) else data


def _as_text(entry: Any) -> Any:
    """Turn a line that is bytes into text; the encoder would write it as base 64."""
    return bytes(entry).decode("utf-8", "backslashreplace") if type(entry) in _BYTES else entry


def _has_non_finite(piece: list[Any]) -> bool:
    return _NON_FINITE.search(_pack(piece)) is not None and any(
        has_non_finite(entry) for entry in piece
    )


def _encode_exactly(value: Any) -> bytes | None:
    """Encode a value; None where JSON can't carry it as it is."""
    try:
        data = _encoder.encode(value)
        return None if b"null" in data and has_non_finite(value) else data
    except Exception:  # noqa: BLE001 - whatever a value makes the encoder raise, it is salvaged
        return None


def _encode_safely(value: Any) -> bytes:
    data = _encode_exactly(value)
    return data if data is not None else _encoder.encode(Salvage().value(value))


def plain_copy(value: Any) -> Any:
    """Copy a value as JSON carries it, so that it can't change any more."""
    return msgspec.json.decode(_encode_safely(value))


def _reason(error: BaseException) -> str:
    """Tell in a few words why the entries ended."""
    if type(error).__name__ in {"CancelledError", "KeyboardInterrupt", "GeneratorExit"}:
        return "cancelled"
    if isinstance(error, StenoError):  # raised by entries that know why they end
        return error.message[:500]
    return f"error: {type(error).__name__}: {error}"[:500]
