"""The clerk lets each exchange of a log record its own."""

import pytest

from steno import Completed, Gap, ResponseRecorded
from steno.capture.clerk import Clerk
from steno.capture.desk import DeskRecording
from steno.capture.log import (
    CLOSED,
    ENDED,
    GATHERED,
    LOST,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogReader,
    frame,
    frame_json,
)
from steno.capture.tally import Tally
from steno.storage.home import find_home
from steno.testing import FixedClock, capture_events
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


@pytest.fixture
def play(home, tmp_path):
    """Let a clerk read frames; returns it and what it recorded."""

    def play(*frames, stop=False):
        (tmp_path / "00000001.log").write_bytes(b"".join(frames))
        reader = LogReader(tmp_path)
        with capture_events() as (recorder, writer):
            clerk = Clerk(DeskRecording(recorder, find_home(home), Tally()))
            while found := reader.read():
                for each in found:
                    clerk.take(each)
            if stop:
                clerk.end_all(Outcome(kind="stopped"))
            recorder.flush()
        reader.close()
        return clerk, writer.events

    return play


def test_unknown_number(play):
    """Frames of exchanges whose beginning is not there cost nothing."""
    clerk, events = play(*exchange(1)[1:], *exchange(2))
    assert {event.request_id for event in events} == {"r2"}
    assert clerk.open == {}


def test_failing_exchange(play, capsys):
    """An exchange that can't be read ends as failed; the others are recorded."""
    one, two = exchange(1), exchange(2)
    one[3] = frame(STATUS, 1, 100.5, b"no json")
    events = play(*(each for pair in zip(one, two, strict=True) for each in pair))[1]
    ends = {event.request_id: event.error for event in events if isinstance(event, Completed)}

    assert ends["r1"].startswith("failed: DecodeError")
    assert [each.response_text for each in events if isinstance(each, ResponseRecorded)] == ["hi"]
    assert "can't be read" in capsys.readouterr().err


def test_damaged_gathering(play, capsys):
    """What was gathered of an exchange and can't be read costs that exchange alone."""
    _, events = play(frame(GATHERED, 1, 100.0, b"\xc1"), *exchange(2))

    assert {event.request_id for event in events} == {"r2"}
    assert "what was gathered of it is damaged" in capsys.readouterr().err


def test_loss(play, capsys):
    """Lost bytes become a gap of their exchange; those of nobody are said."""
    one = exchange(1)
    events = play(
        *one[:-1], frame_json(LOST, 1, 1.0, 3), frame_json(LOST, 1, 1.0, 4), one[-1],
        frame_json(LOST, 0, 1.0, 9),
    )[1]  # fmt: skip
    gap = next(event for event in events if isinstance(event, Gap))

    assert (gap.request_id, gap.what, gap.count, gap.reason) == ("r1", "byte", 7, "no_room")
    assert "9 byte(s)" in capsys.readouterr().err


def test_other_requests(play, capsys):
    """A request of no known protocol is let go, and its losses are no news."""
    clerk, events = play(*exchange(1, "/v1/models"), frame_json(CLOSED, 0, 1.0, None))

    assert (clerk.open, clerk.closed, clerk._ignored, events) == ({}, True, set(), [])
    assert capsys.readouterr().err == ""


def test_end_all(play):
    """What is open at the end is ended at the time of the last note."""
    events = play(*exchange(1, ended=False), stop=True)[1]
    end = next(event for event in events if isinstance(event, Completed))

    assert (end.error.partition(":")[0], end.total_duration_ms) == ("stopped", 600)
