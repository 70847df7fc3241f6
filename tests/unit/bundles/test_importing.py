"""A bundle into a home, checked first, then placed as a whole."""

import os
import sqlite3
import stat

import pytest

from steno.bundles.importing import import_bundle
from steno.errors import BundleError


def test_everything_lands(full, other):
    """What was exported is byte for byte in the other home, for the owner alone, and indexed."""
    before = {name: data for name, data in full.look().items() if not name.startswith("sessions/.")}

    assert other.take(full.export()) == [("s", "imported")]

    assert other.look() == before
    for path in other.path.rglob("*"):
        if not path.name.startswith("sessions.db"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    rows = sqlite3.connect(other.index).execute("SELECT session_id, response_text FROM sessions")
    assert rows.fetchall() == [("s", "hello")]
    rows.connection.close()


def test_again(full, other):
    """What is there already stays as it is, and is said to be there."""
    bundle = full.export()
    other.take(bundle)
    before = other.look()

    assert other.take(bundle) == [("s", "there")]
    assert other.look() == before


def test_a_dry_run(full, other):
    """A dry run checks everything, tells what would be, and leaves nothing: not even a home."""
    assert other.take(full.export(), dry_run=True) == [("s", "imported")]

    assert not other.path.exists()


@pytest.mark.parametrize("how", ["passphrase", "recipients"])
def test_sealed(full, other, how):
    """A sealed bundle is imported by whoever has the key, and nothing in clear is left."""
    import pyrage

    key = pyrage.x25519.Identity.generate()
    sealing = (
        {"passphrase": "secret"} if how == "passphrase" else {"recipients": [str(key.to_public())]}
    )
    bundle = full.export(**sealing)
    assert b"hello" not in bundle.read_bytes()
    assert bundle.read_bytes().startswith(b"age-encryption.org/v1\n")

    with pytest.raises(BundleError):
        other.take(bundle)
    assert not other.path.exists()
    assert other.take(bundle, ask=lambda: "secret", identities=str(key)) == [("s", "imported")]
    assert not other.places.importing.exists()


def test_a_sealed_session(new_home, other):
    """A sealed session is carried as it is, and there is nothing of it in index or transcripts."""
    home = new_home("from").seal()

    assert other.take(home.export("INC-7F3K")) == [("INC-7F3K", "imported")]
    assert other.look() == home.look()
    assert other.take(home.export("INC-7F3K")) == [("INC-7F3K", "there")]


def test_other_folders(full, other, tmp_path):
    """Transcripts and archives land where they are configured to lie."""
    import msgspec

    places = msgspec.structs.replace(
        other.places, sessions=tmp_path / "t", archives=tmp_path / "a" / "b"
    )

    import_bundle(full.export(), places, index=None)

    assert next((tmp_path / "t").glob("*/s.jsonl")).exists()
    assert (tmp_path / "a" / "b" / "u1" / "c1" / "m1.zip").exists()


def test_another_file_system(full, other, tmp_path):
    """Where transcripts lie on another file system, they are prepared there."""
    import shutil
    import tempfile

    import msgspec

    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is one file system")
    folder = tempfile.mkdtemp(dir="/dev/shm")
    try:
        from pathlib import Path

        places = msgspec.structs.replace(other.places, sessions=Path(folder) / "t")
        import_bundle(full.export(), places, index=None)

        assert sorted(os.listdir(Path(folder) / "t")) == [
            next(full.places.sessions.glob("2*")).name
        ]
        assert not other.places.importing.exists()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"hello", b"age-encryption.org/v1\n"])
def test_what_is_no_bundle(other, tmp_path, data):
    """What is no bundle is refused by its name, and no home is made."""
    path = tmp_path / "x.steno"
    path.write_bytes(data)

    with pytest.raises(BundleError):
        other.take(path)
    assert not other.path.exists()


def test_pipes_and_folders(other, tmp_path):
    """Nobody waits for a pipe to be written to."""
    os.mkfifo(tmp_path / "x.steno")

    with pytest.raises(BundleError, match="no regular file"):
        other.take(tmp_path / "x.steno")
    with pytest.raises(BundleError, match="cannot open"):
        other.take(tmp_path / "missing.steno")


def test_an_age_file_of_something_else(other, tmp_path):
    """An age file in which no bundle is sealed is refused."""
    import pyrage

    key = pyrage.x25519.Identity.generate()
    path = tmp_path / "x.steno"
    path.write_bytes(pyrage.encrypt(b"a letter", [key.to_public()]))

    with pytest.raises(BundleError, match="no bundle"):
        other.take(path, identities=str(key))


def test_an_incident(new_home, other):
    """An incident with a password goes to another home, and is resumed there with it."""
    import steno

    home = new_home("from")
    incident = steno.Session.create(password="secret", home=home.path)
    with incident.request(model="m") as request:
        request.response(text="what nobody is to read")
    incident.save_logs([{"line": 1}], pod="p")
    incident.close()

    bundle = home.export(incident.session_id)

    assert b"nobody" not in bundle.read_bytes()
    assert other.take(bundle) == [(incident.session_id, "imported")]
    again = steno.Session.resume(incident.session_id, "secret", home=other.path)
    assert len(list(again.artefacts())) == 1
    again.close()
