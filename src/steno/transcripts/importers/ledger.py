"""What was imported already: files as they were, and who counts which reply.

Strategy: an SQLite database of its own in the home, ``imports.db``. A file whose size, inode and
times are those of its last import is not read again. It can be thrown away: files are then read
again, transcripts get nothing twice, and the claims come back from the transcripts. One process
imports a file at a time, under a lock on a file beside the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import TranscriptError
from steno.storage.files import FILE_MODE, make_folder
from steno.transcripts.importers.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, state TEXT NOT NULL, format TEXT NOT NULL, imported_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    claim TEXT PRIMARY KEY, session_id TEXT NOT NULL, request_id TEXT NOT NULL,
    output_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""
_BUSY_S = 30


class Imported(Struct, frozen=True):
    """A file that was imported.

    Attributes:
        state: As `state_of` told it then.
        format: The format that it had.
    """

    state: str
    format: str


def state_of(path: Path) -> str:
    """Describe a file or folder so that any change shows; databases with their log.

    Raises:
        OSError: It can't be looked at.
    """
    if path.is_dir():
        parts = sorted(each for each in path.rglob("*") if each.is_file())
    else:
        wal = path.with_name(f"{path.name}-wal")
        parts = [path, wal] if wal.exists() else [path]
    marks = [0, 0, 0, 0, 0]
    for part in parts:
        status = part.stat()
        # Added up, so that a folder of many files stays one short text; the inode tells a file
        # that was replaced, the time of change one that was given its old time back.
        marks[0] += 1
        marks[1] += status.st_size
        marks[2] = (marks[2] + status.st_mtime_ns) % (1 << 62)
        marks[3] = (marks[3] + status.st_ctime_ns) % (1 << 62)
        marks[4] = (marks[4] + status.st_ino * 31 + status.st_dev) % (1 << 62)
    return ":".join(map(str, marks))


class Ledger:
    """The list of what was imported into a home.

    Attributes:
        path: The database.
        is_new: It has not been told yet what earlier imports have counted, see `settle`.
    """

    def __init__(self, path: Path) -> None:
        """Open the ledger; it is made where there is none.

        Raises:
            TranscriptError: It can't be opened, or a newer steno has made it.
        """
        self.path = path
        make_folder(path.parent)
        self.is_new = True
        self._changes = -1
        self._hashes: set[int] = set()
        try:
            self._lock = os.open(
                path.with_name(f".{path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
                FILE_MODE,
            )
        except OSError as error:
            raise TranscriptError(
                f"cannot open {path}: {error.strerror}", hint="check the home's permissions"
            ) from error
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            try:
                self._prepare()
            except sqlite3.Error:
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            os.close(self._lock)
            raise TranscriptError(
                f"cannot use {path}: {error}",
                hint="move it away: it is made anew, and nothing is imported twice",
            ) from error

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"version {version} is newer than {_VERSION}")
        self._connection.executescript(_TABLES)
        self.is_new = version == 0

    def settle(self) -> None:
        """Note that all claims of earlier imports are in it; until then it counts as new.

        Raises:
            sqlite3.Error: It could not be noted.
        """
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other process imports, and keep others out for the block."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            (changes,) = self._connection.execute("PRAGMA data_version").fetchone()
            if changes != self._changes:
                self._changes = changes
                rows = self._connection.execute("SELECT claim FROM claims")
                self._hashes = {hash(claim) for (claim,) in rows}
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def find_file(self, path: Path) -> Imported | None:
        """Look up a file by its absolute path; None if it was never imported."""
        row = self._connection.execute(
            "SELECT state, format FROM files WHERE path = ?", (_name(path),)
        ).fetchone()
        return None if row is None else Imported(*row)

    def find_claim(self, claim: str) -> Claim | None:
        """Look up who counts a reply; within `turn`."""
        # Most claims of a new file are new, and a query takes longer than all the rest of a reply.
        if hash(_bindable(claim)) not in self._hashes:
            return None
        row = self._connection.execute(
            "SELECT session_id, request_id, output_tokens FROM claims WHERE claim = ?",
            (_bindable(claim),),
        ).fetchone()
        return None if row is None else Claim(*row)

    def keep_claims(self, claims: Mapping[str, Claim]) -> None:
        """Keep claims that were taken or raised.

        Raises:
            sqlite3.Error: They could not be kept.
        """
        rows = [
            (
                _bindable(claim),
                _bindable(of.session_id),
                _bindable(of.request_id),
                min(of.output, (1 << 63) - 1),
            )
            for claim, of in claims.items()
        ]
        with self._connection:  # undoes what it has begun where it fails
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", rows)
        self._hashes.update(hash(_bindable(claim)) for claim in claims)

    def keep_file(self, path: Path, imported: Imported, at: str) -> None:
        """Note that a file was imported, as it was then.

        Raises:
            sqlite3.Error: It could not be noted.
        """
        self._connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
            (_name(path), imported.state, imported.format, at),
        )

    def close(self) -> None:
        """Close the database and give up the lock."""
        self._connection.close()
        os.close(self._lock)


def _name(path: Path) -> str:
    return _bindable(os.path.abspath(path))


def _bindable(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()
