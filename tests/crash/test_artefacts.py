"""Saving that is killed, that finds no room, and that happens twice at once."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import steno
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

CHILD = Path(__file__).with_name("saving_child.py")


def begin(*arguments):
    """Begin a child."""
    return subprocess.Popen(
        [sys.executable, str(CHILD), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def events_in(home, kind):
    """Read the events of a kind."""
    return [
        entry.event
        for path in find_transcripts(home / "sessions")
        for entry in read_transcript(path)
        if isinstance(entry.event, kind)
    ]


def check_all(home):
    """Check that every file that can be seen is a whole document; returns their paths."""
    paths = [path for path in (home / "artefacts").rglob("[!.]*") if path.is_file()]
    for path in paths:
        with steno.open_artefact(path) as file:
            document = json.load(file)
        assert len(document["data"]) == document["metadata"]["count"]
        assert document["metadata"]["count"] in {1, 20_000}
    return paths


def test_killed(home):
    """A process that is killed in the middle of a save leaves no half file, and what it named is there."""
    chance = random.Random(6)
    for _ in range(4):
        child = begin(home, "s")
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.7))
        child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().splitlines()
        child.stdout.close()
        child.wait()
        check_all(home)
        for line in lines:
            if line.endswith("]"):
                path, digest, error = json.loads(line)
                assert error is None
                assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
    for event in events_in(home, steno.ArtefactSaved):
        path = home / "artefacts" / "s" / event.path
        assert hashlib.sha256(path.read_bytes()).hexdigest() == event.sha256


def test_what_the_killed_left_is_removed(home):
    """The next save in a folder removes what killed processes left there, when it is old."""
    folder = home / "artefacts" / "s" / "logs"
    for _ in range(20):
        child = begin(home, "s")
        child.stdout.readline()
        deadline = time.monotonic() + 30
        while not list(folder.glob(".*")):
            assert time.monotonic() < deadline
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        child.wait()
        left = list(folder.glob(".*.part"))
        if left:
            break
    assert left
    for path in left:
        os.utime(path, (time.time() - 7200,) * 2)

    with steno.open(home) as recorder:
        assert recorder.session("s").save_logs([1])

    assert not list(folder.glob(".*"))


def test_two_processes(home):
    """Processes that save documents of one name in the same seconds lose none of them."""
    home.mkdir()
    children = [begin(home, "s", 1 << 40) for _ in range(2)]
    results = []
    for child in children:
        results += [json.loads(line) for line in child.stdout.read().splitlines()]
        child.stdout.close()
        assert child.wait(60) == 0

    assert len({path for path, _, _ in results}) == 6
    assert sorted(path for path, _, _ in results) == sorted(map(str, check_all(home)))
    assert len(events_in(home, steno.ArtefactSaved)) == 6


@pytest.mark.parametrize("limit", [400_000])
def test_no_room(home, limit):
    """A document that finds no room is a failed save; nothing of it is left, the others are there."""
    child = begin(home, "s", limit)
    results = [json.loads(line) for line in child.stdout.read().splitlines()]
    child.stdout.close()
    assert child.wait(60) == 0

    assert [error for _, _, error in results] == [None, "File too large", None]
    assert len(check_all(home)) == 2
    assert not list((home / "artefacts").rglob(".*.part"))
    (gap,) = events_in(home, steno.Gap)
    assert (gap.what, gap.reason) == ("artefact", "save_failed")
    assert "File too large" in gap.detail


def test_full_disk(home):
    """On a disk that is full the caller goes on, and saves again when there is room."""
    with tempfile.TemporaryDirectory() as mounted:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip("no file system can be mounted here")
        try:
            with (
                steno.RecorderBuilder()
                .add_writer(steno.JsonlWriter(home / "sessions"))
                .artefacts(mounted)
                .build()
            ) as recorder:
                session = recorder.session("s")
                full = session.save_file(iter([os.urandom(100_000)] * 20), name="a")
                after = session.save_file(b"small", name="a")
            names = [path.name for path in Path(mounted).rglob("*") if path.is_file()]
        finally:
            subprocess.run(["umount", mounted], check=True)

    assert not full
    assert "No space left" in full.error
    assert after
    assert names == ["a"]
