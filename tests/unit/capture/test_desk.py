"""The recorder's process reads a log to its end."""

import os
import threading
import time

import msgspec
import pytest

from steno import Completed
from steno.capture import desk as module
from steno.capture import log
from steno.capture.clerk import Clerk
from steno.capture.courtesy import Courtesy
from steno.capture.desk import Assignment, Desk, DeskRecording, Standing, work
from steno.capture.log import (
    CLOSED,
    ENDED,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogWriter,
    frame,
    frame_json,
)
from steno.capture.tally import Tally
from steno.config import load_config
from steno.storage.home import find_home
from steno.testing import FixedClock, capture_events
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript
from steno.wire.opening import Opening, Outcome

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


def exchange(number, target="/v1/chat/completions", *, ended=True):
    """Write the frames of an exchange."""
    opening = Opening(
        request_id=f"r{number}", method="POST", target=target, headers={},
        begun=FixedClock().now, begun_s=100.0, session_id="s",
    )  # fmt: skip
    frames = [
        frame_json(OPENED, number, 100.0, opening),
        frame(REQUEST, number, 100.0, b'{"model":"m","stream":true}'),
        frame(SENT, number, 100.0),
        frame_json(STATUS, number, 100.5, (200, {"content-type": "text/event-stream"})),
        frame(REPLY, number, 100.6, CHUNK),
    ]
    if ended:
        frames.append(frame_json(ENDED, number, 101.0, (Outcome(kind="done"), 0.0)))
    return frames


def ends(home):
    """Read how the requests of a home ended."""
    return {
        entry.event.request_id: entry.event.error
        for path in find_transcripts(find_home(home).sessions)
        for entry in read_transcript(path)
        if isinstance(entry.event, Completed)
    }


def test_segments_go(home, tmp_path, monkeypatch):
    """Segments go once all in them is recorded; of what is open, only its frames stay."""
    monkeypatch.setattr(log, "SEGMENT_BYTES", 10)
    writer = LogWriter(tmp_path)
    with capture_events() as (recorder, _):
        clerk = Clerk(DeskRecording(recorder, find_home(home), Tally()))
        desk = Desk(tmp_path, recorder, clerk)
        writer.append(exchange(1, ended=False) + exchange(2))
        writer.append(exchange(3))
        writer.append(exchange(4))
        writer.close()
        desk.read()
        desk.settle()
        segments = log.list_segments(tmp_path)
        assert [path.name for path in segments] == ["00000001.log", "00000003.log"]
        assert segments[0].read_bytes() == b"".join(exchange(1, ended=False))
        desk.remove_all()
    assert log.list_segments(tmp_path) == []


def test_compacting_that_fails(home, tmp_path, monkeypatch):
    """A disk that refuses to compact a segment leaves it whole."""
    monkeypatch.setattr(log, "SEGMENT_BYTES", 10)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "replace_file", refuse)
    writer = LogWriter(tmp_path)
    with capture_events() as (recorder, _):
        desk = Desk(tmp_path, recorder, Clerk(DeskRecording(recorder, find_home(home), Tally())))
        writer.append(exchange(1, ended=False) + exchange(2))
        writer.append(exchange(3))
        writer.close()
        desk.read()
        desk.settle()
        desk._reader.close()
    assert len(log.list_segments(tmp_path)) == 2


def test_lets_the_traffic_go_first(home, tmp_path):
    """After each frame it is asked whether to rest, by the time at which it was noted."""
    asked = []

    class Asked(Courtesy):
        def give_way(self, at_s):
            asked.append(at_s)

    writer = LogWriter(tmp_path)
    with capture_events() as (recorder, _):
        clerk = Clerk(DeskRecording(recorder, find_home(home), Tally()))
        desk = Desk(tmp_path, recorder, clerk, Asked())
        writer.append(exchange(1))
        writer.close()
        desk.read()
        desk.remove_all()
    assert asked == [100.0, 100.0, 100.0, 100.5, 100.6, 101.0]


@pytest.mark.parametrize("closed", [True, False])
def test_work(home, tmp_path, monkeypatch, closed):
    """What is open at the log's end was stopped; where the log has no end, interrupted."""
    monkeypatch.setattr(module, "_TELL_S", 0)
    folder = tmp_path / "log"
    folder.mkdir()
    reading, writing = os.pipe()
    said = []
    assignment = Assignment(config=load_config(home=home, environ={}), folder=str(folder))
    thread = threading.Thread(target=work, args=(assignment, reading, said.append))
    thread.start()
    writer = LogWriter(folder)
    writer.append(exchange(1) + exchange(2, ended=False))
    os.write(writing, b".")
    deadline = time.monotonic() + 10
    while not said and time.monotonic() < deadline:
        time.sleep(0.005)
    if closed:
        writer.append([frame(CLOSED, 0, 102.0)])
    writer.close()
    os.close(writing)
    thread.join(20)
    os.close(reading)
    last = msgspec.json.decode(said[-1], type=Standing)

    found = ends(home)
    assert found["r2"].partition(":")[0] == ("stopped" if closed else "interrupted")
    assert (last.final, last.sessions, last.stats.pending) == (True, ("s",), 0)
    assert [(model.model, model.requests) for model in last.models] == [("m", 2)]
    assert list(folder.iterdir()) == []
