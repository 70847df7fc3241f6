"""The folder of an incident."""

import json
import os

import pytest

from steno.errors import IdentityError, SealError, WrongPasswordError
from steno.recording.incidents.folder import NOTE, IncidentFolder, find_folder
from steno.storage.home import Home
from steno.storage.sealed_keys import KdfRecord, SealKeys


def make(password="p"):
    """Make keys that cost next to nothing."""
    return SealKeys.make(
        password, KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1)
    )


@pytest.fixture
def folder(tmp_path):
    """Name a folder in a home."""
    return IncidentFolder(tmp_path / "artefacts" / "INC-1")


def test_plain(folder):
    """A plain folder says that it is plain, and what that means."""
    facts = folder.begin("INC-1", None)

    assert folder.read() == facts
    told = json.loads((folder.path / "session.json").read_text())
    assert (told["format"], told["version"], told["id"], told["sealed"]) == (
        "steno-session", 1, "INC-1", False,
    )  # fmt: skip
    assert told["note"] == NOTE
    assert told["created"].endswith("Z")
    assert folder.unlock(facts, None) is None
    with pytest.raises(SealError, match="not sealed"):
        folder.unlock(facts, "p")


def test_sealed(folder):
    """A sealed folder says how its key is made and nothing else, and opens with its password."""
    keys = make()
    facts = folder.begin("INC-1", keys)

    told = json.loads((folder.path / "session.json").read_text())
    assert set(told) == {"format", "version", "id", "created", "sealed", "kdf", "check"}
    assert set(told["kdf"]) == {"name", "salt", "memory_kib", "iterations", "lanes"}
    assert folder.unlock(folder.read(), "p").check == keys.check
    with pytest.raises(WrongPasswordError, match="INC-1 was sealed with another one"):
        folder.unlock(facts, "q")
    with pytest.raises(WrongPasswordError, match="INC-1 is sealed"):
        folder.unlock(facts, None)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "x"}, {"version": 2}, {"kdf": None}, {"check": "AAAA"}, {"id": 5},
        {"kdf": {"name": "argon2id", "salt": "AAAA", "memory_kib": 64, "iterations": 1, "lanes": 1}},
        {"kdf": {"name": "argon2id", "salt": "AAAAAAAAAAAAAAAAAAAAAA==",
                 "memory_kib": 1 << 40, "iterations": 1, "lanes": 1}},
        {"kdf": {"name": "x", "salt": "AAAAAAAAAAAAAAAAAAAAAA==",
                 "memory_kib": 64, "iterations": 1, "lanes": 1}},
    ],
)  # fmt: skip
def test_hostile(folder, change):
    """What somebody changed in session.json is an error that says so, before any work is done."""
    folder.begin("INC-1", make())
    path = folder.path / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(SealError):
        folder.read()


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "\udcff"])
def test_no_json(folder, text):
    """A session.json that is none is an error that names it."""
    folder.path.mkdir(parents=True)
    (folder.path / "session.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(SealError, match=r"session\.json"):
        folder.read()


def test_find(tmp_path, folder):
    """An incident is found by its id; another folder's name is not taken for it."""
    home = Home(tmp_path)
    folder.begin("INC-1", None)

    assert find_folder(home, "INC-1")[1].id == "INC-1"
    for wanted in ("INC-2", "", "../INC-1", "INC-1/../INC-1"):
        with pytest.raises(IdentityError, match="no incident"):
            find_folder(home, wanted)
    os.rename(folder.path, folder.path.with_name("INC-2"))
    with pytest.raises(SealError, match="says that it is INC-1"):
        find_folder(home, "INC-2")


def test_later_facts(folder):
    """Fields of a later version do not hinder reading."""
    facts = folder.begin("INC-1", None)
    path = folder.path / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": [1]}))

    assert folder.read() == facts


@pytest.mark.parametrize("name", ["transcript.sealed", "scratchpad.sealed", "state.sealed"])
def test_sealed_and_said_to_be_plain(folder, tmp_path, name):
    """A sealed folder whose session.json was changed to say plain is refused: nothing is written."""
    folder.begin("INC-1", None)
    (folder.path / name).touch()

    with pytest.raises(SealError, match=f"plain, but {name} is not"):
        find_folder(Home(tmp_path), "INC-1")
