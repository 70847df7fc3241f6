"""The index writer."""

import contextlib
import os
import random
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steno
from steno.errors import SchemaVersionError, WriteError
from steno.events.header import make_header
from steno.writers.base import Batch
from steno.writers.jsonl import JsonlWriter
from steno.writers.sqlite import SqliteWriter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLES = ("sessions", "session_stats", "tool_calls", "tool_call_executions", "gaps")


def at(number):
    """Tell a time that rises with a number."""
    return NOW + timedelta(milliseconds=number)


def request(session, number, tokens, *, tool=None, success=True, late=()):
    """Make the events of one request."""
    ids = session, f"r{number}"
    events = [
        steno.Started(*ids, at(number * 10), model_requested="gpt", provider="p", listener="l"),
        steno.RequestRecorded(*ids, at(number * 10 + 1), request_text=f"ask {number}"),
        steno.StreamStarted(*ids, at(number * 10 + 2), time_to_first_token_ms=number),
        steno.ResponseRecorded(*ids, at(number * 10 + 4), tokens=tokens, model_used="gpt-5",
                               response_text=f"say {number}", provider_latency_ms=100),
        steno.Completed(*ids, at(number * 10 + 5), success=success, total_duration_ms=50,
                        total_input=tokens.input, total_output=tokens.output, grand_total=1),
    ]  # fmt: skip
    if tool:
        events.insert(3, steno.ToolCallRecorded(*ids, at(number * 10 + 3), tool_name=tool,
                                                tool_call_id=f"c{number}", execution_time_ms=number,
                                                success=success))  # fmt: skip
    return [*events, *late]


def batch(events, first=1, number=1, **more):
    """Make a batch."""
    return Batch(events, range(first, first + len(events)), recorder="rec", number=number, **more)


def rows(path, table="sessions"):
    """Read a table as dicts, without row ids."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    for row in found:
        row.pop("id", None)
    return sorted(found, key=repr)


def dump(path):
    """Read all rows."""
    return {table: rows(path, table) for table in TABLES}


@pytest.fixture
def path(tmp_path):
    """Name a database."""
    return tmp_path / "sessions.db"


@pytest.fixture
def writer(path):
    """Open a writer."""
    writer = SqliteWriter(path)
    yield writer
    writer.close()


EVENTS = [
    *request("s", 1, steno.Tokens(input=100, output=10, thinking=5), tool="search"),
    *request("s", 2, steno.Tokens(input=120, output=20), tool="search", success=False),
    *request("s", 3, steno.Tokens(input=7, output=1), tool="read"),
    *request("t", 4, steno.Tokens(input=1, output=1)),
    steno.Gap("s", "", at(99), what="event", count=3, reason="buffer_full"),
    steno.StatsUpdated("t", "r4", at(98), token_updates=steno.TokenTotals(total_input=999)),
]


def test_totals_are_sums(writer, path):
    """A session's figures are the sums over its requests."""
    writer.write(batch(EVENTS))

    session = rows(path)[0]
    assert (session["session_id"], session["request_count"]) == ("s", 3)
    assert (session["input_tokens"], session["output_tokens"], session["total_tokens"]) == (
        227,
        31,
        258,
    )
    assert (session["thinking_tokens"], session["total_duration_ms"]) == (5, 150)
    assert (session["failed_requests"], session["open_requests"]) == (1, 0)
    assert (session["tool_call_count"], session["gap_count"]) == (3, 3)


def test_artefacts(writer, path):
    """What was saved is a row each, once however often it is told, and makes no request."""
    saved = [
        steno.ArtefactSaved("s", request, at(5), kind="logs", source="kubernetes", path=f"logs/{n}",
                            size_bytes=9, count=n, sha256="ab", metadata={"pod": "p"})
        for n, request in enumerate(("", "r1", ""))
    ]  # fmt: skip
    writer.write(batch([*EVENTS, *saved]))
    writer.write(batch([*EVENTS, *saved]))

    found = rows(path, "artefacts")
    assert [(row["path"], row["request_id"], row["count"]) for row in found] == [
        ("logs/0", "", 0), ("logs/1", "r1", 1), ("logs/2", "", 2)
    ]  # fmt: skip
    assert found[0]["recorded_at"] == "2026-11-20 12:00:00.005000"
    assert (found[0]["size_bytes"], found[0]["metadata"]) == (9, '{"pod":"p"}')
    assert rows(path)[0]["request_count"] == 3


def test_latest_facts(writer, path):
    """A session's texts, model and outcome are those of its newest events."""
    writer.write(batch(EVENTS))

    session = rows(path)[0]
    assert (session["request_text"], session["response_text"]) == ("ask 3", "say 3")
    assert (session["model_used"], session["success"]) == ("gpt-5", 1)
    assert session["started_at"] == "2026-11-20 12:00:00.010000"
    assert session["completed_at"] == "2026-11-20 12:00:00.035000"


def test_tool_calls(writer, path):
    """Tool calls are counted by request and tool, with their mean time and errors."""
    twice = steno.ToolCallRecorded("s", "r1", at(50), tool_name="search", tool_call_id="other",
                                   execution_time_ms=4, success=False)  # fmt: skip
    writer.write(batch([*EVENTS, twice]))

    search = next(row for row in rows(path, "tool_calls") if row["request_id"] == "r1")
    assert (search["call_count"], search["avg_execution_time_ms"], search["error_count"]) == (
        2,
        2,
        1,
    )
    assert search["model_name"] == "gpt-5"


def test_a_result_joins_its_call(writer, path):
    """A call and its later result are one call."""
    call = steno.ToolCallRecorded("s", "r", at(1), tool_name="search", tool_call_id="c")
    result = steno.ToolCallRecorded(
        "s", "r", at(2), tool_name="search", tool_call_id="c", success=False, execution_time_ms=8
    )
    writer.write(batch([call]))
    writer.write(batch([result], first=2, number=2))

    (row,) = rows(path, "tool_calls")
    assert (row["call_count"], row["error_count"], row["avg_execution_time_ms"]) == (1, 1, 8)


def test_replies_outrank_totals(writer, path):
    """Token counts of the reply are believed before later updates and totals."""
    writer.write(batch(EVENTS))

    assert rows(path)[1]["input_tokens"] == 1


def test_totals_count_where_there_is_no_reply(writer, path):
    """Without a reply, a request's figures are those of its completed event."""
    writer.write(
        batch(
            [
                steno.Completed(
                    "s", "r", NOW, success=False, total_input=9, total_output=2, grand_total=11
                )
            ]
        )
    )

    assert rows(path)[0]["total_tokens"] == 11


def test_twice_is_once(writer, path):
    """The same events written twice give the same rows."""
    writer.write(batch(EVENTS))
    before = dump(path)

    writer.write(batch(EVENTS, number=2))

    assert dump(path) == before


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_any_order(tmp_path, seed, size):
    """Whatever the order and the batches in which events come, the rows are the same."""
    path, other = tmp_path / f"{seed}-{size}.db", tmp_path / "plain.db"
    plain = SqliteWriter(other)
    plain.write(batch(EVENTS))
    plain.close()
    numbered = list(enumerate(EVENTS, 1))
    random.Random(seed).shuffle(numbered)
    writer = SqliteWriter(path)
    for start in range(0, len(numbered), size):
        piece = numbered[start : start + size]
        writer.write(
            Batch([e for _, e in piece], [n for n, _ in piece], recorder="rec", number=start)
        )
    writer.close()

    for table, found in dump(path).items():
        expected = rows(other, table)
        for row in (*found, *expected):
            row.pop("request_id" if table == "sessions" else "", None)
        assert sorted(found, key=repr) == sorted(expected, key=repr), table


def test_header(writer, path):
    """What a header says of a session is in its row; the first to say it wins."""
    first = make_header("s", NOW, session_key="agent:main:main", user_id="u", tags=("x",))
    second = make_header("s", NOW, session_key="agent:other:main", chat_id="c")
    writer.write(batch([], headers={"s": first}))
    writer.write(batch([], number=2, headers={"s": second}))

    (row,) = rows(path)
    assert (row["session_key"], row["agent_id"], row["user_id"]) == ("agent:main:main", "main", "u")
    assert (row["chat_id"], row["tags"]) == ("c", '["x"]')


@pytest.mark.parametrize("hostile", ["'; DROP TABLE sessions; --", "a\x00b", "\ud800", "🙂", ""])
def test_hostile_values(writer, path, hostile):
    """Hostile texts are stored as values."""
    writer.write(batch(request(hostile, 1, steno.Tokens(), tool=hostile)))

    assert len(rows(path)) == 1


def test_numbers_and_types_that_do_not_fit(writer, path):
    """Numbers beyond 64 bits are clamped, other types become text or nothing; nothing is lost."""
    writer.write(
        batch(
            [
                steno.ResponseRecorded("s", "r", NOW, tokens=steno.Tokens(input=10**30, output=1)),
                steno.Started("s", "r2", NOW, model_requested={"a": 1}, provider=None, listener=[]),
                steno.Completed(
                    "s", "r3", "yesterday", success=True, total_duration_ms=float("nan")
                ),
                steno.Completed(7, None, NOW, success=True),
            ]
        )
    )

    assert [row["session_id"] for row in rows(path)] == ["7", "s"]
    assert len(rows(path, "session_stats")) == 4


class TestFollowing:
    """Positions in the transcripts."""

    @pytest.fixture
    def pair(self, tmp_path, path):
        """Open a transcript writer and an index that follows it."""
        jsonl, index = JsonlWriter(tmp_path / "sessions"), SqliteWriter(path)
        jsonl.landings.followed = True
        index.follow(jsonl.landings)
        yield jsonl, index
        jsonl.close()
        index.close()

    def position(self, path):
        """Read the one position."""
        (row,) = rows(path, "transcripts")
        return row["position"], os.path.getsize(row["path"])

    def test_position_moves_without_reading(self, pair, path):
        """When the index stored what the transcripts hold, the position moves to the end."""
        for number in (1, 2, 3):
            each = batch(
                request("s", number, steno.Tokens(input=1)), first=number * 10, number=number
            )
            pair[0].write(each)
            pair[1].write(each)

        assert pair[1].catch_up()
        position, size = self.position(path)
        assert position == size

    def test_skipped_batches_are_read(self, pair, path):
        """A batch that the index never got is read from the transcript."""
        for number in (1, 2, 3):
            each = batch(
                request("s", number, steno.Tokens(input=1)), first=number * 10, number=number
            )
            pair[0].write(each)
            (pair[1].skip if number == 2 else pair[1].write)(each)
        while not pair[1].catch_up():
            pass

        assert rows(path)[0]["request_count"] == 3
        position, size = self.position(path)
        assert position == size

    def test_lines_of_another_process_are_read(self, pair, path, tmp_path):
        """Lines that another recorder wrote in between are read from the transcript."""
        other = JsonlWriter(tmp_path / "sessions")
        for number in (1, 2, 3, 4):
            each = batch(
                request("s", number, steno.Tokens(input=1)), first=number * 10, number=number
            )
            if number % 2:
                pair[0].write(each)
                pair[1].write(each)
            else:
                other.write(Batch(each.events, each.seqs, recorder="other"))
        other.close()
        pair[1].adopt([str(next((tmp_path / "sessions").glob("2026*/s.jsonl")))])
        while not pair[1].catch_up():
            pass

        assert rows(path)[0]["request_count"] == 4

    def test_restart_reads_what_a_dead_process_left(self, pair, path, tmp_path):
        """An adopted transcript is read from the position on, once."""
        first = batch(request("s", 1, steno.Tokens(input=1)))
        pair[0].write(first)
        pair[1].write(first)
        pair[1].close()
        pair[0].write(batch(request("s", 2, steno.Tokens(input=10)), first=10, number=2))
        transcript = next((tmp_path / "sessions").glob("2026*/s.jsonl"))
        with transcript.open("ab") as file:
            file.write(b'not json\n{"torn')

        restarted = SqliteWriter(path)
        for _ in range(2):
            restarted.adopt([str(transcript)])
            while not restarted.catch_up():
                pass
        restarted.close()

        assert (rows(path)[0]["request_count"], rows(path)[0]["input_tokens"]) == (2, 11)
        (row,) = rows(path, "transcripts")
        assert row["damaged_lines"] == 1
        assert row["position"] == transcript.stat().st_size - len(b'{"torn')

    def test_a_replaced_transcript_is_read_anew(self, pair, path, tmp_path):
        """When a shorter file takes the place of a transcript, its rows are made anew."""
        pair[0].write(
            batch([*request("s", 1, steno.Tokens(input=1)), *request("s", 2, steno.Tokens())])
        )
        transcript = next((tmp_path / "sessions").glob("2026*/s.jsonl"))
        pair[1].index_transcript(transcript)
        lines = transcript.read_bytes().splitlines(keepends=True)
        transcript.write_bytes(b"".join(lines[:6]))
        pair[1].adopt([str(transcript)])
        while not pair[1].catch_up():
            pass

        assert rows(path)[0]["request_count"] == 1

    def test_index_transcript_from_scratch(self, pair, path, tmp_path):
        """Indexing a transcript anew gives the rows that following it gave."""
        each = batch(EVENTS[:17], headers={"s": make_header("s", NOW, user_id="u")})
        pair[0].write(each)
        pair[1].write(each)
        pair[1].catch_up()
        before = dump(path)
        for transcript in (tmp_path / "sessions").glob("2026*/*.jsonl"):
            pair[1].index_transcript(transcript)

        after = dump(path)
        for table in TABLES:
            assert [
                {name: value for name, value in row.items() if name not in IN_HEADER_ONLY}
                for row in after[table]
            ] == [
                {name: value for name, value in row.items() if name not in IN_HEADER_ONLY}
                for row in before[table]
            ]


IN_HEADER_ONLY = {"host", "program", "cwd", "recorder", "transcript"}
"""Facts that a writer of transcripts adds for sessions that nobody has introduced."""


class TestTrouble:
    """Databases that can't be used."""

    def test_locked(self, writer, path):
        """While another program holds the database, the error says that waiting may help."""
        writer.write(batch(EVENTS))
        other = SqliteWriter(path, busy_timeout_ms=20)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(WriteError) as caught:
                other.write(batch(EVENTS))
            holder.execute("ROLLBACK")

        assert caught.value.transient
        other.write(batch(EVENTS))
        other.close()

    def test_not_a_database(self, path):
        """A file that is no database is an error with a hint, and is left alone."""
        path.write_bytes(b"this is no database at all" * 100)
        writer = SqliteWriter(path)

        with pytest.raises(WriteError) as caught:
            writer.write(batch(EVENTS))

        assert "reindex" in caught.value.hint
        assert path.read_bytes().startswith(b"this is no database")

    def test_newer_version(self, writer, path):
        """An index of a newer version is refused before anything is recorded."""
        writer.write(batch(EVENTS))
        writer.close()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE schema_version SET version = 99")

        with pytest.raises(SchemaVersionError, match="Unsupported schema version: 99"):
            SqliteWriter(path)

    def test_permissions(self, writer, path):
        """The index is for the owner alone."""
        writer.write(batch(EVENTS))

        assert path.stat().st_mode & 0o777 == 0o600

    def test_fork_drops_the_connection(self, writer, path):
        """After a fork the child has no connection of its parent's."""
        writer.write(batch(EVENTS))
        parents = writer._connection
        writer.after_fork()

        assert writer._connection is None
        writer.write(batch(EVENTS, number=2))
        parents.close()

    def test_close_twice(self, writer):
        """Close may be called twice, and before any write."""
        writer.close()
        writer.close()


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_compressed_transcript(writer, path, tmp_path, monkeypatch):
    """A compressed transcript is read in pieces, each byte once, and its position counts the text."""
    from steno.storage import compressed
    from steno.writers import pieces

    monkeypatch.setattr(pieces, "_PIECE_LINES", 10)
    monkeypatch.setattr(compressed, "_FRAME", 4096)
    with steno.open(tmp_path / "home") as recorder, recorder.session("s") as session:
        for number in range(100):
            with session.request(model="m") as request:
                request.response(text="x" * number, tokens=steno.Tokens(input=1, output=1))
    (transcript,) = (tmp_path / "home").glob("sessions/*/s.jsonl")
    size = transcript.stat().st_size
    pack_away(transcript)

    writer.index_transcript(transcript)

    assert [row["request_count"] for row in rows(path)] == [100]
    (known,) = rows(path, "transcripts")
    assert (known["path"], known["position"]) == (str(transcript), size)


def test_forget_by_session(writer, path):
    """Rows of a session without a transcript go by its id, and only then."""
    writer.write(batch(request("s", 1, steno.Tokens())))
    writer.forget_transcript("/nowhere/t.jsonl", "t")
    assert len(rows(path)) == 1

    writer.forget_transcript("/nowhere/s.jsonl", "s")

    assert rows(path) == []
    assert rows(path, "session_stats") == []


def test_half_characters(tmp_path):
    """A session whose id has half a surrogate pair is indexed, under the id that the transcript has."""
    with steno.open(tmp_path) as recorder, recorder.session("a\ud800b"):
        pass

    with sqlite3.connect(tmp_path / "sessions.db") as connection:
        rows = connection.execute("SELECT session_id FROM sessions").fetchall()
    connection.close()
    assert rows == [("a\\ud800b",)]
    assert not (tmp_path / "dead-letters").exists()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count writes")
def test_few_writes(tmp_path):
    """To store rows writes their pages, and not what each statement would have to take back."""
    events = []
    for number in range(1_000):
        ids = ("s1", f"req-{number * 2_654_435_761 % 2**32:08x}", NOW)
        events.append(steno.Started(*ids, model_requested="m", provider="p", listener="l"))
        events.append(steno.ToolCallRecorded(*ids, tool_name="read", tool_call_id=str(number)))
    with contextlib.closing(SqliteWriter(tmp_path / "sessions.db")) as writer:
        writer.write(Batch(events[:2], [1, 2], recorder="r"))
        before = count_writes()
        writer.write(Batch(events[2:], range(3, len(events) + 1), recorder="r"))
        writes = count_writes() - before

    pages = (tmp_path / "sessions.db").stat().st_size / 4096
    assert writes < 5 * pages  # two for each page to the log, one to the database


def count_writes():
    """Count the calls of this process that wrote to a file."""
    found = re.search(r"^syscw: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    return int(found[1])
