"""A scope whose lines are sealed."""

import logging

import msgspec
import pytest

from steno.archives.archivist import Archivist
from steno.archives.reading import Keys, open_archive
from steno.archives.scoping import archived_scope
from steno.archives.settings import ArchiveSettings

IDS = {"user_id": "u1", "session_id": "s1", "chat_id": "c1", "message_id": "m1"}


@pytest.fixture
def archivist(tmp_path):
    """Seal below the test's folder."""
    made = Archivist(ArchiveSettings(enabled=True, directory=tmp_path, password="pw"))
    yield made
    made.close()


def read(path):
    """Return meta and messages of an archive."""
    with open_archive(path, Keys(password="pw")) as archive:
        lines = [msgspec.json.decode(line)["message"] for line in archive.lines()]
        return msgspec.to_builtins(archive.meta), lines


def test_sealed(archivist, tmp_path):
    """What is logged in the scope is in the message's archive, DEBUG too; INFO is shown."""
    shown = []
    with archived_scope(archivist, **IDS, callback=shown.extend) as scope:
        logging.getLogger("app").debug("quiet")
        logging.getLogger("app").info("loud")
    assert archivist.flush()
    meta, lines = read(tmp_path / "u1" / "c1" / "m1.zip")

    assert lines == ["quiet", "loud"]
    assert [line.message for line in shown] == ["loud"]
    assert meta["request_id"] == scope.request_id
    assert meta["status"] == "ok"


def test_error(archivist, tmp_path):
    """A run that fails is archived as an error, with its traceback."""
    with pytest.raises(ValueError, match="no"), archived_scope(archivist, **IDS):
        raise ValueError("no")
    assert archivist.flush()
    meta, lines = read(tmp_path / "u1" / "c1" / "m1.zip")

    assert meta["status"] == "error"
    assert lines == ["the run ended with ValueError: no"]


def test_missing_id(archivist, tmp_path, capsys):
    """Without one of the ids the run goes on, collects, and nothing is archived."""
    shown = []
    with archived_scope(archivist, **{**IDS, "chat_id": ""}, callback=shown.extend):
        logging.getLogger("app").info("loud")

    assert len(shown) == 1
    assert "the request has no chat_id" in capsys.readouterr().err
    assert not list(tmp_path.glob("*/*/*.zip"))
