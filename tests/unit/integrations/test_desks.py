"""A recorder's desk lives and ends with its recorder."""

from datetime import UTC, datetime

import steno
from steno.integrations.desks import default_recorder, find_desk
from steno.testing import capture_events
from steno.wire.opening import Opening, Outcome


def opening(number=1):
    """Describe a request."""
    return Opening(
        request_id=f"r{number}", method="POST", target="/v1/chat/completions", headers={},
        begun=datetime.now(UTC), begun_s=0.0, session_id="s",
    )  # fmt: skip


def test_one_for_each_recorder():
    """A recorder has one desk, whoever asks."""
    with capture_events() as (one, _), capture_events() as (two, _):
        assert find_desk(one) is find_desk(one)
        assert find_desk(one) is not find_desk(two)


def test_flush():
    """Flushing the recorder records what was noted before."""
    with capture_events() as (recorder, writer):
        pen = find_desk(recorder).open(opening())
        pen.sent()
        pen.end(Outcome(kind="done"))
        assert recorder.flush()

        assert isinstance(writer.events[-1], steno.Completed)


def test_close():
    """Closing the recorder ends what is open as stopped; afterwards nothing is opened."""
    with capture_events() as (recorder, writer):
        desk = find_desk(recorder)
        pen = desk.open(opening())
        recorder.close()
        pen.end(Outcome(kind="done"))

        assert [each.error for each in writer.events if isinstance(each, steno.Completed)] == [
            "stopped: steno was stopped"
        ]
        assert desk.open(opening(2)) is None
        assert desk.close(1)


def test_home(home):
    """Large bodies go to the home of the recorder, or to the one that was named."""
    with steno.open(home) as recorder:
        assert find_desk(recorder)._home.path == home
    with steno.open(home) as recorder:
        assert find_desk(recorder, home / "other")._home.path == home / "other"


def test_default_recorder(home):
    """A home has one default recorder."""
    recorder = default_recorder(home)

    assert default_recorder(home) is recorder
    recorder.close()


def test_fork():
    """After a fork the desk begins anew, and the old scribe hears nothing more."""
    with capture_events() as (recorder, _):
        desk = find_desk(recorder)
        pen = desk.open(opening())
        scribe = desk._scribe
        assert scribe.close(5)  # in a child there is no such thread
        desk.after_fork()
        pen.sent()

        assert desk.generation == 1
        assert desk._scribe is None
        assert not scribe._notes
