"""``steno find``."""

import json

from steno.cli.find import _marked
from steno.query.found import Snippet


def test_json(recorded, run):
    """One object per line, with the snippet and its marks."""
    code, out, _ = run("find", "--home", recorded, "--json", '"how are" tool:search')

    (row,) = map(json.loads, out.splitlines())
    assert code == 0
    assert row["session_id"] == "well"
    assert row["snippet"] == {"part": "request", "text": "how are you?", "marks": [[0, 7]]}


def test_table(recorded, run):
    """Without a text there is a table, and nothing of it obeys what was recorded."""
    code, out, _ = run("find", "--home", recorded)

    assert code == 0
    assert len(out.splitlines()) == 5
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_snippets(recorded, run):
    """With a text, the words that were found stand below, without colours in a pipe."""
    _, out, _ = run("find", "--home", recorded, "alert")

    assert "reply: <script>alert(1)</script>" in out
    assert "  0 tools  " in out
    assert "\x1b" not in out


def test_marks(monkeypatch):
    """Marks are colours, and what lies between them is harmless; NO_COLOR is obeyed."""
    snippet = Snippet("log", "a b\x1b[2J\nc", ((2, 3),))

    assert _marked(snippet) == "a \x1b[33m\x1b[1mb\x1b[0m\\u001b[2J c"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _marked(snippet)


def test_sessions(recorded, run):
    """Sessions are found as well."""
    _, out, _ = run("find", "--home", recorded, "--sessions", "--json", "-failed", "user:u1 well")
    _, table, _ = run("find", "--home", recorded, "--sessions", "failed")

    (row,) = map(json.loads, out.splitlines())
    assert (row["session_id"], row["requests"]) == ("well", 2)
    assert row["snippet"]["part"] == "reply"
    assert "failed" in table


def test_pages(recorded, run):
    """A page tells how to go on, and the last one does not."""
    _, out, err = run("find", "--home", recorded, "--limit", 3, "--json")
    cursor = err.split("--after ")[1].strip()
    _, rest, end = run("find", "--home", recorded, "--limit", 3, "--json", "--after", cursor)

    assert len(out.splitlines()) == 3
    assert len(rest.splitlines()) == 1
    assert "--after" not in end


def test_errors_point_at_the_character(recorded, run):
    """A filter that can't be read is shown with a caret, on lines of its own."""
    code, _, err = run("find", "--home", recorded, "failed", "modle:x")

    assert code == 1
    assert err.splitlines() == [
        "steno: error: there is no field 'modle'", "  failed modle:x", "         ^",
        "hint: did you mean 'model'? A text with such a sign in it is searched for in quotes",
    ]  # fmt: skip


def test_nothing(recorded, run):
    """Where nothing is found, it is said."""
    assert "nothing was found" in run("find", "--home", recorded, "model:none")[2]
