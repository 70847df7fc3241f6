"""The thread between the buffer and the lanes."""

import time
from datetime import UTC, datetime

import steno
from steno.events.header import make_header
from steno.recording.buffer import Buffer, Mark
from steno.recording.dead_letters import DeadLetters
from steno.recording.lane import Lane
from steno.recording.worker import Worker
from steno.testing import MemoryWriter
from steno.writers.losses import Losses

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def start(steps=(), **more):
    """Start a worker with one lane."""
    losses, writer = Losses(), MemoryWriter()
    buffer = Buffer(losses, capacity=1000)
    lane = Lane(
        writer, limit=500, dead_letters=DeadLetters(None, "memory"), on_progress=buffer.signal
    )
    worker = Worker(
        buffer, [lane], [losses], recorder="rec", batch_size=10, batch_timeout_s=0.05,
        looking_back=iter(steps), **more,
    )  # fmt: skip
    worker.start()
    return buffer, worker, lane, writer, losses


def stop(buffer, worker, lane):
    """End a worker and its lane."""
    buffer.put_beside(Mark(stop=True))
    assert worker.join(10)
    assert lane.join(10)


def test_looking_back_does_not_hold_up_events():
    """Work that can wait goes on by steps between batches, and is finished at the end."""
    done = []

    def steps():
        for number in range(40):
            time.sleep(0.01)
            done.append(number)
            yield [steno.Completed("old", str(number), NOW, success=False)] if number == 39 else ()

    buffer, worker, lane, writer, _ = start(steps())
    buffer.queue.append(steno.Completed("new", "r", NOW, success=True))
    buffer.signal()
    deadline = time.monotonic() + 10
    while not writer.events and time.monotonic() < deadline:
        time.sleep(0.001)
    seen_after = len(done)
    stop(buffer, worker, lane)

    assert seen_after < 40
    assert [event.session_id for event in writer.events] == ["new", "old"]
    assert worker.taken == 1


def test_losses_become_gaps():
    """What was lost becomes a gap event with a number of its own, in the session concerned."""
    buffer, worker, lane, writer, losses = start()
    losses.add("s", "event", "buffer_full", count=3)
    losses.add("", "event", "buffer_full", count=2)
    buffer.signal()
    stop(buffer, worker, lane)

    assert [(gap.session_id, gap.count) for gap in writer.events] == [("s", 3), ("steno-rec", 2)]
    assert worker.gaps == 2


def test_a_gap_does_not_begin_a_transcript_without_its_header():
    """A header that still waits in the queue goes ahead of what was lost of its session."""
    buffer, worker, lane, writer, losses = start()
    known = {}
    write = writer.write

    def look(batch):
        for event in batch:
            known.setdefault(
                event.session_id, event.session_id in {*writer.headers, *batch.headers}
            )
        write(batch)

    writer.write = look
    buffer.queue.extend(steno.Completed("old", str(n), NOW, success=True) for n in range(50))
    buffer.put_beside(make_header("new", NOW, session_key="agent:a:main"))
    losses.add("new", "event", "buffer_full")
    buffer.signal()
    stop(buffer, worker, lane)

    assert known == {"old": False, "new": True}
    assert (buffer.headers, buffer.beside) == ({}, 0)


def test_numbers_rise_without_holes():
    """Events and gaps are numbered from 1 in the order of writing."""
    buffer, worker, lane, writer, _ = start()
    for number in range(95):
        buffer.queue.append(steno.Completed("s", str(number), NOW, success=True))
    buffer.signal()
    stop(buffer, worker, lane)

    assert sorted(seq for _, seq in writer._events) == list(range(1, 96))
