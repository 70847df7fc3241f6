"""The index writer's rules: any order, careless callers, unreadable files, migrations."""

import contextlib
import itertools
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest

from steno.errors import SchemaVersionError, WriteError
from steno.events.model import (
    ArtefactSaved,
    Completed,
    Gap,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StatsUpdated,
    ToolCallRecorded,
)
from steno.events.parts import Tokens
from steno.writers import schema
from steno.writers.base import Batch
from steno.writers.jsonl import JsonlWriter
from steno.writers.rows import Rows
from steno.writers.sqlite import SqliteWriter

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLES = ("sessions", "session_stats", "tool_calls", "tool_call_executions", "gaps")


def at(seconds):
    """Name a time some seconds after the session began."""
    return BEGAN + timedelta(seconds=seconds)


def index(*groups, header=None, harden=False):
    """Store groups of (event, seq) one after the other and read all tables."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        schema.prepare(connection)
        for group in groups:
            rows = Rows()
            if header is not None:
                rows.add_header(header)
            for event, seq in group:
                rows.add(event, "recorder", seq)
            rows.store(connection, harden=harden)
        found = {}
        for table in TABLES:
            read = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
            for row in read:
                row.pop("id", None)
            found[table] = sorted(read, key=repr)
        return found


def numbered(events):
    """Give each event its number."""
    return [(event, seq) for seq, event in enumerate(events, 1)]


class Home:
    """A transcript writer and an index writer that follows it, as a recorder has them."""

    def __init__(self, folder, recorder="recorder", landings=None):
        self.folder = folder
        self.recorder = recorder
        self.database = folder / "sessions.db"
        self.transcripts = JsonlWriter(folder / "sessions")
        if landings is not None:
            self.transcripts.landings = landings
        self.transcripts.landings.followed = True
        self.index = SqliteWriter(self.database)
        self.index.follow(self.transcripts.landings)
        self.count = self.batches = 0

    def batch(self, size=3, session="s", tokens=10):
        """Make a batch of replies, each of a request of its own."""
        self.batches += 1
        events, seqs = [], []
        for _ in range(size):
            self.count += 1
            events.append(ResponseRecorded(
                session, f"{self.recorder}-{self.count}",
                BEGAN + timedelta(seconds=self.count), response_text=f"reply {self.count}",
                model_used="m", tokens=Tokens(input=tokens, output=1),
            ))  # fmt: skip
            seqs.append(self.count)
        return Batch(events, seqs, recorder=self.recorder, number=self.batches)

    def both(self, batch):
        """Write a batch to transcripts and index."""
        self.transcripts.write(batch)
        self.index.write(batch)

    def settle(self):
        """Catch up to the end."""
        for _ in range(1000):
            if self.index.catch_up():
                return
        pytest.fail("catching up does not end")

    def transcript(self, session="s"):
        """Name the transcript of a session."""
        (path,) = (self.folder / "sessions").glob(f"20*/{session}.jsonl")
        return path

    def query(self, text):
        """Ask the index with the standard library's driver."""
        return ask(self.database, text)

    def rows(self):
        """Read all tables, and forget what an index made anew may number otherwise."""
        return {
            table: sorted(
                ({k: v for k, v in row.items() if k != "id"} for row in self.dicts(table)), key=repr
            )
            for table in TABLES
        }

    def dicts(self, table):
        """Read a table as dicts."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            cursor = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def check(self, requests, session="s"):
        """Every request is in the index once, and the position is the end of the transcript."""
        assert self.query(
            f"SELECT request_count, input_tokens FROM sessions WHERE session_id = '{session}'"
        ) == [(requests, 10 * requests)]
        path = self.transcript(session)
        assert self.query(f"SELECT position FROM transcripts WHERE path = '{path}'") == [
            (path.stat().st_size,)
        ]


def ask(database, text):
    """Run one query."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(text).fetchall()


@pytest.fixture
def pair(tmp_path):
    """Make the two writers of a recorder."""
    made = Home(tmp_path / "home")
    yield made
    made.index.close()
    made.transcripts.close()


TOLD_TWICE = {
    "end": [
        Completed("s", "q", at(4), success=True, total_duration_ms=7),
        Completed("s", "q", at(9), success=False, error="interrupted", total_duration_ms=3),
    ],
    "reply": [
        ResponseRecorded("s", "q", at(3), model_used="a", tokens=Tokens(input=1), chunk_count=4),
        ResponseRecorded("s", "q", at(5), model_used="b", tokens=Tokens(input=2)),
    ],
    "model": [
        ResponseRecorded("s", "q", at(3), model_used="a"),
        StatsUpdated("s", "q", at(8), model_used="b", user_agent="x"),
        Started("s", "q", at(9), model_requested="c", provider="p", listener="l"),
    ],
    "call": [
        ToolCallRecorded("s", "q", at(3), tool_name="x", tool_call_id="c", execution_time_ms=9),
        ToolCallRecorded("s", "q", at(1), tool_name="x", tool_call_id="c", success=False),
        ToolCallRecorded("s", "q", at(2), tool_name="x", tool_call_id="c", execution_time_ms=5),
    ],
    "late": [RequestRecorded("s", "q", at(1)), ResponseRecorded("s", "q", at(3))],
}  # fmt: skip


@pytest.mark.parametrize("told", TOLD_TWICE)
def test_told_twice(told):
    """A fact that is told twice is the same in any order, in one batch or in several."""
    events = numbered(TOLD_TWICE[told])
    expected = index(events)

    for order in itertools.permutations(events):
        assert index(order) == expected
        assert index(*([pair] for pair in order)) == expected


@pytest.mark.parametrize("settled", [True, False])
def test_made_anew_beside_a_living_recorder(pair, settled):
    """A batch whose lines were not there when another process reindexed is read from them later."""
    pair.both(pair.batch())
    if settled:
        pair.settle()
    late = [pair.batch(), pair.batch()]
    for batch in late:
        pair.index.write(batch)
    other = SqliteWriter(pair.database)
    other.index_transcript(pair.transcript())
    other.close()
    for batch in late:
        pair.transcripts.write(batch)
        pair.settle()
    pair.both(pair.batch())
    pair.settle()

    pair.check(12)


CARELESS = [
    ToolCallRecorded("s", "q", BEGAN, tool_name=None),
    ResponseRecorded("s", "q", BEGAN, tokens=None),
    ResponseRecorded("s", "q", BEGAN, tokens=Tokens(input="a", output="b"), provider_latency_ms="c"),
    ResponseRecorded("s", "q", BEGAN, provider_latency_ms=1,
                     tokens=Tokens(input=10**400, output=10**400, thinking=10**400)),
    Started("s", "q", BEGAN, model_requested=None, provider=None, listener=None, metadata={"a": 1}),
    Completed("s", "q", BEGAN, success=True, estimated_cost=5),
    RequestRecorded("s", "q", datetime.min.replace(tzinfo=timezone(timedelta(hours=3)))),
    RequestRecorded("s", "q", "2026", request_text=None),
    Gap("s", "", BEGAN, what=None, count=None, reason=None),
    ArtefactSaved("s", "", BEGAN, kind=None, source=None, path=None, metadata={(1, 2): object()}),
    ArtefactSaved("s", "", BEGAN, kind="logs", source="a", path=5, count=10**40, metadata=7),
]  # fmt: skip


@pytest.mark.parametrize("event", CARELESS, ids=lambda event: type(event).__name__)
def test_careless_callers(event):
    """A value of the wrong type keeps neither its event's session nor its neighbours out."""
    good = ResponseRecorded("s", "good", at(5), tokens=Tokens(input=10))
    found = index([(event, 1), (good, 2)], harden=True)

    assert [row["session_id"] for row in found["sessions"]] == ["s"]
    assert [
        row["input_tokens"] for row in found["session_stats"] if row["request_id"] == "good"
    ] == [10]


def test_created_at_is_the_earliest_in_a_batch():
    """A request begins with its earliest event, in whatever order a batch holds them."""
    events = [(ResponseRecorded("s", "q", at(3)), 1), (RequestRecorded("s", "q", at(1)), 2)]

    assert index(events)["session_stats"][0]["created_at"] == "2026-11-20 12:00:01.000000"


def test_one_that_cannot_be_read(pair):
    """A transcript that can't be read does not hold up the others."""
    pair.transcripts.write(pair.batch())
    (pair.folder / "folder.jsonl").mkdir()
    pair.index.adopt([str(pair.folder / "folder.jsonl"), str(pair.transcript())])
    for _ in range(4):
        with contextlib.suppress(WriteError):
            pair.index.catch_up()

    pair.check(3)


def test_skipping_for_long_costs_no_memory(pair):
    """Batches that are skipped one after the other are remembered as one span."""
    for _ in range(5000):
        pair.index.skip(pair.batch(size=0))

    assert pair.index._skipped == [(1, 5000)]


@contextlib.contextmanager
def opened(path):
    """Open a database in autocommit mode."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def golden(data, tmp_path):
    """Copy the golden index of version 1."""
    return shutil.copy(data / "v1" / "sessions.db", tmp_path / "golden.db")


def test_migration_that_makes_a_table_anew(golden):
    """A step may make `sessions` anew without taking along what refers to it."""
    with opened(golden) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        (text,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'sessions'"
        ).fetchone()
        steps = {
            1: [
                text.replace("CREATE TABLE sessions", "CREATE TABLE newer"),
                """INSERT INTO newer (session_id, started_at, created_at)
                SELECT session_id, started_at, created_at FROM sessions""",
                "DROP TABLE sessions",
                "ALTER TABLE newer RENAME TO sessions",
            ]
        }
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            steps[1].insert(0, f"DROP TRIGGER {name}")
        before = connection.execute("SELECT COUNT(*) FROM session_stats").fetchone()
        schema.prepare(connection, migrations=steps, version=2)

        assert before > (0,)
        assert connection.execute("SELECT COUNT(*) FROM session_stats").fetchone() == before
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_migration_that_leaves_orphans(golden):
    """A step that leaves rows without their session is undone."""
    steps = {1: ["DELETE FROM sessions"]}
    with opened(golden) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(SchemaVersionError, match="without their session"):
            schema.prepare(connection, migrations=steps, version=2)

        assert connection.execute("SELECT COUNT(*) FROM sessions").fetchone() > (0,)


def test_no_step(golden):
    """A version from which no step leads on is refused, not guessed at."""
    with opened(golden) as connection, pytest.raises(SchemaVersionError, match="schema version: 2"):
        schema.prepare(connection, migrations={1: []}, version=3)
