"""Files that a session collected: published whole, digested, compressed when they are large."""

import hashlib
import io
import os
import subprocess
import time

import pytest

from steno.errors import StenoError
from steno.storage import artefacts
from steno.storage.artefacts import ArtefactFolder, open_artefact


class Rot13:
    """An envelope whose contents can be read by a test: letters are turned, the name goes ahead."""

    def disk_name(self, name):
        """Name the file by its digest."""
        return hashlib.sha256(name.encode()).hexdigest()[:16] + ".sealed"

    def wrap(self, file, name):
        """Write the name, then what is written."""
        file.write(name.encode() + b"\n")
        return RotWriter(file)

    def unwrap(self, file):
        """Read the name, then the rest up to the end mark."""
        with file:
            name = file.readline().decode().strip()
            text = turn(file.read())
        assert text.endswith(b".")
        return name, io.BytesIO(text[:-1])


class RotWriter:
    """Turns what is written."""

    def __init__(self, file):
        """Keep the file beneath."""
        self.file = file

    def write(self, data):
        """Turn bytes."""
        self.file.write(bytearray(turn(data)))

    def close(self):
        """Write the end."""
        self.file.write(turn(b"."))


def turn(data):
    """Turn bytes so that they can't be read."""
    return bytes(each ^ 0x55 for each in data)


@pytest.fixture
def folder(tmp_path):
    """Name a folder of a session; it is not there yet."""
    return ArtefactFolder(tmp_path / "session")


def digest(path):
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_document(folder):
    """A document lies in the folder of its kind; bytes and digest are those on disk."""
    written = folder.write_document("logs", "kubernetes_a", iter([b'{"a":', b"1}"]))

    assert written.path == folder.path / "logs" / "kubernetes_a.json"
    assert written.path.read_bytes() == b'{"a":1}'
    assert (written.size_bytes, written.sha256) == (7, digest(written.path))
    assert not written.compressed
    assert written.path.stat().st_mode & 0o777 == 0o600
    assert written.path.parent.stat().st_mode & 0o777 == 0o700


def test_large_document(folder):
    """From a size on a document is compressed from its first byte, and other tools read it."""
    block = b"x" * 1000
    written = folder.write_document("logs", "a", [block] * 10, compress_from=10_000)

    assert written.path.name == written.name == "a.json.zst"
    assert written.compressed
    assert (written.size_bytes, written.sha256) == (
        written.path.stat().st_size, digest(written.path)
    )  # fmt: skip
    assert written.size_bytes < 1000
    with open_artefact(written.path) as file:
        assert file.read() == block * 10


@pytest.mark.skipif(
    subprocess.run(["which", "zstd"], capture_output=True).returncode != 0, reason="zstd is missing"
)
def test_the_program_zstd_reads_it(folder):
    """The program zstd reads a large document."""
    block = os.urandom(100_000)
    written = folder.write_document("logs", "a", [block] * 60)

    done = subprocess.run(["zstd", "-dc", written.path], capture_output=True, check=True)
    assert done.stdout == block * 60


def test_just_below(folder):
    """A document that stays below the size is not compressed."""
    assert not folder.write_document("logs", "a", [b"x" * 9999], compress_from=10_000).compressed


def test_empty(folder):
    """A document of nothing is a file of nothing."""
    written = folder.write_document("logs", "a", [])

    assert (written.size_bytes, written.sha256) == (0, hashlib.sha256().hexdigest())


def test_without_zstd(folder, monkeypatch):
    """Where zstd is not installed, large documents are kept as they are."""

    def missing():
        raise StenoError("zstd is not installed")

    monkeypatch.setattr(artefacts, "load_zstd", missing)
    written = folder.write_document("logs", "a", [b"x" * 20], compress_from=10)

    assert written.path.name == "a.json"
    assert written.path.read_bytes() == b"x" * 20


def test_one_processor(folder, monkeypatch):
    """Where there is one processor, it is compressed just the same."""
    monkeypatch.setattr(artefacts.os, "sched_getaffinity", lambda _: {0})
    written = folder.write_document("logs", "a", [b"x" * 20], compress_from=10)

    with open_artefact(written.path) as file:
        assert file.read() == b"x" * 20


def test_both_forms_count_as_one_name(folder):
    """A small document of the name of a large one gets a number, and the other way round."""
    first = folder.write_document("logs", "a", [b"x"], compress_from=1)
    second = folder.write_document("logs", "a", [b"x"])
    third = folder.write_document("logs", "a", [b"x"], compress_from=1)

    assert [each.path.name for each in (first, second, third)] == [
        "a.json.zst", "a-2.json", "a-3.json.zst"
    ]  # fmt: skip


@pytest.mark.parametrize("before", [0, 1, 100])
def test_blocks_that_fail(folder, before):
    """When the blocks fail, nothing is left, and what they raised is raised."""

    def blocks():
        yield from [b"x" * 10] * before
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        folder.write_document("logs", "a", blocks(), compress_from=100)

    assert not [path for path in folder.path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "make",
    [
        lambda _: b"hello",
        lambda _: bytearray(b"hello"),
        lambda _: "hello",
        lambda _: io.BytesIO(b"hello"),
        lambda _: io.StringIO("hello"),
        lambda _: iter([b"he", b"llo"]),
        lambda path: path,
    ],
)
def test_files(folder, tmp_path, make):
    """A file is saved byte for byte, whatever it is given as."""
    (tmp_path / "in").write_bytes(b"hello")
    written = folder.write_file("files", "a b.txt", make(tmp_path / "in"))

    assert written.path == folder.path / "files" / "a_b.txt"
    assert written.path.read_bytes() == b"hello"
    assert (written.size_bytes, written.sha256) == (5, digest(written.path))


def test_pieces_that_change(folder):
    """A buffer that is used again for each piece does no harm."""

    def pieces():
        buffer = bytearray(1)
        for number in range(100):
            buffer[0] = number
            yield buffer

    assert folder.write_file("files", "a", pieces()).path.read_bytes() == bytes(range(100))


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing", "device"])
def test_what_is_no_file(folder, tmp_path, kind):
    """A pipe, a folder, a device or nothing at all is refused at once, and leaves nothing."""
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")

    with pytest.raises(OSError, match=r"ordinary|directory|exist|file"):
        folder.write_file("files", "a", path)
    assert not [path for path in folder.path.rglob("*") if path.is_file()]


def test_a_compressed_file_is_given_back_as_it_was(folder):
    """What was compressed before it was saved as a file is not touched."""
    written = folder.write_file("files", "a.json.zst", b"not really")

    with open_artefact(written.path) as file:
        assert file.read() == b"not really"


@pytest.mark.parametrize("size", [3, 300_000])
def test_envelope(tmp_path, size):
    """In an envelope nothing readable is on disk, and names get their numbers all the same."""
    folder = ArtefactFolder(tmp_path, Rot13())
    text = b"secret" * size
    first = folder.write_document("logs", "kubernetes_pod", [text], compress_from=100_000)
    second = folder.write_document("logs", "kubernetes_pod", [text], compress_from=100_000)
    ending = ".zst" if size > 3 else ""

    assert [first.name, second.name] == [
        f"kubernetes_pod.json{ending}", f"kubernetes_pod-2.json{ending}"
    ]  # fmt: skip
    for each in (first, second):
        assert each.path.name == Rot13().disk_name(each.name.removesuffix(".zst"))
        assert (each.size_bytes, each.sha256) == (each.path.stat().st_size, digest(each.path))
        assert b"secret" not in each.path.read_bytes()
    with open_artefact(first.path, Rot13()) as file:
        assert file.read() == text


def test_last_words(tmp_path):
    """What wraps a file that failed may speak later; by then its descriptor is another file's."""
    envelope = Rot13()
    writers = []
    envelope.wrap = lambda file, name: writers.append(RotWriter(file)) or writers[0]

    def pieces():
        yield b"x"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        ArtefactFolder(tmp_path, envelope).write_file("files", "a", pieces())
    with open(tmp_path / "other", "wb"):
        writers[0].write(b"x" * 4_000_000)
        writers[0].close()

    assert (tmp_path / "other").read_bytes() == b""


def test_abandoned_claims_go(folder):
    """The first save looks for what killed processes left; later ones don't look each time."""
    (folder.path / "logs").mkdir(parents=True)
    left = folder.path / "logs" / ".left.json.part"
    for expected in (False, True):
        left.touch()
        os.utime(left, (time.time() - 7200,) * 2)
        folder.write_document("logs", "a", [])
        assert left.exists() is expected


@pytest.mark.parametrize("damage", ["cut", "turned"])
def test_damage(folder, damage):
    """A compressed document that is cut off or damaged is an error that names the file."""
    written = folder.write_document("logs", "a", [os.urandom(400_000)], compress_from=1)
    data = bytearray(written.path.read_bytes())
    if damage == "cut":
        del data[200_000:]
    else:
        data[300_000] ^= 1
    written.path.write_bytes(data)

    with pytest.raises(StenoError, match=r"a\.json\.zst is damaged") as caught:
        with open_artefact(written.path) as file:
            file.read()
    assert "SHA-256" in caught.value.hint


def test_not_there(tmp_path):
    """An artefact that is not there is an error of the system's."""
    with pytest.raises(FileNotFoundError):
        open_artefact(tmp_path / "nothing.json")
