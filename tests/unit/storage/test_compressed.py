"""Compressed transcripts: reading, making, putting back."""

import builtins
import fcntl
import io
import os
import random
import sys
import threading
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import steno
from steno.errors import TranscriptError
from steno.storage import compressed
from steno.storage.compressed import (
    PackedText,
    damage_of,
    digest_text,
    is_packed,
    load_zstd,
    open_text,
    pack,
    plain_name,
    take_after,
    unpack,
)

zstd = load_zstd()


@pytest.fixture(autouse=True, scope="module")
def _small_frames():
    """Let files of a few megabytes have several frames."""
    before, compressed._FRAME = compressed._FRAME, 1024 * 1024 - 13
    yield
    compressed._FRAME = before


def text_of(size, seed=1):
    """Make lines that compress a little."""
    chance = random.Random(seed)
    lines = []
    while size > 0:
        lines.append(b'{"n":%d,"x":"%s"}\n' % (len(lines), chance.randbytes(40).hex().encode()))
        size -= len(lines[-1])
    return b"".join(lines)


def write_packed(path, text):
    """Compress a text to a file."""
    plain = path.with_name("source")
    plain.write_bytes(text)
    with plain.open("rb") as source, path.open("wb") as target:
        assert pack(source.fileno(), target.fileno(), stopped=lambda: False)[0] == len(text)
    return path


@pytest.mark.parametrize("size", [0, 1, 1000, 1048562, 1048563, 1048564, 2 * 1048563, 3_500_000])
def test_round_trip(tmp_path, size):
    """What was compressed is read back byte for byte, and nothing is damaged."""
    text = text_of(size)[:size]
    path = write_packed(tmp_path / "x.jsonl.zst", text)

    with open_text(path) as file:
        assert is_packed(file)
        assert file.read() == text
        assert damage_of(file) is None
        assert digest_text(file)[0] == size


@given(st.lists(st.integers(0, 2_600_000), min_size=1, max_size=8))
def test_seek(packed, offsets):
    """From any place, in any order, what is read is what stands there."""
    path, text = packed
    with open_text(path) as file:
        for offset in offsets:
            file.seek(offset)
            assert file.read(50) == text[offset : offset + 50]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Write one file of three frames for many looks."""
    text = text_of(2_500_000)
    return write_packed(tmp_path_factory.mktemp("packed") / "x.jsonl.zst", text), text


def test_seek_otherwise(packed):
    """Places are counted from the beginning, from here, and from the end."""
    path, text = packed
    with PackedText(path) as file:
        assert file.seek(10) == 10
        assert file.seek(5, os.SEEK_CUR) == 15
        assert file.seek(-7, os.SEEK_END) == len(text) - 7
        assert file.read(100) == text[-7:]
        assert file.readable()
        assert file.seekable()
        assert file.readinto(bytearray()) == 0


def test_constant_memory(tmp_path):
    """40 MB of text are read with a few megabytes."""
    path = write_packed(tmp_path / "x.jsonl.zst", b'{"a":"the same"}\n' * 2_400_000)
    tracemalloc.start()
    with open_text(path) as file:
        size = 0
        while piece := file.read(64 * 1024):
            size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size == 17 * 2_400_000
    assert peak < 8_000_000


def test_foreign_frame(tmp_path):
    """A file of one large frame, as other tools write it, is read and sought in."""
    text = text_of(2_000_000)
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(zstd.compress(text))

    with open_text(path) as file:
        file.seek(1_500_000)
        assert file.read(10) == text[1_500_000:1_500_010]
        file.seek(5)
        assert file.read() == text[5:]


@pytest.mark.parametrize("how", ["flip", "truncate", "garbage"])
def test_damage(tmp_path, packed, how):
    """Up to the damage the text is given; then it ends, and says where in the file."""
    data, text = bytearray(packed[0].read_bytes()), packed[1]
    middle = len(data) // 2
    if how == "flip":
        data[middle : middle + 4] = bytes(byte ^ 0xFF for byte in data[middle : middle + 4])
    elif how == "truncate":
        del data[middle:]
    else:
        data[middle:] = b"\x00" * 1000
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(data)

    with open_text(path) as file:
        read = b"".join(iter(lambda: file.read(9999), b""))
        assert "part that begins at its byte" in damage_of(file)
        assert len(read) > 1_000_000
        # A flipped bit in what was stored as it is changes the text; only the checksum knows.
        assert text.startswith(read[:1_000_000])
        with pytest.raises(TranscriptError, match="damaged"):
            digest_text(file)
        file.seek(100)
        assert file.read(10) == text[100:110]


def test_every_cut(tmp_path):
    """However short a compressed file is cut, what is read is a beginning of its text."""
    text = text_of(3000)
    whole = write_packed(tmp_path / "x.jsonl.zst", text).read_bytes()
    path = tmp_path / "y.jsonl.zst"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with open_text(path) as file:
            read = file.read()
            assert text.startswith(read)
            assert (damage_of(file) is None) == (end == 0)


def test_cut_between_frames(tmp_path):
    """A file that lacks whole frames at its end is damaged too."""
    text = text_of(3 * compressed._FRAME)
    data = write_packed(tmp_path / "x.jsonl.zst", text).read_bytes()
    end = zstd.get_frame_size(data)
    (tmp_path / "y.jsonl.zst").write_bytes(data[:end])

    with open_text(tmp_path / "y.jsonl.zst") as file:
        assert file.read() == text[: compressed._FRAME]
        assert "ends in the middle" in damage_of(file)


def test_either_form(tmp_path):
    """A transcript is opened in whichever form it is there, whatever it was called."""
    packed = write_packed(tmp_path / "x.jsonl.zst", b"packed\n")
    with open_text(tmp_path / "x.jsonl") as file:
        assert (file.read(), file.name) == (b"packed\n", str(tmp_path / "x.jsonl"))

    (tmp_path / "x.jsonl").write_bytes(b"plain\n")
    with open_text(packed) as file:
        assert file.read() == b"plain\n"
        assert not is_packed(file)
        assert damage_of(file) is None
    with pytest.raises(FileNotFoundError):
        open_text(tmp_path / "y.jsonl")
    assert plain_name(packed) == str(tmp_path / "x.jsonl")


def test_without_zstd(monkeypatch):
    """Where zstd is missing, the error says what to install."""

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(compressed.importlib, "import_module", refuse)

    with pytest.raises(TranscriptError) as caught:
        load_zstd()

    assert "backports.zstd" in caught.value.hint


def test_not_loaded_early():
    """`import steno` loads no zstd."""
    import subprocess

    code = "import sys, steno; print([n for n in sys.modules if 'zstd' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_stopped(tmp_path):
    """Compressing and comparing end when somebody says so."""
    (tmp_path / "a").write_bytes(b"a" * 100)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        assert pack(source.fileno(), target.fileno(), stopped=lambda: True) is None
    with pytest.raises(TranscriptError):
        digest_text(io.BytesIO(b"abc"), stopped=lambda: True)


def test_unpack(tmp_path):
    """A transcript is put back with its mode and time, and the compressed one goes."""
    packed = write_packed(tmp_path / "x.jsonl.zst", b"text\n")
    packed.chmod(0o640)
    os.utime(packed, ns=(5, 7_000_000_001))

    assert unpack(str(tmp_path / "x.jsonl"))

    status = (tmp_path / "x.jsonl").stat()
    assert (tmp_path / "x.jsonl").read_bytes() == b"text\n"
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 7_000_000_001)
    assert sorted(os.listdir(tmp_path)) == ["source", "x.jsonl"]
    assert not unpack(str(tmp_path / "x.jsonl"))


def test_unpack_over_nothing(tmp_path):
    """What stands there in plain is never written over."""
    write_packed(tmp_path / "x.jsonl.zst", b"old\n")
    (tmp_path / "x.jsonl").write_bytes(b"old\nnew\n")

    assert unpack(str(tmp_path / "x.jsonl"))

    assert (tmp_path / "x.jsonl").read_bytes() == b"old\nnew\n"
    assert (tmp_path / "x.jsonl.zst").exists()


def test_unpack_damaged(tmp_path, capsys):
    """Of a damaged one, what can be read is put back; the damaged file stays, and it is said."""
    packed = write_packed(tmp_path / "x.jsonl.zst", text_of(2_500_000))
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])

    assert unpack(str(tmp_path / "x.jsonl"))

    assert text_of(2_500_000).startswith((tmp_path / "x.jsonl").read_bytes())
    assert (tmp_path / "x.jsonl.zst.damaged").read_bytes() == data[: len(data) // 2]
    assert "damaged" in capsys.readouterr().err


def test_unpack_damaged_twice(tmp_path):
    """What was kept of an earlier damage is not written over."""
    for text in (b"one\n", b"two\n"):
        packed = write_packed(tmp_path / "x.jsonl.zst", text)
        packed.write_bytes(packed.read_bytes()[:-1])
        unpack(str(tmp_path / "x.jsonl"))
        (tmp_path / "x.jsonl").unlink()

    kept = {path.name: path.read_bytes() for path in tmp_path.glob("*.damaged*")}
    assert kept.keys() == {"x.jsonl.zst.damaged", "x.jsonl.zst.damaged.2"}
    assert len(set(kept.values())) == 2


def test_unpack_fails(tmp_path, monkeypatch):
    """When the disk is full, the compressed one is as it was and nothing is left beside it."""
    packed = write_packed(tmp_path / "x.jsonl.zst", b"text\n")
    before = packed.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compressed, "write_all", refuse)
    with pytest.raises(OSError, match="No space"):
        unpack(str(tmp_path / "x.jsonl"))

    assert packed.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["source", "x.jsonl.zst"]


def test_unpack_follows_no_link(tmp_path):
    """A link in the place of a compressed transcript is not followed."""
    write_packed(tmp_path / "elsewhere.zst", b"text\n")
    (tmp_path / "x.jsonl.zst").symlink_to(tmp_path / "elsewhere.zst")

    with pytest.raises(OSError, match="symbolic"):
        unpack(str(tmp_path / "x.jsonl"))


def test_unpack_another_link(tmp_path):
    """One that went while a recorder waited is not put back, whatever other links it has."""
    packed = tmp_path / "x.jsonl.zst"
    write_packed(packed, b"text\n")
    os.link(packed, tmp_path / "backup")
    with packed.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=unpack, args=(str(tmp_path / "x.jsonl"),))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        packed.unlink()
    waiting.join(10)

    assert not (tmp_path / "x.jsonl").exists()
    assert (tmp_path / "backup").exists()


def test_of_another_user(tmp_path, monkeypatch):
    """Who may not give files away compresses and puts back all the same."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    before = SimpleNamespace(
        st_uid=4711, st_gid=4711, st_mode=0o100660, st_atime_ns=10**9, st_mtime_ns=2 * 10**9
    )
    with (tmp_path / "x").open("wb") as file:
        take_after(file.fileno(), before)

    status = (tmp_path / "x").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o660, 2 * 10**9)


def test_unpack_without_zstd(tmp_path, monkeypatch):
    """A recorder that lacks zstd gets an error of the system's kind, with the name of the file."""
    write_packed(tmp_path / "x.jsonl.zst", b"text\n")

    def refuse():
        raise TranscriptError("zstd is not installed", hint="pip install it")

    monkeypatch.setattr(compressed, "load_zstd", refuse)

    with pytest.raises(builtins.OSError, match="pip install") as caught:
        unpack(str(tmp_path / "x.jsonl"))
    assert caught.value.filename.endswith("x.jsonl.zst")


def test_recording_needs_no_zstd(tmp_path, monkeypatch):
    """Where nothing was compressed, a session is recorded whether zstd is installed or not."""
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)

    with steno.open(tmp_path) as recorder, recorder.session("s"):
        pass

    assert recorder.stats().failed == 0
    assert list(tmp_path.rglob("s.jsonl"))
