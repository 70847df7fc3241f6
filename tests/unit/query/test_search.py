"""The database of words."""

import sqlite3
from contextlib import closing

import pytest

from steno.errors import QueryError
from steno.query.search import APPLICATION_ID, VERSION, empty_if_worth_it, forget, open_search


def test_made_for_the_owner_alone(tmp_path):
    """It is made where there is none, readable by nobody else."""
    path = tmp_path / "home" / "search.db"
    with closing(open_search(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_another_version_is_emptied(tmp_path):
    """One of another version is made anew: it is derived."""
    path = tmp_path / "search.db"
    with closing(open_search(path)) as connection:
        connection.execute("INSERT INTO state VALUES ('dead', 1)")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with closing(open_search(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM state").fetchone() == (0,)


def test_a_damaged_one_is_moved_aside(tmp_path):
    """One that is no database any more stays beside the new one."""
    path = tmp_path / "search.db"
    path.write_bytes(b"no database at all" * 100)
    with closing(open_search(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM places").fetchone() == (0,)

    (aside,) = tmp_path.glob("search.db.damaged-*")
    assert aside.read_bytes().startswith(b"no database")


def test_another_programs_file_is_left_alone(tmp_path):
    """A database that another program made is never changed."""
    path = tmp_path / "search.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    with pytest.raises(QueryError, match="not steno's"):
        open_search(path)
    assert path.read_bytes() == before


def test_unwritable(tmp_path):
    """Where nothing can be written, the error says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(QueryError, match="cannot write"):
        open_search(tmp_path / "file" / "search.db")


def test_made_anew_when_much_is_gone(tmp_path):
    """Words of transcripts that are gone go, when they are a quarter of all."""
    with closing(open_search(tmp_path / "search.db")) as connection:
        for number, texts in ((1, 5000), (2, 1200), (3, 500)):
            connection.execute(
                "INSERT INTO places VALUES (?, ?, 's', 'r', ?)", (number, number, texts)
            )
        forget(connection, 3)
        empty_if_worth_it(connection)
        assert connection.execute("SELECT COUNT(*) FROM places").fetchone() == (2,)
        forget(connection, 2)
        empty_if_worth_it(connection)
        assert connection.execute("SELECT COUNT(*) FROM places").fetchone() == (0,)
        assert connection.execute("SELECT COUNT(*) FROM state").fetchone() == (0,)
