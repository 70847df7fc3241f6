"""Figures over many sessions."""

from datetime import UTC, datetime

import pytest

import steno
from steno.errors import QueryError
from steno.query.filter.parsing import parse_filter
from steno.query.finding import Finder
from steno.query.index import open_index
from steno.query.sessions import list_sessions
from steno.query.totals import GROUPS, sum_up


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


NOW = datetime.now(UTC)


def gap(request_id, count, what="event"):
    """Make a gap of the session "well"."""
    return steno.Gap("well", request_id, NOW, what=what, count=count, reason="buffer_full")


@pytest.mark.parametrize("by", [None, *GROUPS])
def test_nothing_is_counted_twice_or_left_out(recorded, by):
    """Sessions without requests and gaps are in every sum, as `steno ls` has them."""
    with steno.open(recorded) as recorder:
        with recorder.session("quiet"):
            recorder.record(
                steno.LogRecorded("quiet", "", NOW, level="INFO", logger="l", message="m")
            )
        for each in (gap("", 3), gap("elsewhere", 4), gap("", 99, what="value")):
            recorder.record(each)
        assert recorder.flush()

    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        rows = list(sum_up(connection, by=by).dicts())
        listed = list_sessions(connection, recorded / "sessions")
    assert sum(row["gaps"] for row in rows) == sum(row.gaps for row in listed) == 7
    assert sum(row["requests"] for row in rows) == sum(row.requests for row in listed) == 4
    assert sum(row["total_tokens"] for row in rows) == sum(row.total_tokens for row in listed)
    assert sum(row["tool_calls"] for row in rows) == sum(row.tool_calls for row in listed)
    if by is None:
        assert rows[0]["sessions"] == len(listed) == 4


def test_what_a_filter_describes(recorded):
    """A filter counts requests, and what belongs to none by what is said of its session."""
    with steno.open(recorded) as recorder:
        with recorder.session("quiet", user_id="u1"):
            recorder.record(
                steno.LogRecorded("quiet", "", NOW, level="INFO", logger="l", message="m")
            )
        recorder.record(gap("", 3))
        assert recorder.flush()

    def figures(text):
        with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
            finder = Finder(connection, recorded / "sessions")
            (row,) = sum_up(finder.connection, where=parse_filter(text)).dicts()
        return row["sessions"], row["requests"], row["gaps"], row["tool_calls"]

    assert figures("user:u1") == (2, 2, 3, 1)
    assert figures("user:u1 since:1h") == (2, 2, 3, 1)
    assert figures("until:2020-01-01") == (0, 0, 0, 0)
    assert figures("failed") == (1, 1, 0, 0)
    assert figures("tool:search") == (1, 1, 0, 1)
    assert figures("model:gpt* -tool:search") == (1, 1, 0, 0)


def test_several_groups(recorded):
    """Several groups make a row of each combination, in the order in which they are named."""
    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        table = sum_up(connection, by=("user", "model", "user"))

    assert table.columns[:2] == ("user", "model")
    assert {row[:2] for row in table.rows} >= {("u1", "gpt-5-2026"), ("u2", "claude")}
    assert sum(row["requests"] for row in table.dicts()) == 4
