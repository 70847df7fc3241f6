"""The tables of the index, and its versions."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

from steno.errors import SchemaVersionError
from steno.writers import schema

INDEXES = {
    "idx_sessions_created": ("sessions", ["created_at"]),
    "idx_sessions_provider": ("sessions", ["provider", "created_at"]),
    "idx_sessions_model": ("sessions", ["model_used", "created_at"]),
    "idx_sessions_request_id": ("sessions", ["request_id"]),
    "idx_sessions_provider_model": ("sessions", ["provider", "model_used", "created_at"]),
    "idx_session_stats_session": ("session_stats", ["session_id"]),
    "idx_session_stats_model": ("session_stats", ["model_name", "created_at"]),
    "idx_session_stats_session_time": ("session_stats", ["session_id", "created_at"]),
    "idx_tool_calls_model": ("tool_calls", ["model_name", "created_at"]),
    "idx_tool_calls_session": ("tool_calls", ["session_id"]),
    "idx_tool_calls_name": ("tool_calls", ["tool_name", "created_at"]),
}


@pytest.fixture
def connection(tmp_path):
    """Open an empty database."""
    with contextlib.closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture(params=[1, 2, 3])
def version(request):
    """Name a version of which there is a golden file: all that were ever released."""
    return request.param


@pytest.fixture
def golden(data, tmp_path, version):
    """Open a copy of the golden file of a version."""
    shutil.copy(data / f"v{version}" / "sessions.db", tmp_path / "golden.db")
    with contextlib.closing(
        sqlite3.connect(tmp_path / "golden.db", isolation_level=None)
    ) as connection:
        yield connection


def test_the_eleven_indexes(connection):
    """The eleven indexes of the specification are there, by name and columns."""
    schema.prepare(connection)

    for name, (table, columns) in INDEXES.items():
        rows = connection.execute(f"PRAGMA index_xinfo({name})").fetchall()
        assert [row[2] for row in rows if row[5]] == columns, name
        owner = connection.execute("SELECT tbl_name FROM sqlite_master WHERE name = ?", (name,))
        assert owner.fetchone() == (table,)
        descending = [row[3] for row in rows if row[2] == "created_at"]
        assert all(descending), name


def test_version_3(connection):
    """A new index says that it is of version 3, and preparing it again changes nothing."""
    schema.prepare(connection)
    schema.prepare(connection)

    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(3,)]
    assert schema.read_version(connection) == 3


def test_a_newer_version_is_refused(connection):
    """An index of a newer version is refused with the message of the specification."""
    schema.prepare(connection)
    connection.execute("UPDATE schema_version SET version = 4")

    with pytest.raises(SchemaVersionError) as caught:
        schema.prepare(connection)

    assert caught.value.message == "Unsupported schema version: 4"
    assert "reindex" in caught.value.hint
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(4,)]


def test_somebody_elses_database_is_refused(connection):
    """A database of LunaRoute, or of anybody, is refused and not touched."""
    connection.execute("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE sessions (session_id TEXT PRIMARY KEY)")
    connection.execute("INSERT INTO schema_version VALUES (1)")

    with pytest.raises(SchemaVersionError, match="not an index of steno"):
        schema.prepare(connection)

    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("schema_version",), ("sessions",)]


def test_golden_file(golden):
    """The index that any version wrote is brought up to date, and its rows stay."""
    schema.prepare(golden)

    rows = golden.execute(
        "SELECT session_id, request_count, input_tokens, total_tokens FROM sessions ORDER BY 1"
    ).fetchall()
    assert rows == [("golden-1", 2, 220, 360), ("golden-2", 1, 5, 11)]


def test_an_older_version_gets_the_tables_of_a_new_one(golden, connection):
    """An index of any version has, once it is brought up to date, all that a new one has."""
    schema.prepare(golden)
    schema.prepare(connection)

    tables = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"
    assert golden.execute(tables).fetchall() == connection.execute(tables).fetchall() != []
    assert schema.read_version(golden) == 3


@pytest.mark.parametrize("version", [1])
def test_migration_in_one_transaction(golden):
    """A migration brings the golden file to the next version and keeps its rows."""
    steps = {
        1: ["ALTER TABLE sessions ADD COLUMN region TEXT", "UPDATE sessions SET region = 'eu'"]
    }

    schema.prepare(golden, migrations=steps, version=2)

    assert golden.execute("SELECT version FROM schema_version").fetchall() == [(2,)]
    assert golden.execute("SELECT COUNT(*) FROM sessions WHERE region = 'eu'").fetchone() == (2,)


@pytest.mark.parametrize("version", [1])
def test_a_migration_that_fails_changes_nothing(golden):
    """When a step fails, the file is as it was."""
    before = list(golden.iterdump())

    with pytest.raises(sqlite3.OperationalError):
        schema.prepare(
            golden,
            migrations={
                1: ["ALTER TABLE sessions ADD COLUMN region TEXT", "UPDATE nowhere SET x = 1"]
            },
            version=2,
        )

    assert list(golden.iterdump()) == before


def test_several_processes_create_it_at_once(tmp_path):
    """Processes that open a new index at the same moment all succeed."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom steno.writers.sqlite import connect\n"
        "connect(Path(sys.argv[1]), synchronous='NORMAL', busy_timeout_ms=20000).close()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "db")]) for _ in range(6)
    ]

    assert [child.wait(60) for child in children] == [0] * 6


def test_foreign_keys(connection):
    """A session's rows go with it, and no request is without its session."""
    connection.execute("PRAGMA foreign_keys = ON")
    schema.prepare(connection)
    connection.execute(
        "INSERT INTO sessions (session_id, started_at, created_at) VALUES ('s', '', '')"
    )
    insert = "INSERT INTO session_stats (session_id, request_id, created_at) VALUES (?, 'r', '')"
    connection.execute(insert, ("s",))

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(insert, ("nobody",))
    connection.execute("DELETE FROM sessions")

    assert connection.execute("SELECT COUNT(*) FROM session_stats").fetchone() == (0,)
