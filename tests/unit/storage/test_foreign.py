"""Somebody else's database is read, and nothing appears beside it."""

import contextlib
import os
import shutil
import sqlite3

import pytest

from steno.storage.foreign import open_foreign


def make(path, mode):
    """Make a database with a row, and leave it open."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


def read(path):
    """Read all rows."""
    with open_foreign(path) as connection:
        return [tuple(row) for row in connection.execute("SELECT x FROM t")]


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("is_open", [True, False])
def test_no_trace(tmp_path, mode, is_open):
    """Nothing appears beside a database, whether somebody has it open or not."""
    path = tmp_path / "a b?#.db"
    with contextlib.closing(make(path, mode)) as writer:
        if not is_open:
            writer.close()
        before = sorted(os.listdir(tmp_path))

        assert read(path) == [(1,)]
        assert sorted(os.listdir(tmp_path)) == before


def test_left_log(tmp_path):
    """What lies only in a log that a crash or a copy has left is read."""
    (tmp_path / "live").mkdir()
    path = tmp_path / "copy.db"
    with contextlib.closing(make(tmp_path / "live" / "a.db", "WAL")):
        shutil.copyfile(tmp_path / "live" / "a.db", path)
        shutil.copyfile(tmp_path / "live" / "a.db-wal", tmp_path / "copy.db-wal")

    assert read(path) == [(1,)]
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "copy.db-wal", "live"]


def test_while_it_is_written(tmp_path):
    """A database that somebody writes to is read as it was when the reading began."""
    path = tmp_path / "a.db"
    with contextlib.closing(make(path, "WAL")) as writer, open_foreign(path) as reader:
        reader.execute("BEGIN")
        assert tuple(reader.execute("SELECT COUNT(*) FROM t").fetchone()) == (1,)
        writer.execute("INSERT INTO t VALUES (2)")
        assert tuple(reader.execute("SELECT COUNT(*) FROM t").fetchone()) == (1,)


def test_writing(tmp_path):
    """Nothing can be written."""
    path = tmp_path / "a.db"
    make(path, "DELETE").close()

    with (
        open_foreign(path) as connection,
        pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"),
    ):
        connection.execute("DELETE FROM t")


def test_text_that_is_no_utf_8(tmp_path):
    """Text in another encoding is read with marks in the place of what is wrong."""
    path = tmp_path / "a.db"
    with contextlib.closing(make(path, "DELETE")) as writer:
        writer.execute("UPDATE t SET x = CAST(x'ff41' AS TEXT)")

    assert read(path) == [("\ufffdA",)]


def test_missing(tmp_path):
    """A database that is not there is not made."""
    with pytest.raises(FileNotFoundError), open_foreign(tmp_path / "none.db"):
        pass
    assert os.listdir(tmp_path) == []
