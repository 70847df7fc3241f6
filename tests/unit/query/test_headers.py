"""Listing sessions by their headers."""

import os
from datetime import UTC, datetime, timedelta

import pytest

import steno
from steno.errors import QueryError
from steno.events.codec import encode_header
from steno.events.header import make_header
from steno.query.headers import list_by_headers
from steno.query.index import open_index
from steno.query.sessions import SessionFilter, list_sessions
from steno.storage.compressed import load_zstd

TOLD = (
    "session_id", "session_key", "agent_id", "kind", "user_id", "chat_id", "started_at",
    "transcript",
)  # fmt: skip
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def by_headers(home, limit=None, **wanted):
    """List a home without its index."""
    return list_by_headers(home / "sessions", SessionFilter(**wanted), limit=limit)


def ids(home, limit=None, **wanted):
    """List the ids alone."""
    return [row.session_id for row in by_headers(home, limit, **wanted).rows]


def write(home, session_id, began, *, day=None, **identity):
    """Write a transcript that is a header alone."""
    folder = home / "sessions" / (day or f"{began:%Y-%m-%d}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{session_id}.jsonl"
    path.write_bytes(encode_header(make_header(session_id, began, **identity)) + b"\n")
    return path


@pytest.fixture
def days(home):
    """Write five sessions on three days, all of one clock."""
    for number, key in enumerate((None, "agent:a:main", "agent:a:cron:j", "agent:b:main", "chat")):
        began = NOON - timedelta(hours=11 * number)
        write(home, f"s{number}", began, session_key=key, user_id=f"u{number % 2}")
    return home


def test_same_as_the_index(recorded):
    """What headers tell is the same, field by field and in the same order, as in the index."""
    with steno.open(recorded) as recorder:
        recorder.session(key="AGENT:Other:Cron:x", chat_id="c", user_id="\u202ex")
        recorder.session("bare")
    (path,) = recorded.glob("sessions/*/failed.jsonl")
    path.with_name("failed.jsonl.zst").write_bytes(load_zstd().compress(path.read_bytes()))
    path.unlink()

    with open_index(recorded / "sessions.db", recorded / "sessions") as connection:
        indexed = list_sessions(connection, recorded / "sessions")
    found = by_headers(recorded)

    assert [[getattr(row, name) for name in TOLD] for row in found.rows] == [
        [getattr(row, name) for name in TOLD] for row in indexed
    ]
    assert len(indexed) == 5
    assert (found.nameless, found.damage) == (0, [])


def test_what_only_the_index_knows(recorded):
    """All else is unknown, which is not nothing."""
    for row in by_headers(recorded).rows:
        rest = [getattr(row, name) for name in row.__struct_fields__ if name not in TOLD]
        assert set(rest) == {None}


def test_order_and_limit(days):
    """The newest come first, as many as are asked for."""
    assert ids(days) == ["s0", "s1", "s2", "s3", "s4"]
    assert ids(days, 2) == ["s0", "s1"]


def test_no_more_is_read_than_is_asked_for(days):
    """Days beyond the limit, and before the time that is asked for, are not even looked at."""
    (days / "sessions" / "2026-11-18" / "bad.jsonl").symlink_to("/proc/self/mem")

    assert by_headers(days).damage
    assert not by_headers(days, 2).damage
    assert not by_headers(days, since=NOON).damage


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [({"key": "agent:a:main"}, ["s1"]), ({"agent": "a"}, ["s1", "s2"]),
     ({"kind": "main"}, ["s1", "s3"]), ({"kind": "other"}, ["s4"]), ({"kind": "hook"}, []),
     ({"user": "u1"}, ["s1", "s3"]), ({"user": "u0", "agent": "a"}, ["s2"]),
     ({"since": NOON - timedelta(hours=11)}, ["s0", "s1"]),
     ({"since": datetime(1, 1, 1, tzinfo=UTC)}, ["s0", "s1", "s2", "s3", "s4"])],
)  # fmt: skip
def test_filters(days, wanted, expected):
    """Key, agent, kind, user and time are told by headers."""
    assert ids(days, **wanted) == expected


def test_a_day_beside(home):
    """A session whose folder is the day before its header's is found by its time all the same."""
    write(home, "s", NOON, day="2026-11-19")

    assert ids(home, since=NOON) == ["s"]


def test_state(days):
    """A state can't be told; to ask for one, or for nonsense, is an error."""
    with pytest.raises(QueryError, match="state") as caught:
        by_headers(days, state="failed")
    assert "steno reindex" in caught.value.hint
    with pytest.raises(QueryError, match="no kind"):
        by_headers(days, kind="mine")


def test_nameless(days):
    """A transcript that nothing names goes by its file, at the end of its day, and is counted."""
    day = days / "sessions" / "2026-11-20"
    (day / "x.jsonl").write_bytes(b"torn")
    (day / os.fsdecode(b"\xff.jsonl")).write_bytes(b"")

    found = by_headers(days)

    assert found.nameless == 2
    assert [row.session_id for row in found.rows][2:4] == ["\\udcff", "x"]
    row = found.rows[3]
    assert (row.session_key, row.started_at, row.transcript) == (None, None, str(day / "x.jsonl"))
    # Nobody can tell whether it would be wanted.
    assert ids(days, kind="main") == ["s1", "s3"]
    assert "x" not in ids(days, since=NOON)


def test_damage(days):
    """A transcript that can't be read is listed, and told whatever was asked for."""
    path = days / "sessions" / "2026-11-20" / "x.jsonl"
    path.symlink_to("/proc/self/mem")

    assert ids(days) == ["s0", "s1", "x", "s2", "s3", "s4"]
    (damage,) = by_headers(days, key="agent:a:main").damage
    assert damage.path == str(path)
    assert "Input/output error" in damage.reason


def test_nothing_there(tmp_path):
    """Where there is no folder there are no sessions."""
    assert list_by_headers(tmp_path / "nowhere").rows == []
