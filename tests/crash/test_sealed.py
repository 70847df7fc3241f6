"""A program with a sealed incident is killed at random moments: what was acknowledged is there."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import steno
from steno.events.codec import decode_line
from steno.recording.incidents.files import open_files
from steno.recording.incidents.verifying import verify_incident
from steno.storage.home import Home

CHILD = Path(__file__).with_name("sealed_child.py")


def kill_once(home, session_id, seconds):
    """Let a child work for a while and kill it; returns what it has acknowledged."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(home), session_id], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    lines = (first + child.stdout.read()).split(b"\n")[:-1]
    child.stdout.close()
    child.wait()
    return [tuple(line.decode().split(" ", 1)) for line in lines]


def test_kill(home):
    """After each kill, all that was acknowledged is read, and nothing of it is in plain text."""
    chance = random.Random(3)
    incident = steno.Session.create("password", home=home)
    incident.close()
    session_id = incident.session_id
    acknowledged = []
    for _ in range(6):
        acknowledged += kill_once(home, session_id, chance.uniform(0.0, 0.8))

        files = open_files(session_id, "password", home=home)
        notes = files.scratchpad.read_section("notes")
        assert {text for kind, text in acknowledged if kind == "note"} <= set(notes)
        assert len(notes) == len(set(notes))
        there = {each.relative for each in files.artefacts() if each.status in {"ok", "unnoted"}}
        assert {path for kind, path in acknowledged if kind == "artefact"} <= there
        with files.open_transcript(files.folder.transcript) as file:
            found = [decode_line(line) for line in file.read().splitlines()]
        said = {
            each.response_text.rstrip("x")
            for each in found
            if isinstance(each, steno.ResponseRecorded)
        }
        assert {text for kind, text in acknowledged if kind == "event"} <= said
        assert isinstance(found[0], steno.Header)
    assert {kind for kind, _ in acknowledged} == {"note", "artefact", "event"}
    for finding in verify_incident(files, Home(home)):
        assert finding.status not in {"missing", "damaged"}, finding
    # A last start closes what the kills left open.
    steno.Session.resume(session_id, "password", home=home).close()
    files = open_files(session_id, "password", home=home)
    with files.open_transcript(files.folder.transcript) as file:
        found = [decode_line(line) for line in file.read().splitlines()]
    began = {each.request_id for each in found if isinstance(each, steno.Started)}
    ended = {each.request_id for each in found if isinstance(each, steno.Completed)}
    assert began == ended
    for above, _, names in os.walk(home):
        for name in names:
            with open(os.path.join(above, name), "rb") as file:
                assert b"xxxxxxxx" not in file.read()
