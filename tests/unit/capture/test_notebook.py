"""The notebook writes what passes, off the traffic's thread."""

import asyncio
import os
import time

import pytest

from steno.capture import notebook as module
from steno.capture.log import (
    CLOSED,
    ENDED,
    LOST,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogReader,
    LogWriter,
)
from steno.capture.notebook import Notebook
from steno.testing import FixedClock
from steno.wire.opening import Opening, Outcome

DONE = Outcome(kind="done")


def opening():
    """Describe a request."""
    return Opening(
        request_id="r", method="POST", target="/v1/chat/completions", headers={},
        begun=FixedClock().now, begun_s=time.monotonic(), session_id="s",
    )  # fmt: skip


def notes(folder):
    """Read a log: kinds and data."""
    reader, found = LogReader(folder), []
    while frames := reader.read():
        found += [(each.kind, each.data) for each in frames]
    reader.close()
    return found


@pytest.fixture
def refusing(monkeypatch):
    """Make the disk refuse, as long as the list that is given holds something."""
    refuses, append = [], LogWriter.append

    def refuse(self, pieces):
        if refuses:
            raise OSError(28, "No space left on device")
        append(self, pieces)

    monkeypatch.setattr(LogWriter, "append", refuse)
    return refuses


def wait_for(condition):
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_all_is_written(tmp_path):
    """Everything that was noted is in the log in its order, and its end behind it."""
    notebook = Notebook(tmp_path)
    pen = notebook.open(opening)
    pen.request(b"a")
    pen.sent()
    pen.reply(200, {})
    pen.data(b"b")
    assert notebook.open_count == 1
    pen.end(DONE)
    pen.end(DONE)
    assert notebook.close(5)

    found = notes(tmp_path)
    assert [kind for kind, _ in found] == [OPENED, REQUEST, SENT, STATUS, REPLY, ENDED, CLOSED]
    assert (found[1][1], found[4][1]) == (b"a", b"b")
    assert (notebook.open_count, notebook.lost_bytes) == (0, 0)


def test_refusing_disk(tmp_path, refusing, capsys):
    """Bytes that the disk refused are counted and told before the end; the end is kept."""
    notebook = Notebook(tmp_path)
    refusing.append(1)
    pen = notebook.open(opening)
    pen.data(b"x" * 10)
    wait_for(lambda: notebook.lost_bytes)
    pen.data(b"x" * 5)
    pen.end(DONE)
    wait_for(lambda: notebook.lost_bytes == 15)
    wait_for(lambda: not notebook._pending)
    refusing.clear()
    assert notebook.close(5)

    found = notes(tmp_path)
    assert [kind for kind, _ in found if kind != LOST] == [OPENED, ENDED, CLOSED]
    assert sum(int(data) for kind, data in found[:-2] if kind == LOST) == 15
    assert notebook.lost_bytes == 15
    assert "can't be recorded" in capsys.readouterr().err


def test_memory_is_bounded(tmp_path, monkeypatch, refusing):
    """Bytes for which there is no room are counted, and told before the exchange's end."""
    notebook = Notebook(tmp_path)
    monkeypatch.setattr(module, "_MAX_PENDING", 1000)
    monkeypatch.setattr(module, "_PAUSE_S", 0.2)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    pen = notebook.open(opening)
    for _ in range(100):
        pen.data(b"x" * 100)
    assert notebook.is_full
    asyncio.run(notebook.room())  # gives up
    assert notebook.is_full
    assert notebook._pending < 5000
    monkeypatch.setattr(module, "_PATIENCE_S", 10)
    asyncio.run(notebook.room())  # there is room
    assert not notebook.is_full
    pen.end(DONE)
    assert notebook.close(5)

    found = notes(tmp_path)
    assert [kind for kind, _ in found[-3:]] == [LOST, ENDED, CLOSED]
    kept = sum(len(data) for kind, data in found if kind == REPLY)
    assert int(found[-3][1]) == notebook.lost_bytes == 10_000 - kept > 0


def test_much_is_written_at_once(tmp_path, monkeypatch):
    """Where much passes, what was noted is written before its time."""
    monkeypatch.setattr(module, "_PAUSE_S", 60)
    monkeypatch.setattr(module, "_HURRY", 1000)
    notebook = Notebook(tmp_path)
    pen = notebook.open(opening)
    for _ in range(30):
        pen.data(b"x" * 100)
    wait_for(lambda: any(kind == REPLY for kind, _ in notes(tmp_path)))
    pen.end(DONE)
    assert notebook.close(5)


def test_refusing_for_long(tmp_path, monkeypatch, refusing):
    """Where too much would have to be kept, only the number of bytes is, as nobody's."""
    notebook = Notebook(tmp_path)
    monkeypatch.setattr(module, "_MAX_PENDING", 500)
    refusing.append(1)
    for _ in range(10):
        notebook.open(opening).data(b"x" * 10)
    wait_for(lambda: not notebook._pending)
    refusing.clear()
    assert notebook.close(5)

    told = sum(int(data) for kind, data in notes(tmp_path) if kind == LOST)
    assert notebook.lost_bytes == told == 100


def test_after_the_end(tmp_path):
    """What passes after the end of the log is counted as lost, and takes no memory."""
    notebook = Notebook(tmp_path)
    pen = notebook.open(opening)
    assert notebook.close(5)
    pen.data(b"late")
    pen.end(DONE)

    assert (notebook.lost_bytes, notebook.open_count, len(notebook._notes)) == (4, 0, 0)


@pytest.mark.parametrize("broken", [True, False])
def test_poke(tmp_path, broken):
    """A pipe that is broken or full is no error."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if broken:
        os.close(reading)
    else:
        while True:
            try:
                os.write(writing, b"." * 4096)
            except BlockingIOError:
                break
    notebook = Notebook(tmp_path, writing)
    notebook.open(opening).end(DONE)
    assert notebook.close(5)
    if not broken:
        os.close(reading)

    assert [kind for kind, _ in notes(tmp_path)] == [OPENED, ENDED, CLOSED]
