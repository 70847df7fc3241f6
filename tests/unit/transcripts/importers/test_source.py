"""What is read is opened for reading only, and probed by its beginning."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from steno.transcripts.importers.source import Source, probe


def test_file(tmp_path):
    """A file is known by its beginning and its first values."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\nnot json\n{"b":2}\n' + b'{"c":3}\n' * 100)
    looked = probe(path)

    assert looked.name == "a.jsonl"
    assert looked.first[:2] == ({"a": 1}, {"b": 2})
    assert len(looked.first) == 20


def test_folder(tmp_path):
    """A folder is known by the names in it."""
    (tmp_path / "metadata.json").write_text("{}")

    assert probe(tmp_path).names == {"metadata.json"}


def test_database(tmp_path):
    """A database is known by its tables, and read with what its log holds; it is not written to."""
    path = tmp_path / "a b?.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE notes (id INTEGER, text TEXT)")
        writer.execute("INSERT INTO notes VALUES (1, CAST(x'ff41' AS TEXT))")
        writer.commit()

        assert probe(path).tables == {"notes": frozenset({"id", "text"})}
        with Source(path).database() as connection:
            (row,) = connection.execute("SELECT * FROM notes")
            assert (row["id"], row["text"]) == (1, "\ufffdA")
            with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"):
                connection.execute("DELETE FROM notes")


def test_damaged_database(tmp_path):
    """What only looks like a database has no tables."""
    path = tmp_path / "a.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000)

    assert probe(path).tables == {}


def test_missing_database(tmp_path):
    """A database that is not there is not made."""
    with pytest.raises(FileNotFoundError), Source(tmp_path / "none.db").database():
        pass
    assert not (tmp_path / "none.db").exists()


def test_values(tmp_path):
    """A source yields its values with their offsets, and says what it could not read."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"torn')
    source = Source(path)

    assert [(value.offset, value.data) for value in source.values()] == [(0, b'{"a":1}')]
    assert [(flaw.offset, flaw.kind) for flaw in source.flaws] == [(8, "torn")]


def test_skipping():
    """What is left out on purpose is counted by its reason."""
    source = Source(Path(__file__))
    source.skip("copies")
    source.skip("copies")

    assert source.skipped == {"copies": 2}
