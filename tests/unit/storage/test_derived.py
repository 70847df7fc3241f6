"""Derived databases go without a trace."""

import sqlite3
from contextlib import closing

from steno.storage.derived import remove_database


def test_removed(tmp_path):
    """The database goes with its log and its shared memory; who has it open is not disturbed."""
    path = tmp_path / "search.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE words (word)")
        assert len(list(tmp_path.iterdir())) == 3
        remove_database(path)
        connection.execute("INSERT INTO words VALUES ('still here')")

        assert connection.execute("SELECT * FROM words").fetchall() == [("still here",)]
    assert list(tmp_path.iterdir()) == []


def test_damaged_ones(tmp_path):
    """What was moved aside from its place goes too, and nothing else does."""
    for name in ("search.db", "search.db.damaged-1", "search.db.damaged-1-wal", "search.db.lock",
                 "sessions.db.damaged-1"):  # fmt: skip
        (tmp_path / name).write_text("words")
    remove_database(tmp_path / "search.db")

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["search.db.lock", "sessions.db.damaged-1"]


def test_none(tmp_path):
    """Where there is none, nothing happens."""
    remove_database(tmp_path / "search.db")

    assert list(tmp_path.iterdir()) == []
