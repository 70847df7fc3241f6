"""One file, folder or database that is imported, opened for reading only."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from steno.errors import TranscriptError
from steno.storage.compressed import open_text, plain_name
from steno.storage.foreign import MAGIC, open_foreign
from steno.transcripts.checking import skip
from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.linked import columns
from steno.transcripts.values import Flaw, Value, read_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.checking import Parse
    from steno.transcripts.importers.model import Conversation

_HEAD = 64 * 1024
_FIRST = 20
_FIRST_LINES = 200


class Probe(Struct, frozen=True):
    """What is known of a path before it is read; formats are recognised by it.

    Attributes:
        path: The file or folder.
        name: Its name without ``.zst``.
        head: The first 64 KiB of its text; b"" for a folder or database.
        first: The first JSON values of the head that are whole, at most 20, decoded.
        tables: For an SQLite database, its tables with their columns.
        names: For a folder, the names in it.
    """

    path: Path
    name: str
    head: bytes = b""
    first: tuple[Any, ...] = ()
    tables: dict[str, frozenset[str]] = {}
    names: frozenset[str] = frozenset()


class Source:
    """What a format reads.

    Attributes:
        path: The file or folder.
        name: Its name without ``.zst``.
        flaws: What of it could not be read so far.
        skipped: What was left out on purpose, with the reason, for the report: reason to count.
    """

    def __init__(self, path: Path) -> None:
        """Describe a source; nothing is opened."""
        self.path = path
        self.name = Path(plain_name(path)).name
        self.flaws: list[Flaw] = []
        self.skipped: dict[str, int] = {}

    def values(self, parse: Parse = skip) -> Iterator[Value]:
        """Yield the JSON values of the file, whatever is damaged between them.

        Args:
            parse: As `read_values` takes it.

        Raises:
            OSError: The file can't be opened or read.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        with open_text(self.path) as file:
            yield from read_values(file, self.flaws, parse=parse)

    def skip(self, reason: str) -> None:
        """Count something that is left out on purpose."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading only; rows come as `sqlite3.Row`.

        Raises:
            sqlite3.Error: It can't be opened.
        """
        with open_foreign(self.path) as connection:
            yield connection


def probe(path: Path) -> Probe:
    """Look at a path, without reading more than its beginning.

    Raises:
        OSError: It can't be read.
        TranscriptError: It is compressed, and zstd is not installed; or it is a database that
            another program keeps locked.
    """
    name = Path(plain_name(path)).name
    if path.is_dir():
        return Probe(path, name, names=frozenset(entry.name for entry in path.iterdir()))
    with open_text(path) as file:
        head = file.read(_HEAD)
    if head.startswith(MAGIC):
        return Probe(path, name, tables=_tables(path))
    return Probe(path, name, head, tuple(_first(head)))


def _tables(path: Path) -> dict[str, frozenset[str]]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    try:
        with open_foreign(path) as connection:
            found = connection.execute(query).fetchall()
            return {table: columns(connection, table) for (table,) in found}
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise TranscriptError(
                "another program keeps the database locked",
                hint="import it again when that program has ended",
            ) from error
        return {}
    except sqlite3.Error:
        return {}  # damaged, or none at all


def _first(head: bytes) -> Iterator[Any]:
    flaws: list[Flaw] = []
    if len(head) == _HEAD:
        # A long document over many lines is no value on any of them; few tell that.
        head = b"\n".join(head.split(b"\n", _FIRST_LINES)[:_FIRST_LINES])
    for count, value in enumerate(read_values(io.BytesIO(head), flaws)):
        if count >= _FIRST:
            return
        found = decode_value(value.data)
        if found is not None:
            yield found


class Format(Protocol):
    """A format that can be imported; one module each, with an instance named ``FORMAT``.

    Attributes:
        name: Its name on the command line, such as ``claude-code``.
        title: What people call it, such as ``Claude Code``.
        homes: Where its program keeps transcripts, ``~`` and ``$NAME`` not yet expanded; what
            `steno import --watch` looks at.
    """

    name: str
    title: str
    homes: tuple[str, ...]

    def recognise(self, probe: Probe) -> float:
        """Tell how surely a path has this format: by content first, then by name.

        Returns:
            0: it has not. 1: no doubt. Must not raise.
        """
        ...

    def takes_folder(self, probe: Probe) -> bool:
        """Tell whether a folder as a whole is one source; most formats have none such."""
        ...

    def neighbour(self, path: Path) -> str | None:
        """Say why a file that lies among transcripts of this format is none; None if it may be."""
        ...

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the conversations of a source.

        Raises:
            OSError: The source can't be read.
            sqlite3.Error: The database can't be read.
        """
        ...
