"""Tests of rows that belong to a row of another table."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from steno.transcripts.importers.linked import Linked, columns


@pytest.fixture(params=["", "CREATE INDEX i ON leaf (tree, n)"])
def connection(request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    """Open a database of leaves and their trees, with an index and without."""
    with contextlib.closing(sqlite3.connect(":memory:")) as opened:
        opened.row_factory = sqlite3.Row
        opened.execute("CREATE TABLE leaf (id TEXT, tree TEXT, n INTEGER)")
        opened.executemany(
            "INSERT INTO leaf VALUES (?, ?, ?)",
            [("a", "oak", 2), ("b", "elm", 1), ("c", "oak", 1), ("d", None, 1), ("e", "oak", 2)],
        )
        opened.execute(request.param)
        yield opened


def test_rows_come_in_order(connection: sqlite3.Connection) -> None:
    """The rows of an owner come in order, with an index and without; those of nobody too."""
    leaves = Linked(connection, "leaf", "tree", "n", "missing")

    assert [row["id"] for row in leaves.rows_of("oak")] == ["c", "a", "e"]
    assert [row["id"] for row in leaves.rows_of(None)] == ["d"]
    assert [row["id"] for row in leaves.few_of("oak")] == ["c", "a", "e"]
    assert list(leaves.rows_of("fir")) == leaves.few_of("fir") == []
    assert leaves.owners() == ["elm", "oak"]


def test_rows_that_go_meanwhile(connection: sqlite3.Connection) -> None:
    """A row that is deleted while others are read is left out."""
    rows = Linked(connection, "leaf", "tree", "n").rows_of("oak")
    assert next(rows)["id"] == "c"
    connection.execute("DELETE FROM leaf WHERE id = 'a'")

    assert [row["id"] for row in rows] == ["e"]


def test_what_is_missing_has_no_rows(connection: sqlite3.Connection) -> None:
    """A table or a column that is not there has neither rows nor owners."""
    for linked in (Linked(connection, "root", "tree"), Linked(connection, "leaf", "bush")):
        assert list(linked.rows_of("oak")) == []
        assert linked.owners() == []
    assert columns(connection, "leaf") == {"id", "tree", "n"}
    assert columns(connection, "root") == frozenset()
