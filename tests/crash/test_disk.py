"""Disks that are full, folders that can't be written, databases that are locked."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import steno
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

NOBODY = 65534


def event(text, session="s"):
    """Build an event that can be told from others."""
    return steno.ResponseRecorded(session, text, datetime.now(UTC), response_text=text)


def texts_in(home):
    """Read the texts of all replies in all transcripts, and count the events that gaps tell of."""
    texts, lost = [], 0
    for path in find_transcripts(home / "sessions"):
        for entry in read_transcript(path):
            if isinstance(entry.event, steno.ResponseRecorded):
                texts.append(entry.event.response_text)
            elif isinstance(entry.event, steno.Gap) and entry.event.what == "event":
                lost += entry.event.count
    return texts, lost


def wait_for(condition, seconds=30):
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_file_where_the_folder_should_be(home, capsys):
    """While a file blocks the folder of transcripts, events wait; then all are written."""
    home.mkdir()
    (home / "sessions").write_text("in the way")
    with steno.open(home) as recorder:
        for number in range(200):
            recorder.record(event(str(number)))
        wait_for(lambda: recorder.stats().writers["jsonl"].last_error)
        (home / "sessions").unlink()
        assert recorder.flush(30)
        stats = recorder.stats()

    assert (stats.accepted, stats.written, stats.dropped, stats.failed) == (200, 200, 0, 0)
    assert len(texts_in(home)[0]) == 200
    assert "a file stands where a folder should be" in capsys.readouterr().err


def test_the_index_goes_on_without_the_transcripts(home):
    """While the transcripts can't be written, the index takes the events all the same."""
    home.mkdir()
    (home / "sessions").write_text("in the way")
    recorder = steno.open(home)
    recorder.record(event("a"))

    def indexed():
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(home / "sessions.db")) as index,
        ):
            return index.execute("SELECT COUNT(*) FROM sessions").fetchone() == (1,)

    wait_for(indexed)
    recorder.close(timeout_s=1)

    assert recorder.stats().failed == 1
    letters = (home / "dead-letters" / "jsonl.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"]["response_text"] for line in letters] == ["a"]


def test_one_bad_transcript_does_not_stop_the_others(home):
    """A folder in the place of one transcript holds up that session alone."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    obstacle = home / "sessions" / today / "bad.jsonl"
    obstacle.mkdir(parents=True)
    with steno.open(home) as recorder:
        for number in range(100):
            recorder.record(event(f"bad {number}", "bad"))
            recorder.record(event(f"good {number}", "good"))
        wait_for(lambda: recorder.stats().written >= 100)
        good = home / "sessions" / today / "good.jsonl"
        assert good.read_text().count("good ") >= 100
        obstacle.rmdir()
        assert recorder.flush(30)

    assert len(texts_in(home)[0]) == 200
    assert recorder.stats().written == 200


def test_a_locked_database(home):
    """While another program holds the database, transcripts go on; then the index catches up."""
    with steno.open(home) as recorder:
        recorder.record(event("before"))
        recorder.flush()
    holder = sqlite3.connect(home / "sessions.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    recorder = Recorder(
        (
            steno.JsonlWriter(home / "sessions"),
            steno.SqliteWriter(home / "sessions.db", busy_timeout_ms=50),
        ),
        Settings(channel_buffer_size=100, batch_size=10),
    )
    for number in range(500):
        while not recorder.record(event(str(number))):
            time.sleep(0.001)
    wait_for(lambda: recorder.stats().writers["sqlite"].last_error)
    wait_for(lambda: recorder.stats().written == 500)
    assert len(texts_in(home)[0]) == 501
    holder.execute("ROLLBACK")
    holder.close()

    assert recorder.flush(30)
    recorder.close()

    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        assert index.execute("SELECT request_count FROM sessions").fetchone() == (501,)


@pytest.fixture
def as_nobody():
    """Lay aside the rights of root, which may write everywhere; name a folder of nobody's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        user = os.geteuid()
        if user == 0:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


def test_no_permission(as_nobody):
    """Without the right to write, events wait; with it, all are written."""
    sessions = as_nobody / "sessions"
    sessions.mkdir()
    sessions.chmod(0o500)
    with steno.open(as_nobody) as recorder:
        recorder.record(event("a"))
        wait_for(lambda: recorder.stats().writers["jsonl"].last_error)
        assert "Permission denied" in recorder.stats().writers["jsonl"].last_error
        sessions.chmod(0o700)
        assert recorder.flush(30)

    assert texts_in(as_nobody)[0] == ["a"]


SMALL_DISK = """
import json, os, resource, signal, sys, time
from datetime import UTC, datetime
import steno
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
home, limit = sys.argv[1], int(sys.argv[2])
recorder = Recorder((steno.JsonlWriter(home + "/sessions"),), Settings(channel_buffer_size=200))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for number in range(2000):
    recorder.record(steno.ResponseRecorded(
        "s", str(number), datetime.now(UTC), response_text=f"{number} " + "x" * 500))
    if number % 50 == 0:
        time.sleep(0.01)
deadline = time.monotonic() + 30
while not recorder.stats().dropped and time.monotonic() < deadline:
    time.sleep(0.01)
full = os.stat(next(iter(os.scandir(next(e.path for e in os.scandir(home + "/sessions")
    if e.name[0] == "2"))))).st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
recorder.flush(30)
recorder.close()
stats = recorder.stats()
print(json.dumps({"full": full, "accepted": stats.accepted, "written": stats.written,
    "dropped": stats.dropped, "failed": stats.failed, "pending": stats.pending}))
"""


def test_a_full_disk(home):
    """On a full disk events wait, then are dropped and counted; with room again all goes on.

    The limit on the size of a file makes write() fail as a full disk does, in mid-line.
    """
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(home), "300000"],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    stats = json.loads(done.stdout)
    texts, lost = texts_in(home)

    assert stats["full"] <= 300_000
    assert stats["pending"] == stats["failed"] == 0
    assert stats["accepted"] == 2000 == stats["written"] + stats["dropped"]
    assert stats["dropped"] > 0
    assert lost == stats["dropped"]
    assert len(texts) == len(set(texts)) == stats["written"]
    for path in find_transcripts(home / "sessions"):
        transcript = read_transcript(path)
        assert sum(1 for _ in transcript) > 0
        assert transcript.damage == []
    assert "free some space" in done.stderr or "too large" in done.stderr


def test_two_processes_on_one_session(home):
    """Several processes write to one session at once: one header, every line whole, once each."""
    script = (
        "import sys, steno\n"
        "from datetime import UTC, datetime\n"
        "with steno.open(sys.argv[1]) as recorder:\n"
        "    for number in range(400):\n"
        "        recorder.record(steno.ResponseRecorded('shared', f'{sys.argv[2]}-{number}',\n"
        "            datetime.now(UTC), response_text='y' * (number * 53 % 9000),\n"
        "            tokens=steno.Tokens(input=1)))\n"
        "    assert recorder.flush(60)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(home), str(number)])
        for number in range(4)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0, 0]

    (path,) = find_transcripts(home / "sessions")
    transcript = read_transcript(path)
    entries = list(transcript)
    assert transcript.damage == []
    assert len({entry.event.request_id for entry in entries[1:]}) == len(entries) - 1 == 1600
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        row = index.execute("SELECT request_count, input_tokens FROM sessions").fetchone()
        position = index.execute("SELECT position FROM transcripts").fetchone()
    assert row == (1600, 1600)
    assert position == (path.stat().st_size,)
