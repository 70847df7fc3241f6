"""``steno ls``."""

import json

FIELDS = {
    "session_id", "session_key", "agent_id", "user_id", "started_at", "completed_at", "state",
    "requests", "model", "input_tokens", "output_tokens", "transcript",
}  # fmt: skip


def test_json(recorded, run):
    """One JSON object per line, with the fields that were promised, the newest first."""
    code, out, _ = run("ls", "--home", recorded, "--json")

    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["session_id"] for row in rows] == ["../hostile\x1b[2J", "failed", "well"]
    assert all(row.keys() >= FIELDS for row in rows)
    assert [row["state"] for row in rows] == ["ok", "failed", "ok"]
    assert (rows[2]["requests"], rows[2]["input_tokens"], rows[2]["output_tokens"]) == (2, 11, 22)
    assert rows[2]["started_at"].endswith("Z")


def test_table_is_safe(recorded, run):
    """What was recorded can't send escapes to the terminal."""
    _, out, _ = run("ls", "--home", recorded)

    assert "\x1b" not in out
    assert "agent:main:main" in out


def test_filters(recorded, run):
    """Key, agent, user, state and time each narrow the list."""
    for option, value, expected in (
        ("--key", "agent:main:main", 1), ("--agent", "main", 1), ("--user", "u2", 1),
        ("--state", "failed", 1), ("--state", "running", 0), ("--since", "1h", 3),
        ("--since", "2999-01-01", 0), ("--limit", "2", 2),
    ):  # fmt: skip
        _, out, _ = run("ls", "--home", recorded, "--json", option, value)
        assert len(out.splitlines()) == expected, (option, value)


def test_empty_home(home, run):
    """An empty home is no error; the table's place is taken by a word on stderr."""
    code, out, err = run("ls", "--home", home)

    assert (code, out) == (0, "")
    assert "no sessions" in err
