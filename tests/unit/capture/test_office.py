"""The traffic's side of a recorder in a process of its own."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

import steno
from steno import Completed
from steno.capture import office as module
from steno.capture.office import Office
from steno.config import load_config
from steno.storage.home import find_home
from steno.testing import FixedClock
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript
from steno.wire.opening import Opening, Outcome

DONE = Outcome(kind="done")


def opening(name="r"):
    """Describe a request."""
    return Opening(
        request_id=name, method="POST", target="/v1/chat/completions", headers={},
        begun=FixedClock().now, begun_s=time.monotonic(), session_id="s",
    )  # fmt: skip


def ends(home):
    """Read how the requests of a home ended."""
    return {
        entry.event.request_id: entry.event.error
        for path in find_transcripts(find_home(home).sessions)
        for entry in read_transcript(path)
        if isinstance(entry.event, Completed)
    }


def wait_for(condition):
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def config(home):
    """Give the settings of a home."""
    return load_config(home=home, environ={})


def kill(office):
    """Kill the recorder's process, and wait until it is known."""
    process = office._process
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: office._process is not process or not office._listener.is_alive())


def test_records(config, home):
    """A real process records; the end tells what, and leaves nothing behind."""
    office = Office(config)
    pen = office.open(opening)
    pen.request(b'{"model":"m"}')
    assert (office.open_count, office.is_full, office.lost_bytes) == (1, False, 0)
    pen.end(DONE)
    standing = office.close()

    assert (standing.final, standing.sessions) == (True, ("s",))
    assert list(ends(home)) == ["r"]
    assert list(find_home(home).tapes.iterdir()) == []


def test_killed(config, home, capsys):
    """A killed process is replaced, and nothing that ended before is lost."""
    office = Office(config)
    office.open(opening).end(DONE)
    late = office.open(lambda: opening("late"))
    kill(office)
    wait_for(lambda: office.standing.stats.accepted or ends(home))
    late.data(b"late")
    assert office.lost_bytes == 4
    late.end(DONE)
    assert office.open_count == 0
    assert office.close().final

    found = ends(home)
    assert found["r"] is None
    assert found["late"].startswith("interrupted")
    assert list(find_home(home).tapes.iterdir()) == []
    assert "process died" in capsys.readouterr().err


def test_killed_too_often(config, home, monkeypatch, capsys):
    """Replacing has an end; what passes is kept, and recorded at the next start."""
    monkeypatch.setattr(module, "_MOST_DEATHS", 0)
    office = Office(config)
    kill(office)
    office.open(opening).end(DONE)
    assert not office.close().final
    assert "died too often" in capsys.readouterr().err
    assert ends(home) == {}
    assert Office(config).close().final

    assert list(ends(home)) == ["r"]


def test_home_that_cannot_be_written(config, home, monkeypatch):
    """A home that can't be written, and a process that can't be begun, are errors."""
    monkeypatch.setattr(module.sys, "executable", str(home / "none"))
    with pytest.raises(FileNotFoundError):
        Office(config)
    assert list(find_home(home).tapes.iterdir()) == []
    find_home(home).tapes.rmdir()
    find_home(home).tapes.write_text("a file")
    with pytest.raises(OSError, match=r"directory|exists"):
        Office(config)


def test_recorder_that_refuses(tmp_path, capfd):
    """A recorder that can't record says why, is not begun again, and what passes is kept."""
    home = tmp_path / "home"
    with steno.open(home) as recorder:
        recorder.session("s")
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        index.execute("UPDATE schema_version SET version = 99")
        index.commit()
    office = Office(load_config(home=home, environ={}))
    office._process.wait(20)
    standing = office.close(10)
    err = capfd.readouterr().err

    assert not standing.final
    assert err.count("Unsupported schema version") == 1
    assert "Traceback" not in err
    assert list(home.rglob("*.log"))
