"""OpenClaw's database."""

import contextlib
import json
import shutil
import sqlite3

import pytest

from steno.transcripts.recovery import windows
from steno.transcripts.recovery.evidence import Claims

A, B, C, D = (f"{n}aaaaaaa-1111-4111-8111-111111111111" for n in "abcd")


@pytest.fixture
def database(tmp_path):
    """Make a database as the program does, with a write-ahead log."""
    path = tmp_path / "agents" / "main" / "agent" / "openclaw-agent.sqlite"
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE session_windows (session_id PRIMARY KEY, session_key)")
        connection.execute(
            "CREATE TABLE session_nodes (session_key PRIMARY KEY, current_session_id, entry_json)"
        )
        connection.execute("INSERT INTO session_windows VALUES (?, 'agent:main:a')", (A,))
        entry = json.dumps({"sessionId": C, "usageFamilySessionIds": [D]})
        connection.execute("INSERT INTO session_nodes VALUES ('agent:main:b', ?, ?)", (B, entry))
        connection.execute("INSERT INTO session_nodes VALUES ('agent:main:c', NULL, '{torn')")
        connection.execute("INSERT INTO session_windows VALUES (7, x'00')")
    return path


def said(path):
    """Tell what a database says of the four sessions."""
    claims = Claims()
    windows.claim_database(claims, str(path), "/f")
    return [[(each.kind, each.key) for each in claims.about(one, "/f")] for one in (A, B, C, D)]


EXPECTED = [
    [("session_window", f"agent:main:{key}")] for key in ("a", "b", "b", "b")
]  # fmt: skip


def names(path):
    """List the files beside a database."""
    return sorted(each.name for each in path.parent.iterdir())


def test_windows_nodes_and_entries(database):
    """Windows, nodes and their entries name sessions, and no file appears beside the database."""
    assert said(database) == EXPECTED
    assert names(database) == ["openclaw-agent.sqlite"]


def test_a_database_in_use(database):
    """What stands only in the log of a program that runs is read too."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE session_windows SET session_key = 'agent:main:new'")
        before = names(database)

        assert said(database)[0] == [("session_window", "agent:main:new")]
        assert names(database) == before


def test_a_log_without_its_memory(database, tmp_path):
    """A copy of database and log alone is read elsewhere, and stays as it is."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE session_windows SET session_key = 'agent:main:new'")
        folder = tmp_path / "backup"
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{database}{suffix}", folder)

    assert said(folder / database.name)[0] == [("session_window", "agent:main:new")]
    assert names(folder / database.name) == [database.name, f"{database.name}-wal"]


def test_a_database_of_another_shape(tmp_path):
    """A database without these tables, or with others of their names, says nothing."""
    path = tmp_path / "x.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE session_windows (id, key)")
        connection.commit()

    assert said(path) == [[], [], [], []]
    assert windows.is_database(str(path))


def test_what_is_no_database(tmp_path):
    """A file of another kind is told apart, and is an error where it is opened."""
    path = tmp_path / "x.sqlite"
    path.write_text("{}")

    assert not windows.is_database(str(path))
    with pytest.raises(sqlite3.Error):
        said(path)


def test_where_it_is(database):
    """It is found beside the folder of transcripts."""
    folder = database.parent.parent / "sessions"

    assert windows.find_database(str(folder)) == str(database)
    assert windows.find_database(str(folder.parent)) is None
