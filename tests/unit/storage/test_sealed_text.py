"""The text of a sealed transcript."""

import io
import os

import pytest

from steno.storage.compressed import damage_of
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_log import LogEnd, SealedLog
from steno.storage.sealed_text import open_sealed_text

KEYS = SealKeys.make("p", KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1))


@pytest.fixture
def path(tmp_path):
    """Write a log of three frames."""
    log = SealedLog(tmp_path / "t.sealed", KEYS)
    for text in (b"one\n", b"two\n", b"three\n"):
        log.append(text)
    return log.path


def test_text(path):
    """It is read and gone back in as a plain file is."""
    with open_sealed_text(path, KEYS) as file:
        assert file.read() == b"one\ntwo\nthree\n"
        assert file.seek(4) == 4
        assert file.readline() == b"two\n"
        file.seek(0)
        assert list(file) == [b"one\n", b"two\n", b"three\n"]
        assert damage_of(file) is None
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0, os.SEEK_END)


def test_damage(path):
    """What can't be read is told with its place in the file, and the rest is given."""
    data = bytearray(path.read_bytes())
    at = len(data) - 100
    data[at] ^= 1
    path.write_bytes(bytes(data))

    with open_sealed_text(path, KEYS) as file:
        text = file.read()
        damage = damage_of(file)

    assert text in {b"one\nthree\n", b"one\ntwo\n"}
    assert "at byte" in damage


def test_cut_off(path):
    """One that was cut off between two frames is told by how far it is known to have come."""
    log = SealedLog(path, KEYS)
    assert len(list(log.read())) == 3
    end = log.end
    shorter = SealedLog(path.with_name("shorter"), KEYS)
    shorter.append(b"one\n")

    with open_sealed_text(path, KEYS, end) as file:
        file.read()
        assert damage_of(file) is None
    with open_sealed_text(shorter.path, KEYS, end) as file:
        file.read()
        assert "cut off: it had 3 frames, and ends after 1" in damage_of(file)
    with open_sealed_text(path, KEYS, LogEnd(3, "00")) as file:
        file.read()
        assert damage_of(file) is not None


def test_missing(tmp_path):
    """One that is not there is an error at once."""
    with pytest.raises(FileNotFoundError):
        open_sealed_text(tmp_path / "x", KEYS)


def test_emptied(tmp_path):
    """A log of which nothing is left is told by how far it is known to have come."""
    path = tmp_path / "transcript.sealed"
    log = SealedLog(path, KEYS)
    log.append(b"one\n")
    path.write_bytes(b"")

    with open_sealed_text(path, KEYS, log.end) as file:
        assert file.read() == b""
        assert "it had 1 frames, and ends after 0" in file.raw.damage
        assert not file.raw.only_torn
