"""Put what a recovery found into steno's index, so that it can be asked for."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from typing import TYPE_CHECKING

from steno.errors import WriteError
from steno.events.salvage import clean_text
from steno.transcripts.recovery.rows import encode_row
from steno.writers.rows import sql_time
from steno.writers.sqlite import connect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from steno.transcripts.recovery.verdicts import Verdict

_BATCH = 500
_COLUMNS = (
    "path", "session_id", "session_key", "agent_id", "identified_by", "confidence", "evidence",
    "recovered_at",
)  # fmt: skip
_UPSERT = (
    f"INSERT INTO recovered ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608 - names of our own
    f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)


def remember(
    database: Path, verdicts: Iterable[Verdict], now: datetime, *, busy_timeout_ms: int = 20_000
) -> int:
    """Store verdicts in the table ``recovered``, by the absolute path of their transcripts.

    In short transactions, so that recorders come to their turn; a verdict that is there from
    before is replaced.

    Args:
        database: The index; it is created where there is none.
        verdicts: What was found.
        now: When; aware.
        busy_timeout_ms: How long to wait for another process that writes.

    Returns:
        How many were stored.

    Raises:
        SchemaVersionError: A newer steno, or another program, has made the index.
        WriteError: It can't be written.
    """
    stored = 0
    rows = (_row(verdict, sql_time(now)) for verdict in verdicts)
    try:
        with contextlib.closing(
            connect(database, synchronous="NORMAL", busy_timeout_ms=busy_timeout_ms)
        ) as connection:
            while batch := list(itertools.islice(rows, _BATCH)):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_UPSERT, batch)
                connection.execute("COMMIT")
                stored += len(batch)
    except (sqlite3.Error, OSError) as error:
        raise WriteError(
            f"cannot write what was recovered to {database}: {error}",
            hint="--dry-run tells it without writing; `steno reindex` makes a damaged index anew",
        ) from error
    return stored


def _row(verdict: Verdict, now: str) -> tuple[object, ...]:
    texts = (
        os.path.abspath(verdict.path), verdict.session_id, verdict.session_key, verdict.agent_id,
        verdict.identified_by,
    )  # fmt: skip
    return (
        *(text if text is None else clean_text(text).replace("\x00", "\\u0000") for text in texts),
        verdict.confidence,
        encode_row(list(verdict.evidence)).decode(),
        now,
    )
