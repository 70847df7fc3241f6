"""Finding the transcripts of one session."""

from steno.recording.incidents.transcripts import find_transcripts


def test_find(tmp_path):
    """Transcripts of all days are found, compressed ones by their plain names; others are not."""
    for name in (
        "2026-01-01/a.jsonl",
        "2026-01-02/a.jsonl.zst",
        "2026-01-02/ab.jsonl",
        "x/a.jsonl",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = find_transcripts(tmp_path, "a")

    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "2026-01-02/a.jsonl", "2026-01-01/a.jsonl",
    ]  # fmt: skip
    assert find_transcripts(tmp_path / "none", "a") == []
