"""The bounded queue."""

import threading
import time
from datetime import UTC, datetime

import pytest

from steno.events.header import make_header
from steno.recording.buffer import Buffer, Mark
from steno.writers.losses import Losses


class Speaker:
    """Stands for an event."""

    session_id = "s"


def test_a_mark_is_passed_when_all_have_passed():
    """A mark waits for every writer, and for none if there is none."""
    mark = Mark()
    mark.expect(2)

    mark.pass_by()
    assert not mark.wait(0.01)
    mark.pass_by()
    assert mark.wait(0)

    alone = Mark()
    alone.expect(0)
    assert alone.wait(0)


def test_refusal_is_counted():
    """What is refused is counted by session."""
    losses = Losses()
    buffer = Buffer(losses, capacity=2)

    assert not buffer.refuse(Speaker())
    assert not buffer.refuse(Speaker())

    (loss,) = losses.take()
    assert (buffer.dropped, loss.count, loss.session_id) == (2, 2, "s")


def test_block_waits_for_room():
    """A caller that is blocked goes on when there is room."""
    buffer = Buffer(Losses(), capacity=4, overflow="block", block_timeout_s=10)
    buffer.queue.extend([Speaker()] * 4)

    def make_room():
        time.sleep(0.05)
        buffer.queue.clear()
        buffer.make_room(0)

    thread = threading.Thread(target=make_room)
    thread.start()
    assert buffer.refuse(Speaker())
    thread.join()
    assert (len(buffer.queue), buffer.dropped) == (1, 0)


def test_the_writers_share_counts():
    """The limit shrinks by what the writers hold, and never below zero."""
    buffer = Buffer(Losses(), capacity=10)

    buffer.make_room(3)
    assert buffer.limit == 7
    buffer.make_room(30)
    assert buffer.limit == 0


def test_closed():
    """A closed buffer takes nothing, whatever room is made."""
    buffer = Buffer(Losses(), capacity=10)
    buffer.close()
    buffer.make_room(0)

    assert buffer.limit < 0
    assert not buffer.refuse(Speaker())


def test_headers_are_bounded():
    """Sessions that go on beginning while nothing is written don't fill the memory."""
    losses = Losses()
    buffer = Buffer(losses, capacity=10)
    for number in range(100):
        buffer.put_beside(make_header(f"s{number}", datetime(2026, 11, 20, tzinfo=UTC)))

    assert len(buffer.queue) == 10
    assert {loss.what for loss in losses.take()} == {"header"}


@pytest.mark.parametrize("times", [1, 3])
def test_signal_wakes_once(times):
    """However often the worker is signalled, it wakes once and then sleeps."""
    buffer = Buffer(Losses(), capacity=10)
    for _ in range(times):
        buffer.signal()

    begun = time.monotonic()
    buffer.wait(5)
    assert time.monotonic() - begun < 2
    buffer.wait(0.05)
    assert time.monotonic() - begun >= 0.05
