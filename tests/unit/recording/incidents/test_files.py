"""An incident's files."""

import pytest

from steno.errors import WrongPasswordError
from steno.recording.incidents.files import open_files
from steno.storage.home import Home


def test_look(closed, home, password):
    """All can be looked at without a recorder, and looking changes nothing."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    files = open_files(closed.session_id, password, home=home)

    (path,) = files.find_transcripts(Home(home))
    with files.open_transcript(path) as file:
        assert b"because" in file.read()
    with files.open_artefact(
        "files/" + [each.relative for each in files.artefacts()][2][6:]
    ) as file:
        assert file.read() == b"bytes"
    assert files.state.read()["name"] == "payments"
    assert files.scratchpad.read_section("FINAL_DIAGNOSIS") == "the pool"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_known_end(closed, home, password):
    """How far the sealed logs had come is known since the incident was closed."""
    files = open_files(closed.session_id, password, home=home)

    assert (files.known_end("transcript").frames > 0) == (password is not None)
    assert (files.known_end("scratchpad").frames == 4) == (password is not None)


def test_password(create, home):
    """A wrong password opens nothing."""
    incident = create("right")

    with pytest.raises(WrongPasswordError):
        open_files(incident.session_id, "wrong", home=home)
