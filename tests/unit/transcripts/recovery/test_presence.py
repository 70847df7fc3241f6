"""Whether somebody writes to a transcript."""

import json
import os
import subprocess
import sys

import pytest

from steno.transcripts.recovery.presence import find_writer, is_alive


def test_an_old_transcript(sessions):
    """Nobody writes to a transcript that is old and has no lock, nor to one that is gone."""
    assert find_writer(str(sessions.live("s"))) is None
    assert find_writer(str(sessions.path / "gone.jsonl")) is None


def test_a_recent_change(sessions):
    """One that has just changed is perhaps written to."""
    assert "changed" in find_writer(str(sessions.write("s.jsonl", "x", age=None)))


def test_the_lock_of_a_living_process(sessions):
    """A lock counts while its process lives, for the compressed form too."""
    path = sessions.live("s")
    sessions.write("s.jsonl.lock", json.dumps({"pid": os.getpid()}))

    assert str(os.getpid()) in find_writer(str(path))
    assert find_writer(f"{path}.zst") is not None


def test_the_lock_of_a_dead_process(sessions):
    """A lock that a dead process has left does not count."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    path = sessions.live("s")
    sessions.write("s.jsonl.lock", json.dumps({"pid": child.pid}))

    assert find_writer(str(path)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": -1}', '{"pid": true}'])
def test_a_lock_that_names_nobody(sessions, text):
    """A lock counts where it can't be told whose it is."""
    path = sessions.live("s")
    sessions.write("s.jsonl.lock", text)

    assert find_writer(str(path)) is not None


def test_a_lock_that_is_no_file(sessions):
    """A pipe or a link in the place of a lock is not waited for."""
    path = sessions.live("s")
    os.symlink("/nowhere", sessions.path / "s.jsonl.lock")

    assert "can't be read" in find_writer(str(path))


def test_a_number_that_no_process_has(sessions):
    """A number beyond all processes is nobody's."""
    path = sessions.live("s")
    sessions.write("s.jsonl.lock", '{"pid": 999999999999999999}')

    assert find_writer(str(path)) is None


def test_processes_that_live():
    """This process lives, and one that was waited for does not."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert is_alive(os.getpid())
    assert is_alive(1)
    assert not is_alive(child.pid)
