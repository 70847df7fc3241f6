"""Where `steno show` reads."""

import json

import pytest

import steno
from steno.cli.show_source import find_source
from steno.config import load_config
from steno.errors import IdentityError


@pytest.fixture
def sealed(home):
    """Create a sealed incident with a request; returns its id."""
    incident = steno.Session.create("p", home=home)
    with incident, incident.request(model="gpt-5", text="why?") as request:
        request.response(text="because of the pool")
    incident.close()
    return incident.session_id


def test_sealed(sealed, home, run, monkeypatch):
    """A sealed transcript is shown with its password, as any other, and never without."""
    monkeypatch.setenv("STENO_PASSWORD", "p")
    code, out, err = run("show", sealed, "--home", home)
    assert (code, err) == (0, "")
    assert "because of the pool" in out
    rows = [
        json.loads(line) for line in run("show", sealed, "--json", "--home", home)[1].splitlines()
    ]
    assert [row["type"] for row in rows][:2] == ["session", "started"]
    request = rows[1]["request_id"]
    assert "why?" in run("show", sealed[:6], "--request", request, "--home", home)[1]
    assert run("show", sealed, "--raw", request, "--home", home)[0] == 2

    monkeypatch.setenv("STENO_PASSWORD", "wrong")
    code, out, err = run("show", sealed, "--home", home)
    assert (code, out) == (1, "")
    assert "was sealed with another one" in err


def test_nothing_new_on_disk(sealed, home, run, monkeypatch):
    """To show a sealed transcript changes nothing on disk."""
    monkeypatch.setenv("STENO_PASSWORD", "p")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    run("show", sealed, "--home", home)

    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_damage(sealed, home, run, monkeypatch):
    """Damage in a sealed transcript is told with its place; what is well is shown."""
    monkeypatch.setenv("STENO_PASSWORD", "p")
    path = home / "artefacts" / sealed / "transcript.sealed"
    with open(path, "ab") as file:
        file.write(b"junk")

    code, out, err = run("show", sealed, "--home", home)

    assert code == 0
    assert "because of the pool" in out
    assert f"at byte {path.stat().st_size - 4} of the sealed file" in err


def test_unknown(sealed, home):
    """What is neither a session nor a sealed incident is told as before."""
    with pytest.raises(IdentityError, match="no session 'nope'"):
        find_source(load_config(home=home, environ={}), "nope", None, None)


def test_keys(home, recorded):
    """Sessions of one key are found in their order."""
    source = find_source(load_config(home=recorded, environ={}), "", "agent:main:main", None)

    assert [part.header.session_id for part in source.parts] == ["well"]
    assert not source.sealed
