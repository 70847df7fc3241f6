"""Opening the index."""

import sqlite3

import pytest

from steno.errors import QueryError, SchemaVersionError
from steno.query.index import open_index, run_sql


def test_without_an_index(recorded, capsys):
    """Where there is no index, one is built from the transcripts for the moment."""
    (recorded / "sessions.db").unlink()

    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        assert run_sql(connection, "SELECT COUNT(*) FROM sessions").rows == [(3,)]

    assert not (recorded / "sessions.db").exists()
    assert "steno reindex" in capsys.readouterr().err


def test_damaged(home):
    """A damaged index is an error with a hint."""
    home.mkdir()
    (home / "sessions.db").write_bytes(b"no database" * 1000)

    with pytest.raises(QueryError) as caught, open_index(home / "sessions.db", home / "sessions"):
        pass
    assert "steno reindex" in caught.value.hint


def test_newer(recorded):
    """An index of a newer version is refused."""
    with sqlite3.connect(recorded / "sessions.db") as connection:
        connection.execute("UPDATE schema_version SET version = 9")
    connection.close()

    with pytest.raises(SchemaVersionError, match="Unsupported schema version: 9"):
        with open_index(recorded / "sessions.db", recorded / "sessions"):
            pass
