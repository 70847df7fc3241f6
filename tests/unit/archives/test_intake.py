"""Where lines wait."""

import threading

import pytest

from steno.archives.identifiers import ArchiveIds
from steno.archives.intake import Bell, Ended, Intake, Waiting
from steno.logs.buffer import measure


@pytest.fixture
def waiting():
    """Begin a request."""
    return Waiting(ArchiveIds("u", "s", "c", "m", "r"), None, 1.0)


def test_lines_are_bounded(waiting, make_line):
    """What finds no room is dropped and counted, with its request and over all."""
    line = make_line("x" * 100)
    intake = Intake(max_waiting=3 * measure(line))

    assert [intake.put(waiting, line) for _ in range(5)] == [True] * 3 + [False] * 2
    assert (waiting.dropped, intake.dropped, intake.accepted) == (2, 2, 3)
    intake.release(measure(line))
    assert intake.put(waiting, line)


def test_order_and_end(waiting, make_line):
    """Lines are taken in order, some at a time, and the end comes after the last."""
    intake = Intake()
    for number in range(5):
        intake.put(waiting, make_line(str(number)))
    ended = Ended("ok", "", 2.0)
    assert intake.end(waiting, ended)
    assert not intake.end(waiting, Ended("error", "", 3.0)), "it ends once"

    assert intake.collect() == [waiting]
    lines, end, _ = intake.take(waiting, 3)
    assert ([line.message for line in lines], end) == (["0", "1", "2"], None)
    assert intake.collect() == [waiting]
    assert [line.message for line in intake.take(waiting, 3)[0]] == ["3", "4"]
    assert intake.take(waiting, 3)[1] == ended


def test_late_lines(waiting, make_line):
    """A line after the end is counted and not kept."""
    intake = Intake()
    intake.end(waiting, Ended("ok", "", 2.0))

    assert not intake.put(waiting, make_line("late"))
    assert intake.late == 1


def test_silence_is_no_end(waiting, make_line):
    """A request that was ended because it was silent goes on when it speaks again."""
    intake = Intake()
    intake.put(waiting, make_line("a"))
    intake.end(waiting, Ended("interrupted", "", 2.0), stale=True)

    assert intake.put(waiting, make_line("b"))
    following = intake.current(waiting)
    assert following is not waiting
    assert [line.message for line in following.lines] == ["b"]
    assert intake.end(waiting, Ended("ok", "", 3.0))
    assert following.ended.status == "ok"


def test_a_signal_may_log_in_the_midst_of_logging(waiting, make_line):
    """A thread that holds the lock may come in again, as a signal handler does."""
    intake = Intake()
    with intake._lock:
        assert intake.put(waiting, make_line("x"))


def test_bell():
    """Ringing often wakes once, and never blocks."""
    bell = Bell()
    assert not bell.wait(0.001)
    bell.ring()
    bell.ring()
    assert bell.wait(0.001)
    assert not bell.wait(0.001)
    threading.Timer(0.01, bell.ring).start()
    assert bell.wait(5)
