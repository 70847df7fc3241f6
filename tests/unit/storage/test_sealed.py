"""Artefacts and documents of a sealed session."""

import os

import pytest

from steno.errors import SealError, WrongPasswordError
from steno.storage.artefacts import ArtefactFolder, open_artefact
from steno.storage.sealed import (
    FileEnvelope,
    KdfRecord,
    SealKeys,
    open_document,
    seal_document,
)


def make(password="p", salt=None):
    """Make keys that cost next to nothing."""
    kdf = KdfRecord(salt=salt or os.urandom(16), memory_kib=64, iterations=1, lanes=1)
    return SealKeys.make(password, kdf)


KEYS = make()


def test_artefact(tmp_path):
    """An artefact lies under an opaque name, and is read as it was, by its keys alone."""
    folder = ArtefactFolder(tmp_path, FileEnvelope(KEYS))

    written = folder.write_document("logs", "kubernetes_pod", [b'["', b"secret", b'"]'])

    assert written.name == "kubernetes_pod.json"
    assert written.path.suffix == ".sealed"
    assert len(written.path.stem) == 16
    assert b"secret" not in written.path.read_bytes()
    assert open_artefact(written.path, FileEnvelope(KEYS)).read() == b'["secret"]'
    with pytest.raises(WrongPasswordError):
        open_artefact(written.path, FileEnvelope(make("q", KEYS.kdf.salt)))
    with pytest.raises(SealError, match="another session"):
        open_artefact(written.path, FileEnvelope(make()))


def test_compressed_artefact(tmp_path):
    """A large document is compressed first and sealed then, under a name of the same kind."""
    folder = ArtefactFolder(tmp_path, FileEnvelope(KEYS))
    data = b"[" + b"1," * 100_000 + b"1]"

    written = folder.write_document("logs", "x", [data], compress_from=1000)

    assert written.compressed
    assert written.size_bytes < len(data) / 10
    assert open_artefact(written.path, FileEnvelope(KEYS)).read() == data


def test_two_of_a_name(tmp_path):
    """Two artefacts of one name get two names, as in a plain folder."""
    folder = ArtefactFolder(tmp_path, FileEnvelope(KEYS))

    one = folder.write_document("logs", "x", [b"1"])
    two = folder.write_document("logs", "x", [b"2"])

    assert one.name != two.name
    assert one.path != two.path
    assert open_artefact(two.path, FileEnvelope(KEYS)).read() == b"2"


def test_exchanged(tmp_path):
    """An artefact that lies under the name of another one is not opened."""
    folder = ArtefactFolder(tmp_path, FileEnvelope(KEYS))
    one = folder.write_document("logs", "one", [b"1"]).path
    two = folder.write_document("logs", "two", [b"2"]).path
    os.replace(one, two)

    with pytest.raises(SealError, match="under another name"):
        open_artefact(two, FileEnvelope(KEYS))


def test_document(tmp_path):
    """A document opens under its own name alone."""
    path = tmp_path / "state.sealed"
    path.write_bytes(seal_document(KEYS, "state.json", b"{}"))

    assert open_document(KEYS, "state.json", path) == b"{}"
    with pytest.raises(SealError, match="another document"):
        open_document(KEYS, "scratchpad.json", path)
