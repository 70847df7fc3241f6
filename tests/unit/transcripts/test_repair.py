"""Clean copies of damaged transcripts."""

import hashlib
import os

import pytest

from steno.errors import TranscriptError
from steno.storage.compressed import load_zstd
from steno.transcripts.repair import repair

DAMAGED = (
    b'\xef\xbb\xbf{"a": 1, "a": 1.50}\r\n{"b":2}{"c":3}\n{"d":"xx{"e":5}\n\x00\x00{"f":6}\n'
    b'{\n  "g": "\xc3\xa9"\n}\n{"h":'
)
CLEAN = (
    b'{"a": 1, "a": 1.50}\n{"b":2}\n{"c":3}\n{"e":5}\n{"f":6}\n{  "g": "\xc3\xa9"}\n'
)  # fmt: skip


@pytest.fixture
def source(tmp_path):
    """Write a transcript that is damaged in many ways."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(DAMAGED)
    return path


class TestCopy:
    def test_values(self, source, tmp_path):
        """Every value stands on a line of its own, with the bytes that it had."""
        report = repair(source, tmp_path / "new" / "copy.jsonl")

        assert (tmp_path / "new" / "copy.jsonl").read_bytes() == CLEAN
        assert (report.values, report.size) == (6, len(CLEAN))

    def test_source(self, source, tmp_path):
        """The source keeps its bytes and its time."""
        before = source.stat()
        repair(source, tmp_path / "copy.jsonl")

        assert source.read_bytes() == DAMAGED
        assert source.stat().st_mtime_ns == before.st_mtime_ns

    def test_again(self, source, tmp_path):
        """A copy has nothing to be repaired."""
        repair(source, tmp_path / "copy.jsonl")
        report = repair(tmp_path / "copy.jsonl", tmp_path / "again.jsonl")

        assert report.cuts == ()
        assert (tmp_path / "again.jsonl").read_bytes() == CLEAN

    def test_compressed(self, source, tmp_path):
        """A compressed source is read as its text, and its offsets are those in the text."""
        plain = repair(source, tmp_path / "plain.jsonl")
        packed = tmp_path / "y.jsonl.zst"
        packed.write_bytes(load_zstd().compress(DAMAGED))
        report = repair(packed, tmp_path / "copy.jsonl")

        assert (tmp_path / "copy.jsonl").read_bytes() == CLEAN
        assert report.cuts == plain.cuts

    def test_mode(self, source, tmp_path):
        """A copy is for its owner alone, as all transcripts are."""
        repair(source, tmp_path / "copy.jsonl")

        assert (tmp_path / "copy.jsonl").stat().st_mode & 0o777 == 0o600


class TestReport:
    def test_cuts(self, source, tmp_path):
        """What was cut can be found in the source by its offset, length and digest."""
        report = repair(source, tmp_path / "copy.jsonl")
        lost = [cut for cut in report.cuts if cut.lost]

        assert [DAMAGED[cut.offset :][: cut.length] for cut in lost] == [
            b'{"d":"xx', b"\x00\x00", b'{"h":',
        ]  # fmt: skip
        assert [cut.kind for cut in lost] == ["torn", "nul", "torn"]
        assert report.lost == 15
        for cut in lost:
            cut_bytes = DAMAGED[cut.offset :][: cut.length]
            assert cut.sha256 == hashlib.sha256(cut_bytes).hexdigest()

    def test_large(self, tmp_path):
        """What is long is named without a digest."""
        (tmp_path / "x.jsonl").write_bytes(b'{"a":"' + b"x" * 2**20)
        (cut,) = repair(tmp_path / "x.jsonl", tmp_path / "copy.jsonl").cuts

        assert (cut.length, cut.sha256) == (6 + 2**20, "")


class TestRefused:
    def test_there(self, source, tmp_path):
        """Nothing is ever replaced, not even by way of a dangling link."""
        (tmp_path / "copy.jsonl").symlink_to(tmp_path / "nowhere")

        with pytest.raises(TranscriptError, match="is there already"):
            repair(source, tmp_path / "copy.jsonl")
        with pytest.raises(TranscriptError, match="is there already"):
            repair(source, source)
        assert source.read_bytes() == DAMAGED

    def test_missing(self, tmp_path):
        """Without a source nothing is written."""
        with pytest.raises(TranscriptError, match="cannot repair"):
            repair(tmp_path / "x.jsonl", tmp_path / "copy.jsonl")
        assert os.listdir(tmp_path) == []

    def test_packed_name(self, source, tmp_path):
        """A copy is plain, so its name must not say that it is compressed."""
        with pytest.raises(TranscriptError, match="names a compressed file"):
            repair(source, tmp_path / "copy.jsonl.zst")

    def test_full(self, source, tmp_path):
        """Where the copy can't be written, nothing is left of it."""
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "file").touch()

        with pytest.raises(TranscriptError, match="cannot repair"):
            repair(source, tmp_path / "folder" / "file" / "copy.jsonl")
        assert os.listdir(tmp_path / "folder") == ["file"]
