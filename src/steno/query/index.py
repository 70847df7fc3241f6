"""Open the index for reading only, or build one for the moment where there is none."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno import notices
from steno.errors import QueryError, SchemaVersionError, StenoError
from steno.writers.schema import read_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DENIED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_DOING = frozenset({"incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint"})
"""Pragmas that do something without being given a value."""
_ASKING = frozenset({
    "foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo",
    "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo",
})  # fmt: skip
"""Pragmas to which a value is a question; to any other it is a setting."""

_STEPS_BETWEEN_SIGNALS = 100_000

_MAPPED = 0x7FFF0000
"""Bytes of an index that are read as memory at most; as many as SQLite allows."""


class Table(Struct, frozen=True):
    """The answer to a query.

    Attributes:
        columns: The names of the columns.
        rows: The rows.
        truncated: There are more rows than were asked for.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool = False

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dict; of two columns of one name, the later one gets a number."""
        names: list[str] = []
        for name in self.columns:
            count = sum(other.rsplit(":", 1)[0] == name for other in names)
            names.append(f"{name}:{count}" if count else name)
        for row in self.rows:
            yield dict(zip(names, row, strict=True))


def has_index(path: Path) -> bool:
    """Tell whether there is an index; a recorder that starts creates an empty file first."""
    return path.is_file() and path.stat().st_size > 0


@contextlib.contextmanager
def open_index(
    path: Path, sessions: Path, *, progress: Callable[[int, int], None] | None = None
) -> Iterator[sqlite3.Connection]:
    """Open the index for reading only.

    Where there is none, one is built from the transcripts for the length of the block.

    Args:
        path: The database.
        sessions: The folder of transcripts.
        progress: Called with the transcripts that were read and all of them.

    Raises:
        QueryError: It can't be opened.
        SchemaVersionError: A newer steno, or another program, has made it.
    """
    with contextlib.ExitStack() as stack:
        if not has_index(path):
            # Those who have an index don't wait for what makes one.
            import tempfile

            from steno.query.reindex import reindex
            from steno.transcripts.finding import find_transcripts

            if next(find_transcripts(sessions), None) is not None:
                notices.say("no-index", f"no index at {path}; reading the transcripts instead. "
                                        "`steno reindex` makes one")  # fmt: skip
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "sessions.db"
            reindex(sessions, path, progress=progress)
        connection = _connect(path)
        stack.callback(connection.close)
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None
        )
        connection.execute("PRAGMA query_only = ON")
        # To go through 100,000 sessions takes a third of the time that reads would take.
        connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
        if read_version(connection) is None:
            raise QueryError(f"{path} is empty", hint="run `steno reindex`")
        connection.set_authorizer(_authorize)
        # In a long query Python comes to no signal by itself: Ctrl-C would be waited out.
        connection.set_progress_handler(_come_up_for_air, _STEPS_BETWEEN_SIGNALS)
    except (sqlite3.DatabaseError, StenoError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, SchemaVersionError):
            raise SchemaVersionError(f"{path}: {error.message}", hint=error.hint) from None
        if isinstance(error, StenoError):
            raise
        raise QueryError(
            f"cannot read the index {path}: {error}",
            hint="check its permissions; a damaged one is made anew with `steno reindex`",
        ) from error
    return connection


def attach(connection: sqlite3.Connection, path: Path, name: str) -> None:
    """Let queries read another database too, for reading only.

    Args:
        connection: From `open_index`.
        path: The other database.
        name: What queries call it.

    Raises:
        QueryError: It can't be opened.
    """
    connection.set_authorizer(None)
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection.execute(f"ATTACH ? AS {name}", (uri,))
        connection.execute(f"PRAGMA {name}.mmap_size = {_MAPPED}")
    except sqlite3.Error as error:
        raise QueryError(
            f"cannot read {path}: {error}", hint="was it deleted at this moment? Try again"
        ) from error
    finally:
        connection.set_authorizer(_authorize)


def _authorize(action: int, name: str | None, value: str | None, *_: Any) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        pragma = (name or "").lower()
        denied = pragma in _DOING if value is None else pragma not in _ASKING
    else:
        denied = action in _DENIED
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


def _come_up_for_air() -> int:
    return 0


@contextlib.contextmanager
def explain_errors() -> Iterator[None]:
    """Turn SQLite's errors into steno's for the length of the block.

    Raises:
        QueryError: Says what went wrong and what to do about it.
        KeyboardInterrupt: Somebody pressed Ctrl-C while SQLite was at work.
    """
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise _explain(error) from error


def run_sql(connection: sqlite3.Connection, text: str, *, limit: int | None = None) -> Table:
    """Run one query.

    Args:
        connection: From `open_index`.
        text: The query.
        limit: Rows to return at most.

    Raises:
        QueryError: It can't be run, or it would write.
    """
    with explain_errors():
        cursor = connection.execute(text)
        rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
    columns = tuple(column[0] for column in cursor.description or ())
    if limit is not None and len(rows) > limit:
        return Table(columns, rows[:limit], truncated=True)
    return Table(columns, rows)


def _explain(error: Exception) -> StenoError:
    text = str(error)
    if "readonly" in text or "read-only" in text or "not authorized" in text:
        return QueryError(
            f"the index is opened for reading only: {text}",
            hint="it is derived from the transcripts; `steno reindex` makes it anew",
        )
    if "malformed" in text or "not a database" in text:
        return QueryError(
            f"the index is damaged: {text}", hint="`steno reindex` makes it anew from transcripts"
        )
    if "locked" in text:
        return QueryError(
            f"the index can't be read: {text}", hint="another program holds it; try again"
        )
    return QueryError(
        f"the query failed: {text}",
        hint="one statement; tables: sessions, session_stats, tool_calls, tool_call_executions, "
        "gaps, artefacts, transcripts, recovered",
    )
