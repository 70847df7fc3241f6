"""The figures add up, whatever happens."""

import contextlib
import json
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import steno
from steno.errors import WriteError
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.testing import FailingWriter

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 60)),
        st.tuples(st.just("poison"), st.integers(1, 3)),
        st.tuples(st.just("break"), st.booleans()),
        st.tuples(st.just("flush"), st.none()),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=25)
@given(ACTIONS, st.integers(1, 40), st.integers(1, 100))
def test_accepted_is_written_dropped_and_failed(actions, batch_size, capacity):
    """Accepted = written + dropped + failed + pending at all times, and gaps tell of all losses."""
    writer = FailingWriter()
    writer.poison = {"arsenic"}
    recorder = Recorder(
        (writer,), Settings(batch_size=batch_size, batch_timeout_ms=5, channel_buffer_size=capacity)
    )
    calls = 0
    for action, value in actions:
        if action in {"record", "poison"}:
            text = "arsenic" if action == "poison" else "bread"
            for _ in range(value):
                recorder.record(steno.ResponseRecorded("s", "r", NOW, response_text=text))
            calls += value
        elif action == "break":
            writer.error = WriteError("broken", transient=True) if value else None
        else:
            recorder.flush(0.05)
        stats = recorder.stats()
        assert stats.accepted == stats.written + stats.dropped + stats.failed + stats.pending
    writer.error = None
    assert recorder.flush(20)
    recorder.close()

    stats = recorder.stats()
    assert (stats.accepted, stats.pending) == (calls, 0)
    assert stats.accepted == stats.written + stats.dropped + stats.failed
    replies = [event for event in writer.events if isinstance(event, steno.ResponseRecorded)]
    gaps = [event for event in writer.events if isinstance(event, steno.Gap)]
    assert len(replies) == stats.written
    assert sum(gap.count for gap in gaps) == stats.dropped + stats.failed


@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.text(alphabet=st.characters(), max_size=8),
            st.integers(0, 10**6),
            st.integers(0, 10**6),
        ),
        max_size=20,
    )
)
def test_transcripts_and_index_agree(requests):
    """Whatever the session ids, the sums in the index are those of the transcripts."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with steno.open(home) as recorder:
            for session_id, tokens_in, tokens_out in requests:
                session = recorder.session(session_id or None)
                with session.request(model="m") as request:
                    request.response(tokens=steno.Tokens(input=tokens_in, output=tokens_out))
            assert recorder.flush(30)
        told = [
            json.loads(line)
            for path in home.glob("sessions/*/*.jsonl")
            for line in path.read_bytes().splitlines()
        ]
        replies = [line["tokens"] for line in told if line["type"] == "response_recorded"]
        assert len(replies) == len(requests)
        if not requests:
            return
        with contextlib.closing(sqlite3.connect(home / "sessions.db")) as connection:
            row = connection.execute(
                "SELECT SUM(input_tokens), SUM(output_tokens), SUM(request_count) FROM sessions"
            ).fetchone()
        assert row == (
            sum(each["input_tokens"] for each in replies),
            sum(each["output_tokens"] for each in replies),
            len(requests),
        )
