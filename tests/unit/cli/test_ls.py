"""``steno ls``."""

import json

import pytest

import steno

FIELDS = {
    "session_id", "session_key", "agent_id", "kind", "user_id", "started_at", "completed_at", "state",
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
        ("--kind", "main", 1), ("--kind", "cron", 0), ("--kind", "other", 0),
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


@pytest.fixture
def bare(recorded):
    """Take a home's index away."""
    for database in recorded.glob("sessions.db*"):
        database.unlink()
    return recorded


def test_without_an_index(bare, run):
    """Key, agent, kind and user are found in the headers of transcripts alone."""
    for options in (
        ("--key", "agent:main:main"), ("--agent", "main"), ("--kind", "main"), ("--user", "u1"),
    ):  # fmt: skip
        _, out, _ = run("ls", "--home", bare, "--json", *options)
        (row,) = [json.loads(line) for line in out.splitlines()]
        assert (row["session_id"], row["kind"]) == ("well", "main")
        assert (row["state"], row["requests"], row["input_tokens"]) == (None, None, None)
    assert not list(bare.glob("sessions.db*"))


def test_what_is_missing_is_said(bare, run):
    """Where headers alone are read, blanks stand for the rest, and the hint is said once."""
    code, out, err = run("ls", "--home", bare)

    assert code == 0
    (line,) = [line for line in out.splitlines() if "agent:main:main" in line]
    assert line.split()[2:] == ["well", "agent:main:main", "u1"]
    assert err.count("steno reindex") == 1
    assert len(err.splitlines()) == 1
    (path,) = bare.glob("sessions/*/failed.jsonl")
    path.write_bytes(b"torn")
    path.with_name("mem.jsonl").symlink_to("/proc/self/mem")

    code, out, err = run("ls", "--home", bare)

    assert code == 0
    assert "failed" in out
    assert "2 of these transcripts have no header" in err
    assert "mem.jsonl at byte 0" in err


def test_a_state_without_an_index(bare, run):
    """Only the whole transcripts tell a state: they are read for it."""
    _, out, err = run("ls", "--home", bare, "--json", "--state", "failed")

    (row,) = [json.loads(line) for line in out.splitlines()]
    assert (row["session_id"], row["state"], row["requests"]) == ("failed", "failed", 1)
    assert "reading the transcripts instead" in err


def test_kinds(home, run):
    """A kind finds the sessions whose keys are of it, up to the limit; no key has no kind."""
    keys = [
        "agent:a:cron:x",
        "agent:a:cron:x:run:1",
        "cron:y",
        "agent:a:main:thread:1",
        "chat-1",
        None,
    ]
    with steno.open(home) as recorder:
        for key in keys:
            recorder.session(key=key)

    def listed(*options):
        out = run("ls", "--home", home, "--json", *options)[1]
        return [(row["session_key"], row["kind"]) for row in map(json.loads, out.splitlines())]

    assert sorted(listed("--kind", "cron")) == [(key, "cron") for key in sorted(keys[:3])]
    assert listed("--kind", "thread") == [("agent:a:main:thread:1", "thread")]
    assert listed("--kind", "other") == [("chat-1", "other")]
    assert (None, None) in listed()
    assert len(listed("--kind", "cron", "--limit", "2")) == 2
    assert listed("--kind", "cron", "--agent", "a", "--key", "agent:a:cron:x") == [
        ("agent:a:cron:x", "cron")
    ]
    assert run("ls", "--home", home, "--kind", "nonsense")[0] == 2


def test_filter_language(recorded, run):
    """`ls` takes filters as `find` does, together with its options."""
    for words, expected in (
        (["model:gpt*"], ["well"]), (["-ok"], ["failed"]), (["alert"], ["../hostile\x1b[2J"]),
        (["--user", "u1", "failed"], []), (["--since", "1d", "--kind", "main", "ok"], ["well"]),
    ):  # fmt: skip
        _, out, _ = run("ls", "--home", recorded, "--json", *words)
        assert [json.loads(line)["session_id"] for line in out.splitlines()] == expected
