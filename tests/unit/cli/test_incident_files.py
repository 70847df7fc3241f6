"""Which incident is meant, and its password."""

import pytest

import steno
from steno.cli.incident_files import given_password, open_incident, resolve_incident
from steno.errors import ArchiveError, IdentityError, SealError, WrongPasswordError
from steno.storage.home import find_home


@pytest.fixture
def place(home, monkeypatch):
    """Create a plain and a sealed incident; returns the home and the ids."""
    ids = []
    for password in (None, "p"):
        incident = steno.Session.create(password, home=home)
        incident.close()
        ids.append(incident.session_id)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    return find_home(home), *ids


def test_resolve(place):
    """An id, the beginning of one in any case, or `latest`; never one of several."""
    home, plain, sealed = place

    assert resolve_incident(home, plain) == plain
    assert resolve_incident(home, plain.lower()) == plain
    assert resolve_incident(home, "latest") == sealed
    with pytest.raises(IdentityError, match="2 incidents begin"):
        resolve_incident(home, "inc")
    for wanted in ("", "OPS"):
        with pytest.raises(IdentityError, match="no incident"):
            resolve_incident(home, wanted)


def test_passwords(place, tmp_path, monkeypatch):
    """The password comes from the file, else from the environment; without one it is asked for."""
    home, plain, sealed = place
    (tmp_path / "right").write_text("p\nanother line\n")
    (tmp_path / "empty").write_text("\n")

    assert open_incident(home, sealed, str(tmp_path / "right")).keys is not None
    with pytest.raises(WrongPasswordError, match="no password is given"):
        open_incident(home, sealed, None)
    with pytest.raises(ArchiveError, match="no password"):
        open_incident(home, sealed, str(tmp_path / "empty"))
    monkeypatch.setenv("STENO_PASSWORD", "p")
    assert given_password(None) == "p"
    assert open_incident(home, sealed, None).keys is not None
    assert open_incident(home, plain, None).keys is None
    monkeypatch.setenv("STENO_PASSWORD", "wrong")
    with pytest.raises(WrongPasswordError, match="another one"):
        open_incident(home, sealed, None)


def test_nothing_lands_in_plain_text_by_mistake(place, tmp_path, monkeypatch):
    """A password that is empty, or given for a plain incident, is an error and not overlooked."""
    home, plain, _ = place
    (tmp_path / "right").write_text("p\n")
    with pytest.raises(SealError, match="not sealed"):
        open_incident(home, plain, str(tmp_path / "right"))
    for nothing in ("", " "):
        monkeypatch.setenv("STENO_PASSWORD", nothing)
        with pytest.raises(SealError, match="set to nothing"):
            given_password(None)
        assert open_incident(home, plain, None).keys is None
