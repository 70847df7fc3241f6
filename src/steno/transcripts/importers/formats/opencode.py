"""opencode: its database ``opencode.db``, the tree of files before it, exports, printed runs.

Each has a module of its own beside this one: ``opencode_store``, ``opencode_tree``,
``opencode_exports`` and ``opencode_events``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.transcripts.importers.formats import (
    opencode_events,
    opencode_exports,
    opencode_store,
    opencode_tree,
)
from steno.transcripts.importers.source import probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.transcripts.importers.model import Conversation
    from steno.transcripts.importers.source import Probe, Source

_MAGIC = b"SQLite format 3\x00"
_NEIGHBOURS = {
    "-wal": "write-ahead log of a database",
    "-shm": "shared memory of a database",
    "-journal": "journal of a database",
}


class OpenCode:
    """The format of opencode, see `steno.transcripts.importers.source.Format`."""

    name = "opencode"
    title = "opencode"
    homes = ("$XDG_DATA_HOME/opencode", "~/.local/share/opencode")

    def recognise(self, probe: Probe) -> float:
        """Tell how surely a path is opencode's: by tables, folders, or how it begins."""
        if probe.names:
            return 0.95 if self.takes_folder(probe) else 0.0
        if opencode_exports.is_export(probe) or opencode_events.is_stream(probe):
            return 0.95
        tables = probe.tables
        parts = {"message_id", "session_id", "data"} <= tables.get("part", frozenset())
        messages = {"session_id", "data"} <= tables.get("message", frozenset())
        newer = {"session_id", "type", "data"} <= tables.get("session_message", frozenset())
        if (parts and messages) or newer:
            return 1.0 if any(name in tables for name in opencode_store.SESSIONS) else 0.9
        return 0.0

    def takes_folder(self, probe: Probe) -> bool:
        """Take the folder ``storage``, in which every message and part is a file."""
        return opencode_tree.is_tree(probe)

    def neighbour(self, path: Path) -> str | None:
        """Name the files that opencode keeps beside its sessions."""
        for end, why in _NEIGHBOURS.items():
            if path.name.endswith(end):
                return why
        return opencode_tree.neighbour(path)

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the sessions, those that began first before those that they began.

        Raises:
            OSError: A file can't be read.
            sqlite3.Error: The database can't be read.
            TranscriptError: An export is compressed, and zstd is not installed.
        """
        if source.path.is_dir():
            yield from opencode_tree.conversations(source)
            return
        if not _is_database(source):
            printed = opencode_events.is_stream(probe(source.path))
            reader = opencode_events if printed else opencode_exports
            yield from reader.conversations(source)
            return
        with source.database() as connection:
            yield from opencode_store.conversations(connection)


def _is_database(source: Source) -> bool:
    with source.path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


FORMAT = OpenCode()
