"""OpenClaw's own database, in which each session stands with its key; read only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from steno.storage.foreign import MAGIC, open_foreign
from steno.transcripts.recovery.evidence import EXACT, WINDOW, Claims, Evidence
from steno.transcripts.recovery.fields import UNREADABLE
from steno.transcripts.recovery.stores import claim_index

if TYPE_CHECKING:
    import sqlite3

_TABLES = {
    "session_windows": "session_id", "session_nodes": "current_session_id",
    "sessions": "session_id", "session_transcript_archives": "session_id",
}  # fmt: skip
"""Tables that give a session its ``session_key``, and the column that holds the session's id."""

_ENTRIES = ("session_nodes", "session_entries")
"""Tables with the entries of an index, as ``entry_json`` by ``session_key``."""


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
    with open_foreign(Path(path)) as connection:
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
