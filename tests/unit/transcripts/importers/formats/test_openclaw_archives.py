"""What OpenClaw's database keeps compressed."""

import pytest

from steno.storage.compressed import load_zstd
from steno.transcripts.importers.formats.openclaw_archives import (
    read_archive,
    read_cold,
    unpack_event,
)
from steno.transcripts.importers.source import Source

LINES = b'{"type":"session","id":"s"}\n{"type":"message","id":"a"}\n'


def pack(data):
    """Compress."""
    return load_zstd().compress(data)


def read(blob, flaws=None):
    """Read the entries of an archive."""
    flaws = [] if flaws is None else flaws
    return [value.data for value in read_archive({"archive_blob": blob}, flaws)]


def test_event():
    """An entry is given back byte for byte; a damaged one is none."""
    text = '{"a":"\u00e4"}'.encode() * 100

    assert unpack_event(pack(text)) == text
    assert unpack_event(pack(text)[:-5]) is None
    assert unpack_event(b"") is None
    assert unpack_event(b"\x28\xb5\x2f\xfdnonsense") is None


@pytest.mark.parametrize("blob", [LINES, pack(LINES), LINES.decode()])
def test_archive(blob):
    """An archive is plain or compressed; its first bytes say which."""
    assert read(blob) == LINES.splitlines()


@pytest.mark.parametrize("blob", [None, b"", 5])
def test_no_archive(blob):
    """What is no archive holds nothing."""
    assert read(blob) == []


def test_damaged_archive():
    """What comes before the damage is read, and the damage is said."""
    flaws = []
    whole = pack(LINES)
    found = read(whole[: len(whole) - 4], flaws)

    assert found in ([], LINES.splitlines(), LINES.splitlines()[:1])
    assert [flaw.kind for flaw in flaws] == ["compressed"]


def cold(tmp_path, name):
    """Read an archive of cold storage, and say what was left out."""
    source = Source(tmp_path / "agents" / "main" / "agent" / "openclaw-agent.sqlite")
    return [value.data for value in read_cold({"archive_name": name}, source)], source.skipped


def test_cold(tmp_path):
    """A file of cold storage lies beside the sessions of the agent."""
    folder = tmp_path / "agents" / "main" / "sessions" / "cold"
    folder.mkdir(parents=True)
    (folder / "abc.jsonl.zst").write_bytes(pack(LINES))

    assert cold(tmp_path, "abc.jsonl.zst") == (LINES.splitlines(), {})


@pytest.mark.parametrize("name", ["gone.jsonl.zst", "../../x", "..", "", "a\\b", "\0", None])
def test_no_cold(tmp_path, name):
    """A file that is not there is said; a name chooses no folder."""
    (tmp_path / "agents" / "main" / "sessions" / "cold").mkdir(parents=True)
    (tmp_path / "agents" / "main" / "x").write_bytes(LINES)

    assert cold(tmp_path, name) == (
        [], {"a session in cold storage, whose file is not there": 1},
    )  # fmt: skip
