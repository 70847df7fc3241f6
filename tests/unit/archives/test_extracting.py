"""Writing what is in an archive into a folder."""

import json
import stat

import pytest

from steno.archives.extracting import extract
from steno.archives.reading import Keys, open_archive
from steno.errors import ArchiveError


def test_extract(archive, tmp_path):
    """Members are written for their owner alone, over nothing, and under our own names."""
    (path,) = archive("hello")
    with open_archive(path, Keys("correct horse")) as opened:
        written = extract(opened, tmp_path / "out")
        with pytest.raises(ArchiveError, match="is there already"):
            extract(opened, tmp_path / "out")

    assert sorted(each.name for each in written) == ["logs.jsonl", "logs.txt", "meta.json"]
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in written)
    assert json.loads((tmp_path / "out" / "logs.jsonl").read_text())["message"] == "hello"


def test_extract_all_or_nothing(archive, tmp_path):
    """Where a member can't be written, what was written is removed, and nothing else."""
    (path,) = archive("hello")
    (tmp_path / "logs.jsonl").write_text("mine")
    with open_archive(path, Keys("correct horse")) as opened, pytest.raises(ArchiveError):
        extract(opened, tmp_path)

    assert (tmp_path / "logs.jsonl").read_text() == "mine"
    assert not (tmp_path / "meta.json").exists()
    assert not (tmp_path / "logs.txt").exists()
