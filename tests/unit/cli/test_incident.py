"""``steno incident``."""

import io
import json
import os

import pytest

import steno


@pytest.fixture(params=["plain", "sealed"])
def created(request, home, run, monkeypatch):
    """Create an incident by the command line, with its password in the environment."""
    if request.param == "sealed":
        monkeypatch.setenv("STENO_PASSWORD", "p")
    code, out, _ = run("incident", "new", "--name", "payments\x1b[2J", "--home", home)
    assert code == 0
    incident = steno.Session.resume(
        out.strip(), "p" if request.param == "sealed" else None, home=home
    )
    with incident, incident.request(model="gpt-5") as asked:
        asked.response(text="because", tokens=steno.Tokens(input=3, output=4))
        incident.save_logs(["\x1b[31m"], pod="web")
    incident.close()
    return incident


def test_new(home, run, tmp_path):
    """A new incident's id is printed; a plain one says that it is plain."""
    code, out, err = run("incident", "new", "--prefix", "OPS", "--home", home)
    assert (code, out.startswith("OPS-")) == (0, True)
    assert "whoever can read the disk can read it" in err

    (tmp_path / "secret").write_text("p\n")
    code, out, err = run(
        "incident", "new", "--json", "--password-file", tmp_path / "secret", "--home", home
    )
    row = json.loads(out)
    assert (code, err, row["sealed"]) == (0, "", True)
    assert os.path.isdir(row["path"])
    steno.Session.resume(row["session_id"], "p", home=home).close()


def test_bad_prefix(home, run):
    """A prefix that can't be used is an error with a hint."""
    code, _, err = run("incident", "new", "--prefix", "a/b", "--home", home)

    assert code == 1
    assert "letters and digits" in err


def test_list(created, home, run):
    """Incidents are listed; no password is needed, and nothing secret is told."""
    os.environ.pop("STENO_PASSWORD", None)
    code, out, _ = run("incident", "list", "--home", home)
    assert code == 0
    assert created.session_id in out
    assert ("payments" in out) != created.sealed
    assert "\x1b" not in out
    (row,) = map(json.loads, run("incident", "list", "--json", "--home", home)[1].splitlines())
    assert row["session_id"] == created.session_id
    assert run("incident", "list", "--prefix", "OPS", "--home", home)[2] == "there is no incident\n"


def test_show(created, home, run):
    """State, scratchpad and artefacts are shown, harmless to a terminal."""
    run("incident", "note", created.session_id, "FINAL_DIAGNOSIS", "pool\x1b[2J", "--home", home)

    code, out, _ = run("incident", "show", "latest", "--home", home)

    assert code == 0
    for part in (created.session_id, "payments", "active", "3 in, 4 out", "kubernetes_web_default",
                 "## DATA_COLLECTED", "## FINAL_DIAGNOSIS", "pool"):  # fmt: skip
        assert part in out
    assert "\x1b" not in out
    row = json.loads(run("incident", "show", created.session_id, "--json", "--home", home)[1])
    assert row["state"]["status"] == "active"
    assert row["scratchpad"]["FINAL_DIAGNOSIS"] == "pool\x1b[2J"
    assert row["artefacts"][0]["count"] == 1
    assert not {"kdf", "check"} & set(row)


def test_note(created, home, run, monkeypatch):
    """A note is added to a section, or takes its place; `-` reads it from stdin."""
    where = (created.session_id, "X")
    assert "version 1" in run("incident", "note", *where, "one", "--home", home)[1]
    assert "version 2" in run("incident", "note", *where, "two", "--home", home)[1]
    assert created.scratchpad.read_section("X") == "one\ntwo"
    run("incident", "note", *where, "three", "--replace", "--home", home)
    assert created.scratchpad.read_section("X") == "three"
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin"))
    run("incident", "note", *where, "-", "--replace", "--home", home)
    assert created.scratchpad.read_section("X") == "from stdin"


def test_close(created, home, run):
    """The status is set, and must be one that there is."""
    assert run("incident", "close", created.session_id, "--home", home)[0] == 0
    assert created.status == "completed"
    assert (
        run("incident", "close", created.session_id, "--status", "failed", "--home", home)[0] == 0
    )
    assert created.status == "failed"
    assert run("incident", "close", created.session_id, "--status", "x", "--home", home)[0] == 2


def test_extract(created, home, run, tmp_path, monkeypatch):
    """Everything is written in plain text, when that is confirmed."""
    target = tmp_path / "plain"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    if created.sealed:
        assert run("incident", "extract", created.session_id, target, "--home", home)[0] == 130
        assert not target.exists()

    code, out, err = run("incident", "extract", created.session_id, target, "--yes", "--home", home)

    assert (code, err) == (0, "")
    assert {str(path) for path in target.rglob("*") if path.is_file()} == set(out.splitlines())
    assert b"because" in (target / f"{created.session_id}.jsonl").read_bytes()


def test_verify(created, home, run):
    """What is well is told, and exit code 1 says that something is not."""
    code, out, _ = run("incident", "verify", created.session_id, "--home", home)
    assert code == 0
    assert all(line.startswith("ok  ") for line in out.splitlines())
    os.unlink(created.artefacts()[0].path)

    code, out, _ = run("incident", "verify", created.session_id, "--json", "--home", home)

    assert code == 1
    assert "missing" in {json.loads(line)["status"] for line in out.splitlines()}


def test_delete(created, home, run, monkeypatch):
    """What goes is named first; one that is held stays; no password is needed."""
    os.environ.pop("STENO_PASSWORD", None)
    wanted = ("incident", "delete", created.session_id, "--home", home)
    assert run("hold", created.session_id, "--home", home)[0] == 0
    code, _, err = run(*wanted, "--yes")
    assert code == 1
    assert "is held" in err
    assert run("release", created.session_id, "--home", home)[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, _, err = run(*wanted)
    assert code == 130
    assert str(created.data_dir) in err
    assert created.data_dir.exists()

    code, out, err = run(*wanted, "--yes")

    assert (code, out) == (0, f"deleted {created.session_id}\n")
    assert not created.data_dir.exists()
    assert steno.Session.list(home=home) == []


def test_wrong_password(home, run, monkeypatch):
    """A wrong password is an error that says so, and no password is ever an argument."""
    monkeypatch.setenv("STENO_PASSWORD", "p")
    session_id = run("incident", "new", "--home", home)[1].strip()
    monkeypatch.setenv("STENO_PASSWORD", "wrong")

    for command in ("show", "verify", "close"):
        code, _, err = run("incident", command, session_id, "--home", home)
        assert code == 1
        assert "the password is wrong" in err
        assert "--password " not in run("incident", command, "--help")[1]


def test_help(run):
    """Every command has an example in its help."""
    for command in ("new", "list", "show", "note", "close", "extract", "verify", "delete"):
        assert "Examples:" in run("incident", command, "--help")[1]


@pytest.mark.parametrize(
    "state", ['{"usage": 5}', '{"usage": {"input_tokens": "x"}}', '{"updated": 5, "name": [1]}']
)
def test_show_of_an_odd_state(home, run, state):
    """A state that somebody edited is shown as far as it goes."""
    incident = steno.Session.create(home=home)
    incident.scratchpad.write_section("A", "noted")
    incident.close()
    (incident.data_dir / "state.json").write_text(state)

    code, out, err = run("incident", "show", incident.session_id, "--home", home)

    assert (code, "noted" in out, "0 in, 0 out" in out) == (0, True, True), err
