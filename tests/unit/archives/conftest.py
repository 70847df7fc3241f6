"""Fixtures for the archives: lines, ids, archivists that are closed, and a way to read back."""

import shutil
import subprocess
import time

import pytest

from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.archives.layout import find_archives
from steno.archives.reading import Keys, open_archive
from steno.logs.lines import LogLine

PASSWORD = "correct horse"
IDS = ArchiveIds("user", "session", "chat", "message", "request")


def make_line(message, created=None, **fields):
    """Build a log line."""
    return LogLine(created or time.time(), 10, "DEBUG", "pipe", message, "pipe", "run", 7, **fields)


def read_messages(path, password=PASSWORD, identities=()):
    """Read the messages in an archive that is checked first."""
    import json

    with open_archive(path, Keys(password, identities)) as archive:
        archive.verify()
        return [json.loads(line)["message"] for line in archive.lines()]


def read_meta(path, password=PASSWORD, identities=()):
    """Read what an archive says of itself."""
    with open_archive(path, Keys(password, identities)) as archive:
        return archive.meta


@pytest.fixture(scope="session", name="make_line")
def _make_line():
    """Give what builds a log line."""
    return make_line


@pytest.fixture(scope="session")
def ids():
    """Give the ids of a message."""
    return IDS


@pytest.fixture(scope="session", name="read_messages")
def _read_messages():
    """Give what reads the messages in an archive."""
    return read_messages


@pytest.fixture(scope="session", name="read_meta")
def _read_meta():
    """Give what reads ``meta.json``."""
    return read_meta


@pytest.fixture
def base(tmp_path):
    """Name a folder of archives that does not exist yet."""
    return tmp_path / "archives"


@pytest.fixture
def begin(base):
    """Make archivists that are closed at the end."""
    made = []

    def begin(clock=time.time, **settings):
        settings = {"enabled": True, "directory": base, "password": PASSWORD, **settings}
        made.append(Archivist(ArchiveSettings(**settings), clock=clock))
        return made[-1]

    yield begin
    for each in made:
        each.close()


@pytest.fixture
def archive(begin):
    """Archive messages under some ids, and return the archives that are there then."""

    def archive(*messages, ids=IDS, status="ok", reason="", task=None, **settings):
        archivist = begin(**settings)
        spool = archivist.open(ids, task=task)
        for message in messages:
            spool.take(make_line(message))
        spool.end(status, reason)
        assert spool.wait(20)
        assert archivist.close()
        return [path for path, _ in find_archives(archivist.settings.directory)]

    return archive


@pytest.fixture
def age_keys(tmp_path):
    """Make a pair of keys with the real age: the file of the identity, and the public key."""
    if shutil.which("age-keygen") is None:
        pytest.skip("age is missing: apt-get install age")
    path = tmp_path / "identity.txt"
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = next(
        line.split()[-1] for line in path.read_text().splitlines() if "public key" in line
    )
    return path, public
