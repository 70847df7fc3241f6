"""However a transcript begins, its header has the session key."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steno
from steno.errors import WriteError
from steno.events.header import make_header
from steno.retention.plan import Rules
from steno.retention.rounds import Places, run_round
from steno.storage.home import find_home
from steno.transcripts.conversations import find_conversation
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_header
from steno.writers.base import Batch

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLD_S = 30 * 86_400

KILLED = """
import json, os, signal, sys, steno
home, session_id, key = json.load(sys.stdin)
recorder = steno.open(home)
session = recorder.session(session_id, key=key)
with session.request(model="m"):
    assert recorder.flush(30)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def begin(home, key):
    """Record a session from its beginning to its end."""
    with steno.open(home) as recorder, recorder.session("s", key=key) as session:
        with session.request(model="m"):
            pass


def reset(home, key):
    """Reset a session twice."""
    with steno.open(home) as recorder, recorder.session("s", key=key) as session:
        session.reset()
        session.reset(session_id="../third")


def compact(home, key):
    """Compact a session while a request of it is open."""
    with steno.open(home) as recorder, recorder.session("s", key=key) as session:
        with session.request(model="m"):
            session.compact(summary="so far")


def go_on_after_a_crash(home, key):
    """Kill a process in the middle of a request; another one goes on with its session."""
    given = json.dumps([str(home), "s", key])
    done = subprocess.run([sys.executable, "-c", KILLED], input=given.encode(), check=False)
    assert done.returncode == -signal.SIGKILL
    with steno.open(home) as recorder:
        with recorder.session("s") as session, session.request(model="m"):
            pass
        recorder.session("s2", key=key)


def begin_after_a_torn_write(home, key):
    """A process dies while it writes the first line; another one begins the transcript anew."""
    begin(home, key)
    (path,) = find_transcripts(home / "sessions")
    path.write_bytes(path.read_bytes()[:40])
    with steno.open(home) as recorder, recorder.session("s", key=key) as session:
        with session.request(model="m"):
            pass


def fork(home, key):
    """A forked child goes on with its parent's session, and writes before its parent does."""
    builder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(home / "sessions"))
    recorder = builder.batch_timeout_ms(60_000).build()
    session = recorder.session("s", key=key)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with session.request(model="m"):
                pass
            session.reset(session_id="child's")
            code = 0 if recorder.close() else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    session.reset()
    assert recorder.close()


def bring_in(home, key):
    """Import a session, as an importer writes it."""
    header = make_header(
        "s", NOW, session_key=key, reason="import", source={"format": "pi", "id": "x"}
    )
    writer = steno.JsonlWriter(home / "sessions")
    done = steno.Completed("s", "r", NOW, success=True)
    writer.write(Batch([done], [1], recorder="importer", headers={"s": header}))
    writer.close()


def put_back(home, key):
    """Compress a transcript, go on with it, and compress it again."""
    begin(home, key)
    at = find_home(home)
    places = Places(home=at, sessions=at.sessions, index=at.index, archives=home / "archives")
    for goes_on in (True, False):
        for path in find_transcripts(at.sessions):
            os.utime(path, (time.time() - OLD_S,) * 2)
        run_round(places, Rules(compress_after_days=7))
        assert [path.suffix for path in find_transcripts(at.sessions)] == [".zst"]
        if goes_on:
            with steno.open(home) as recorder:
                recorder.record(steno.Completed("s", "r2", NOW, success=True))
            assert [path.suffix for path in find_transcripts(at.sessions)] == [".jsonl"]


def begin_again(home, key):
    """A transcript is removed while its session is in use."""
    with steno.open(home) as recorder, recorder.session("s", key=key) as session:
        for _ in range(2):
            with session.request(model="m"):
                pass
            assert recorder.flush(30)
            for path in find_transcripts(home / "sessions"):
                path.unlink()
        session.snapshot()


def begin_after_failures(home, key):
    """The first writes of a transcript fail."""

    class Reluctant(steno.JsonlWriter):
        failures = 3

        def write(self, batch):
            if self.failures:
                self.failures -= 1
                raise WriteError("not yet", transient=True)
            super().write(batch)

    builder = steno.RecorderBuilder().add_writer(Reluctant(home / "sessions"))
    with builder.batch_timeout_ms(1).build() as recorder:
        with recorder.session("s", key=key) as session, session.request(model="m"):
            pass


def begin_in_a_flood(home, key):
    """A session begins while the buffer is full."""
    builder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(home / "sessions"))
    with builder.channel_buffer_size(2).batch_timeout_ms(1).build() as recorder:
        sessions = [recorder.session(key=key) for _ in range(30)]
        for session in sessions:
            session.snapshot()
        assert recorder.flush(30)


WAYS = {
    begin: 1, reset: 3, compact: 2, go_on_after_a_crash: 2, begin_after_a_torn_write: 1, fork: 3,
    bring_in: 1, put_back: 1, begin_again: 1, begin_after_failures: 1, begin_in_a_flood: 1,
}  # fmt: skip
"""All ways in which a transcript can begin, and how many come of each at least."""

KEYS = st.one_of(
    st.sampled_from(["agent:main:main", "agent:ops:cron:x:run:y", "cron:1", "\x00", "a" * 5000]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.differing_executors])
@given(key=KEYS)
def test_every_beginning_has_the_key(way, key):
    """In whichever way a transcript begins, its header has the key, and the key finds it."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        way(home, key)

        headers = [read_header(path) for path in find_transcripts(home / "sessions")]
        assert len(headers) >= WAYS[way]
        assert {header.session_key for header in headers} == {key}
        assert all(header.version == 4 and header.session_id for header in headers)
        found = find_conversation(home / "sessions", key, [])
        assert len(found) == len(headers)
        links = {header.previous for header in headers}
        assert {header.reason for header in headers if header.previous} <= {"reset", "compaction"}
        assert links <= {None} | {header.session_id for header in headers}
