"""``steno collect``: which session the result goes to, and how it is told."""

import json
import os
import signal
import threading

import pytest

import steno

QUERY = ("collect", "prometheus", "up")


@pytest.fixture
def prometheus(scripted, monkeypatch):
    """Serve a Prometheus that has one series; the environment names it."""
    monkeypatch.setenv("PROMETHEUS_URL", scripted.url)
    series = {"metric": {"job": "a"}, "value": [1, "1"]}
    data = {"resultType": "vector", "result": [series]}
    scripted.answer = lambda asked: (200, {"status": "success", "data": data})
    return scripted


def artefacts(home, session="*"):
    return list(home.glob(f"artefacts/{session}/metrics/*.json"))


def sessions(home):
    return sorted(path.stem for path in home.glob("sessions/*/*.jsonl"))


def test_new_session(prometheus, run, home):
    """Without a session, one is begun, under the key that is given, and its id is printed."""
    code, out, err = run(*QUERY, "--key", "agent:main:main", "--home", home)

    (session,) = sessions(home)
    (path,) = artefacts(home, session)
    assert (code, err) == (0, "")
    assert out == f"1 entry  {path.stat().st_size} bytes  {path}\nsession {session}\n"
    header = json.loads(next(home.glob("sessions/*/*.jsonl")).read_text().split("\n", 1)[0])
    assert header["sessionKey"] == "agent:main:main"
    assert header["program"] == "steno collect"


@pytest.mark.parametrize("name", ["well", "we", "latest"])
def test_existing_session(prometheus, run, recorded, name):
    """An existing session, by its id, the beginning of it or as the latest, gets what came."""
    (before,) = recorded.glob("sessions/*/well.jsonl")
    size = before.stat().st_size
    os.utime(before, (2**33, 2**33))
    known = sessions(recorded)

    code, out, _ = run(*QUERY, "--session", name, "--home", recorded)

    assert code == 0
    assert out.endswith("session well\n")
    assert len(artefacts(recorded, "well")) == 1
    assert sessions(recorded) == known
    added = before.read_bytes()[size:].decode().splitlines()
    assert "artefact_saved" in [json.loads(line)["type"] for line in added]
    assert "metrics from prometheus" in run("show", "well", "--home", recorded)[1]


def test_plain_incident(prometheus, run, home):
    """An incident gets what came in its folder and in its scratchpad."""
    incident = steno.Session.create(home=home)
    incident.close()

    code, out, _ = run(*QUERY, "--session", incident.session_id, "--home", home)

    assert (code, f"session {incident.session_id}\n" in out) == (0, True)
    again = steno.Session.resume(incident.session_id, home=home)
    try:
        known = again.scratchpad.read_section(steno.ScratchpadSection.DATA_COLLECTED)
    finally:
        again.close()
    (path,) = artefacts(home, incident.session_id)
    assert known["prometheus"]["path"] == str(path)


def test_sealed_incident(prometheus, run, home, tmp_path, monkeypatch):
    """A sealed incident needs its password, from a file or the environment; nothing is plain."""
    incident = steno.Session.create("the password", home=home)
    incident.close()
    (tmp_path / "secret").write_text("the password\n")
    beginning = incident.session_id[:6].lower()

    assert run(*QUERY, "--session", beginning, "--home", home)[0] == 1
    code, out, err = run(
        *QUERY, "--session", beginning, "--password-file", tmp_path / "secret", "--home", home
    )
    monkeypatch.setenv("STENO_PASSWORD", "the password")
    assert run(*QUERY, "--session", incident.session_id, "--home", home)[0] == 0
    monkeypatch.setenv("STENO_PASSWORD", "another one")
    assert run(*QUERY, "--session", incident.session_id, "--home", home)[0] == 1

    assert (code, err) == (0, "")
    assert out.endswith(f"session {incident.session_id}\n")
    assert artefacts(home) == []
    again = steno.Session.resume(incident.session_id, "the password", home=home)
    try:
        assert [each.source for each in again.artefacts()] == ["prometheus", "prometheus"]
    finally:
        again.close()
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(b"resultType" in content or b"prometheus" in content for content in files)


def test_unknown_session(prometheus, run, recorded):
    """A session that is not there is an error, and nothing is asked."""
    code, _, err = run(*QUERY, "--session", "nobody", "--home", recorded)

    assert (code, "no session 'nobody'" in err) == (1, True)
    assert prometheus.asked == []


def test_file(prometheus, run, home, tmp_path):
    """With -o, the document goes to the file, as an artefact has it, and no session is touched."""
    path = tmp_path / "up.json"

    code, out, _ = run(*QUERY, "-o", path, "--home", home)

    assert (code, out) == (0, f"1 entry  {path}\n")
    assert not home.exists()
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_text())
    assert document["data"] == [{"metric": {"job": "a"}, "value": [1, "1"]}]
    assert {"query", "time_range", "collected_at", "count", "url"} <= set(document["metadata"])


def test_json(prometheus, run, home):
    """With --json, one object tells it all."""
    told = json.loads(run(*QUERY, "--json", "--home", home)[1])

    (path,) = artefacts(home)
    assert told["session_id"] == sessions(home)[0]
    assert told["query"] == {"query": "up"}
    assert (told["count"], told["complete"], told["reason"]) == (1, True, None)
    assert told["artefacts"][0]["path"] == str(path)
    assert len(told["artefacts"][0]["sha256"]) == 64


def test_failed(prometheus, run, home):
    """A failure leaves no empty session behind."""
    prometheus.answer = lambda asked: (
        400,
        {"status": "error", "errorType": "bad_data", "error": "x"},
    )

    code, out, err = run(*QUERY, "--home", home)

    assert (code, out) == (1, "")
    assert "Prometheus says bad_data: x" in err
    assert sessions(home) == []


def test_incomplete(prometheus, run, home):
    """What is not all is kept, and the exit code says so."""
    values = [[at, "1"] for at in range(3)]
    data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}

    def answer(asked):
        if len(prometheus.asked) > 1:
            return 422, {"status": "error", "errorType": "execution", "error": "too much\x1b[2J"}
        return 200, {"status": "success", "data": data, "warnings": ["half\x1b[2J"]}

    prometheus.answer = answer

    code, out, err = run(*QUERY, "--since", "1h", "--step", "1s", "--home", home)

    assert code == 1
    assert out.startswith("1 entry")
    assert "incomplete: error: Prometheus says execution: too much\\u001b[2J; this much was" in err
    assert "note: half\\u001b[2J" in err
    shown = run("show", "latest", "--home", home)[1]
    assert "incomplete: error: Prometheus says execution: too much\\u001b[2J" in shown


def test_interrupted(prometheus, run, home):
    """Ctrl-C keeps what had come, tells it, and ends as Ctrl-C does."""
    whole = prometheus.answer

    def answer(asked):
        if len(prometheus.asked) > 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return whole(asked)

    prometheus.answer = answer

    code, out, err = run(*QUERY, "--since", "1h", "--step", "1s", "--home", home)

    assert code == 130
    assert out.startswith("1 entry")
    assert "incomplete: cancelled" in err
    assert len(artefacts(home)) == 1


def test_not_saved(prometheus, run, home):
    """What can't be saved is an error that says why."""
    home.mkdir()
    (home / "artefacts").write_bytes(b"a file where a folder should be")

    code, _, err = run(*QUERY, "--home", home)

    assert (code, "not saved: " in err) == (1, True)


def test_recording_is_off(prometheus, run, home):
    """Where nothing is recorded, nothing is asked for in vain."""
    home.mkdir()
    (home / "steno.yaml").write_text("session_recording: {enabled: false}\n")

    code, _, err = run(*QUERY, "--home", home)

    assert (code, "-o FILE" in err) == (1, True)
    assert prometheus.asked == []


@pytest.mark.parametrize(
    "options",
    [("-o", "f", "--session", "s"), ("-o", "f", "--key", "k"), ("--session", "s", "--key", "k")],
)
def test_wrong_use(prometheus, run, home, options):
    """Options that contradict each other are refused."""
    assert run(*QUERY, *options, "--home", home)[0] == 2
    assert run("collect", "nothing")[0] == 2


def test_help(run):
    """The sources are listed without loading any of them."""
    code, out, _ = run("collect", "--help")

    assert code == 0
    assert all(source in out for source in ("kubernetes", "prometheus", "jaeger"))


def test_progress(prometheus, home):
    """A person at a terminal sees how many came, and the line is gone afterwards."""
    import pty
    import subprocess
    import sys

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "steno", *QUERY, "--home", str(home)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    os.close(ours)

    assert seen == "\r1 samples\r\x1b[K"
    assert b"1 entry" in done.stdout
