"""Tapes: what passed of an open exchange, on disk."""

import os

import pytest

from steno.capture.tapes import (
    OPENED,
    REPLY,
    DeadTapes,
    Tape,
    TapeFolder,
    claim_folder,
    frame,
    frame_json,
)  # fmt: skip


@pytest.fixture
def tapes(tmp_path):
    """Name the folder of all tapes."""
    return tmp_path / "tapes"


def test_frames_come_back(tapes):
    """What was appended is read back in its order."""
    folder = TapeFolder(tapes, "rec")
    folder.append("r1", frame_json(OPENED, 1.0, {"a": 1}) + frame(REPLY, 1.5, b"one"))
    folder.append("r1", frame(REPLY, 2.0, b"\x00\xff"))
    frames = list(Tape(tapes / "rec" / "r1.tape").frames())

    assert [(each.kind, each.at_s, each.data) for each in frames] == [
        (OPENED, 1.0, b'{"a":1}'), (REPLY, 1.5, b"one"), (REPLY, 2.0, b"\x00\xff"),
    ]  # fmt: skip
    folder.close()


@pytest.mark.parametrize("cut", range(1, 20))
def test_torn_tape(tmp_path, cut):
    """A torn tape is read up to its last whole frame."""
    path = tmp_path / "x.tape"
    path.write_bytes((frame(REPLY, 1.0, b"whole") + frame(REPLY, 2.0, b"torn off"))[:-cut])

    assert [each.data for each in Tape(path).frames()] == [b"whole"]


def test_garbage(tmp_path):
    """A file that is no tape is read as nothing, without taking memory for what it claims."""
    path = tmp_path / "x.tape"
    path.write_bytes(b"\xff" * 1000)

    assert list(Tape(path).frames()) == []


def test_living_recorder(tapes):
    """Tapes whose recorder lives are nobody else's."""
    folder = TapeFolder(tapes, "rec")
    folder.append("r1", b"x")
    dead = DeadTapes(tapes)

    assert dead.tapes == []
    dead.close()
    folder.close()


def test_dead_recorder(tapes):
    """Tapes of a recorder that is no more are found, by one process alone."""
    folder = TapeFolder(tapes, "rec")
    folder.append("r1", b"x")
    folder.close()
    first, second = DeadTapes(tapes), DeadTapes(tapes)

    assert [tape.path.name for tape in first.tapes] == ["r1.tape"]
    assert second.tapes == []
    first.tapes[0].path.unlink()
    first.close()
    assert not (tapes / "rec").exists()


def test_removed_with_the_last_tape(tapes):
    """A recorder that leaves no tape leaves no folder."""
    folder = TapeFolder(tapes, "rec")
    folder.append("r1", b"x")
    folder.remove("r1")
    folder.close()

    assert os.listdir(tapes) == []


def test_hostile_name(tapes):
    """A hostile id chooses no path."""
    folder = TapeFolder(tapes, "../../rec")
    folder.append("../../../etc/passwd", b"x")

    assert all(tapes in path.parents for path in tapes.rglob("*.tape"))
    assert len(list(tapes.rglob("*.tape"))) == 1
    folder.close()


def test_disk_that_refuses(tapes, capsys):
    """A disk that refuses is said, and nothing is raised."""
    tapes.write_text("a file where a folder should be")
    folder = TapeFolder(tapes, "rec")
    folder.append("r1", b"x")
    folder.close()

    assert "can't be kept on disk" in capsys.readouterr().err


def test_no_folder(tmp_path):
    """Where there are no tapes there is nothing to recover."""
    assert DeadTapes(tmp_path / "none").tapes == []


def test_claimed_folder(tapes):
    """A claimed folder is its owner's until it lets go; hidden ones are nobody's yet."""
    lock = claim_folder(tapes / "log")
    (tapes / ".new").mkdir()
    dead = DeadTapes(tapes)
    assert dead.folders == []
    dead.close()
    os.close(lock)
    dead = DeadTapes(tapes)
    assert dead.folders == [tapes / "log"]
    dead.close()

    assert os.listdir(tapes) == [".new"]
