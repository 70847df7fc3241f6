"""Formats are told apart by what stands in a file."""

import io
from pathlib import Path

import pytest

from steno.errors import TranscriptError
from steno.transcripts.importers.registry import (
    FORMATS,
    load_format,
    recognise,
    takes_folder,
    why_no_transcript,
)
from steno.transcripts.importers.source import probe

DATA = Path(__file__).parents[3] / "data" / "imports"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name):
    """Every format has the name under which it is found, and says where its files lie."""
    found = load_format(name)

    assert found.name == name
    assert found.title
    assert isinstance(found.homes, tuple)


def test_unknown_format():
    """A format that does not exist is an error that names those that do."""
    with pytest.raises(TranscriptError, match="no format 'word'"):
        load_format("word")


def fixtures():
    """List the fixtures that a file's own content can tell, with the format they belong to."""
    for folder in sorted(DATA.iterdir()):
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".jsonl", ".zst"} and why_no_transcript(path) is None:
                yield pytest.param(path, folder.name, id=str(path.relative_to(DATA)))


@pytest.mark.parametrize(("path", "name"), list(fixtures()))
def test_fixtures(path, name):
    """Each fixture is taken for what it is, or for nothing; never for something else."""
    folders = [above for above in path.parents if above.is_relative_to(DATA / name)]
    if any(takes_folder(probe(above)) is not None for above in folders):
        pytest.skip("the folder as a whole is the source")
    found = recognise(probe(path))

    assert found is None or found.name == name


def test_most_fixtures_are_recognised():
    """Nearly all fixtures are known by their content alone."""
    cases = [param.values for param in fixtures()]
    known = [path for path, name in cases if (f := recognise(probe(path))) and f.name == name]

    assert len(known) >= 0.9 * len(cases) > 20


def test_format_that_fails(monkeypatch):
    """A format that fails on a file leaves it to the others."""
    path = next((DATA / "claude-code" / "counts").iterdir())
    monkeypatch.setattr(load_format("codex"), "recognise", lambda _probe: 1 / 0, raising=False)

    assert recognise(probe(path)).name == "claude-code"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 5000, b"hello\nworld\n", b"[1,2,3]", b"{}\n" * 9, b"null", b"\xff\xfe\x00",
     b'{"a":' * 5000, b'{"type":"session","version":4,"id":"x","session_id":"x"}\n',
     b"SQLite format 3\x00 but not really"],
    ids=repr,
)  # fmt: skip
def test_nothing(tmp_path, data):
    """Files of no format, and steno's own transcripts, are nobody's."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)

    assert recognise(probe(path)) is None
    assert io.BytesIO(data).read() == path.read_bytes()
