"""Make the index anew from the transcripts.

Strategy: one short transaction for each transcript, so that recorders that run beside it get their
turn and readers never see an empty index. Rows of sessions whose transcript is gone are removed
first: after a home was moved, the same sessions lie at new paths, and what is said of the old ones
must not take the new rows along. A database that is damaged is moved aside, never overwritten.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from steno import notices
from steno.errors import TranscriptError, WriteError
from steno.storage.compressed import PACKED, plain_name
from steno.transcripts.finding import find_transcripts
from steno.writers.sqlite import SqliteWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Reindexed(Struct, frozen=True):
    """What was done.

    Attributes:
        transcripts: Transcripts that were read.
        failed: Those that could not be read or stored.
        removed: Transcripts that are gone, whose rows were removed.
        moved_aside: Where a damaged database was moved to.
    """

    transcripts: int
    failed: int
    removed: int
    moved_aside: str | None


def reindex(
    sessions: Path, database: Path, *, progress: Callable[[int, int], None] | None = None
) -> Reindexed:
    """Bring the rows of all transcripts up to date from scratch.

    Args:
        sessions: The folder of transcripts.
        database: The index.
        progress: Called with the transcripts that were read and all of them.

    Raises:
        SchemaVersionError: A newer steno, or another program, has made the database.
        TranscriptError: The folder is not there, but the index knows transcripts.
        WriteError: The database can't be written.
    """
    moved_aside = _move_damaged(database)
    # The index knows a transcript by its plain name, in whichever form it is there.
    paths = [plain_name(path) for path in find_transcripts(sessions)]
    writer = SqliteWriter(database)
    failed = 0
    try:
        known = set(writer.list_transcripts())
        if known and not sessions.is_dir():
            raise TranscriptError(
                f"there is no folder {sessions}, but the index knows {len(known)} transcripts",
                hint="is a disk not mounted, or jsonl.directory wrong? The index was left as it is",
            )
        gone = sorted(name for name in known - set(paths) if _is_gone(name, sessions))
        for name in gone:
            writer.forget_transcript(name)
        for at, path in enumerate(paths, 1):
            try:
                writer.index_transcript(path)
            except WriteError as error:
                failed += 1
                notices.say("reindex", f"ERROR {error.message}; {error.hint}")
            if progress is not None:
                progress(at, len(paths))
    finally:
        writer.close()
    return Reindexed(len(paths) - failed, failed, len(gone), moved_aside)


def _is_gone(name: str, sessions: Path) -> bool:
    """Tell whether a transcript that was not found is gone, or only can't be read today."""
    if not name.startswith(f"{sessions}{os.sep}"):
        return True  # of a home that was moved
    for form in (name, name + PACKED):
        try:
            os.stat(form)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass
        return False
    return True


def _move_damaged(database: Path) -> str | None:
    if not database.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer == "ok":
                return None
    except sqlite3.OperationalError:
        return None  # locked: in use, so it is not damaged
    except sqlite3.DatabaseError:
        pass  # not a database, or malformed
    aside = database.with_name(f"{database.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(aside.with_name(aside.name + suffix))
    return str(aside)
