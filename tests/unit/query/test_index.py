"""Opening the index."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from steno.errors import QueryError, SchemaVersionError
from steno.query.index import has_index, open_index, run_sql


def test_without_an_index(recorded, capsys):
    """Where there is no index, one is built from the transcripts for the moment."""
    (recorded / "sessions.db").unlink()

    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        assert run_sql(connection, "SELECT COUNT(*) FROM sessions").rows == [(3,)]

    assert not (recorded / "sessions.db").exists()
    assert "steno reindex" in capsys.readouterr().err


def test_has_index(recorded):
    """An index is there when there is something in it."""
    assert has_index(recorded / "sessions.db")
    assert not has_index(recorded / "nowhere.db")
    assert not has_index(recorded)
    (recorded / "empty.db").touch()
    assert not has_index(recorded / "empty.db")


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


def test_an_empty_file(recorded, capsys):
    """An index that a recorder is just creating is read from the transcripts."""
    for path in recorded.glob("sessions.db*"):
        path.unlink()
    (recorded / "sessions.db").touch()

    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        assert run_sql(connection, "SELECT COUNT(*) FROM sessions").rows == [(3,)]
    assert "no index" in capsys.readouterr().err


@pytest.mark.parametrize(
    "pragma", ["query_only = OFF", "user_version = 5", "wal_checkpoint", "OPTIMIZE"]
)
def test_pragmas_that_change_something(recorded, pragma):
    """A pragma that sets or does something is refused."""
    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        with pytest.raises(QueryError, match="reading only"):
            run_sql(connection, f"PRAGMA {pragma}")


@pytest.mark.parametrize("pragma", ["table_info(sessions)", "user_version", "integrity_check"])
def test_pragmas_that_ask(recorded, pragma):
    """A pragma that only asks is answered."""
    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        assert run_sql(connection, f"PRAGMA {pragma}").rows


def test_ctrl_c_in_a_long_query(recorded):
    """A query that would take for ever ends with Ctrl-C."""
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    child = subprocess.Popen(
        [sys.executable, "-c", _PATIENT, "sql", query, "--home", str(recorded)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.5)

    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert b"Traceback" not in err


_PATIENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from steno.cli.main import main
from steno.cli import sql
print("ready", flush=True)
main(sys.argv[1:])
"""
