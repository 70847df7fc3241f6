"""The index: an SQLite database that is derived from the transcripts.

Strategy: a batch is stored as soon as its lines lie in the transcripts, without reading them back;
where the transcripts fail or hang it is stored all the same. For every transcript the database
knows up to which byte its lines are in the rows; that position moves in the same
transaction as the rows do. Where a batch was stored and the transcript writer says that its lines
begin at the position, the position simply moves on. Where they begin later, somebody else has
written in between, or a batch was skipped: then the lines are read from the transcript. Rows may
be stored twice and stay the same, so nothing is lost and nothing counts double, whenever a process
dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from steno.errors import SchemaVersionError, TranscriptError, WriteError
from steno.events.salvage import clean_text
from steno.storage.compressed import is_packed
from steno.storage.files import FILE_MODE, make_folder
from steno.writers import schema
from steno.writers.base import EASE_EVERY, Batch, Extent, Landings, ease
from steno.writers.pieces import Sources, read_piece
from steno.writers.rows import Rows, UnbindableError, bindable
from steno.writers.statements import POSITION_UPSERT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_POSITIONS = 50_000
_MAX_SPANS = 64

_PENDING = 1 << 62
"""A place behind the end of every file."""


class SqliteWriter:
    """Keeps the index up to date.

    Attributes:
        name: ``sqlite``.
        path: The database.
        write_size: Events that are best stored together, when so many are waiting.
    """

    name = "sqlite"
    write_size = 500

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: str = "os",
        busy_timeout_ms: int = 5000,
    ) -> None:
        """Look at the database, if there is one; it is opened with the first batch.

        Args:
            path: The database; ``~`` is expanded.
            durability: ``os`` or ``fsync``, as for the transcripts.
            busy_timeout_ms: How long to wait for another process that writes.

        Raises:
            SchemaVersionError: A newer steno, or another program, has made the database.
        """
        self.path = Path(path).expanduser()
        self._synchronous = "FULL" if durability == "fsync" else "NORMAL"
        self._busy_timeout_ms = busy_timeout_ms
        self._reset()
        check_version(self.path)

    def _reset(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._landings: Landings | None = None
        self._taken: list[Extent] = []
        self._unread: dict[str, int] = {}
        self._skipped: list[tuple[int, int]] = []
        self._suspect: dict[str, int] = {}
        self._rebuilds: dict[str, int] = {}
        self._seen = 0
        self._positions: dict[str, int] = {}
        self._data_version = -1
        self._sources = Sources()

    # -- the writer ----------------------------------------------------------------------

    def write(self, batch: Batch) -> None:
        """Store the facts of a batch.

        Raises:
            WriteError: It could not be stored; transient where the cause lies in the database.
        """
        rows = Rows()
        for header in batch.headers.values():
            rows.add_header(header)
        every = EASE_EVERY if batch.relaxed else len(batch) + 1
        for at, (event, seq) in enumerate(zip(batch.events, batch.seqs, strict=True), 1):
            if not at % every:
                ease()
            rows.add(event, batch.recorder, seq)
        if self._landings is not None:
            self._landings.wait(batch.number)
        try:
            self._store(rows, batch.number)
        except UnbindableError:
            self._store(rows, batch.number, harden=True)

    def _store(self, rows: Rows, number: int, *, harden: bool = False) -> None:
        with self._transaction() as connection:
            rows.store(connection, harden=harden)
            self._seen = max(self._seen, number)
            self._advance(connection)

    def close(self) -> None:
        """Close the database."""
        self._sources.close()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child.

        SQLite forbids a child to use, or even to close, a connection of its parent, so this one
        is kept alive for ever.
        """
        if self._connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
        self._reset()

    # -- the follower --------------------------------------------------------------------

    def follow(self, landings: Landings) -> None:
        """Learn from the transcript writer what lies in the transcripts."""
        self._landings = landings

    def skip(self, batch: Batch) -> None:
        """Take note of a batch that is to be read from the transcripts."""
        # Neighbours are kept as one span: while a database is locked, all batches are skipped.
        spans, first = self._skipped, batch.first_number
        if spans and spans[-1][1] >= first - 1:
            spans[-1] = (min(spans[-1][0], first), max(spans[-1][1], batch.number))
        else:
            spans.append((first, batch.number))
        if len(spans) > _MAX_SPANS:
            # What lies between the two oldest is read from disk once more: no harm is done.
            spans[:2] = [(spans[0][0], spans[1][1])]
        self._seen = max(self._seen, batch.number)

    def adopt(self, paths: Sequence[str]) -> None:
        """Take note of transcripts that a dead recorder has left.

        Safe to call from another thread than the writer's own.
        """
        self._unread |= dict.fromkeys(paths, _PENDING)

    def catch_up(self) -> bool:
        """Read a piece of what was missed.

        Returns:
            True when nothing is left to read.

        Raises:
            WriteError: As `write`.
        """
        if self._landings is not None and len(self._landings):
            with self._transaction() as connection:
                self._advance(connection)
        for path in list(self._unread)[:1]:  # a copy: `adopt` may come from another thread
            try:
                self._read_next(path)
            except WriteError:
                # To the end of the line: one that can't be read must not hold up the others.
                self._unread[path] = self._unread.pop(path)
                raise
        return not self._unread

    def index_transcript(self, transcript: str | os.PathLike[str]) -> None:
        """Bring the rows of one transcript up to date from scratch, in one transaction.

        Raises:
            WriteError: They could not be stored; the rows are as they were.
        """
        name = os.fspath(transcript)
        with self._transaction(undo="FILE") as connection:
            paths = self._forget(connection, name)
            for path in paths:
                while not self._store_piece(connection, path, _PENDING):
                    pass
        for path in paths:
            self._unread.pop(path, None)

    def list_transcripts(self) -> list[str]:
        """List the transcripts that the index knows.

        Raises:
            WriteError: It can't be read.
        """
        with self._transaction() as connection:
            return [path for (path,) in connection.execute("SELECT path FROM transcripts")]

    def forget_transcript(
        self, path: str | os.PathLike[str], session_id: str | None = None
    ) -> None:
        """Remove the rows of a transcript that is gone.

        Args:
            path: The transcript's plain name.
            session_id: Its session, of which rows may have come back from a lagging recorder; they
                go unless the session has another transcript.

        Raises:
            WriteError: They could not be removed.
        """
        with self._transaction(undo="FILE") as connection:
            self._forget(connection, os.fspath(path))
            connection.execute("DELETE FROM transcripts WHERE path = ?", (os.fspath(path),))
            connection.execute(
                "DELETE FROM sessions WHERE session_id = ?1 AND NOT EXISTS "
                "(SELECT 1 FROM transcripts WHERE session_id = ?1)",
                (session_id,),
            )
        self._unread.pop(os.fspath(path), None)

    # -- positions -----------------------------------------------------------------------

    def _advance(self, connection: sqlite3.Connection) -> None:
        """Move the positions over what was stored and is in the transcripts by now."""
        if self._landings is None:
            return
        extents, merged = self._landings.take(self._seen)
        # Kept until the transaction is through, in case it has to be repeated.
        self._taken = [*(replace_start(extent) for extent in merged), *self._taken, *extents]
        moved: dict[str, tuple[str, int]] = {}
        for extent in self._taken:
            position = (
                moved[extent.path][1]
                if extent.path in moved
                else self._position(connection, extent.path)
            )
            if extent.start == position and self._is_stored(extent):
                moved[extent.path] = (bindable(extent.session_id), extent.end)
            elif extent.end > position:
                self._unread[extent.path] = max(extent.end, self._unread.get(extent.path, 0))
        connection.executemany(
            POSITION_UPSERT,
            [(path, session, end, None, 0) for path, (session, end) in moved.items()],
        )
        connection.executemany(
            "UPDATE sessions SET transcript = ? WHERE session_id = ? AND transcript IS NULL",
            [
                (path, session)
                for path, (session, _) in moved.items()
                if path not in self._positions or self._positions[path] == 0
            ],
        )
        for path, (_, end) in moved.items():
            self._positions[path] = end

    def _is_stored(self, extent: Extent) -> bool:
        """Tell whether the rows of a batch's lines are in the database for certain."""
        if extent.batch <= self._suspect.get(extent.path, -1):
            return False
        return not any(first <= extent.batch <= last for first, last in self._skipped)

    def _position(self, connection: sqlite3.Connection, path: str) -> int:
        position = self._positions.get(path)
        if position is None:
            row = connection.execute(
                "SELECT position, rebuilds FROM transcripts WHERE path = ?", (path,)
            ).fetchone()
            position, rebuilds = row or (0, 0)
            if max(len(self._positions), len(self._rebuilds)) >= _MAX_POSITIONS:
                self._positions.clear()
                self._rebuilds.clear()  # they are found out again, with suspicion
                self._suspect.clear()
            if rebuilds != self._rebuilds.get(path, 0):
                # The session's rows were made anew from its lines, maybe by another process:
                # rows of batches whose lines were not there yet may have gone with the old ones.
                self._suspect[path] = self._seen
                self._rebuilds[path] = rebuilds
            self._positions[path] = position
        return position

    def _read_next(self, path: str) -> None:
        end = self._unread[path]
        with self._transaction() as connection:
            done = self._store_piece(connection, path, end)
        if done:
            self._unread.pop(path, None)

    def _store_piece(self, connection: sqlite3.Connection, path: str, end: int) -> bool:
        """Store the next lines of a transcript; True when there are no more up to ``end``."""
        if self._position(connection, path) >= end:
            return True
        try:
            with self._sources.open(path) as file:
                status = os.fstat(file.fileno())
                # A compressed one holds the same text, so the position in it stays true.
                packed = is_packed(file)
                if not packed:
                    self._check_identity(connection, path, status)
                piece = read_piece(file, self._position(connection, path), end)
        except FileNotFoundError:
            return True
        except (OSError, TranscriptError) as error:
            message = f"cannot read {path}: {error}"
            raise WriteError(message, hint="check the file", transient=True) from error
        connection.execute("SAVEPOINT piece")
        try:
            piece.rows.store(connection)
        except UnbindableError:
            connection.execute("ROLLBACK TO piece")
            piece.rows.store(connection, harden=True)
        connection.execute("RELEASE piece")
        session_id = None if piece.session_id is None else clean_text(piece.session_id)
        connection.execute(
            POSITION_UPSERT,
            (path, session_id, piece.end, None if packed else status.st_ino, piece.damaged),
        )
        connection.execute(
            "UPDATE sessions SET transcript = ? WHERE session_id = ? AND transcript IS NULL",
            (path, session_id),
        )
        begin, self._positions[path] = self._positions[path], piece.end
        return piece.end == begin or piece.end >= (end if packed else min(end, status.st_size))

    def _check_identity(
        self, connection: sqlite3.Connection, path: str, status: os.stat_result
    ) -> None:
        """Forget what is known of a transcript if another file has taken its place."""
        row = connection.execute("SELECT inode FROM transcripts WHERE path = ?", (path,)).fetchone()
        inode = row[0] if row else None
        shrunk = status.st_size < self._position(connection, path)
        if shrunk or inode not in {None, status.st_ino}:
            self._forget(connection, path)

    def _forget(self, connection: sqlite3.Connection, path: str) -> list[str]:
        """Remove what is known of a transcript.

        Returns:
            The transcripts to read again: itself, and others of the same session, which shared
            its rows.
        """
        # Made by the first who needs them: recording does without, and pays nothing for them.
        for statement in schema.FORGETTING_INDEXES:
            connection.execute(statement)
        row = connection.execute(
            "SELECT session_id FROM transcripts WHERE path = ?", (path,)
        ).fetchone()
        others = connection.execute(
            "SELECT path FROM transcripts WHERE path <> ? AND session_id = ?",
            (path, row and row[0]),
        )
        paths = [path, *(other for (other,) in others)]
        # Two statements: with OR, each would look at all sessions.
        connection.execute("DELETE FROM sessions WHERE transcript = ?", (path,))
        connection.execute("DELETE FROM sessions WHERE session_id = ?", (row and row[0],))
        connection.executemany(
            """INSERT INTO transcripts (path, rebuilds) VALUES (?, 1)
            ON CONFLICT (path) DO UPDATE SET
                position = 0, inode = NULL, damaged_lines = 0, rebuilds = rebuilds + 1""",
            [(each,) for each in paths],
        )
        for each in paths:
            self._positions.pop(each, None)
            self._unread[each] = _PENDING
        return paths

    # -- the database --------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self, *, undo: str = "MEMORY") -> Iterator[sqlite3.Connection]:
        """Open the database if need be, and commit what is done in the block, or nothing.

        SQLite keeps what a statement would have to take back: a few pages, which as files would be
        more bytes to write than the rows are. Only to forget a session touches all of its pages.

        Args:
            undo: Where that is kept, ``MEMORY`` or ``FILE``.
        """
        try:
            connection = self._connection
            if connection is None:
                connection = self._connection = connect(
                    self.path, synchronous=self._synchronous, busy_timeout_ms=self._busy_timeout_ms
                )
            connection.execute(f"PRAGMA temp_store = {undo}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                (version,) = connection.execute("PRAGMA data_version").fetchone()
                if version != self._data_version:
                    self._positions.clear()  # another process has moved some
                    self._data_version = version
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._positions.clear()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError, SchemaVersionError) as error:
            if not isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                self._drop_connection()
            raise _explain(error, self.path) from error
        self._taken = []

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def replace_start(extent: Extent) -> Extent:
    """Make of a merged extent one that is always read from disk."""
    return Extent(extent.path, extent.session_id, -1, extent.end, extent.batch)


def connect(path: Path, *, synchronous: str, busy_timeout_ms: int) -> sqlite3.Connection:
    """Open an index for writing; it is created, or brought up to date, where needed.

    Raises:
        SchemaVersionError: A newer steno, or another program, has made it.
        sqlite3.Error: It can't be opened.
        OSError: Its folder can't be created.
    """
    make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
    connection = sqlite3.connect(
        path, timeout=busy_timeout_ms / 1000, isolation_level=None, check_same_thread=False,
        cached_statements=64,
    )  # fmt: skip
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        schema.prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def check_version(path: Path) -> None:
    """Refuse a database that this version can't write, before anything is recorded.

    Raises:
        SchemaVersionError: A newer steno, or another program, has made it.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        ) as connection:
            schema.read_version(connection)
    except SchemaVersionError as error:
        message = f"{path}: {error.message}"
        raise SchemaVersionError(message, hint=error.hint) from None
    except sqlite3.Error:
        return  # locked or damaged: told by the writer, which goes on trying


_UNFIT = ("malformed", "not a database", "no column named", "no such column", "no such table")
"""What SQLite says of a file that can't become an index by waiting."""


def _explain(error: Exception, path: Path) -> WriteError:
    if isinstance(
        error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
    ):
        return WriteError(f"{path}: {error}")
    hint = "check the disk and the permissions; it is caught up from the transcripts by itself"
    if isinstance(error, SchemaVersionError):
        hint = error.hint
    elif "locked" in str(error):
        hint = "another program holds the database; it is caught up by itself"
    elif any(sign in str(error) for sign in _UNFIT):
        hint = "move the file away and run `steno reindex`"
    return WriteError(f"cannot write {path}: {error}", hint=hint, transient=True)
