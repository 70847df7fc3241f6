"""The doubles for tests."""

from datetime import timedelta

import steno
from steno.testing import FailingWriter, FixedClock, MemoryWriter, capture_events
from steno.writers.base import Writer


def test_capture_events():
    """Events can be captured in memory."""
    with capture_events() as (recorder, writer):
        with recorder.session("s") as session, session.request(model="m"):
            pass
        recorder.flush()

        assert [type(event) for event in writer.events] == [steno.Started, steno.Completed]


def test_doubles_are_writers():
    """The doubles are what the protocol describes."""
    assert isinstance(MemoryWriter(), Writer)
    assert isinstance(FailingWriter(), Writer)


def test_clock():
    """The clock moves only when it is told to."""
    clock = FixedClock()
    before = clock.now

    assert clock.tick(2) - before == timedelta(seconds=2)
    assert clock.now.tzinfo is not None
