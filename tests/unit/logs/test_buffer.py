"""The newest lines stay, within bounds; what goes is counted."""

import gc
import os
import signal
import sys
import threading
import tracemalloc

import pytest

from steno.logs.buffer import LineBuffer, default_lines, measure
from steno.logs.lines import LogLine


def line(message, exception=None):
    """Make a line."""
    return LogLine(0.0, 10, "DEBUG", "l", message, exception=exception)


def messages(buffer):
    """List what is kept."""
    return [each.message for each in buffer.lines()]


def test_newest_stay():
    """Of too many lines, the oldest go, and are counted."""
    buffer = LineBuffer(max_lines=3)
    for number in range(10):
        buffer.take(line(str(number)))

    assert messages(buffer) == ["7", "8", "9"]
    assert (len(buffer), buffer.dropped) == (3, 7)


def test_bytes():
    """Long lines are bounded by their bytes, tracebacks included."""
    buffer = LineBuffer(max_bytes=10_000)
    for number in range(10):
        buffer.take(line(str(number) * 1000, exception="e" * 1000))

    assert buffer.size <= 10_000
    assert 2 <= len(buffer) < 10
    assert len(buffer) + buffer.dropped == 10
    assert buffer.size == sum(measure(each) for each in buffer.lines())


def test_a_line_that_is_too_long():
    """A line longer than all bytes is dropped alone: what was there stays."""
    buffer = LineBuffer(max_bytes=10_000)
    buffer.take(line("a"))
    buffer.take(line("x" * 20_000))
    buffer.take(line("b"))

    assert messages(buffer) == ["a", "b"]
    assert buffer.dropped == 1


def test_characters_are_not_bytes():
    """What is counted is at least what is used, with characters of four bytes too."""
    buffer = LineBuffer(max_bytes=4_000_000)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(4000):
            buffer.take(line(f"{number} " + "\U0001f600" * 400))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert used <= buffer.size <= 4_000_000


def test_resize_keeps():
    """Other bounds never empty a live buffer: the newest stay, as many as there is room for."""
    buffer = LineBuffer(max_lines=5)
    for number in range(5):
        buffer.take(line(str(number)))

    buffer.resize(10)
    assert messages(buffer) == ["0", "1", "2", "3", "4"]
    buffer.resize(2)
    assert messages(buffer) == ["3", "4"]
    buffer.resize(2, measure(line("4")))
    assert messages(buffer) == ["4"]
    buffer.resize(100, 100_000)
    buffer.take(line("5"))
    assert messages(buffer) == ["4", "5"]
    assert buffer.dropped == 4


def test_nothing_is_kept_of_nothing():
    """Bounds of zero, or below, keep nothing and count all."""
    for lines, size in ((0, 1000), (10, 0), (-1, -1)):
        buffer = LineBuffer(lines, size)
        buffer.take(line("a"))
        assert (len(buffer), buffer.size, buffer.dropped) == (0, 0, 1)


def test_drain():
    """What is handed out is gone; the count of the dropped stays."""
    buffer = LineBuffer(max_lines=1)
    buffer.take(line("a"))
    buffer.take(line("b"))

    assert [each.message for each in buffer.drain()] == ["b"]
    assert (len(buffer), buffer.size, buffer.dropped, buffer.drain()) == (0, 0, 1, [])


def test_closed():
    """After the end nothing is kept any more, by whatever thread it comes."""
    buffer = LineBuffer()
    buffer.take(line("a"))

    assert [each.message for each in buffer.close()] == ["a"]
    buffer.take(line("late"))
    assert (len(buffer), buffer.size, buffer.dropped) == (0, 0, 1)


def test_threads():
    """Threads that add, drain and resize at once lose no line and no count."""
    buffer = LineBuffer(max_lines=50)
    drained = []
    done = threading.Event()

    def add(name):
        for number in range(2000):
            buffer.take(line(f"{name}-{number}"))

    def disturb():
        while not done.is_set():
            drained.extend(buffer.drain())
            buffer.resize(50 + len(drained) % 7)

    adding = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    disturbing = threading.Thread(target=disturb)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for each in (*adding, disturbing):
            each.start()
        for each in adding:
            each.join()
    finally:
        done.set()
        disturbing.join()
        sys.setswitchinterval(before)

    drained += buffer.drain()
    assert len(drained) + buffer.dropped == 8000
    assert len({each.message for each in drained}) == len(drained)
    assert buffer.size == 0


def test_a_signal_in_the_middle():
    """A signal's handler that logs while the buffer is held does not wait for itself."""
    buffer = LineBuffer()

    def handle(number, frame):
        buffer.take(line("signal"))

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with buffer._lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            buffer.take(line("program"))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert sorted(messages(buffer)) == ["program", "signal"]


def test_forked_while_held():
    """A child that was forked while a thread held the buffer can add to it."""
    buffer = LineBuffer()
    held, release = threading.Event(), threading.Event()

    def hold():
        with buffer._lock:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # instead of a child that hangs
        buffer.take(line("a"))
        os._exit(len(buffer))
    release.set()
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.parametrize(
    ("text", "lines"), [("100", 100), ("", 20_000), (" 7 ", 7), ("many", 20_000), ("0", 20_000)]
)
def test_default_lines(monkeypatch, text, lines):
    """How many lines are kept is said by the variable that is named as the valve, if it is sane."""
    monkeypatch.setenv("SESSION_LOG_MAX_LINES", text)

    assert default_lines() == lines
