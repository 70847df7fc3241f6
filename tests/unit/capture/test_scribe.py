"""The scribe reads notes behind the traffic."""

import json
import time

import pytest

import steno
from steno import Completed, Gap, RequestRecorded, ResponseRecorded, StreamStarted
from steno.capture import scribe as module
from steno.capture.scribe import Scribe, decode_opening
from steno.capture.spools import NoSpool
from steno.capture.tapes import DeadTapes, TapeFolder
from steno.testing import FixedClock, capture_events
from steno.wire.opening import Opening, Outcome

DONE = Outcome(kind="done")
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
SSE = {"content-type": "text/event-stream"}


def opening(name="r1", target="/v1/chat/completions"):
    """Describe a request that arrives now."""
    return Opening(
        request_id=name, method="POST", target=target, headers={}, begun=FixedClock().now,
        begun_s=time.monotonic(), session_id="s",
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    """Give a scribe with tapes that records into memory."""
    with capture_events() as (recorder, writer):
        tapes = TapeFolder(tmp_path / "tapes", "rec")
        scribe = Scribe(recorder, tapes=tapes, open_spool=lambda *_: NoSpool())
        yield scribe, writer
        scribe.close(5)
        recorder.flush()


def events(writer, kind):
    """Return the events of one type."""
    return [event for event in writer.events if isinstance(event, kind)]


def wait_for(condition):
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def begin(scribe, name="r1", body=b'{"model":"m","stream":true}'):
    """Note a request and the head of its reply."""
    pen = scribe.open(opening(name))
    pen.request(body)
    pen.sent()
    pen.reply(200, SSE)
    return pen


def test_short_exchange_touches_no_tape(desk, tmp_path):
    """An exchange that is over at once is recorded, and never on a tape."""
    scribe, writer = desk
    pen = begin(scribe)
    pen.data(CHUNK)
    pen.end(DONE)
    pen.end(Outcome(kind="stopped"))
    wait_for(lambda: scribe._recorder.flush() and events(writer, Completed))

    assert events(writer, ResponseRecorded)[0].response_text == "hi"
    assert len(events(writer, Completed)) == 1
    assert not (tmp_path / "tapes").exists()


def test_open_exchange_is_on_a_tape(desk, tmp_path):
    """What passed of an open exchange is on its tape, and the tape goes when it has ended."""
    scribe, writer = desk
    pen = begin(scribe)
    pen.data(CHUNK)
    tape = tmp_path / "tapes" / "rec" / "r1.tape"
    wait_for(tape.exists)
    assert CHUNK in tape.read_bytes()
    pen.end(DONE)
    wait_for(lambda: not tape.exists())

    assert events(writer, Completed)


def test_stopped(desk):
    """What is open when the scribe ends is ended as stopped."""
    scribe, writer = desk
    begin(scribe).data(CHUNK)
    assert scribe.close(5)
    scribe._recorder.flush()

    assert events(writer, Completed)[0].error == "stopped: steno was stopped"
    assert events(writer, ResponseRecorded)[0].partial


def test_parser_that_fails(desk, monkeypatch, capsys):
    """A parser that fails costs its exchange the details, and no other one anything."""
    scribe, writer = desk

    def fail(*_):
        raise ZeroDivisionError("a defect")

    pen = begin(scribe, "bad")
    wait_for(lambda: not scribe._notes)
    monkeypatch.setattr(scribe._open[pen].exchange, "add_reply", fail)
    pen.data(CHUNK)
    good = begin(scribe, "good")
    good.data(CHUNK)
    good.end(DONE)
    wait_for(lambda: scribe._recorder.flush() and len(events(writer, Completed)) == 2)
    ends = {event.request_id: event.error for event in events(writer, Completed)}

    assert ends["bad"] == "failed: ZeroDivisionError: a defect"
    assert events(writer, ResponseRecorded)[-1].response_text == "hi"
    assert "can't be read" in capsys.readouterr().err


def test_no_room(desk, monkeypatch):
    """Bytes for which there is no room are counted and become a gap; the rest is recorded."""
    scribe, writer = desk
    monkeypatch.setattr(module, "_MAX_PENDING", 1000)
    monkeypatch.setattr(scribe, "_read", lambda: None)
    pen = begin(scribe)
    for _ in range(100):
        pen.data(CHUNK)
    pen.end(DONE)
    monkeypatch.undo()
    scribe._rouse()
    wait_for(lambda: scribe._recorder.flush() and events(writer, Completed))
    gap = events(writer, Gap)[0]

    assert (gap.what, gap.reason) == ("byte", "no_room")
    assert gap.count == scribe.lost_bytes > 0
    assert gap.count % len(CHUNK) == 0


def test_other_requests(desk):
    """A request of no known protocol is let go."""
    scribe, writer = desk
    pen = scribe.open(opening(target="/v1/models"))
    pen.data(b"x")
    pen.end(DONE)
    wait_for(lambda: not scribe._notes)
    scribe._recorder.flush()

    assert not scribe._open
    assert writer.events == []


def test_opening_on_a_tape(desk, tmp_path):
    """The opening comes back from the tape as it was."""
    scribe, _ = desk
    pen = begin(scribe)
    folder = tmp_path / "tapes" / "rec"
    wait_for(lambda: (folder / "r1.tape").exists())
    scribe._tapes.close()
    dead = DeadTapes(tmp_path / "tapes")
    first = next(dead.tapes[0].frames())
    dead.close()

    assert decode_opening(first.data) == pen.opening


def test_transcript(home):
    """An exchange becomes a transcript: a header and the events in their order."""
    with steno.open(home) as recorder:
        scribe = Scribe(recorder, open_spool=lambda *_: NoSpool())
        begin(scribe).end(DONE)
        assert scribe.close(5)
    lines = next(home.rglob("s.jsonl")).read_text().splitlines()

    assert json.loads(lines[0])["type"] == "session"
    assert [json.loads(line)["type"] for line in lines[1:]] == [
        "started", "request_recorded", "response_recorded", "completed",
    ]  # fmt: skip
    assert RequestRecorded
    assert StreamStarted
