"""Somebody else's SQLite database, opened for reading without leaving a trace beside it.

Strategy: for a database with a write-ahead log SQLite makes two files beside it, even when it is
only read. Where no log lies beside it, nobody has it open and it is read as one that can't change.
Where log and shared memory are there, somebody has it open, and nothing new is made. A log without
its shared memory was left by a crash or by a copy: both files are copied away and read there.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"SQLite format 3\x00"
"""The first bytes of every SQLite database; see "Database File Format" in SQLite's documents."""

_READ_VERSION = 19
_WITH_LOG = 2


@contextlib.contextmanager
def open_foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading; rows come as `sqlite3.Row`.

    Text that is no UTF-8 is read all the same.

    Raises:
        sqlite3.Error: It can't be opened.
        OSError: It can't be looked at, or not be copied.
    """
    with contextlib.ExitStack() as stack:
        mode = "mode=ro"
        if _has_log(path):
            log = Path(f"{path}-wal")
            if not log.is_file():
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
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _has_log(path: Path) -> bool:
    """Tell whether the database keeps a write-ahead log; its header says so."""
    with path.open("rb") as file:
        header = file.read(_READ_VERSION + 1)
    return header.startswith(MAGIC) and header[_READ_VERSION:] == bytes([_WITH_LOG])
