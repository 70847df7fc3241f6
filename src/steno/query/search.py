"""The database of words: its tables, and how it is opened.

Strategy: a database of its own, beside the index, for which nobody who records ever waits. It
holds an inverted index without the texts themselves (those stand in the transcripts), and for each
text where it stands. A text's number is that of its place, a request in a transcript, and behind it
one of 24 bits, so that a match leads to its request without another look-up, and the texts of a
request lie side by side. All of it is derived and can be deleted at any time.

What an inverted index without texts can't do is forget: of a transcript that is gone, the places
are removed, by which nothing of it is found any more, and when a quarter of all texts is of that
kind the whole is made anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import QueryError
from steno.storage.files import FILE_MODE, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
APPLICATION_ID = 0x7374657A
"""``stez`` in ASCII: tells this file from other SQLite files."""

SHIFT = 24
"""Bits of a text's number that count the texts of a place."""

DAMAGED = "vtable constructor failed"
"""What SQLite says of an inverted index whose head can't be read; its code is none of damage."""

_TABLES = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    """CREATE TABLE transcripts (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL, name TEXT NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL,
    position INTEGER NOT NULL, tail BLOB NOT NULL,
    damaged INTEGER NOT NULL,
    UNIQUE (day, name)
)""",
    """CREATE TABLE places (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    transcript INTEGER NOT NULL,
    session_id TEXT NOT NULL, request_id TEXT NOT NULL,
    texts INTEGER NOT NULL
)""",
    "CREATE INDEX idx_places_request ON places (session_id, request_id)",
    "CREATE INDEX idx_places_transcript ON places (transcript)",
    """CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    offset INTEGER NOT NULL, part INTEGER NOT NULL
)""",
    """CREATE VIRTUAL TABLE texts USING fts5(
    text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'
)""",
)
_WORTH = 1_000
_SHARE = 4
"""The part of all texts, as a divisor, that may be of transcripts that are gone."""

_NAMES = ("texts", "origins", "places", "transcripts", "state")


def open_search(path: Path) -> sqlite3.Connection:
    """Open the database of words for writing, making it where there is none.

    One that is damaged is moved aside, and one of another version is emptied: it is derived.

    Raises:
        QueryError: It can't be written, or another program made the file.
    """
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        try:
            return _open(path)
        except sqlite3.DatabaseError as error:
            # A full disk, or a lock, is no damage; nor is an SQLite without full text.
            if isinstance(error, sqlite3.OperationalError) and DAMAGED not in str(error):
                raise
            aside = _move_aside(path)
            notices.say("search", f"WARNING {path} is damaged ({error}); it was moved to {aside} "
                                  "and is made anew from the transcripts")  # fmt: skip
            return _open(path)
    except (OSError, sqlite3.Error) as error:
        raise QueryError(
            f"cannot write {path}, by which texts are found: {error}",
            hint="check its permissions and the space on its disk; it can be deleted at any time",
        ) from error


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if tables and application != APPLICATION_ID:
            raise _foreign(path)  # noqa: TRY301 - what was opened is closed as for any other error
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            empty(connection)
        # What is damaged should be found here, and not in the middle of an answer.
        connection.execute("SELECT COUNT(*) FROM state").fetchone()
        connection.execute("SELECT rowid FROM texts WHERE texts MATCH 'a' LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _foreign(path: Path) -> QueryError:
    return QueryError(
        f"{path} is not steno's",
        hint="move it away; steno keeps the words of transcripts at this place",
    )


def empty(connection: sqlite3.Connection) -> None:
    """Make all tables anew, in one transaction.

    Raises:
        sqlite3.Error: As SQLite says; nothing was changed.
    """
    with transaction(connection):
        for name in _NAMES:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def forget(connection: sqlite3.Connection, number: int) -> None:
    """Remove what leads to the texts of a transcript, inside a transaction.

    Raises:
        sqlite3.Error: As SQLite says.
    """
    run = connection.execute
    places = run("SELECT id, texts FROM places WHERE transcript = ?", (number,)).fetchall()
    for place, _ in places:
        run("DELETE FROM origins WHERE id BETWEEN ? AND ?",
            (place << SHIFT, ((place + 1) << SHIFT) - 1))  # fmt: skip
    run("DELETE FROM places WHERE transcript = ?", (number,))
    run("DELETE FROM transcripts WHERE id = ?", (number,))
    run(
        "INSERT INTO state VALUES ('dead', ?) ON CONFLICT (name) "
        "DO UPDATE SET value = value + excluded.value", (sum(texts for _, texts in places),),
    )  # fmt: skip


def empty_if_worth_it(connection: sqlite3.Connection) -> None:
    """Empty all tables when too much of them is of transcripts that are gone.

    Raises:
        sqlite3.Error: As SQLite says.
    """
    (dead,) = connection.execute(
        "SELECT COALESCE(SUM(value), 0) FROM state WHERE name = 'dead'"
    ).fetchone()
    if dead < _WORTH:
        return
    (alive,) = connection.execute("SELECT COALESCE(SUM(texts), 0) FROM places").fetchone()
    if dead * _SHARE > alive + dead:
        empty(connection)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of a block, or nothing.

    Raises:
        sqlite3.Error: As SQLite says.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    return aside
