"""Figures over many sessions."""

import pytest

from steno.errors import QueryError
from steno.query.index import open_index
from steno.query.totals import sum_up


def test_unknown_group(recorded):
    """A group that doesn't exist is an error that says which there are."""
    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        with pytest.raises(QueryError) as caught:
            sum_up(connection, by="colour")

    assert "model" in caught.value.hint


def test_empty(home):
    """An empty home has figures too: zeros."""
    with open_index(home / "sessions.db", home / "sessions") as connection:
        (row,) = sum_up(connection).dicts()

    assert (row["sessions"], row["requests"], row["input_tokens"]) == (0, 0, 0)
