"""OpenClaw's own database, in which each session stands with its key; read only.

Strategy: SQLite leaves two files beside a database with a write-ahead log even when it is opened
for reading. Where no log lies beside it, nobody writes to it and it is opened as one that can't
change; where one does without the shared memory that goes with it, both are copied away and read
there. So the folder stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from steno.transcripts.recovery.evidence import EXACT, WINDOW, Claims, Evidence
from steno.transcripts.recovery.fields import UNREADABLE
from steno.transcripts.recovery.stores import claim_index

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"SQLite format 3\x00"
_TABLES = {
    "session_windows": "session_id", "session_nodes": "current_session_id",
    "sessions": "session_id", "session_transcript_archives": "session_id",
}  # fmt: skip
"""Tables that give a session its ``session_key``, and the column that holds the session's id."""

_ENTRIES = ("session_nodes", "session_entries")
"""Tables with the entries of an index, as ``entry_json`` by ``session_key``."""


@contextlib.contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open somebody else's database without leaving a trace beside it.

    Raises:
        sqlite3.Error: It can't be opened.
        OSError: It can't be looked at, or not be copied.
    """
    with contextlib.ExitStack() as stack:
        log = Path(f"{path}-wal")
        mode = "mode=ro"
        if not log.is_file() or not log.stat().st_size:
            mode = "mode=ro&immutable=1"
        elif not Path(f"{path}-shm").is_file():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            shutil.copyfile(path, folder / "copy.sqlite")
            shutil.copyfile(log, folder / "copy.sqlite-wal")
            path = folder / "copy.sqlite"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=5, isolation_level=None
        )
        stack.callback(connection.close)
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.execute("PRAGMA query_only = ON")
        yield connection


def is_database(path: str) -> bool:
    """Tell whether a file is an SQLite database.

    Raises:
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def claim_database(claims: Claims, path: str, folder: str) -> None:
    """Take what a database says of sessions.

    Args:
        claims: Where it is added.
        path: The database.
        folder: The folder of transcripts for which it speaks; "" for all.

    Raises:
        sqlite3.Error: It can't be read.
        OSError: It can't be looked at.
    """
    with open_database(Path(path)) as connection:
        for table, column in _TABLES.items():
            if {column, "session_key"} <= _columns(connection, table):
                query = f"SELECT {column}, session_key FROM {table}"  # noqa: S608 - names of our own
                for identifier, key in connection.execute(query):
                    if isinstance(identifier, str) and isinstance(key, str):
                        pointer = f"{table}.session_key"
                        claims.add(Evidence(WINDOW, EXACT, key, path, pointer, identifier), folder)
        for table in _ENTRIES:
            if {"session_key", "entry_json"} <= _columns(connection, table):
                query = f"SELECT session_key, entry_json FROM {table}"  # noqa: S608 - as above
                for key, entry in connection.execute(query):
                    _claim_entry(claims, path, folder, key, entry)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _claim_entry(claims: Claims, path: str, folder: str, key: object, entry: object) -> None:
    if not isinstance(key, str) or not isinstance(entry, str | bytes):
        return
    with contextlib.suppress(*UNREADABLE):
        # What is no JSON says nothing; the columns beside it were heard.
        claim_index(claims, {key: msgspec.json.decode(entry)}, path, folder, WINDOW)


def find_database(folder: str) -> str | None:
    """Name the database that belongs to a folder of transcripts, ``../agent`` beside it."""
    path = os.path.join(os.path.dirname(folder), "agent", "openclaw-agent.sqlite")
    return path if os.path.isfile(path) and not os.path.islink(path) else None
