"""Large bodies in files of their own."""

import stat

import pytest

from steno.capture.spools import FileSpool, NoSpool
from steno.storage.home import find_home


@pytest.fixture
def place(home):
    """Name the home."""
    return find_home(home)


def test_published_whole(place):
    """A body appears under its name when it is whole, for its owner alone."""
    spool = FileSpool(place, "s", "r1.request")
    spool.write(b"one ")
    spool.write(b"two")
    before = [path.name for path in place.artefacts.rglob("*.request")]
    path = spool.close()

    assert before == []
    assert (place.path / path).read_bytes() == b"one two"
    assert stat.S_IMODE((place.path / path).stat().st_mode) == 0o600
    assert path.startswith("artefacts/s/bodies/")


def test_hostile_session(place):
    """A hostile session id chooses no path."""
    spool = FileSpool(place, "../../etc", "r1.request")
    spool.write(b"x")

    assert (place.path / spool.close()).resolve().is_relative_to(place.artefacts.resolve())


def test_disk_that_refuses(place, capsys):
    """A disk that refuses is said once, and the body counts as lost."""
    place.path.mkdir()
    place.artefacts.write_text("a file where a folder should be")
    spool = FileSpool(place, "s", "r1.request")
    spool.write(b"x")
    spool.write(b"y")

    assert spool.close() is None
    assert capsys.readouterr().err.count("can't be kept") == 1


def test_without_a_home():
    """Where there is no home a large body is let go."""
    spool = NoSpool()
    spool.write(b"x")

    assert spool.close() is None
