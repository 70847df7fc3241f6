"""What dead recorders have left open."""

import json
import subprocess
import sys

import steno
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

SCRIPT = """
import os, sys, steno
recorder = steno.open(sys.argv[1])
with recorder.session("s") as session:
    with session.request(model="m", request_id="done"):
        pass
    request = session.request(model="m", request_id="open")
    request.__enter__()
    request.chunk("half of ")
    request.response(text="half of ", tokens=steno.Tokens(input=5, output=2), model_used="m-1")
    recorder.flush()
    os._exit(1)
"""


def leave_open(home):
    """Let a process die in the middle of a request."""
    subprocess.run([sys.executable, "-c", SCRIPT, str(home)], check=False, timeout=60)


def events_of(home):
    """Read the one transcript."""
    (path,) = find_transcripts(home / "sessions")
    return [json.loads(entry.line) for entry in read_transcript(path)]


def test_the_next_start_closes_it(home):
    """A request that a dead process left open is closed as interrupted, with what is known."""
    leave_open(home)
    assert [e["type"] for e in events_of(home)].count("completed") == 1

    with steno.open(home):
        pass

    last = events_of(home)[-1]
    assert (last["type"], last["request_id"], last["success"]) == ("completed", "open", False)
    assert last["finish_reason"] == "interrupted"
    assert (last["total_input"], last["total_output"]) == (5, 2)


def test_only_once(home):
    """Later starts, and two starts at once, close nothing twice."""
    leave_open(home)
    first, second = steno.open(home), steno.open(home)
    first.close()
    second.close()
    with steno.open(home):
        pass

    closed = [e for e in events_of(home) if e["type"] == "completed" and e["request_id"] == "open"]
    assert len(closed) == 1
    assert list((home / "sessions" / ".recorders").iterdir()) == []


def test_the_living_are_left_alone(home):
    """Requests of a recorder that lives are not closed by another one."""
    with steno.open(home) as living:
        session = living.session("s")
        with session.request(model="m"):
            living.flush()
            with steno.open(home):
                pass
            assert [e["type"] for e in events_of(home)] == ["session", "started"]


def test_a_start_without_the_index(home):
    """A start with transcripts alone closes it too."""
    leave_open(home)

    with steno.RecorderBuilder().add_writer(steno.JsonlWriter(home / "sessions")).build():
        pass

    assert events_of(home)[-1]["finish_reason"] == "interrupted"


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_a_compressed_transcript(home):
    """Also what stands open in a compressed transcript is closed; it is put back for that."""
    leave_open(home)
    (path,) = home.glob("sessions/*/s.jsonl")
    pack_away(path)

    with steno.open(home):
        pass

    assert events_of(home)[-1]["finish_reason"] == "interrupted"
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]
