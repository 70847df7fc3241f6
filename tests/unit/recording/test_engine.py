"""Buffer, worker and lanes put together."""

from datetime import UTC, datetime

import steno
from steno.recording.engine import Engine, Settings
from steno.testing import MemoryWriter

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_the_transcripts_come_first(tmp_path):
    """Whatever the order in which writers are given, the transcripts are of record."""
    writers = (
        MemoryWriter(), steno.SqliteWriter(tmp_path / "sessions.db"), steno.JsonlWriter(tmp_path),
    )  # fmt: skip

    engine = Engine(writers, Settings())

    assert [lane.name for lane in engine.lanes] == ["jsonl", "memory", "sqlite"]
    assert [lane.follows for lane in engine.lanes] == [False, False, True]
    assert engine.truth.landings.followed


def test_without_transcripts_nobody_follows(tmp_path):
    """An index without transcripts keeps its own batches until they are stored."""
    engine = Engine((steno.SqliteWriter(tmp_path / "sessions.db"),), Settings())

    assert [lane.follows for lane in engine.lanes] == [False]


def test_close_twice():
    """An engine is closed once; later calls do nothing."""
    writer = MemoryWriter()
    engine = Engine((writer,), Settings())
    engine.start()
    engine.buffer.queue.append(steno.Completed("s", "r", NOW, success=True))

    assert engine.close(10)
    assert engine.close(10)
    assert len(writer.events) == 1
    assert engine.stats(engine.buffer).written == 1
