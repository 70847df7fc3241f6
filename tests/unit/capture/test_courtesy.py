"""In a rush the recorder lets the traffic go first, and not for ever."""

import os
import threading
import time

import pytest

from steno.capture import courtesy as module
from steno.capture.courtesy import Courtesy, may_idle, schedule, waited_s


@pytest.fixture
def rests(monkeypatch):
    """Count the rests, and take none."""
    found = []
    sleep, own = time.sleep, threading.get_ident()

    def rest(seconds):
        # Threads of the process that have nothing to do with this test sleep as ever.
        found.append(seconds) if threading.get_ident() == own else sleep(seconds)

    monkeypatch.setattr(module.time, "sleep", rest)
    monkeypatch.setattr(module, "_WORK_S", 0.0)
    monkeypatch.setattr(module, "may_idle", lambda: False)
    return found


@pytest.fixture
def pipe():
    """Give a pipe of news: its two ends."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def ago(seconds):
    """Name a time."""
    return time.monotonic() - seconds


def test_rush(rests, pipe):
    """Behind, and with news, it rests; the news is taken, and counts for a moment."""
    courtesy = Courtesy(pipe[0])
    os.write(pipe[1], b".")
    courtesy.give_way(ago(1))
    courtesy.give_way(ago(1))

    assert len(rests) == 2


def test_idle(rests, pipe, monkeypatch):
    """Where it may come back, it takes only what nobody else wants, until it is far behind."""
    classes = []
    monkeypatch.setattr(module, "may_idle", lambda: True)
    monkeypatch.setattr(module, "schedule", classes.append)
    monkeypatch.setattr(module, "waited_s", lambda: 0.0)
    courtesy = Courtesy(pipe[0])
    os.write(pipe[1], b".")
    for delay in (0, 1, 60, 60, 1):
        courtesy.give_way(ago(delay))

    assert classes == [os.SCHED_IDLE, os.SCHED_OTHER, os.SCHED_IDLE]
    assert rests == []


def test_crowded(rests, pipe, monkeypatch):
    """Behind, with news, and where others use the processor most of the time, it rests there too."""
    waited = iter(range(100))
    monkeypatch.setattr(module, "may_idle", lambda: True)
    monkeypatch.setattr(module, "schedule", lambda _: None)
    monkeypatch.setattr(module, "waited_s", lambda: next(waited))
    courtesy = Courtesy(pipe[0])
    os.write(pipe[1], b".")
    for delay in (0, 1, 60):
        courtesy.give_way(ago(delay))

    assert len(rests) == 1


def test_waited():
    """The time for which it waited for a processor is told by the system, and only grows."""
    before = waited_s()
    deadline = time.monotonic() + 0.05
    while time.monotonic() < deadline:
        pass

    assert 0 <= before <= waited_s() < time.monotonic()


def test_all_threads():
    """The class of all threads is changed, and changed back where that is allowed."""
    if not may_idle():
        pytest.skip("this user may not leave SCHED_IDLE")
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        schedule(os.SCHED_IDLE)
        idle = os.sched_getscheduler(thread.native_id)
    finally:
        schedule(os.SCHED_OTHER)
        usual = os.sched_getscheduler(thread.native_id), os.sched_getscheduler(0)
        stop.set()
        thread.join()

    assert idle == os.SCHED_IDLE
    assert usual == (os.SCHED_OTHER, os.SCHED_OTHER)


@pytest.mark.parametrize("allowed", [True, False])
def test_whether_it_may(monkeypatch, allowed):
    """It is tried out, on a thread that nobody needs."""

    def refuse(_thread, policy, _parameter):
        if policy == os.SCHED_OTHER and not allowed:
            raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)

    assert may_idle() is allowed


@pytest.mark.parametrize("delay", [0.0, 60.0])
def test_no_rest(rests, pipe, delay):
    """Where it is up to date there is no rush; where it is far behind there is no courtesy."""
    os.write(pipe[1], b".")
    Courtesy(pipe[0]).give_way(ago(delay))

    assert rests == []


def test_behind_without_news(rests, pipe):
    """When nothing more comes it works off what is there."""
    Courtesy(pipe[0]).give_way(ago(1))
    Courtesy(None).give_way(ago(1))

    assert rests == []


def test_the_traffic_has_ended(rests):
    """The end of the traffic is no news."""
    reading, writing = os.pipe()
    os.close(writing)
    Courtesy(reading).give_way(ago(1))
    os.close(reading)

    assert rests == []


def test_a_moment_of_work(rests, pipe, monkeypatch):
    """Between two rests it works for a moment."""
    monkeypatch.setattr(module, "_WORK_S", 10.0)
    courtesy = Courtesy(pipe[0])
    os.write(pipe[1], b".")
    courtesy.give_way(ago(1))
    courtesy.give_way(ago(1))

    assert len(rests) == 1
