"""An incident as a session."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys

import pytest

import steno
from steno.errors import IdentityError, StenoError
from steno.events.codec import decode_line
from steno.storage.home import Home


def events(incident):
    """Read the events of an incident's transcript, without the header."""
    files = incident.files
    (path,) = files.find_transcripts(Home(incident.data_dir.parents[1]))
    with files.open_transcript(path) as file:
        return [decode_line(line) for line in file.read().splitlines()][1:]


def kinds(incident):
    """Name the types of its events, and of what they tell."""
    return [type(each).__name__ for each in events(incident)]


def test_transcript(closed):
    """What is recorded and saved is in the transcript, as of any session."""
    assert kinds(closed) == [
        "Started", "RequestRecorded", "ResponseRecorded", "ArtefactSaved", "ArtefactSaved",
        "ArtefactSaved", "Completed",
    ]  # fmt: skip
    assert closed.stats().failed == closed.stats().dropped == 0


def test_plain_is_ordinary(create, home, run):
    """The transcript of a plain incident is an ordinary one: in the index, and shown as any."""
    incident = create(key="agent:main:main")
    with incident, incident.request(model="gpt-5"):
        pass
    incident.close()

    (path,) = home.glob(f"sessions/*/{incident.session_id}.jsonl")
    assert b"agent:main:main" in path.read_bytes()
    assert incident.session_id in run("ls", "--home", home)[1]
    assert "gpt-5" in run("show", incident.session_id, "--home", home)[1]


def test_sealed_is_nowhere_else(create, home):
    """Of a sealed incident there is nothing in the folder of transcripts, and no index."""
    incident = create("p")
    with incident, incident.request(model="gpt-5"):
        pass
    incident.close()

    assert os.listdir(home) == ["artefacts"]
    assert {path.name for path in incident.data_dir.iterdir()} <= {
        "session.json", "transcript.sealed", "state.sealed", ".lock", ".recorders",
    }  # fmt: skip


def test_no_plain_text(home):
    """Nothing that was said, saved, noted or went wrong in a sealed incident is in clear on disk."""
    script = """if True:
        import logging, steno, sys
        incident = steno.Session.create("password-MARKER", name="MARKER", key="agent:MARKER:x",
                                        user_id="MARKER", tags=("MARKER",), home=sys.argv[1])
        recorder = steno.open(sys.argv[1])
        steno.configure_logging(recorder=recorder)
        class Bad:
            def __repr__(self): return "MARKER"
        def fails():
            yield {"m": "MARKER"}
            raise ValueError("MARKER")
        with incident:
            logging.getLogger("MARKER").warning("MARKER")
            with incident.request(model="MARKER", provider="MARKER", text="MARKER") as request:
                request.tool_call("MARKER", arguments='{"MARKER":1}', success=True)
                request.response(text="MARKER" * 1000, tokens=steno.Tokens(input=1, output=1))
            try:
                with incident.request(model="MARKER"):
                    raise RuntimeError("MARKER")
            except RuntimeError:
                pass
            incident.record(steno.ResponseRecorded(incident.session_id, "MARKER", None,
                                                   response_json={"x": Bad()}))
            incident.record(steno.ResponseRecorded("MARKER", "MARKER", None, response_text="MARKER"))
            incident.record("MARKER")
            incident.save_logs([{"m": "MARKER"}], pod="MARKER", namespace="MARKER")
            incident.save_logs(({"m": f"MARKER{n}"} for n in range(300_000)), pod="MARKER")
            incident.save_logs(fails(), pod="MARKER")
            incident.save_metrics([Bad()], query="MARKER{}")
            incident.save_traces({"MARKER": 1}, identifier="MARKER")
            incident.save_file(b"MARKER" * 100_000, name="MARKER.bin")
            incident.save_file("MARKER")
        incident.scratchpad.write_section("MARKER", "MARKER")
        incident.scratchpad.append_to_section("MARKER", ["MARKER"])
        incident.set_status("failed")
        incident.flush()
        if len(sys.argv) > 2:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        incident.close()
        recorder.close()
        """
    for arguments in ((), ("kill",)):
        done = subprocess.run(
            [sys.executable, "-c", script, str(home), *arguments], capture_output=True, text=True
        )
        assert done.returncode == (-9 if arguments else 0), done.stderr

    looked = 0
    for above, folders, files in os.walk(home):
        for name in (*folders, *files):
            assert "MARKER" not in name
        for name in files:
            with open(os.path.join(above, name), "rb") as file:
                data = file.read()
            assert b"MARKER" not in data, (above, name)
            assert b"RUtFU" not in data  # nor in base 64
            looked += len(data)
    assert looked > 1_000_000
    for info in steno.Session.list(home=home):
        incident = steno.Session.resume(info.session_id, "password-MARKER", home=home)
        assert incident.name == "MARKER"
        assert incident.scratchpad.read_section("MARKER") == ["MARKER", ["MARKER"]]
        assert sum(each.status == "ok" for each in incident.artefacts()) >= 5
        assert "ResponseRecorded" in kinds(incident)
        incident.close()


def test_with_speaks_and_does_not_end(create, password):
    """``with`` makes it speak and gives the word back; only ``close`` ends it."""
    incident = create(password)
    for _ in range(2):
        with incident:
            assert steno.current_scope().session_id == incident.session_id
        assert steno.current_scope() is None
        incident.save_logs([1])
    with contextlib.closing(incident):
        pass

    assert len(incident.artefacts()) == 2
    assert incident.stats().pending == 0
    assert incident.close()


def test_data_collected(incident):
    """DATA_COLLECTED tells of each source the newest path, the status and what was used so far."""
    data = incident.scratchpad.read_section(steno.ScratchpadSection.DATA_COLLECTED)

    logs = data["kubernetes"]
    assert os.path.isabs(logs["path"])
    assert logs["paths"] == [logs["path"]]
    assert (logs["status"], logs["count"], logs["kind"]) == ("ok", 2, "logs")
    assert logs["size_bytes"] == os.stat(logs["path"]).st_size
    assert data["prometheus"]["query"] == "rate(x[5m])"
    assert set(data["person"]["usage"]) == {"input_tokens", "output_tokens"}
    with incident.open_artefact(logs["path"]) as file:
        assert json.load(file)["data"] == [{"m": 1}, {"m": 2}]


def test_failed_and_incomplete(create, password):
    """A save that failed, or that lacks entries, says so in DATA_COLLECTED; the caller goes on."""

    def breaks():
        yield 1
        raise ValueError("it broke")

    incident = create(password)
    assert not incident.save_file("a text without a name", source="person")
    incident.save_logs([1], metadata={"complete": False})
    incident.save_metrics(breaks())

    data = incident.scratchpad.read_section("DATA_COLLECTED")
    assert data["person"]["status"] == "failed"
    assert "name" in data["person"]["error"]
    assert data["kubernetes"]["status"] == "incomplete"
    assert data["prometheus"]["status"] != "ok"


def test_scratchpad_that_fails(create, password):
    """Where the scratchpad can't be written, saving goes on, and nothing is raised."""
    incident = create(password)
    incident.scratchpad.path.mkdir()

    assert incident.save_logs([1])


def test_open_artefact(incident, tmp_path):
    """An artefact is opened by what saving gave, or by its path within the folder; no other."""
    saved = incident.save_logs(["x"], pod="p")
    for path in (saved, str(saved), saved.path, saved.relative):
        with incident.open_artefact(path) as file:
            assert json.load(file)["data"] == ["x"]
    for path in ("session.json", "../x", "/etc/passwd", "logs/../../x", "logs", tmp_path):
        with pytest.raises(StenoError):
            incident.open_artefact(path)


def test_no_successor(incident):
    """An incident is one session: reset and compact say so, and it goes on."""
    for rotate in (incident.reset, incident.compact):
        with pytest.raises(IdentityError, match="one session"):
            rotate()
    assert incident.successor is None
    assert incident.save_logs([1])


def test_status(closed, resume, password):
    """The status is set, kept, and must be one that there is."""
    again = resume(closed.session_id, password)
    again.close(status="completed")
    third = resume(closed.session_id, password)

    assert third.status == "completed"
    with pytest.raises(StenoError, match="no status"):
        third.set_status("done")


def test_end_of_the_program(home, password):
    """What a program does not close is written, and what was used is kept, when it ends."""
    script = (
        "import sys, steno\n"
        "password = sys.argv[2] or None\n"
        "incident = steno.Session.create(password, home=sys.argv[1])\n"
        "with incident, incident.request(model='m') as request:\n"
        "    request.response(text='x', tokens=steno.Tokens(input=3, output=4))\n"
        "print(incident.session_id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home), password or ""], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")

    incident = steno.Session.resume(done.stdout.strip(), password, home=home)
    assert incident.usage == {"input_tokens": 3, "output_tokens": 4}
    assert "Completed" in kinds(incident)
    incident.close()


def test_interrupted(home, password):
    """A request that a killed program left open is closed as interrupted when it is resumed."""
    script = (
        "import os, signal, sys, steno\n"
        "incident = steno.Session.create(sys.argv[2] or None, home=sys.argv[1])\n"
        "print(incident.session_id, flush=True)\n"
        "incident.request(model='m').__enter__()\n"
        "incident.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home), password or ""], capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr

    incident = steno.Session.resume(done.stdout.strip(), password, home=home)
    incident.close()
    (last,) = [each for each in events(incident) if isinstance(each, steno.Completed)]
    assert last.finish_reason == "interrupted"


def test_fork(create, password):
    """A forked child records into the incident too, and what was used is counted once."""
    incident = create(password)
    with incident, incident.request(model="m") as request:
        request.response(text="parent", tokens=steno.Tokens(input=1, output=1))
    pid = os.fork()
    if not pid:
        code = 1
        try:
            with incident, incident.request(model="m") as request:
                request.response(text="child", tokens=steno.Tokens(input=10, output=10))
            incident.scratchpad.append_to_section("x", ["child"])
            incident.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    incident.scratchpad.append_to_section("x", ["parent"])
    incident.close()

    replies = [each.response_text for each in events(incident)
               if isinstance(each, steno.ResponseRecorded)]  # fmt: skip
    assert sorted(replies) == ["child", "parent"]
    assert incident.scratchpad.read_section("x") == ["child", "parent"]
    assert incident.usage == {"input_tokens": 11, "output_tokens": 11}


async def _work(password, home):
    incident = steno.Session.create(password, home=home)
    async with incident, incident.request(model="m") as request:
        request.response(text="x")
    assert await incident.aclose(status="completed")
    return incident


def test_event_loops(home, password):
    """It is used and closed in an event loop as well."""
    incident = asyncio.run(_work(password, home))

    assert incident.status == "completed"
    assert "Completed" in kinds(incident)


def test_source_that_is_no_text(create, password):
    """A source that UTF-8 can't hold is noted all the same."""
    incident = create(password)
    assert incident.save_logs([1], source="web\udc80")

    (source,) = incident.scratchpad.read_section("DATA_COLLECTED")
    assert source.startswith("web")
