"""Creating and resuming."""

import os
import threading

import pytest

import steno
from steno.errors import IdentityError, SealError, WrongPasswordError
from steno.recording.incidents import opening


def test_create(create, home, password):
    """An incident has an id, a folder of its own for its owner alone, and a status."""
    incident = create(password, "OPS", name="payments")

    assert incident.session_id.startswith("OPS-")
    assert incident.data_dir == home / "artefacts" / incident.session_id
    assert incident.sealed == (password is not None)
    assert (incident.status, incident.name) == ("active", "payments")
    incident.flush()
    for above, folders, files in os.walk(home):
        for name in folders:
            assert os.stat(os.path.join(above, name)).st_mode & 0o777 == 0o700
        for name in files:
            assert os.stat(os.path.join(above, name)).st_mode & 0o777 == 0o600


def test_resume(closed, resume, password):
    """Everything that was there is there again, and what follows goes behind it."""
    again = resume(closed.session_id, password)

    assert type(again) is type(closed)
    assert (again.name, again.status, again.created) == ("payments", "active", closed.created)
    assert again.header.user_id == "u1"
    assert again.scratchpad.read_section("FINAL_DIAGNOSIS") == "the pool"
    assert [each.name for each in again.artefacts()] == [each.name for each in closed.artefacts()]
    assert again.usage == {"input_tokens": 3, "output_tokens": 4}
    with again, again.request(model="gpt-5") as request:
        request.response(text="more", tokens=steno.Tokens(input=10, output=20))
    again.close()
    third = resume(closed.session_id, password)
    assert third.usage == {"input_tokens": 13, "output_tokens": 24}


def test_passwords(create, resume):
    """A wrong password, a missing one and one too many are told, each by what it is."""
    sealed, plain = create("right"), create()

    with pytest.raises(WrongPasswordError, match="another one"):
        resume(sealed.session_id, "wrong")
    with pytest.raises(WrongPasswordError, match="is sealed"):
        resume(sealed.session_id)
    with pytest.raises(SealError, match="not sealed"):
        resume(plain.session_id, "right")
    with pytest.raises(IdentityError, match="no incident"):
        resume("INC-NONE")


def test_nothing_is_left(home, monkeypatch):
    """A password that can't be used, or a disk that fails, leaves no folder behind."""
    with pytest.raises(SealError, match="empty"):
        steno.Session.create("", home=home)
    with pytest.raises(IdentityError):
        steno.Session.create("p", "not a prefix", home=home)
    assert not home.exists()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening.IncidentFolder, "begin", fail)
    with pytest.raises(OSError, match="space"):
        steno.Session.create(home=home)
    assert os.listdir(home / "artefacts") == []


def test_both_at_once(create, resume, password):
    """Two that have one incident open at once both work, and nothing of either is lost."""
    one = create(password)
    two = resume(one.session_id, password)
    for number in range(5):
        for incident in (one, two):
            with incident, incident.request(model="m", text=f"{number}"):
                incident.save_logs([number], pod="p")
            incident.scratchpad.append_to_section("x", [number])
    one.close()
    two.close()

    third = resume(one.session_id, password)
    assert sorted(third.scratchpad.read_section("x")) == sorted([*range(5), *range(5)])
    assert len(third.artefacts()) == 10
    assert len({each.name for each in third.artefacts()}) == 10
    assert {each.status for each in third.artefacts()} == {"ok"}


def test_default_home(monkeypatch, tmp_path):
    """Without a home, incidents lie where STENO_HOME says."""
    monkeypatch.setenv("STENO_HOME", str(tmp_path / "elsewhere"))

    incident = steno.Session.create()
    incident.close()

    assert incident.data_dir.parent == tmp_path / "elsewhere" / "artefacts"
    steno.Session.resume(incident.session_id).close()
    assert [each.session_id for each in steno.Session.list()] == [incident.session_id]


def test_damaged_state(closed, home, password):
    """Where the state is damaged, the error says what to do, and nothing is left running."""
    threads = threading.active_count()
    path = closed.files.folder.state(sealed=password is not None)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])

    with pytest.raises(SealError, match="state"):
        steno.Session.resume(closed.session_id, password, home=home)

    assert threading.active_count() <= threads
