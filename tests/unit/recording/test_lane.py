"""One writer's thread."""

import time
from datetime import UTC, datetime

import pytest

import steno
from steno.errors import WriteError
from steno.events.header import make_header
from steno.recording.buffer import Mark
from steno.recording.dead_letters import DeadLetters
from steno.recording.lane import Lane
from steno.testing import FailingWriter, MemoryWriter
from steno.writers.base import Batch

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def batch(count, first=1):
    """Make a batch."""
    events = [steno.Completed("s", str(first + at), NOW, success=True) for at in range(count)]
    return Batch(events, range(first, first + count), recorder="r")


class Follower(MemoryWriter):
    """A follower that can be told to fail."""

    def __init__(self):
        super().__init__("follower")
        self.skipped = []
        self.left = 0
        self.error = None

    def write(self, each):
        if self.error:
            raise self.error
        super().write(each)

    def follow(self, landings):
        pass

    def skip(self, each):
        self.skipped.append(each.number)
        self.left += 1

    def adopt(self, paths):
        self.left += len(paths)

    def catch_up(self):
        if self.error:
            raise self.error
        self.left = max(0, self.left - 1)
        return not self.left


@pytest.fixture
def lane():
    """Start a lane, and end it."""
    lanes = []

    def start(writer, limit=100, **more):
        each = Lane(writer, limit=limit, dead_letters=DeadLetters(None, writer.name), **more)
        each.start()
        lanes.append(each)
        return each

    yield start
    for each in lanes:
        if isinstance(each.writer, FailingWriter):
            each.writer.gate.set()
        mark = Mark(stop=True)
        mark.expect(1)
        each.mark(mark)
        each.hurry(time.monotonic() + 1)
        assert each.join(10)


def pass_mark(lane, seconds=10):
    """Wait until a lane has dealt with everything."""
    mark = Mark()
    mark.expect(1)
    lane.mark(mark)
    lane.hurry()
    return mark.wait(seconds)


def test_offers_are_bounded(lane):
    """A lane takes what it has room for; one batch always fits."""
    writer = FailingWriter()
    writer.gate.clear()
    full = lane(writer, limit=5)

    assert full.offer(batch(50))
    assert not full.offer(batch(1, first=51))
    assert full.held == 50
    writer.gate.set()
    assert pass_mark(full)
    assert full.stats().written == 50
    assert full.held == 0


def test_waiting_out(lane):
    """While the cause lasts, batches wait; when it is gone, all are stored in order."""
    writer = FailingWriter()
    writer.error = WriteError("full", transient=True)
    waiting = lane(writer)
    for first in (1, 11, 21):
        waiting.offer(batch(10, first=first))
    while not waiting.stats().retried:
        time.sleep(0.005)
    assert waiting.stats().pending == 30
    writer.error = None

    assert pass_mark(waiting)
    assert [event.request_id for event in writer.events] == [str(n) for n in range(1, 31)]
    assert waiting.stats().last_error is None


def test_a_follower_skips_what_it_has_no_room_for(lane):
    """A follower takes every batch; those beyond its memory are read back later."""
    follower = Follower()
    follower.error = WriteError("locked", transient=True)
    slow = lane(follower, limit=10, follows=True)
    for first in range(1, 101, 10):
        assert slow.offer(batch(10, first=first))
    while not slow.stats().retried:
        time.sleep(0.005)
    assert slow.held <= 100
    assert slow.stats().pending == 100
    follower.error = None

    assert pass_mark(slow)
    stats = slow.stats()
    assert (stats.accepted, stats.written, stats.pending) == (100, 100, 0)
    assert follower.skipped


def test_left_out_batches_are_skipped_also_those_with_headers(lane):
    """A batch that did not fit is skipped whole, and many in a row cost no more than one."""
    follower = Follower()
    follower.error = WriteError("locked", transient=True)
    slow = lane(follower, limit=1, follows=True)
    slow.offer(batch(1))
    for number in range(2, 500):
        each = batch(1, first=number)
        each.headers = {"s": make_header("s", NOW)}
        each.number = each.first_number = number
        assert slow.offer(each)
    assert len(slow._queue) < 10
    follower.error = None

    assert pass_mark(slow)
    assert slow.stats().written == 499
    assert not follower.headers


def test_adopted_transcripts_are_read_without_events(lane):
    """A follower that is given transcripts reads them though nothing else happens."""
    follower = Follower()
    resting = lane(follower, follows=True)
    assert resting.rests

    resting.adopt(["a", "b", "c"])
    while not resting.rests:
        time.sleep(0.005)

    assert follower.left == 0


def test_batches_that_wait_are_joined(lane):
    """A writer that likes large batches gets those that wait together."""
    writer = FailingWriter()
    writer.write_size = 25
    writer.gate.clear()
    joining = lane(writer)
    for first in range(1, 101, 10):
        joining.offer(batch(10, first=first))
    writer.gate.set()

    assert pass_mark(joining)
    assert max(writer.batches) == 20
    assert sum(writer.batches) == 100
