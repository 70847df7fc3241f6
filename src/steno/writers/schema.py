"""The tables of the SQLite index, version 3, and how an older file is brought up to date.

Strategy: totals are sums of their parts by construction. Triggers carry every change of a request
in ``session_stats`` into its session, and every call in ``tool_call_executions`` into
``tool_calls``, so that no code path can forget it and two screens can't disagree. All times are
UTC text in SQLite's own form, ``YYYY-MM-DD HH:MM:SS.ffffff``, so that they compare rightly with
``datetime('now', ...)``. The index is derived from the transcripts and holds a copy of what is
asked for often, not the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.errors import SchemaVersionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

SCHEMA_VERSION = 3
APPLICATION_ID = 0x7374656E
"""``sten`` in ASCII: tells steno's index from other SQLite files."""

TOKEN_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "reasoning_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
_SUMMED = {
    **{column: column for column in TOKEN_COLUMNS},
    "provider_latency_ms": "provider_latency_ms",
    "duration_ms": "total_duration_ms",
}
"""Columns of ``session_stats`` and those of ``sessions`` that hold their sums."""

_COUNTED = {"completed_at IS NULL": "open_requests", "success IS 0": "failed_requests"}
"""Conditions on a row of ``session_stats`` and the columns that count them."""


def _tokens(kind: str) -> str:
    return ",\n    ".join(f"{column} {kind}" for column in TOKEN_COLUMNS)


def _adjust(*rows: tuple[str, str]) -> str:
    """Write the update of a session by the rows of a trigger: ("+", "NEW"), ("-", "OLD")."""
    requests = " ".join(f"{sign} 1" for sign, _ in rows)
    updates = [f"request_count = request_count {requests}"] if len(rows) == 1 else []
    for column, total in _SUMMED.items():
        terms = " ".join(f"{sign} COALESCE({row}.{column}, 0)" for sign, row in rows)
        updates.append(f"{total} = {total} {terms}")
    for condition, total in _COUNTED.items():
        terms = " ".join(f"{sign} ({row}.{condition})" for sign, row in rows)
        updates.append(f"{total} = {total} {terms}")
    columns = ",\n        ".join(updates)
    return f"UPDATE sessions SET {columns} WHERE session_id = {rows[0][1]}.session_id;"  # noqa: S608 - names of our own


_CHANGED = " OR ".join(
    f"NEW.{column} IS NOT OLD.{column}" for column in (*_SUMMED, "completed_at", "success")
)


_TABLES = f"""
CREATE TABLE schema_version (version INTEGER PRIMARY KEY);

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    request_id TEXT,
    session_key TEXT, agent_id TEXT, user_id TEXT, chat_id TEXT, message_id TEXT, parent TEXT,
    started_at TIMESTAMP NOT NULL,
    completed_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    provider TEXT NOT NULL DEFAULT '',
    listener TEXT NOT NULL DEFAULT '',
    model_requested TEXT NOT NULL DEFAULT '',
    model_used TEXT,
    success BOOLEAN, error_message TEXT, finish_reason TEXT,
    is_streaming BOOLEAN NOT NULL DEFAULT 0,
    time_to_first_token_ms INTEGER,
    total_duration_ms INTEGER NOT NULL DEFAULT 0,
    provider_latency_ms INTEGER NOT NULL DEFAULT 0,
    {_tokens("INTEGER NOT NULL DEFAULT 0")},
    total_tokens INTEGER GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    request_count INTEGER NOT NULL DEFAULT 0,
    open_requests INTEGER NOT NULL DEFAULT 0,
    failed_requests INTEGER NOT NULL DEFAULT 0,
    tool_call_count INTEGER NOT NULL DEFAULT 0,
    gap_count INTEGER NOT NULL DEFAULT 0,
    client_ip TEXT, user_agent TEXT,
    host TEXT, program TEXT, cwd TEXT, tags TEXT, recorder TEXT, transcript TEXT,
    begun_rank TEXT, sent_rank TEXT, streamed_rank TEXT, replied_rank TEXT, ended_rank TEXT,
    request_text TEXT, response_text TEXT
);

CREATE TABLE session_stats (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    model_name TEXT NOT NULL DEFAULT '',
    model_requested TEXT, model_used TEXT, provider TEXT, listener TEXT,
    started_at TIMESTAMP, completed_at TIMESTAMP, created_at TIMESTAMP NOT NULL,
    success BOOLEAN, error_message TEXT, finish_reason TEXT,
    duration_ms INTEGER, provider_latency_ms INTEGER,
    pre_processing_ms REAL, post_processing_ms REAL, proxy_overhead_ms REAL,
    {_tokens("INTEGER")},
    tokens_rank TEXT, tokens_source TEXT,
    tokens_per_second REAL, thinking_percentage REAL,
    request_size_bytes INTEGER, response_size_bytes INTEGER,
    message_count INTEGER, content_blocks INTEGER,
    has_tools BOOLEAN NOT NULL DEFAULT 0, has_refusal BOOLEAN NOT NULL DEFAULT 0,
    is_streaming BOOLEAN, time_to_first_token_ms INTEGER,
    chunk_count INTEGER, streaming_duration_ms INTEGER,
    tool_call_count INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL, user_agent TEXT, recorder TEXT,
    begun_rank TEXT, sent_rank TEXT, streamed_rank TEXT, replied_rank TEXT, ended_rank TEXT,
    model_rank TEXT, chunks_rank TEXT, agent_rank TEXT,
    UNIQUE (session_id, request_id)
);

CREATE TABLE tool_calls (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    model_name TEXT,
    tool_name TEXT NOT NULL,
    call_count INTEGER NOT NULL DEFAULT 0,
    timed_count INTEGER NOT NULL DEFAULT 0,
    total_execution_time_ms INTEGER NOT NULL DEFAULT 0,
    avg_execution_time_ms INTEGER GENERATED ALWAYS AS (
        CASE WHEN timed_count > 0 THEN total_execution_time_ms / timed_count END) VIRTUAL,
    error_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (session_id, request_id, tool_name)
);

CREATE TABLE tool_call_executions (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    call_key TEXT NOT NULL,
    tool_name TEXT NOT NULL,
    execution_time_ms INTEGER, input_size_bytes INTEGER, output_size_bytes INTEGER,
    success BOOLEAN,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (session_id, request_id, call_key)
);

CREATE TABLE gaps (
    recorder TEXT NOT NULL,
    seq INTEGER NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    request_id TEXT, what TEXT NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,
    since TIMESTAMP, detail TEXT, created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (recorder, seq)
);
CREATE INDEX idx_gaps_session ON gaps (session_id);

CREATE TABLE transcripts (
    path TEXT PRIMARY KEY,
    session_id TEXT,
    position INTEGER NOT NULL DEFAULT 0,
    inode INTEGER,
    damaged_lines INTEGER NOT NULL DEFAULT 0,
    rebuilds INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX idx_sessions_created ON sessions (created_at DESC);
CREATE INDEX idx_sessions_provider ON sessions (provider, created_at DESC);
CREATE INDEX idx_sessions_model ON sessions (model_used, created_at DESC);
CREATE INDEX idx_sessions_request_id ON sessions (request_id);
CREATE INDEX idx_sessions_provider_model ON sessions (provider, model_used, created_at DESC);
CREATE INDEX idx_session_stats_session ON session_stats (session_id);
CREATE INDEX idx_session_stats_model ON session_stats (model_name, created_at DESC);
CREATE INDEX idx_session_stats_session_time ON session_stats (session_id, created_at DESC);
CREATE INDEX idx_tool_calls_model ON tool_calls (model_name, created_at DESC);
CREATE INDEX idx_tool_calls_session ON tool_calls (session_id);
CREATE INDEX idx_tool_calls_name ON tool_calls (tool_name, created_at DESC);
"""

_RECOVERED = """CREATE TABLE recovered (
    path TEXT PRIMARY KEY,
    session_id TEXT, session_key TEXT, agent_id TEXT,
    identified_by TEXT NOT NULL,
    confidence REAL NOT NULL,
    evidence TEXT NOT NULL,
    recovered_at TIMESTAMP NOT NULL
)"""
"""What `steno recover` found of other programs' transcripts: the one table that no transcript of
steno's own can fill again, so `steno reindex` leaves it alone. The evidence is JSON."""

_ARTEFACTS = (
    """CREATE TABLE artefacts (
    recorder TEXT NOT NULL,
    seq INTEGER NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    kind TEXT NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, count INTEGER, sha256 TEXT, metadata TEXT,
    PRIMARY KEY (recorder, seq)
)""",
    "CREATE INDEX idx_artefacts_session ON artefacts (session_id, recorded_at)",
)
"""What sessions collected; paths are relative to the session's folder, metadata are JSON."""

_TRIGGERS = (
    f"""CREATE TRIGGER session_stats_added AFTER INSERT ON session_stats BEGIN
    {_adjust(("+", "NEW"))}
    END""",
    f"""CREATE TRIGGER session_stats_changed
    AFTER UPDATE OF {", ".join((*_SUMMED, "completed_at", "success"))} ON session_stats
    WHEN {_CHANGED} BEGIN
    {_adjust(("+", "NEW"), ("-", "OLD"))}
    END""",
    f"""CREATE TRIGGER session_stats_removed AFTER DELETE ON session_stats BEGIN
    {_adjust(("-", "OLD"))}
    END""",
    """CREATE TRIGGER tool_call_added AFTER INSERT ON tool_call_executions BEGIN
    INSERT INTO tool_calls (session_id, request_id, model_name, tool_name, call_count,
            timed_count, total_execution_time_ms, error_count, created_at)
        VALUES (NEW.session_id, NEW.request_id,
            (SELECT NULLIF(model_name, '') FROM session_stats
             WHERE session_id = NEW.session_id AND request_id = NEW.request_id),
            NEW.tool_name, 1, NEW.execution_time_ms IS NOT NULL,
            COALESCE(NEW.execution_time_ms, 0), NEW.success IS 0, NEW.created_at)
        ON CONFLICT (session_id, request_id, tool_name) DO UPDATE SET
            call_count = call_count + 1,
            timed_count = timed_count + excluded.timed_count,
            total_execution_time_ms = total_execution_time_ms + excluded.total_execution_time_ms,
            error_count = error_count + excluded.error_count,
            created_at = MIN(created_at, excluded.created_at);
    UPDATE session_stats SET tool_call_count = tool_call_count + 1
        WHERE session_id = NEW.session_id AND request_id = NEW.request_id;
    UPDATE sessions SET tool_call_count = tool_call_count + 1
        WHERE session_id = NEW.session_id;
    END""",
    """CREATE TRIGGER tool_call_changed AFTER UPDATE ON tool_call_executions BEGIN
    UPDATE tool_calls SET
            timed_count = timed_count - (OLD.execution_time_ms IS NOT NULL)
                + (NEW.execution_time_ms IS NOT NULL),
            total_execution_time_ms = total_execution_time_ms
                - COALESCE(OLD.execution_time_ms, 0) + COALESCE(NEW.execution_time_ms, 0),
            error_count = error_count - (OLD.success IS 0) + (NEW.success IS 0),
            created_at = MIN(created_at, NEW.created_at)
        WHERE session_id = NEW.session_id AND request_id = NEW.request_id
            AND tool_name = NEW.tool_name;
    END""",
    """CREATE TRIGGER model_named AFTER UPDATE OF model_name ON session_stats
    WHEN NEW.model_name IS NOT OLD.model_name BEGIN
    UPDATE tool_calls SET model_name = NEW.model_name
        WHERE session_id = NEW.session_id AND request_id = NEW.request_id;
    END""",
    """CREATE TRIGGER gap_added AFTER INSERT ON gaps WHEN NEW.what = 'event' BEGIN
    UPDATE sessions SET gap_count = gap_count + NEW.count WHERE session_id = NEW.session_id;
    END""",
)

FORGETTING_INDEXES = (
    "CREATE INDEX IF NOT EXISTS idx_sessions_transcript ON sessions (transcript)",
    "CREATE INDEX IF NOT EXISTS idx_transcripts_session ON transcripts (session_id)",
)
"""What makes it quick to forget a transcript among many; an index without them is as good."""

_FINDING = {
    "idx_session_stats_created": "session_stats (created_at DESC)",
    "idx_session_stats_provider": "session_stats (provider, created_at DESC)",
    "idx_session_stats_request": "session_stats (request_id)",
    "idx_session_stats_failed": "session_stats (success, created_at DESC) WHERE success = 0",
    "idx_sessions_key": "sessions (session_key, created_at DESC)",
    "idx_sessions_user": "sessions (user_id, created_at DESC)",
}
FINDING_INDEXES = {
    name: f"CREATE INDEX IF NOT EXISTS {name} ON {columns}" for name, columns in _FINDING.items()
}
"""What makes it quick to find requests among very many; an index without them finds the same. To
keep them costs whoever records or imports a tenth more."""

MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (_RECOVERED,),
    2: _ARTEFACTS,
}
"""Statements that bring a file of version N to N + 1, by N."""


def prepare(
    connection: sqlite3.Connection,
    *,
    migrations: Mapping[int, Sequence[str]] = MIGRATIONS,
    version: int = SCHEMA_VERSION,
) -> None:
    """Create the tables in an empty file, or bring an older one up to date.

    All in one transaction; several processes may do it at once.

    Args:
        connection: In autocommit mode.
        migrations: Steps from each version to the next.
        version: The version to arrive at.

    Raises:
        SchemaVersionError: The file is newer, or not steno's.
        sqlite3.Error: The file can't be read or written.
    """
    if read_version(connection, newest=version) == version:
        return
    # A step may make a table anew: with foreign keys on, dropping the old one would take all rows
    # that refer to it along. They can't be switched inside a transaction.
    (foreign_keys,) = connection.execute("PRAGMA foreign_keys").fetchone()
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        _bring_up(connection, migrations, version)
    finally:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")


def _bring_up(
    connection: sqlite3.Connection, migrations: Mapping[int, Sequence[str]], version: int
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = read_version(
            connection, newest=version
        )  # again: another process may have been quicker
        if found is None:
            for statement in (*_TABLES.split(";\n"), _RECOVERED, *_ARTEFACTS, *_TRIGGERS):
                if statement.strip():
                    connection.execute(statement)
            connection.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            found = SCHEMA_VERSION
        _migrate(connection, found, migrations, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(
    connection: sqlite3.Connection,
    found: int,
    migrations: Mapping[int, Sequence[str]],
    version: int,
) -> None:
    hint = "move the database away and run `steno reindex`"
    for step in range(found, version):
        if step not in migrations:
            message = f"Unsupported schema version: {step}"
            raise SchemaVersionError(message, hint=hint)
        for statement in migrations[step]:
            connection.execute(statement)
        connection.execute("UPDATE schema_version SET version = ?", (step + 1,))
    if found < version and connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        message = f"the migration to version {version} left rows without their session"
        raise SchemaVersionError(message, hint=hint)


def read_version(connection: sqlite3.Connection, *, newest: int = SCHEMA_VERSION) -> int | None:
    """Read the schema version of an index.

    Args:
        connection: To the file.
        newest: The newest version that the caller knows.

    Returns:
        None for an empty file.

    Raises:
        SchemaVersionError: The file is newer than this program, or not steno's.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return None
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID or "schema_version" not in tables:
        message = "the database is not an index of steno"
        raise SchemaVersionError(
            message,
            hint="choose another path for sqlite.path; steno never changes a database that it "
            "did not make",
        )
    (version,) = connection.execute("SELECT MAX(version) FROM schema_version").fetchone()
    if version is None or version > newest:
        message = f"Unsupported schema version: {version}"
        raise SchemaVersionError(
            message,
            hint=f"this steno knows version {newest}; upgrade steno, or move the database "
            "away and run `steno reindex`",
        )
    return int(version)
