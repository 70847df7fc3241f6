"""Finding requests and sessions."""

import contextlib
import sqlite3

import pytest

import steno
from steno.errors import QueryError
from steno.query.catching_up import catch_up
from steno.query.filter.parsing import parse_filter
from steno.query.finding import Finder, asks_for_text, open_finder
from steno.query.index import open_index
from steno.storage.derived import remove_database


def places(home):
    """Name what a finder opens."""
    return home / "sessions.db", home / "sessions", home / "search.db"


def find(home, text, **options):
    """Find requests; returns sessions' ids."""
    tree = parse_filter(text)
    with open_finder(*places(home), tree) as finder:
        return [row.session_id for row in finder.find_requests(tree, **options).rows]


def sessions(home, text):
    """Find sessions; returns their ids."""
    tree = parse_filter(text)
    with open_finder(*places(home), tree) as finder:
        return [found.row.session_id for found in finder.find_sessions(tree).rows]


HOSTILE = "../hostile\x1b[2J"


def test_requests(recorded):
    """Requests are found by what the index knows of them and of their session, newest first."""
    assert find(recorded, "") == [HOSTILE, "failed", "well", "well"]
    assert find(recorded, "failed") == ["failed"]
    assert find(recorded, "-ok") == ["failed"]
    assert find(recorded, "model:gpt-5* user:u1") == ["well", "well"]
    assert find(recorded, "tool:search or model:claude") == ["failed", "well"]
    assert find(recorded, "tokens>=3 tokens<30") == ["well"]
    assert find(recorded, "since:1h kind:main reasoning>0") == ["well"]
    assert find(recorded, "error:*broke*") == ["failed"]
    assert find(recorded, "until:2020-01-01") == []


def test_texts(recorded):
    """Requests are found by what was asked, replied, and went wrong."""
    assert find(recorded, "how are you") == ["well"]
    assert find(recorded, '"am well"') == ["well"]
    assert find(recorded, '"it broke"') == ["failed"]
    assert find(recorded, "alert -failed") == [HOSTILE]
    assert find(recorded, "-well -model:gpt*") == [HOSTILE, "failed"]
    assert find(recorded, 'nowhere or "OR NEAR( "') == []


def test_sessions(recorded):
    """A session fulfils what one of its requests does, or what is said in it outside of any."""
    with steno.open(recorded) as recorder, recorder.session("quiet"):
        recorder.record(steno.LogRecorded("quiet", "", session_time(), level="INFO", logger="l",
                                          message="the disk is full"))  # fmt: skip
        assert recorder.flush()

    assert sessions(recorded, "model:gpt* tool:search") == ["well"]
    assert sessions(recorded, '"disk is full"') == ["quiet"]
    assert find(recorded, '"disk is full"') == []
    assert sessions(recorded, "requests:0") == ["quiet"]
    assert sessions(recorded, "tokens>32") == ["well"]


def session_time():
    """Tell the time."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_pages_survive_new_rows(recorded):
    """A page goes on where the one before it ended, whatever has come since."""
    with open_finder(*places(recorded)) as finder:
        first = finder.find_requests(limit=2)
    with steno.open(recorded) as recorder, recorder.session("newest") as session:
        with session.request(model="m"):
            pass
        assert recorder.flush()
    with open_finder(*places(recorded)) as finder:
        second = finder.find_requests(limit=2, after=first.after)

    assert [row.session_id for row in first.rows] == [HOSTILE, "failed"]
    assert [row.session_id for row in second.rows] == ["well", "well"]
    assert second.after is None


def test_sorts(recorded):
    """Requests can be had by their figures, and from the other end."""
    assert find(recorded, "", sort="tokens")[:1] == ["well"]
    assert find(recorded, "", reverse=True)[-1] == HOSTILE
    with pytest.raises(QueryError, match="sorted"):
        find(recorded, "", sort="colour")


def test_a_cursor_of_another_list(recorded):
    """A cursor of sessions, or of another order, is refused for requests."""
    with open_finder(*places(recorded)) as finder:
        cursor = finder.find_sessions(limit=1).after
        with pytest.raises(QueryError, match="another list"):
            finder.find_requests(after=cursor)


def test_without_an_index(recorded):
    """Where there is no index, one is made for the moment."""
    for path in recorded.glob("sessions.db*"):
        path.unlink()

    assert find(recorded, "failed") == ["failed"]
    assert find(recorded, '"it broke"') == ["failed"]


def test_text_needs_its_database(recorded):
    """Asked for text without the database of words, a finder says so."""
    tree = parse_filter("word")
    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        with pytest.raises(QueryError, match="no text"):
            Finder(connection, recorded / "sessions").find_requests(tree)
    assert asks_for_text(tree)
    assert not asks_for_text(parse_filter("failed"))


def test_no_text_costs_no_database(recorded):
    """Who asks for no text makes no database of words."""
    find(recorded, "failed")

    assert not (recorded / "search.db").exists()


def test_words_deleted_at_this_moment(recorded, monkeypatch):
    """Where the words go between being brought up to date and being read, the error says so."""
    tree = parse_filter("how")

    def catch_up_and_lose(*args, **options):
        done = catch_up(*args, **options)
        remove_database(recorded / "search.db")
        return done

    monkeypatch.setattr("steno.query.catching_up.catch_up", catch_up_and_lose)
    with (
        pytest.raises(QueryError, match=r"search\.db") as caught,
        open_finder(*places(recorded), tree),
    ):
        pass
    assert "Try again" in caught.value.hint


def test_a_damaged_database_of_words(recorded):
    """Words that are damaged are made anew; where it is met in the middle, the error says how."""
    assert find(recorded, "how") == ["well"]
    tree = parse_filter("how")
    with open_finder(*places(recorded), tree) as finder:
        damage(recorded / "search.db")
        with pytest.raises(QueryError) as caught:
            finder.find_requests(tree)

    assert "search.db" in caught.value.hint
    assert find(recorded, "how") == ["well"]
    assert len(list(recorded.glob("search.db.damaged-*"))) >= 1


def damage(path):
    """Overwrite the inverted index."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'texts_data'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"A" * size)
