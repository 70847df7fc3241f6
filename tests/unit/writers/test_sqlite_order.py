"""The index writer: the same rows in any order, also beside a `steno reindex`."""

import contextlib
import itertools
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from steno.events.model import (
    Completed,
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
