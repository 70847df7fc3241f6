"""Listing sessions."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steno
from steno.errors import QueryError
from steno.events.header import make_header
from steno.events.model import Completed, Started
from steno.query.index import open_index
from steno.query.sessions import STATES, SessionFilter, list_sessions, parse_since, rfc3339
from steno.session_keys import KINDS, kind_of
from steno.writers.rows import Rows
from steno.writers.schema import prepare
from steno.writers.sqlite import connect

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def listed(home, **wanted):
    """List the sessions of a home."""
    with open_index(home / "sessions.db", home / "sessions") as connection:
        return list_sessions(connection, home / "sessions", SessionFilter(**wanted))


def test_running_and_interrupted(home):
    """A session with an open request runs while its process lives, and is interrupted after."""
    script = (
        "import sys, time, steno\nrecorder = steno.open(sys.argv[1])\n"
        "session = recorder.session('s')\nrequest = session.request(model='m')\n"
        "request.__enter__()\nrecorder.flush()\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"

    assert [row.state for row in listed(home)] == ["running"]
    assert len(listed(home, state="running")) == 1
    child.kill()
    child.wait()
    child.stdout.close()
    assert [row.state for row in listed(home)] == ["interrupted"]
    with steno.open(home) as recorder:
        recorder.flush()
    row = listed(home)[0]
    assert row.state == "interrupted"
    assert row.error.startswith("interrupted")
    assert row.completed_at is not None


def test_unknown_state(recorded):
    """A state that doesn't exist is an error."""
    with pytest.raises(QueryError):
        listed(recorded, state="asleep")


@pytest.mark.parametrize(
    ("text", "ago"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("7d", timedelta(days=7)),
     ("2w", timedelta(weeks=2)), ("2026-11-20", timedelta(hours=12)),
     ("yesterday", timedelta(hours=36)),
     ("2026-11-20T13:00:00+02:00", timedelta(hours=1))],
)  # fmt: skip
def test_parse_since(text, ago):
    """Times are given as a span before now or as a date."""
    assert parse_since(text, NOW) == NOW - ago


@pytest.mark.parametrize("text", ["", "tomorrow", "7x", "-5d", "d", "\u0667d"])
def test_parse_nonsense(text):
    """What is no time is an error that says what is allowed."""
    with pytest.raises(QueryError):
        parse_since(text, NOW)


def test_rfc3339():
    """Times are given back in RFC 3339."""
    assert rfc3339("2026-11-20 12:00:00.000001") == "2026-11-20T12:00:00.000001Z"
    assert rfc3339(None) is None


def test_time_zone_of_the_machine_does_not_matter(recorded, monkeypatch):
    """The list is the same in any time zone."""
    before = listed(recorded)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert listed(recorded) == before
    finally:
        os.environ.pop("TZ")
        time.tzset()


def test_continued_by_another_process(home):
    """A session that another process goes on with is running, whoever began it."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m"):
            pass
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m"):
            assert recorder.flush()
            assert [row.state for row in listed(home)] == ["running"]
        assert recorder.flush()

    assert [row.state for row in listed(home)] == ["ok"]


def test_a_damaged_index(recorded):
    """An index that turns out to be damaged is an error with a hint."""
    path = recorded / "sessions.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sessions'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"A" * size)

    with pytest.raises(QueryError) as caught:
        listed(recorded)
    assert "steno reindex" in caught.value.hint


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_compressed(recorded):
    """A session's transcript is named as it is there."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    packed = pack_away(path)

    places = {row.session_id: row.transcript for row in listed(recorded)}

    assert places["well"] == str(packed)
    assert places["failed"].endswith("failed.jsonl")


def test_kind(recorded):
    """The kind is read from the key; to ask for one that there is not is an error."""
    assert [row.session_id for row in listed(recorded, kind="main")] == ["well"]
    assert {row.kind for row in listed(recorded)} == {"main", None}
    with pytest.raises(QueryError, match="no kind 'mine'") as caught:
        listed(recorded, kind="mine")
    assert "subagent" in caught.value.hint


@pytest.fixture
def many(home):
    """Index more sessions than are looked at first; the oldest are rare in every way."""
    day = datetime(2026, 11, 20, tzinfo=UTC)
    with contextlib.closing(
        connect(home / "sessions.db", synchronous="OFF", busy_timeout_ms=5000)
    ) as connection:
        rows = Rows()
        for number in range(1500):
            rare = number < 10
            header = make_header(
                f"s{number:04d}",
                day + timedelta(seconds=number),
                session_key=f"agent:rare:cron:{number}"
                if rare
                else f"agent:a:main:thread:{number}",
                user_id="rare" if rare else "u",
            )
            rows.add_header(header)
            ids = header.session_id, "r", header.timestamp
            rows.add(
                Started(*ids, model_requested="m", provider="p", listener="l"), "w", 2 * number
            )
            if number != 1:
                rows.add(Completed(*ids, success=not rare), "w", 2 * number + 1)
        connection.execute("BEGIN")
        rows.store(connection)
        connection.execute("COMMIT")
    return home


@pytest.mark.parametrize(
    "wanted",
    [{"agent": "rare"}, {"user": "rare"}, {"kind": "cron"}, {"kind": "cron", "user": "rare"},
     {"agent": "rare", "since": datetime(2026, 11, 20, tzinfo=UTC)}],
)  # fmt: skip
@pytest.mark.parametrize("limit", [None, 3, 10, 50])
def test_rare_ones(many, wanted, limit):
    """What is not among the newest sessions is found among all, in order, each once."""
    with open_index(many / "sessions.db", many / "sessions") as connection:
        rows = list_sessions(connection, many / "sessions", SessionFilter(**wanted), limit=limit)

    assert [row.session_id for row in rows] == [f"s{number:04d}" for number in range(9, -1, -1)][
        :limit
    ]


def test_states_of_many(many):
    """Each state finds its own, however rare, and all of them together are all."""
    found = {state: [row.session_id for row in listed(many, state=state)] for state in STATES}

    assert found["interrupted"] == ["s0001"]
    assert found["failed"] == [f"s{number:04d}" for number in (9, 8, 7, 6, 5, 4, 3, 2, 0)]
    assert found["running"] == []
    assert len(found["ok"]) == 1490
    with open_index(many / "sessions.db", many / "sessions") as connection:
        (row,) = list_sessions(
            connection, many / "sessions", SessionFilter(state="interrupted"), limit=1
        )
    assert row.state == "interrupted"


def test_common_ones_need_no_look_at_all(many):
    """What is common is found among the newest sessions, by the index of their times."""
    with open_index(many / "sessions.db", many / "sessions") as connection:
        asked = []
        connection.set_trace_callback(asked.append)
        wanted = SessionFilter(agent="a", kind="thread", state="ok")
        rows = list_sessions(connection, many / "sessions", wanted, limit=2)
        assert not any("NOT INDEXED" in statement for statement in asked)
        for statement in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert "idx_sessions_created" in plan[0]

    assert [row.session_id for row in rows] == ["s1499", "s1498"]


_PARTS = st.lists(
    st.sampled_from([
        "agent", "Agent", "main", "cron", "run", "subagent", "thread", "topic", "direct", "DM",
        "group", "room", "channel", "guild-1", "channel-2", "matrix", "signal", "acp", "explicit",
        "hook", "HOO\u212a", "heartbeat", "dashboard", "tui-1", "", " ", "\t", "a\0", "%", "\u0130",
    ]),
    max_size=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(_PARTS.map(":".join), max_size=20, unique=True))
def test_every_key_of_a_kind(keys):
    """However a key is written, what SQL leaves out is never of the kind that is asked for."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection)
        connection.executemany(
            "INSERT INTO sessions (session_id, session_key, started_at, created_at) "
            "VALUES (?, ?, '2026-11-20 12:00:00.000000', '2026-11-20 12:00:00.000000')",
            enumerate(keys),
        )
        for kind in KINDS:
            rows = list_sessions(connection, Path("nowhere"), SessionFilter(kind=kind))
            assert {row.session_key for row in rows} == {
                key for key in keys if kind_of(key) == kind
            }
