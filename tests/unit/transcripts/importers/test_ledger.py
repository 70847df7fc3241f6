"""What was imported already is known."""

import os
import sqlite3
import subprocess
import sys

import pytest

from steno.errors import TranscriptError
from steno.transcripts.importers.claims import Claim
from steno.transcripts.importers.ledger import Imported, Ledger, state_of


@pytest.fixture
def ledger(tmp_path):
    """A new ledger."""
    found = Ledger(tmp_path / "home" / "imports.db")
    yield found
    found.close()


def test_files(ledger, tmp_path):
    """A file is known as it was when it was imported."""
    path = tmp_path / "a\udcff.jsonl"
    ledger.keep_file(path, Imported("state", "codex"), "2026-01-01")

    assert ledger.find_file(path) == Imported("state", "codex")
    assert ledger.find_file(tmp_path / "b.jsonl") is None


def test_claims(ledger):
    """Claims are kept, and replaced by greater ones; hostile texts and counts are no harm."""
    ledger.keep_claims({"c\x00\ud800": Claim("s", "r", 1 << 70)})
    ledger.keep_claims({"d": Claim("s", "r", 1)})
    ledger.keep_claims({"d": Claim("s", "r", 2)})
    again = Ledger(ledger.path)

    with again.turn():
        assert again.find_claim("d") == Claim("s", "r", 2)
    again.close()
    assert ledger.find_claim("c\x00\ud800").output == (1 << 63) - 1
    assert ledger.find_claim("d") == Claim("s", "r", 2)
    assert ledger.find_claim("e") is None


def test_failing(ledger):
    """Claims that could not be kept are not known, and keep no later ones out."""
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        ledger.keep_claims({"c": Claim("s", "r", 1)})
    ledger._connection.execute("PRAGMA query_only = OFF")

    assert ledger.find_claim("c") is None
    ledger.keep_claims({"d": Claim("s", "r", 2)})
    assert ledger.find_claim("d") == Claim("s", "r", 2)


def test_is_new(ledger):
    """A ledger is new until it was told all that came before; it is the owner's alone."""
    assert ledger.is_new
    unsettled = Ledger(ledger.path)
    assert unsettled.is_new
    unsettled.close()
    ledger.settle()
    again = Ledger(ledger.path)
    assert not again.is_new
    again.close()
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_newer_ledger(tmp_path):
    """A ledger of a newer steno is not touched."""
    path = tmp_path / "imports.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(TranscriptError, match="version 99") as caught:
        Ledger(path)

    assert "move it away" in caught.value.hint


def test_damaged_ledger(tmp_path):
    """A file that is no database is an error that says what to do."""
    path = tmp_path / "imports.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)

    with pytest.raises(TranscriptError, match=r"cannot use .*imports\.db"):
        Ledger(path)


def test_one_at_a_time(ledger):
    """Another process waits for its turn."""
    child = (
        "import fcntl, os, sys\n"
        "fd = os.open(sys.argv[1], os.O_RDWR)\n"
        "try:\n"
        "    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError:\n"
        "    print('waits')\n"
        "else:\n"
        "    print('free')\n"
    )
    lock = ledger.path.with_name(".imports.db.lock")

    def ask():
        done = subprocess.run(
            [sys.executable, "-c", child, str(lock)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    with ledger.turn():
        assert ask() == "waits"
    assert ask() == "free"


def test_state_shows_every_change(tmp_path):
    """A file that grew, was replaced, or was changed and given its old time back is another one."""
    path = tmp_path / "a.jsonl"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    states = [state_of(path)]
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    states.append(state_of(path))
    path.write_text("three")
    states.append(state_of(path))
    other = tmp_path / "b"
    other.write_text("three")
    os.replace(other, path)
    states.append(state_of(path))

    assert len(set(states)) == 4
    assert state_of(path) == states[-1]


def test_state_of_a_folder(tmp_path):
    """A folder has changed when a file in it has."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    before = state_of(tmp_path)
    (tmp_path / "sub" / "b").write_text("2")

    assert state_of(tmp_path) != before


def test_state_of_a_database(tmp_path):
    """A database whose log alone has grown has changed."""
    path = tmp_path / "a.db"
    path.write_bytes(b"x")
    before = state_of(path)
    (tmp_path / "a.db-wal").write_bytes(b"y")

    assert state_of(path) != before
