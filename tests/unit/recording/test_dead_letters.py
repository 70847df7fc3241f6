"""Events that could not be stored."""

import json
from datetime import UTC, datetime

import steno
from steno.recording.dead_letters import DeadLetters
from steno.writers.base import Batch

BATCH = Batch(
    [steno.Completed("s", "r", datetime(2026, 11, 20, tzinfo=UTC), success=True)],
    [7],
    recorder="rec",
)


def test_a_letter(tmp_path):
    """A letter says when, by whom and why, and holds the event as a transcript would."""
    letters = DeadLetters(tmp_path / "dead", "../sqlite")

    letters.add(BATCH, ValueError("why \ud800"))
    letters.add(BATCH, ValueError("again"))

    (path,) = (tmp_path / "dead").iterdir()
    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["writer"], first["error"]) == ("../sqlite", "ValueError: why \\ud800")
    assert (first["event"]["seq"], first["event"]["recorder"]) == (7, "rec")
    assert second["error"] == "ValueError: again"
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_place(tmp_path, capsys):
    """Where letters can't be kept, that is said, and nothing is raised."""
    (tmp_path / "file").write_text("")
    DeadLetters(tmp_path / "file" / "dead", "w").add(BATCH, ValueError())
    DeadLetters(None, "w2").add(BATCH, ValueError())

    err = capsys.readouterr().err
    assert "cannot write" in err
    assert "w2 could not store 1 event(s)" in err
