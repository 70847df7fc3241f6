"""Bars 2 and 3: from record() to disk, against the limit, and with many sessions at once."""

import os
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import steno
from benchmarks.measuring import TEXT, Result, alternate, make_requests, seconds
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.writers.sqlite import connect

_REQUESTS = 4000
_ROUNDS = 5
_BATCH = 100


def _record(events: list[steno.Event], *, index: bool, keep: Path | None = None) -> float:
    """Record events as fast as the recorder takes them; microseconds an event, until on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        writers: list[steno.Writer] = [steno.JsonlWriter(folder / "sessions")]
        if index:
            writers.append(steno.SqliteWriter(folder / "sessions.db"))
        recorder = Recorder(writers, Settings(overflow="block", block_timeout_ms=60_000))

        def work() -> None:
            record = recorder.record
            for event in events:
                record(event)
            assert recorder.flush(120)

        took = seconds(work)
        stats = recorder.stats()
        assert stats.written == len(events), stats
        recorder.close()
    return took / len(events) * 1e6


def _limit(events: list[steno.Event]) -> float:
    """One thread that encodes and writes batches, and does nothing else."""
    encode = msgspec.json.Encoder().encode
    with tempfile.TemporaryDirectory() as name:
        fd = os.open(f"{name}/limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def work() -> None:
            for at in range(0, len(events), _BATCH):
                os.write(
                    fd, b"".join([encode(event) + b"\n" for event in events[at : at + _BATCH]])
                )

        took = seconds(work)
        os.close(fd)
    return took / len(events) * 1e6


_FILLED_BY_TRIGGERS = {
    "sessions": {"request_count", "open_requests", "failed_requests", "tool_call_count", "gap_count",
                 "total_duration_ms", "provider_latency_ms", "input_tokens", "output_tokens",
                 "thinking_tokens", "reasoning_tokens", "cache_read_tokens", "cache_creation_tokens",
                 "audio_input_tokens", "audio_output_tokens"},
    "session_stats": {"tool_call_count"},
}  # fmt: skip


def _bare_rows(database: Path) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Read the rows of an index, and the plain statements that would insert them."""
    plan = []
    with sqlite3.connect(database) as source:
        for table in ("sessions", "session_stats", "tool_call_executions", "transcripts"):
            columns = [
                row[1]
                for row in source.execute(f"PRAGMA table_info({table})")
                if row[1] not in _FILLED_BY_TRIGGERS.get(table, ())
            ]
            rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            marks = ", ".join("?" * len(columns))
            plan.append((f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows))
    source.close()
    return plan


def _bare(plan: list[tuple[str, list[tuple[object, ...]]]], events: int) -> float:
    """Insert rows into the same schema with executemany, in one transaction."""
    with tempfile.TemporaryDirectory() as name:
        connection = connect(Path(name) / "bare.db", synchronous="NORMAL", busy_timeout_ms=1000)

        def work() -> None:
            connection.execute("BEGIN")
            for statement, rows in plan:
                connection.executemany(statement, rows)
            connection.execute("COMMIT")

        took = seconds(work)
        connection.close()
    return took / events * 1e6


def _replies(sessions: int) -> list[steno.Event]:
    """Make events of 2.6 kB that go to so many sessions, one to each in turn."""
    now = datetime.now(UTC)
    return [
        steno.ResponseRecorded(
            f"session-{number % sessions}", f"request-{number}", now, response_text=TEXT,
            model_used="gpt-5-2026", tokens=steno.Tokens(input=700, output=500),
        )
        for number in range(_REQUESTS * 5)
    ]  # fmt: skip


def _interleaved(sessions: int, *, index: bool) -> float:
    """Record events to sessions that have begun, one to each in turn; microseconds an event."""
    events = _replies(sessions)
    with tempfile.TemporaryDirectory() as name:
        writers: list[steno.Writer] = [steno.JsonlWriter(f"{name}/sessions")]
        if index:
            writers.append(steno.SqliteWriter(f"{name}/sessions.db"))
        recorder = Recorder(writers, Settings(overflow="block", block_timeout_ms=60_000))

        def work() -> None:
            for event in events:
                recorder.record(event)
            assert recorder.flush(120)

        for event in events[:sessions]:
            recorder.record(event)
        recorder.flush(120)
        took = seconds(work)
        assert recorder.stats().pending == 0
        recorder.close()
    return took / len(events) * 1e6


def run() -> list[Result]:
    """Measure limits and recorder in turn."""
    replies, events = _replies(1), make_requests(_REQUESTS)
    limit, jsonl = alternate(
        _ROUNDS, lambda: _limit(replies), lambda: _record(replies, index=False)
    )
    with tempfile.TemporaryDirectory() as name:
        _record(events, index=True, keep=Path(name))
        plan = _bare_rows(Path(name) / "sessions.db")
    bare, both = alternate(
        _ROUNDS, lambda: _bare(plan, len(events)), lambda: _record(events, index=True)
    )
    one, many, one_file, many_files = alternate(
        _ROUNDS,
        lambda: _interleaved(1, index=True),
        lambda: _interleaved(10_000, index=True),
        lambda: _interleaved(1, index=False),
        lambda: _interleaved(10_000, index=False),
    )
    ratios = limit / jsonl, bare / both, one / many, one_file / many_files
    return [
        Result("2 JSONL, sustained", ">= 0.5 of the limit", f"{ratios[0]:.2f}", ratios[0] >= 0.5,
               f"{jsonl:.1f} us an event of 2.6 kB; encode and write alone {limit:.1f} us"),
        Result("2 JSONL and SQLite, sustained", ">= 0.5 of executemany", f"{ratios[1]:.2f}",
               ratios[1] >= 0.5,
               f"{both:.1f} us an event; bare executemany of the rows {bare:.1f} us an event"),
        Result("3 10,000 sessions, interleaved", ">= 0.3 of one session", f"{ratios[2]:.2f}",
               ratios[2] >= 0.3,
               f"both writers: {many:.1f} us an event of 2.6 kB; one session {one:.1f} us"),
        Result("3 the same, JSONL alone", ">= 0.3 of one session", f"{ratios[3]:.2f}",
               ratios[3] >= 0.3,
               f"{many_files:.1f} us an event; one session {one_file:.1f} us"),
    ]  # fmt: skip
