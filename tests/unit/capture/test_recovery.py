"""What a dead proxy left open is closed with what had arrived."""

import os
import time

import pytest

import steno
from steno import Completed, RequestRecorded, ResponseRecorded, Started, ToolCallRecorded
from steno.capture import log
from steno.capture.recovery import left_open, recover
from steno.capture.spools import NoSpool
from steno.capture.tapes import (
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    SESSION,
    STATUS,
    DeadTapes,
    TapeFolder,
    claim_folder,
    frame,
    frame_json,
)  # fmt: skip
from steno.storage.home import find_home
from steno.testing import FixedClock
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_transcript
from steno.wire.opening import Opening, Outcome

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"half a "}}]}\n\n'
CALL = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":'
    b'{"name":"bash","arguments":"{\\"a\\":"}}]}}]}\n\n'
)


def tape(home, *frames, request_id="r1"):
    """Write the tape of an exchange whose recorder is no more."""
    opening = Opening(
        request_id=request_id, method="POST", target="/v1/chat/completions", headers={},
        begun=FixedClock().now, begun_s=100.0, session_id="run",
    )  # fmt: skip
    folder = TapeFolder(find_home(home).tapes, "dead")
    folder.append(request_id, frame_json(OPENED, 100.0, opening) + b"".join(frames))
    folder.close()


def frames():
    """Give the frames of a stream that had begun."""
    return [
        frame(REQUEST, 100.0, b'{"model":"gpt-5","stream":true}'),
        frame(SENT, 100.0),
        frame_json(SESSION, 100.0, "its-own"),
        frame_json(STATUS, 100.5, (200, {"content-type": "text/event-stream"})),
        frame(REPLY, 100.6, CHUNK),
        frame(REPLY, 100.7, CALL),
    ]


def run(home):
    """Recover what lies in a home; returns how many exchanges were closed."""
    dead = DeadTapes(find_home(home).tapes)
    with steno.from_config(home=home, left_open=left_open(dead)) as recorder:
        return recover(dead, recorder, find_home(home).sessions, lambda *_: NoSpool())


def events(home, session="its-own"):
    """Read the events of a session."""
    path = resolve_session(find_home(home).sessions, session)
    return [entry.event for entry in read_transcript(path)][1:]


def test_partial_reply(home):
    """A stream that was cut off by death is closed as interrupted, with what had come of it."""
    tape(home, *frames())

    assert run(home) == 1
    found = events(home)
    assert [type(event) for event in found if not isinstance(event, steno.StreamStarted)] == [
        Started, RequestRecorded, ToolCallRecorded, ResponseRecorded, Completed,
    ]  # fmt: skip
    reply, end = found[-2:]
    assert (reply.response_text, reply.partial) == ("half a ", True)
    assert end.error.startswith("interrupted")
    assert end.total_duration_ms == 700
    assert not list(find_home(home).tapes.iterdir())


def test_what_is_there_stays(home):
    """Events that the transcript has already are not written again."""
    with steno.open(home) as recorder:
        recorder.session("its-own")
        recorder.record(
            Started(
                "its-own", "r1", FixedClock().now, model_requested="gpt-5", provider="", listener=""
            )
        )
    tape(home, *frames())
    run(home)

    assert [type(event) for event in events(home)].count(Started) == 1
    assert [type(event) for event in events(home)].count(Completed) == 1


def test_finished_before_it_died(home):
    """An exchange whose end is in its transcript already is left as it is."""
    tape(home, *frames())
    run(home)
    tape(home, *frames())

    assert run(home) == 0
    assert len([event for event in events(home) if isinstance(event, Completed)]) == 1


def test_torn_tape(home):
    """A tape that is torn is played as far as it goes."""
    tape(home, *frames())
    path = next(find_home(home).tapes.rglob("*.tape"))
    path.write_bytes(path.read_bytes()[:-5])
    run(home)

    assert [
        event.response_text for event in events(home) if isinstance(event, ResponseRecorded)
    ] == ["half a "]


def test_damaged_tape_stays(home, capsys):
    """A tape that can't be read stays where it is, and is said."""
    folder = TapeFolder(find_home(home).tapes, "dead")
    folder.append("r1", frame(OPENED, 1.0, b"no json") + frame(REPLY, 1.0, b"x"))
    folder.append("r2", b"")
    folder.close()

    assert run(home) == 0
    assert "can't be recovered, and stays" in capsys.readouterr().err
    assert [path.name for path in find_home(home).tapes.rglob("*.tape")] == ["r1.tape"]


def test_look_back_leaves_them_alone(home):
    """The start that recovers tapes does not close their requests twice."""
    with steno.open(home) as recorder:
        recorder.session("its-own")
        name = recorder.recorder_id
        recorder.record(
            Started(
                "its-own", "r1", FixedClock().now, model_requested="m", provider="", listener=""
            )
        )
        recorder.flush()
        leases = find_home(home).sessions / ".recorders"
        kept = {path.name: path.read_bytes() for path in leases.iterdir()}
    for path, data in kept.items():
        (leases / path).write_bytes(data)
    assert f"{name}.lease" in kept
    tape(home, *frames())
    run(home)
    deadline = time.monotonic() + 5
    while len(events(home)) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len([event for event in events(home) if isinstance(event, Completed)]) == 1


def write_log(home, *, ended):
    """Write the log of an exchange whose recorder is no more."""
    folder = find_home(home).tapes / "dead-log"
    os.close(claim_folder(folder))
    opening = Opening(
        request_id="r1", method="POST", target="/v1/chat/completions", headers={},
        begun=FixedClock().now, begun_s=100.0, session_id="its-own",
    )  # fmt: skip
    notes = [
        log.frame_json(log.OPENED, 1, 100.0, opening),
        log.frame(log.REQUEST, 1, 100.0, b'{"model":"gpt-5","stream":true}'),
        log.frame(log.SENT, 1, 100.0),
        log.frame_json(log.STATUS, 1, 100.5, (200, {"content-type": "text/event-stream"})),
        log.frame(log.REPLY, 1, 100.6, CHUNK),
    ]
    if ended:
        notes.append(log.frame(log.REPLY, 1, 100.7, b"data: [DONE]\n\n"))
        notes.append(log.frame_json(log.ENDED, 1, 101.0, (Outcome(kind="done"), 0.0)))
    (folder / "00000001.log").write_bytes(b"".join(notes))


@pytest.mark.parametrize("ended", [True, False])
def test_log(home, ended):
    """An exchange in a log is recorded once: in full, or as interrupted where its end lacks."""
    write_log(home, ended=ended)
    assert run(home) == 1
    write_log(home, ended=ended)
    assert run(home) == 0
    found = [event for event in events(home) if isinstance(event, Completed)]

    assert [event.error and event.error.partition(":")[0] for event in found] == [
        None if ended else "interrupted"
    ]
    assert [type(event) for event in events(home)].count(Started) == 1
    assert not list(find_home(home).tapes.iterdir())
