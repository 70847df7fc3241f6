"""Deleting incidents."""

import os
import sqlite3
import threading

import pytest

import steno
from steno.errors import IdentityError, RetentionError
from steno.storage.holds import Hold, Holds


def indexed(home):
    """List the sessions that the index knows."""
    if not (home / "sessions.db").exists():
        return []
    with sqlite3.connect(home / "sessions.db") as connection:
        found = [each for (each,) in connection.execute("SELECT session_id FROM sessions")]
    connection.close()
    return found


def test_delete(closed, home, create):
    """Folder, transcript and rows of the index are gone; others stay."""
    with steno.open(home) as recorder, recorder.session("other"):
        pass

    steno.Session.delete(closed.session_id, home=home)

    left = [path for path in home.rglob("*") if closed.session_id in path.name]
    assert left == []
    assert indexed(home) == ["other"]
    assert steno.Session.list(home=home) == []
    with pytest.raises(IdentityError, match="no incident"):
        steno.Session.delete(closed.session_id, home=home)


def test_held(closed, home):
    """One that is held stays, whole."""
    Holds(home / "holds").place(Hold(session_id=closed.session_id))
    before = sorted(home.rglob("*"))

    with pytest.raises(RetentionError, match="is held"):
        steno.Session.delete(closed.session_id, home=home)
    assert sorted(home.rglob("*")) == before


def test_in_use(incident, home):
    """One that somebody records in stays."""
    with pytest.raises(IdentityError, match="records in"):
        steno.Session.delete(incident.session_id, home=home)

    assert incident.save_logs([1])
    incident.close()
    steno.Session.delete(incident.session_id, home=home)


def test_left_over(closed, home):
    """What a killed deletion left under a hidden name goes with the next; it is listed nowhere."""
    left = home / "artefacts" / ".deleted-INC-OLD-00000000"
    left.mkdir()
    (left / "file").touch()
    assert len(steno.Session.list(home=home)) == 1

    steno.Session.delete(closed.session_id, home=home)

    assert not left.exists()


def test_links(closed, home, tmp_path):
    """A link in the folder is removed, and what it leads to stays."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    os.symlink(tmp_path / "precious", closed.data_dir / "link")

    steno.Session.delete(closed.session_id, home=home)

    assert (tmp_path / "precious" / "file").exists()


def test_at_once(create, home):
    """Of several who delete the same incidents at once, one does, and the others are told."""
    incidents = [create() for _ in range(12)]
    assert all(each.close() for each in incidents)
    ids = [each.session_id for each in incidents]
    told = []

    def delete():
        for session_id in ids:
            try:
                steno.Session.delete(session_id, home=home)
                told.append(None)
            except Exception as error:
                told.append(type(error))

    threads = [threading.Thread(target=delete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (told.count(None), told.count(IdentityError)) == (12, 36)
    assert list((home / "artefacts").iterdir()) == []
