"""Indexes that only finding needs are made when somebody finds among many."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import steno
from steno import notices
from steno.errors import SchemaVersionError
from steno.query.finding import open_finder
from steno.query.hastening import MANY, hasten
from steno.writers.schema import FINDING_INDEXES, SCHEMA_VERSION


def names_in(path):
    """List the indexes that a database has, of those that finding needs."""
    with closing(sqlite3.connect(path)) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return there & FINDING_INDEXES.keys()


def test_few(recorded):
    """Among few requests nothing is made: recording pays for nothing that is not needed."""
    hasten(recorded / "sessions.db")

    assert names_in(recorded / "sessions.db") == set()


def test_many(recorded, capsys):
    """Among many, all are made, once, and it is said; whoever records goes on."""
    index = recorded / "sessions.db"
    with steno.open(recorded) as recorder:
        hasten(index, many=1)
        notices.reset()
        hasten(index, many=1)
        with recorder.session("later") as session, session.request(model="m"):
            pass
        assert recorder.flush()
        stats = recorder.stats()

    assert names_in(index) == FINDING_INDEXES.keys()
    assert capsys.readouterr().err.count("preparing") == 1
    assert stats.failed == 0


def test_an_index_of_a_newer_steno(recorded):
    """What this steno may not read, it does not write to either."""
    index = recorded / "sessions.db"
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute("UPDATE session_stats SET id = ? WHERE request_id = "
                           "(SELECT MAX(request_id) FROM session_stats)", (MANY,))  # fmt: skip
        connection.execute("UPDATE schema_version SET version = 99")
    places = (index, recorded / "sessions", recorded / "search.db")
    with pytest.raises(SchemaVersionError), open_finder(*places):
        pass
    assert names_in(index) == set()
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION,))
    with open_finder(*places):
        pass

    assert names_in(index) == FINDING_INDEXES.keys()


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_older_indexes(version, tmp_path):
    """An index that an older steno made has what the indexes are on."""
    index = tmp_path / "sessions.db"
    shutil.copyfile(Path(__file__).parents[2] / "data" / version / "sessions.db", index)
    hasten(index, many=1)

    assert names_in(index) == FINDING_INDEXES.keys()


def test_no_index(tmp_path):
    """Where there is no index, none is made."""
    hasten(tmp_path / "sessions.db", many=0)

    assert not (tmp_path / "sessions.db").exists()


def test_locked(recorded, capsys, monkeypatch):
    """Where the index can't be written to, that is said, and nothing is raised."""
    monkeypatch.setattr("steno.query.hastening._BUSY_S", 0.01)
    index = recorded / "sessions.db"
    with closing(sqlite3.connect(index, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        hasten(index, many=1)

    assert names_in(index) == set()
    assert "can't be prepared" in capsys.readouterr().err
    notices.reset()
