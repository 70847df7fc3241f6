"""``steno reindex``."""

import json


def test_reindex(recorded, run):
    """The index is made anew, and says what was done."""
    before = run("ls", "--home", recorded, "--json")[1]
    (recorded / "sessions.db").unlink()

    code, out, _ = run("reindex", "--home", recorded, "--json")

    assert code == 0
    assert json.loads(out) == {"transcripts": 3, "failed": 0, "removed": 0, "moved_aside": None}
    assert run("ls", "--home", recorded, "--json")[1] == before


def test_words(recorded, run):
    """Without --json there is a sentence."""
    assert "3 transcripts indexed" in run("reindex", "--home", recorded)[1]
