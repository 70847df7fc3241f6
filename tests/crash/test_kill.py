"""A recording process is killed at random moments: nothing that was promised is lost."""

import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import steno
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

CHILD = Path(__file__).with_name("recording_child.py")
BATCH_TIMEOUT_MS = 500


def kill_once(home: Path, seconds: float) -> tuple[dict[str, float], float]:
    """Let a child record for a while and kill it.

    Returns:
        The acknowledged requests and when each was accepted, and the time of the kill.
    """
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(home), str(BATCH_TIMEOUT_MS)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(seconds)
    killed = time.monotonic()
    child.send_signal(signal.SIGKILL)
    lines = (first + child.stdout.read()).decode().splitlines()
    child.stdout.close()
    child.wait()
    accepted = {}
    for line in lines:
        with contextlib.suppress(ValueError):
            request, _, stamp = line.split()
            accepted[request] = float(stamp)
    return accepted, killed


def read_home(home: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Read what is in the transcripts: the types of each request's events, and the damage."""
    requests: dict[str, dict[str, str]] = {}
    damage = []
    for path in find_transcripts(home / "sessions"):
        transcript = read_transcript(path)
        entries = list(transcript)
        assert isinstance(entries[0].event, steno.Header)
        for entry in entries[1:]:
            assert not isinstance(entry.event, steno.Header)
            kind = str(json.loads(entry.line)["type"])
            requests.setdefault(entry.event.request_id, {})[kind] = entry.event.session_id
        damage += [each.reason for each in transcript.damage]
    return requests, damage


def kill_often(home: Path, times: int, seed: int = 0) -> None:
    """Kill a child again and again on one home, and check the promise each time."""
    chance = random.Random(seed)
    everything: set[str] = set()
    for _ in range(times):
        accepted, killed = kill_once(home, chance.uniform(0.0, 1.2))
        requests, damage = read_home(home)
        old = {
            request
            for request, stamp in accepted.items()
            if killed - stamp > BATCH_TIMEOUT_MS / 1000
        }
        lost = [request for request in old if "response_recorded" not in requests.get(request, {})]
        assert not lost, f"{len(lost)} of {len(old)} events were lost, such as {lost[:3]}"
        # Lines that an earlier kill had torn were closed with a newline by the next start.
        assert sum("torn" in reason for reason in damage) <= 5
        everything |= {request for request in requests if request}

    with steno.open(home) as recorder:
        assert recorder.flush(60)
        assert recorder.stats().failed == 0
    requests, damage = read_home(home)
    assert not [reason for reason in damage if "torn" in reason or "header" in reason]
    open_ones = [
        request
        for request, kinds in requests.items()
        if "started" in kinds and "completed" not in kinds
    ]
    assert not open_ones, "every request that a kill left open was closed as interrupted"
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        indexed = {row[0] for row in index.execute("SELECT request_id FROM session_stats")}
        assert everything <= indexed
        sums = "SELECT SUM(input_tokens), SUM(request_count) FROM sessions"
        parts = "SELECT SUM(input_tokens), COUNT(*) FROM session_stats"
        assert index.execute(sums).fetchone() == index.execute(parts).fetchone()
        replies = sum("response_recorded" in kinds for kinds in requests.values())
        assert index.execute("SELECT SUM(input_tokens) FROM sessions").fetchone() == (replies,)
    assert not list((home / "sessions" / ".recorders").glob("*.lease")), "no lease was left behind"


def test_25_kills(home):
    """After 25 kills, whatever was older than the batch timeout is in transcript and index."""
    kill_often(home, 25)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_500_kills(home):
    """After 500 kills, whatever was older than the batch timeout is in transcript and index."""
    for number in range(20):
        kill_often(home / str(number), 25, seed=number)
