"""In a rush the recorder lets the traffic go first, and not for ever."""

import os
import time

import pytest

from steno.capture import courtesy as module
from steno.capture.courtesy import Courtesy


@pytest.fixture
def rests(monkeypatch):
    """Count the rests, and take none."""
    found = []
    monkeypatch.setattr(module.time, "sleep", found.append)
    monkeypatch.setattr(module, "_WORK_S", 0.0)
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
